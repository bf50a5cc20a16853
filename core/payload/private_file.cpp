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
// Besides the one in use; each holds a descriptor.
constexpr std::size_t kMaxKeptDirectories = 16;

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

PrivateFile::Directory::~Directory() {
  if (fd) remove_tree(fd.get(), path);
}

PrivateFile::PrivateFile(std::string runtime_dir, std::string run_id, std::string document) : runtime_dir_(std::move(runtime_dir)) {
  make_own_directory(runtime_dir_);
  remove_abandoned(runtime_dir_);
  make_directory(run_id);
  write(document);
  document_ = std::move(document);
}

PrivateFile::~PrivateFile() = default;

void PrivateFile::make_directory(const std::string& name) {
  const auto directory = runtime_dir_ + "/" + name;
  // Somebody else's remove_abandoned() may take the directory before it is locked: then again.
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
      throw Error::from_errno("cannot make the directory " + directory, errno);
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st{};
    if (fd && ::flock(fd.get(), LOCK_EX) == 0 && ::fstat(fd.get(), &st) == 0 && st.st_nlink > 0) {
      directories_.emplace_back(directory, std::move(fd));
      path_ = directory + "/" + kFileName;
      return;
    }
    if (!fd && errno != ENOENT) throw Error::from_errno("cannot open the directory " + directory, errno);
  }
  throw Error(Errc::engine_failure, "cannot keep the directory " + directory + ": another process removes it");
}

// Why what has the path now is not where this object put it.
std::optional<std::string> PrivateFile::misplaced() const {
  const auto& directory = directories_.back();
  const auto now = FilePlace::of(path_);
  struct stat ours{}, there{};
  if (::fstat(directory.fd.get(), &ours) != 0 || ours.st_nlink == 0) return std::nullopt;  // it was removed, and its file with it
  if (::lstat(directory.path.c_str(), &there) != 0) return "is not where it was: its directory was moved away";
  if (there.st_dev != ours.st_dev || there.st_ino != ours.st_ino) return "is not where it was: its directory was replaced or mounted over";
  if (now.file.inode == 0) return std::nullopt;
  if (now.mount != place_.mount) return "or its directory was mounted over";
  if (now.file_locks != place_.file_locks || now.directory_locks != place_.directory_locks)
    return "or its directory was made immutable or append-only";
  return std::nullopt;
}

PrivateFile::Content PrivateFile::read_back(std::size_t max_bytes) const {
  if (watched().is_untouched()) return {State::untouched, {}, {}};
  const auto broken = [](std::string problem) { return Content{State::broken, {}, "the payload file " + std::move(problem)}; };
  // Whatever the file is when it is opened: something that a hook left running may still be at work.
  const auto unusable = [&](int error) {
    if (error == ENOENT) return broken("was deleted");
    if (error == EACCES || error == EPERM) return broken("may not be read any more (its mode, or its directory's)");
    if (error == ELOOP || error == ENXIO) return broken("was replaced by something that is no file");
    throw Error::from_errno("cannot read " + path_, error);
  };
  if (auto why = misplaced()) return broken(std::move(*why));
  const int directory = directories_.back().fd.get();
  struct stat st{};
  if (::fstatat(directory, kFileName, &st, AT_SYMLINK_NOFOLLOW) != 0) return unusable(errno);
  if (!S_ISREG(st.st_mode)) return broken("was replaced by " + std::string(kind_of(st.st_mode)));
  const UniqueFd fd(::openat(directory, kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::fstat(fd.get(), &st) != 0) return unusable(errno);
  if (!S_ISREG(st.st_mode)) return unusable(ELOOP);
  if (st.st_uid != ::geteuid()) return broken("belongs to another user (uid " + std::to_string(st.st_uid) + ")");
  const auto size = static_cast<std::size_t>(st.st_size);
  auto document = size > max_bytes ? std::nullopt : read_to_end(fd.get(), max_bytes, path_);
  if (!document)
    return broken("has " + std::to_string(std::max(size, max_bytes + 1)) + " bytes, more than the limit of " + std::to_string(max_bytes));
  return {State::rewritten, std::move(*document), {}};
}

std::optional<std::string> PrivateFile::put(std::string document) {
  if (const auto why = misplaced()) return "the payload file " + *why;
  try {
    write(document);
  } catch (const Error& error) {
    return error.what();
  }
  document_ = std::move(document);
  return std::nullopt;
}

void PrivateFile::renew(std::string document) {
  if (directories_.size() > kMaxKeptDirectories) directories_.pop_front();
  try {
    make_directory(random_uuid());
    write(document);
  } catch (const Error&) {
    directories_.clear();  // what hooks left in them may be what fills the disk
    make_directory(random_uuid());
    write(document);
  }
  document_ = std::move(document);
}

void PrivateFile::write(std::string_view document) {
  const int directory = directories_.back().fd.get();
  ::fchmod(directory, 0700);
  const auto put_there = [&] {
    const auto fd = write_new(document);
    return fd && ::renameat(directory, kNewFileName, directory, kFileName) == 0;
  };
  if (!put_there()) {
    clear_directory();  // what a hook left in it may be what fills the disk, or has the file's name
    if (!put_there()) throw Error::from_errno("cannot write " + path_, errno);
  }
  place_ = FilePlace::of(path_);
}

// The new file, of an age that no hook's write has; empty with errno.
UniqueFd PrivateFile::write_new(std::string_view document) const {
  const int directory = directories_.back().fd.get();
  ::unlinkat(directory, kNewFileName, 0);
  UniqueFd fd(::openat(directory, kNewFileName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
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
  for (boost::filesystem::directory_iterator entry(directories_.back().path, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    boost::system::error_code one;
    boost::filesystem::remove_all(entry->path(), one);
  }
}

}  // namespace vdsm_hook
