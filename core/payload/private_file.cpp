#include "vdsm_hook/payload/private_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <memory>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr const char* kFileName = "payload";
constexpr const char* kNewFileName = ".payload.new";
// A time that no write can leave behind, whatever the clock's granularity.
constexpr timespec kPast{1, 0};

// PATH is the directory FD, from which a hook may have taken the owner's rights.
void remove_tree(int fd, const std::string& path) {
  boost::system::error_code ignored;  // what cannot be removed now, the next run removes
  ::fchmod(fd, 0700);
  boost::filesystem::remove_all(path, ignored);
}

// A directory whose owner still lives is locked.
void remove_abandoned(const std::string& runtime_dir) {
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(runtime_dir.c_str()));
  if (!dir) return;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (!is_uuid(entry->d_name)) continue;
    const UniqueFd fd(::openat(::dirfd(dir.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;
    // Locked is what had this name when it was opened; what has it now may be another's that is alive.
    struct stat st{};
    if (::fstat(fd.get(), &st) == 0 && st.st_nlink > 0) remove_tree(fd.get(), runtime_dir + "/" + entry->d_name);
  }
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

PrivateFile::PrivateFile(std::string runtime_dir, std::string run_id, std::string_view document)
    : runtime_dir_(std::move(runtime_dir)), directory_(runtime_dir_ + "/" + run_id), path_(directory_ + "/" + kFileName) {
  make_own_directory(runtime_dir_);
  remove_abandoned(runtime_dir_);
  make_directory();
  try {
    put(document);
  } catch (...) {
    remove_tree(directory_fd_.get(), directory_);
    throw;
  }
}

PrivateFile::~PrivateFile() { remove_tree(directory_fd_.get(), directory_); }

void PrivateFile::make_directory() {
  // Somebody else's remove_abandoned() may take the directory before it is locked: then again.
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
      throw Error::from_errno("cannot make the directory " + directory_, errno);
    UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st{};
    if (fd && ::flock(fd.get(), LOCK_EX) == 0 && ::fstat(fd.get(), &st) == 0 && st.st_nlink > 0) {
      directory_fd_ = std::move(fd);
      return;
    }
    if (!fd && errno != ENOENT) throw Error::from_errno("cannot open the directory " + directory_, errno);
  }
  throw Error(Errc::engine_failure, "cannot keep the directory " + directory_ + ": another process removes it");
}

PrivateFile::Content PrivateFile::read_back(std::size_t max_bytes) const {
  const auto broken = [](std::string problem) { return Content{State::broken, {}, "the payload file " + std::move(problem)}; };
  // Whatever the file is when it is opened: something that a hook left running may still be at work.
  const auto unusable = [&](int error) {
    if (error == ENOENT) return broken("was deleted");
    if (error == EACCES) return broken("may not be read any more (its mode, or its directory's)");
    if (error == ELOOP || error == ENXIO) return broken("was replaced by something that is no file");
    throw Error::from_errno("cannot read " + path_, error);
  };
  struct stat st{};
  if (::fstatat(directory_fd_.get(), kFileName, &st, AT_SYMLINK_NOFOLLOW) != 0) return unusable(errno);
  if (FileStamp(st) == stamp_) return {State::untouched, {}, {}};
  if (!S_ISREG(st.st_mode)) return broken("was replaced by " + std::string(kind_of(st.st_mode)));
  const UniqueFd fd(::openat(directory_fd_.get(), kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::fstat(fd.get(), &st) != 0) return unusable(errno);
  if (!S_ISREG(st.st_mode)) return unusable(ELOOP);
  if (st.st_uid != ::geteuid()) return broken("belongs to another user (uid " + std::to_string(st.st_uid) + ")");
  const auto size = static_cast<std::size_t>(st.st_size);
  auto document = size > max_bytes ? std::nullopt : read_to_end(fd.get(), max_bytes, path_);
  if (!document)
    return broken("has " + std::to_string(std::max(size, max_bytes + 1)) + " bytes, more than the limit of " + std::to_string(max_bytes));
  return {State::rewritten, std::move(*document), {}};
}

void PrivateFile::put(std::string_view document) {
  struct stat st{};
  if (::fstat(directory_fd_.get(), &st) == 0 && st.st_nlink == 0) make_directory();  // a hook removed it
  ::fchmod(directory_fd_.get(), 0700);
  UniqueFd fd = write_new(document);
  if (!fd) {
    // What a hook left in the directory may be what fills the disk.
    clear_directory();
    fd = write_new(document);
  }
  if (!fd) throw Error::from_errno("cannot write " + path_, errno);
  if (::renameat(directory_fd_.get(), kNewFileName, directory_fd_.get(), kFileName) != 0) {
    clear_directory();  // a hook made a directory of it
    fd = write_new(document);
    if (!fd || ::renameat(directory_fd_.get(), kNewFileName, directory_fd_.get(), kFileName) != 0)
      throw Error::from_errno("cannot put " + path_ + " into place", errno);
  }
  if (::fstat(fd.get(), &st) != 0) throw Error::from_errno("cannot look at " + path_, errno);
  stamp_ = FileStamp(st);
}

// The new file, of an age that no hook's write has; empty with errno.
UniqueFd PrivateFile::write_new(std::string_view document) const {
  ::unlinkat(directory_fd_.get(), kNewFileName, 0);
  UniqueFd fd(::openat(directory_fd_.get(), kNewFileName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  while (fd && !document.empty()) {
    const auto n = ::write(fd.get(), document.data(), document.size());
    if (n >= 0) {
      document.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return {};
    }
  }
  const timespec times[2] = {kPast, kPast};
  return fd && ::futimens(fd.get(), times) == 0 ? std::move(fd) : UniqueFd();
}

void PrivateFile::clear_directory() const {
  boost::system::error_code ignored;  // the next try tells
  for (boost::filesystem::directory_iterator entry(directory_, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    boost::system::error_code one;
    boost::filesystem::remove_all(entry->path(), one);
  }
}

}  // namespace vdsm_hook
