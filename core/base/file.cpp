#include "vdsm_hook/base/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {

namespace {

// The caller of the program may have given it a descriptor that does not wait by itself. Whether there is anything to wait for.
bool wait_for(int fd, short what) {
  if (errno == EINTR) return true;
  pollfd waiting{fd, what, 0};
  return errno == EAGAIN && (::poll(&waiting, 1, -1) > 0 || errno == EINTR);
}

}  // namespace

std::optional<std::string> read_to_end(int fd, std::size_t max_bytes, const std::string& name) {
  std::string data;
  struct stat st{};
  // One byte more than the file has, so that its end shows without a second growth. Files below /proc/sys say that they are
  // empty, and give all that they have to the first read or none.
  std::size_t room = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? std::max<std::size_t>(static_cast<std::size_t>(st.st_size) + 1, 4096) : 65536;
  for (;;) {
    const auto used = data.size();
    if (used > max_bytes) return std::nullopt;
    const auto left = max_bytes - used;  // and one byte more, which shows that it is too much
    data.resize(used + (room > left ? left + 1 : room));
    const auto n = ::read(fd, data.data() + used, data.size() - used);
    data.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) return data;
    if (n < 0 && !wait_for(fd, POLLIN)) throw Error::from_errno("cannot read " + name, errno);
    room = std::max<std::size_t>(room - std::min(room, data.size() - used), 65536);
  }
}

namespace {

[[noreturn]] void throw_cannot_open(const std::string& name, int reason, Errc kind = Errc::wrong_use) {
  throw Error(kind, "cannot open " + name + ": " + boost::system::generic_category().message(reason));
}

UniqueFd open_to_read(const std::string& name, int flags) {
  UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!fd) throw_cannot_open(name, errno);
  return fd;
}

void check_is_regular(const UniqueFd& fd, const std::string& name) {
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) throw Error(Errc::wrong_use, name + " is not a regular file");
}

std::string read_bounded(const UniqueFd& fd, const std::string& name, std::size_t max_bytes) {
  auto data = read_to_end(fd.get(), max_bytes, name);
  if (!data)
    throw Error(Errc::wrong_use, name + " is larger than " + std::to_string(max_bytes) + " bytes");
  return std::move(*data);
}

}  // namespace

std::string read_file(const std::string& name, std::size_t max_bytes) {
  return read_bounded(open_to_read(name, 0), name, max_bytes);
}

std::string read_regular_file(const std::string& name, std::size_t max_bytes) {
  const auto fd = open_to_read(name, O_NONBLOCK | O_NOCTTY);
  check_is_regular(fd, name);
  return read_bounded(fd, name, max_bytes);
}

void write_all(int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && wait_for(fd, POLLOUT)) continue;
    if (n < 0) throw Error::from_errno("cannot write " + name, errno);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

