// Locking files and replacing them.
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <thread>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook {
namespace {

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

bool is_called(const UniqueFd& fd, const Directory& directory, const std::string& name) {
  struct stat st {};
  const auto now = directory.status(name);
  return now && ::fstat(fd.get(), &st) == 0 && is_same(st, *now);
}

[[noreturn]] void throw_was_replaced(const std::string& name) {
  throw Error(Errc::engine_failure, name + " was replaced by somebody else meanwhile: nothing was changed");
}

/// Locks FD, which NAME is called, and waits for whoever has it. False: the file system gives no locks.
bool wait_for_lock(const UniqueFd& fd, const std::string& name) {
  const auto give_up = std::chrono::steady_clock::now() + kMaxLockWait;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == ENOLCK || errno == EOPNOTSUPP) return false;
    if (errno != EWOULDBLOCK && errno != EINTR) throw Error::from_errno("cannot lock " + name, errno);
    if (std::chrono::steady_clock::now() > give_up)
      throw Error(Errc::engine_failure, name +
                                            " is locked by another process that has been changing it for longer than " +
                                            std::to_string(kMaxLockWait.count() / 1000) + " s (fuser -v shows which)");
    // Shorter than what lies between two changes of a process that makes many, or it would get the lock each time.
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

UniqueFd open_locked(const Directory& directory, const std::string& last, const std::string& name, int flags) {
  const auto give_up = std::chrono::steady_clock::now() + kMaxLockWait;
  while (std::chrono::steady_clock::now() <= give_up) {
    auto opened = directory.open_file(last, O_RDONLY | O_NONBLOCK | flags, 0600);
    if (!opened) opened.fail("open", name, Errc::wrong_use);
    if (!wait_for_lock(opened.fd, name))
      throw Error(Errc::engine_failure,
                  "cannot lock " + name + ": the file system it is on (NFS?) gives no locks: put it on one that does");
    // While this waited, the file may have been replaced: then the lock is on what nobody else looks at.
    if (is_called(opened.fd, directory, last)) return std::move(opened.fd);
  }
  throw Error(Errc::engine_failure, "cannot lock " + name + ": it is replaced by another file again and again");
}

bool is_ours(uid_t uid) { return uid == 0 || uid == ::geteuid(); }

// Whoever puts a pipe where everybody can, before we write there, would get what is meant for a file. So it is with
// links, and with pipes where the kernel has fs.protected_fifos.
void check_reader(const Place& place, const struct stat& st, const std::string& name) {
  struct stat directory {};
  if (!S_ISFIFO(st.st_mode) || is_ours(st.st_uid)) return;
  if (::fstat(place.directory.get(), &directory) == 0 &&
      ((directory.st_mode & S_IWOTH) == 0 || directory.st_uid == st.st_uid))
    return;
  throw Error(Errc::engine_failure, "cannot open " + name + ": it is a pipe of uid " + std::to_string(st.st_uid) +
                                        " in a directory that everybody can write to: give another name, or remove it");
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
                                    ", and its mode gives the group other access than everybody",
                                errno);
    }
  }
  if (::fchmod(fd, mode) != 0) throw Error::from_errno("cannot set the mode of " + name, errno);
}

/// New content on its way to a name. It has no name of its own until it is complete, and then, or where the file system
/// has no files without one, the one that everybody uses who replaces this file: whoever finds it and can lock it
/// removes it.
class Replacement {
 public:
  /// Writes DATA for LAST in DIRECTORY, which is called NAME.
  Replacement(const Directory& directory, const std::string& last, const std::string& name, std::string_view data)
      : directory_(directory), name_(name), beside_("." + last.substr(0, NAME_MAX - 15) + ".vdsm-hook-new") {
    fd_ = directory_.open_file(".", O_TMPFILE | O_WRONLY, 0600).fd;
    if (fd_) write(data);
    if (!fd_ || !give_name()) write_with_name(data);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (has_name_) directory_.remove(beside_);
  }

  int fd() const { return fd_.get(); }

  void put(const std::string& last) {
    // A link of that name would be replaced, not followed.
    if (const int error = directory_.rename(beside_, last); error != 0)
      throw Error::from_errno("cannot replace " + name_, error);
    has_name_ = false;
    if (const auto readable = directory_.open_file(".", O_RDONLY | O_DIRECTORY)) ::fsync(readable.fd.get());
  }

 private:
  void write(std::string_view data) const {
    write_all(fd_.get(), data, name_);
    if (::fsync(fd_.get()) != 0) throw Error::from_errno("cannot write " + name_, errno);
  }

