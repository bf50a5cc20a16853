#include "vdsm_hook/base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook {

std::optional<std::string> read_to_end(int fd, std::size_t max_bytes, const std::string& name) {
  std::string data;
  struct stat st{};
  // One byte more than the file has, so that its end shows without a second growth.
  std::size_t room = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? static_cast<std::size_t>(st.st_size) + 1 : 65536;
  for (;;) {
    const auto used = data.size();
    if (used > max_bytes) return std::nullopt;
    const auto left = max_bytes - used;  // and one byte more, which shows that it is too much
    data.resize(used + (room > left ? left + 1 : room));
    const auto n = ::read(fd, data.data() + used, data.size() - used);
    data.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) return data;
    if (n < 0 && errno != EINTR) throw Error::from_errno("cannot read " + name, errno);
    room = std::max<std::size_t>(room - std::min(room, data.size() - used), 65536);
  }
}

namespace {

UniqueFd open_to_read(const std::string& name, int flags) {
  UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!fd)
    throw Error(Errc::wrong_use, "cannot open " + name + ": " + boost::system::generic_category().message(errno));
  return fd;
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
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) throw Error(Errc::wrong_use, name + " is not a regular file");
  return read_bounded(fd, name, max_bytes);
}

void write_all(int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("cannot write " + name, errno);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

void replace_file(const std::string& name, std::string_view data, mode_t new_mode) {
  struct stat old{};
  const bool exists = ::stat(name.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd) throw Error::from_errno("cannot open " + name, errno);
    return write_all(fd.get(), data, name);
  }
  // What a link points to is replaced, not the link.
  std::string target = name;
  if (char* real = exists ? ::realpath(name.c_str(), nullptr) : nullptr) {
    target = real;
    ::free(real);  // NOLINT: realpath() allocates
  }
  std::string temporary = target + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) throw Error::from_errno("cannot create a file beside " + target, errno);
  try {
    write_all(fd.get(), data, temporary);
    if (exists) {
      if (::fchown(fd.get(), old.st_uid, old.st_gid) != 0 && errno != EPERM)
        throw Error::from_errno("cannot keep the owner of " + target, errno);
    }
    if (::fchmod(fd.get(), exists ? old.st_mode & 07777 : new_mode) != 0)
      throw Error::from_errno("cannot set the mode of " + target, errno);
    if (::fsync(fd.get()) != 0) throw Error::from_errno("cannot write " + target, errno);
    if (::rename(temporary.c_str(), target.c_str()) != 0) throw Error::from_errno("cannot replace " + target, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const auto slash = target.find_last_of('/');
  const std::string directory = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  if (const UniqueFd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); dir) ::fsync(dir.get());
}

UniqueFd lock_file(const std::string& name, bool is_new_ok) {
  const auto give_up = std::chrono::steady_clock::now() + kMaxLockWait;
  for (;;) {
    UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (is_new_ok ? O_CREAT : 0), 0600));
    if (!fd) throw Error(Errc::wrong_use, "cannot open " + name + ": " + boost::system::generic_category().message(errno));
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) throw Error::from_errno("cannot lock " + name, errno);
      if (std::chrono::steady_clock::now() > give_up)
        throw Error(Errc::engine_failure, name + " is locked by another process that has been changing it for longer than " +
                                              std::to_string(kMaxLockWait.count() / 1000) + " s (fuser -v shows which)");
      // Shorter than what lies between two changes of a process that makes many, or it would get the lock each time.
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    // While this waited, the file may have been replaced: then the lock is on what nobody else looks at.
    struct stat locked{}, now{};
    if (::fstat(fd.get(), &locked) == 0 && ::stat(name.c_str(), &now) == 0 && locked.st_dev == now.st_dev &&
        locked.st_ino == now.st_ino)
      return fd;
  }
}

}  // namespace vdsm_hook
