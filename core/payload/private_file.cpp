#include "vdsm_hook/payload/private_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

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

bool same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

void make_runtime_dir(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) {
    // One level is enough for /run/vdsm-hook; more are made for a place that was moved.
    boost::system::error_code ignored;
    boost::filesystem::create_directories(boost::filesystem::path(path).parent_path(), ignored);
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
      throw Error::from_errno("cannot make the run-time directory " + path, errno);
    if (::stat(path.c_str(), &st) != 0) throw Error::from_errno("cannot look at " + path, errno);
  }
  const bool own = st.st_uid == ::geteuid() || st.st_uid == 0;
  if (!S_ISDIR(st.st_mode) || !own || (st.st_mode & 022) != 0)
    throw Error(Errc::engine_failure, "the run-time directory " + path +
                                          " must be a directory of this user that nobody else can write to");
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
    boost::system::error_code ignored;
    boost::filesystem::remove_all(runtime_dir + "/" + entry->d_name, ignored);
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
  make_runtime_dir(runtime_dir_);
  remove_abandoned(runtime_dir_);
  make_directory();
  try {
    put(document);
  } catch (...) {
    boost::system::error_code ignored;
    boost::filesystem::remove_all(directory_, ignored);
    throw;
  }
}

PrivateFile::~PrivateFile() {
  boost::system::error_code ignored;  // what cannot be removed now, the next run removes
  boost::filesystem::remove_all(directory_, ignored);
}

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
  struct stat st{};
  if (::fstatat(directory_fd_.get(), kFileName, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {State::broken, {}, "the payload file was deleted"};
    throw Error::from_errno("cannot look at " + path_, errno);
  }
  if (st.st_ino == inode_ && st.st_size == size_ && same(st.st_mtim, kPast) && same(st.st_ctim, changed_))
    return {State::untouched, {}, {}};
  if (!S_ISREG(st.st_mode))
    return {State::broken, {}, "the payload file was replaced by " + std::string(kind_of(st.st_mode))};
  if (st.st_uid != ::geteuid())
    return {State::broken, {}, "the payload file belongs to another user (uid " + std::to_string(st.st_uid) + ")"};
  const auto too_large = [&](std::size_t size) {
    return Content{State::broken, {}, "the payload file has " + std::to_string(size) + " bytes, more than the limit of " +
                                          std::to_string(max_bytes)};
  };
  if (static_cast<std::size_t>(st.st_size) > max_bytes) return too_large(static_cast<std::size_t>(st.st_size));
  const UniqueFd fd(::openat(directory_fd_.get(), kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == EACCES) return {State::broken, {}, "the payload file may not be read any more (mode)"};
    throw Error::from_errno("cannot open " + path_, errno);
  }
  auto document = read_to_end(fd.get(), max_bytes, path_);
  if (!document) return too_large(max_bytes + 1);
  return {State::rewritten, std::move(*document), {}};
}

void PrivateFile::put(std::string_view document) {
  struct stat st{};
  if (::fstat(directory_fd_.get(), &st) == 0 && st.st_nlink == 0) make_directory();  // a hook removed it
  ::unlinkat(directory_fd_.get(), kNewFileName, 0);
  const UniqueFd fd(::openat(directory_fd_.get(), kNewFileName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) throw Error::from_errno("cannot make a file in " + directory_, errno);
  write_all(fd.get(), document, path_);
  const timespec times[2] = {kPast, kPast};
  if (::futimens(fd.get(), times) != 0) throw Error::from_errno("cannot set the time of " + path_, errno);
  if (::renameat(directory_fd_.get(), kNewFileName, directory_fd_.get(), kFileName) != 0) {
    if (errno != EISDIR) throw Error::from_errno("cannot put " + path_ + " into place", errno);
    boost::system::error_code ignored;  // the second rename tells
    boost::filesystem::remove_all(path_, ignored);
    if (::renameat(directory_fd_.get(), kNewFileName, directory_fd_.get(), kFileName) != 0)
      throw Error::from_errno("cannot put " + path_ + " into place", errno);
  }
  if (::fstat(fd.get(), &st) != 0) throw Error::from_errno("cannot look at " + path_, errno);
  inode_ = st.st_ino;
  size_ = st.st_size;
  changed_ = st.st_ctim;
}

}  // namespace vdsm_hook