  /// False: only /proc could do it, and it is not there.
  bool give_name() {
    wait_for_lock(fd_, name_);  // nobody else has it
    const auto itself = "/proc/self/fd/" + std::to_string(fd_.get());
    while (::linkat(AT_FDCWD, itself.c_str(), directory_.fd(), beside_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      if (errno != EEXIST) return false;
      remove_stale();
    }
    return has_name_ = true;
  }

  void write_with_name(std::string_view data) {
    while (!has_name_) {
      auto opened = directory_.open_file(beside_, O_WRONLY | O_CREAT | O_EXCL, 0600);
      if (!opened && opened.error != EEXIST) opened.fail("create a file beside", name_);
      if (!opened) remove_stale();
      if (!opened) continue;
      fd_ = std::move(opened.fd);
      wait_for_lock(fd_, name_);
      has_name_ = is_called(fd_, directory_, beside_);  // until it was locked, another could take it for a stale one
    }
    write(data);
  }

  /// Waits for a process of this user's that is at it; another user's may be in the way for ever.
  void remove_stale() const {
    const auto stale = directory_.open_file(beside_, O_RDONLY | O_NONBLOCK);
    if (!stale && stale.error == ENOENT) return;  // what has the name by now is another writer's
    struct stat st {};
    if (stale && ::fstat(stale.fd.get(), &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == ::geteuid()) {
      wait_for_lock(stale.fd, name_);
      if (!is_called(stale.fd, directory_, beside_)) return;
    }
    if (const int error = directory_.remove(beside_); error != 0 && error != ENOENT)
      throw Error::from_errno(
          "cannot replace " + name_ + ": " + beside_ + " is in the way in its directory and cannot be removed", error);
  }

  const Directory& directory_;
  const std::string& name_;
  const std::string beside_;
  UniqueFd fd_;
  bool has_name_ = false;
};

}  // namespace

ReplaceableFile::ReplaceableFile(const std::string& name, Errc if_wrong)
    : ReplaceableFile(name, find_place(name, Links::own), if_wrong) {}

ReplaceableFile::ReplaceableFile(const std::string& name, Place place, Errc if_wrong)
    : name_(name), last_(std::move(place.last)), directory_(std::move(place.directory)) {
  if (!directory_) Opened{{}, place.error, place.why}.fail("open", name, if_wrong);
  if (place.found) return;
  if (const auto st = status_of(name, false); st && S_ISLNK(st->st_mode))
    throw Error(if_wrong, "cannot open " + name + ": it is a link that leads nowhere");
}

// No fd: there is no file.
UniqueFd ReplaceableFile::open_to_read() const {
  auto opened = directory_.open_file(last_, O_RDONLY | O_NONBLOCK);
  if (opened.error == ELOOP) opened.why = "it is a link to what cannot be replaced, or was put there just now";
  if (!opened && opened.error != ENOENT) opened.fail("open", name_, Errc::wrong_use);
  return std::move(opened.fd);
}

void ReplaceableFile::lock() {
  file_ = open_locked(directory_, last_, name_, 0);
  is_known_ = true;
}

std::optional<std::string> ReplaceableFile::read(std::size_t max_bytes) {
  if (!is_known_) file_ = open_to_read();
  is_known_ = true;
  if (!file_) return std::nullopt;
  if (::lseek(file_.get(), 0, SEEK_SET) != 0 && errno != ESPIPE) throw Error::from_errno("cannot read " + name_, errno);
  return read_regular_file(file_.get(), name_, max_bytes);
}

void ReplaceableFile::check_still_the_same() const {
  if (is_known_ && !(file_ ? is_called(file_, directory_, last_) : !directory_.status(last_)))
    throw_was_replaced(name_);
}

bool ReplaceableFile::keeps_rights_of(const struct stat& old) const {
  if (file_) return true;
  const auto directory = directory_.status();
  return is_ours(old.st_uid) && old.st_nlink == 1 && directory && is_ours(directory->st_uid);
}

void ReplaceableFile::set_rights(int fd, mode_t new_mode) const {
  auto old = directory_.status(last_);
  if (file_ && old && ::fstat(file_.get(), &*old) != 0) throw Error::from_errno("cannot look at " + name_, errno);
  const bool is_file = old && S_ISREG(old->st_mode);
  if (old && !is_file && !S_ISLNK(old->st_mode)) throw_was_replaced(name_);  // a device must stay one
  if (is_file && keeps_rights_of(*old)) return keep_rights(fd, *old, name_);
  if (::fchmod(fd, new_mode) != 0) throw Error::from_errno("cannot set the mode of " + name_, errno);
}

void ReplaceableFile::replace(std::string_view data, mode_t new_mode) const {
  check_still_the_same();
  Replacement replacement(directory_, last_, name_, data);
  set_rights(replacement.fd(), new_mode);
  check_still_the_same();
  replacement.put(last_);
}

void replace_file(const std::string& name, std::string_view data, mode_t new_mode) {
  auto place = find_place(name, Links::own);
  struct stat old {
  }, opened{};
  const bool is_file =
      place.found && ::fstat(place.found.get(), &old) == 0 && S_ISREG(old.st_mode) && !place.is_of_proc;
  if (place.found && !place.is_of_proc) check_reader(place, old, name);
  if (is_file || !place.found)
    return ReplaceableFile(name, std::move(place), Errc::engine_failure).replace(data, new_mode);
  const auto itself = open_path(name, O_WRONLY | O_APPEND, Links::own);
  if (!itself) itself.fail("open", name);
  if (::fstat(itself.fd.get(), &opened) != 0 || !is_same(old, opened)) throw_was_replaced(name);
  write_all(itself.fd.get(), data, name);
}

UniqueFd lock_file(const std::string& name, bool is_new_ok) {
  auto place = find_place(name, Links::own, !is_new_ok);
  if (!place.directory) Opened{{}, place.error, place.why}.fail("open", name, Errc::wrong_use);
  return open_locked(Directory(std::move(place.directory)), place.last, name, is_new_ok ? O_CREAT : 0);
}

}  // namespace vdsm_hook