namespace {

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

[[noreturn]] void throw_was_replaced(const std::string& name) {
  throw Error(Errc::engine_failure, name + " was replaced by somebody else meanwhile: nothing was changed");
}

/// What is called NAME in DIRECTORY, itself when it is a link. nullopt: nothing is.
std::optional<struct stat> find_in(const UniqueFd& directory, const std::string& name) {
  struct stat st{};
  if (::fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return st;
}

// mkostemp() in an open directory.
UniqueFd make_beside(const UniqueFd& directory, const std::string& name, std::string& temporary) {
  for (int attempt = 0;; ++attempt) {
    temporary = name + "." + random_uuid().substr(0, 6);
    UniqueFd fd(::openat(directory.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd || errno != EEXIST || attempt == 100) return fd;
  }
}

// A file system or user namespace that has no such owner says EINVAL.
bool may_not_give_away(int reason) { return reason == EPERM || reason == EINVAL; }

/// Gives what FD is the owner, group and mode of OLD, as ReplaceableFile::replace() says.
void keep_rights(int fd, const struct stat& old, const std::string& name) {
  mode_t mode = old.st_mode & 07777;
  if (::fchown(fd, old.st_uid, old.st_gid) != 0) {
    if (!may_not_give_away(errno)) throw Error::from_errno("cannot keep the owner of " + name, errno);
    mode &= 01777;
    if (::fchown(fd, static_cast<uid_t>(-1), old.st_gid) != 0) {
      const mode_t of_group = mode >> 3 & 07, of_all = mode & 07;
      if (!may_not_give_away(errno) || of_group != of_all)
        throw Error::from_errno("cannot keep the group " + std::to_string(old.st_gid) + " of " + name +
                                    ", and its mode gives the group other access than everybody", errno);
    }
  }
  if (::fchmod(fd, mode) != 0) throw Error::from_errno("cannot set the mode of " + name, errno);
}

/// OPEN()s until what it gives is locked and IS_STILL() what has the name: while this waited, the file may have been
/// replaced, and then the lock is on what nobody else looks at.
template <class Open, class IsStill>
UniqueFd open_locked(const std::string& name, Open open, IsStill is_still) {
  const auto give_up = std::chrono::steady_clock::now() + kMaxLockWait;
  for (;;) {
    UniqueFd fd = open();
    for (;;) {
      if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) break;
      if (errno == ENOLCK || errno == EOPNOTSUPP)
        throw Error(Errc::engine_failure, "cannot lock " + name + ": the file system it is on (NFS?) gives no locks: put it on one that does");
      if (errno != EWOULDBLOCK && errno != EINTR) throw Error::from_errno("cannot lock " + name, errno);
      if (std::chrono::steady_clock::now() > give_up)
        throw Error(Errc::engine_failure, name + " is locked by another process that has been changing it for longer than " +
                                              std::to_string(kMaxLockWait.count() / 1000) + " s (fuser -v shows which)");
      // Shorter than what lies between two changes of a process that makes many, or it would get the lock each time.
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    if (struct stat locked{}; ::fstat(fd.get(), &locked) == 0 && is_still(locked)) return fd;
    if (std::chrono::steady_clock::now() > give_up)
      throw Error(Errc::engine_failure, "cannot lock " + name + ": it is replaced by another file again and again");
  }
}

}  // namespace

ReplaceableFile::ReplaceableFile(const std::string& name, Errc if_missing) : name_(name) {
  std::string place = name;
  if (char* real = ::realpath(name.c_str(), nullptr)) {
    place = real;
    ::free(real);  // NOLINT: realpath() allocates
  }
  const auto slash = place.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : place.substr(0, slash + 1);
  last_ = slash == std::string::npos ? place : place.substr(slash + 1);
  directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) throw_cannot_open(name, errno, if_missing);
}

// No fd: there is no file.
UniqueFd ReplaceableFile::open_to_read() const {
  UniqueFd fd(::openat(directory_.get(), last_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ELOOP)
    throw Error(Errc::wrong_use,
                "cannot open " + name_ + ": it is a link to what cannot be replaced, or was put there just now");
  if (!fd && errno != ENOENT) throw_cannot_open(name_, errno);
  return fd;
}

void ReplaceableFile::lock() {
  const auto open = [this] {
    UniqueFd fd = open_to_read();
    if (!fd) throw_cannot_open(name_, ENOENT);
    return fd;
  };
  file_ = open_locked(name_, open, [this](const struct stat& locked) {
    const auto now = find_in(directory_, last_);
    return now && is_same(locked, *now);
  });
  is_known_ = true;
}

std::optional<std::string> ReplaceableFile::read(std::size_t max_bytes) {
  if (!is_known_) file_ = open_to_read();
  is_known_ = true;
  if (!file_) return std::nullopt;
  check_is_regular(file_, name_);
  if (::lseek(file_.get(), 0, SEEK_SET) != 0) throw Error::from_errno("cannot read " + name_, errno);
  return read_bounded(file_, name_, max_bytes);
}

void ReplaceableFile::check_still_the_same() const {
  if (!is_known_) return;
  struct stat known{};
  const auto now = find_in(directory_, last_);
  const bool same = file_ ? now && ::fstat(file_.get(), &known) == 0 && is_same(known, *now) : !now;
  if (!same) throw_was_replaced(name_);
}

void ReplaceableFile::write_beside(int fd, std::string_view data, mode_t new_mode) const {
  write_all(fd, data, name_);
  auto old = find_in(directory_, last_);
  if (file_ && old && ::fstat(file_.get(), &*old) != 0) throw Error::from_errno("cannot look at " + name_, errno);
  if (old && S_ISREG(old->st_mode)) {
    keep_rights(fd, *old, name_);
  } else if (old && !S_ISLNK(old->st_mode)) {
    throw_was_replaced(name_);  // a device must stay one
  } else if (::fchmod(fd, new_mode) != 0) {
    throw Error::from_errno("cannot set the mode of " + name_, errno);
  }
  if (::fsync(fd) != 0) throw Error::from_errno("cannot write " + name_, errno);
}

void ReplaceableFile::replace(std::string_view data, mode_t new_mode) const {
  check_still_the_same();
  std::string temporary;
  const UniqueFd fd = make_beside(directory_, last_, temporary);
  if (!fd) throw Error::from_errno("cannot create a file beside " + name_, errno);
  try {
    write_beside(fd.get(), data, new_mode);
    check_still_the_same();
    // A link of that name would be replaced, not followed.
    if (::renameat(directory_.get(), temporary.c_str(), directory_.get(), last_.c_str()) != 0)
      throw Error::from_errno("cannot replace " + name_, errno);
  } catch (...) {
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    throw;
  }
  if (const UniqueFd dir(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); dir) ::fsync(dir.get());
}

void replace_file(const std::string& name, std::string_view data, mode_t new_mode) {
  struct stat old{}, opened{};
  if (::stat(name.c_str(), &old) != 0 || S_ISREG(old.st_mode))
    return ReplaceableFile(name, Errc::engine_failure).replace(data, new_mode);
  // By its name: /dev/stdout leads to what has no other.
  const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw Error::from_errno("cannot open " + name, errno);
  if (::fstat(fd.get(), &opened) != 0 || !is_same(old, opened)) throw_was_replaced(name);
  write_all(fd.get(), data, name);
}

UniqueFd lock_file(const std::string& name, bool is_new_ok) {
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (is_new_ok ? O_CREAT | O_NOFOLLOW : 0);
  const auto open = [&name, flags] {
    UniqueFd fd(::open(name.c_str(), flags, 0600));
    if (!fd) throw_cannot_open(name, errno);
    return fd;
  };
  return open_locked(name, open, [&name](const struct stat& locked) {
    struct stat now{};
    return ::stat(name.c_str(), &now) == 0 && is_same(locked, now);
  });
}

void make_own_directory(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) {
    // One level is enough for /run/vdsm-hook; more are made for a place that was moved.
    boost::system::error_code ignored;
    boost::filesystem::create_directories(boost::filesystem::path(path).parent_path(), ignored);
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) throw Error::from_errno("cannot make the directory " + path, errno);
    if (::stat(path.c_str(), &st) != 0) throw Error::from_errno("cannot look at " + path, errno);
  }
  const bool own = st.st_uid == ::geteuid() || st.st_uid == 0;
  if (!S_ISDIR(st.st_mode) || !own || (st.st_mode & 022) != 0)
    throw Error(Errc::engine_failure, path + " must be a directory of this user that nobody else can write to");
}

}  // namespace vdsm_hook
