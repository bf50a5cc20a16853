#include "vdsm_hook/base/file.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vdsm_hook/base/open_path.hpp"

namespace vdsm_hook {

namespace {

// The caller of the program may have given it a descriptor that does not wait by itself. Whether there is anything to
// wait for.
bool wait_for(int fd, short what) {
  if (errno == EINTR) return true;
  pollfd waiting{fd, what, 0};
  return errno == EAGAIN && (::poll(&waiting, 1, -1) > 0 || errno == EINTR);
}

}  // namespace

std::optional<std::string> read_to_end(int fd, std::size_t max_bytes, const std::string& name) {
  std::string data;
  struct stat st {};
  // One byte more than the file has, so that its end shows without a second growth. Files below /proc/sys say that they
  // are empty, and give all that they have to the first read or none.
  std::size_t room = fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
                         ? std::max<std::size_t>(static_cast<std::size_t>(st.st_size) + 1, 4096)
                         : 65536;
  for (;;) {
    const auto used = data.size();
    if (used > max_bytes) return std::nullopt;
    const auto left = max_bytes - used;  // and one byte more, which shows that it is too much
    data.resize(used + (room > left ? left + 1 : room));
    const auto n = ::read(fd, data.data() + used, data.size() - used);
    data.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) return data;
    if (n < 0 && !wait_for(fd, POLLIN)) throw Error::from_errno("cannot read " + name, errno);
    const auto unused = room - std::min(room, data.size() - used);
    room = unused == 0
               ? 65536
               : std::max<std::size_t>(unused, 4096);  // what is grown by is zeroed, and mostly only the end comes
  }
}

namespace {

UniqueFd open_to_read(const std::string& name, int flags) {
  auto opened = open_path(name, O_RDONLY | flags);
  if (!opened) opened.fail("open", name, Errc::wrong_use);
  return std::move(opened.fd);
}

std::string read_bounded(int fd, const std::string& name, std::size_t max_bytes) {
  auto data = read_to_end(fd, max_bytes, name);
  if (!data) throw Error(Errc::wrong_use, name + " is larger than " + std::to_string(max_bytes) + " bytes");
  return std::move(*data);
}

}  // namespace

std::string read_file(const std::string& name, std::size_t max_bytes) {
  return read_bounded(open_to_read(name, 0).get(), name, max_bytes);
}

std::string read_regular_file(int fd, const std::string& name, std::size_t max_bytes) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) throw Error(Errc::wrong_use, name + " is not a regular file");
  return read_bounded(fd, name, max_bytes);
}

std::string read_regular_file(const std::string& name, std::size_t max_bytes) {
  return read_regular_file(open_to_read(name, O_NONBLOCK).get(), name, max_bytes);
}

void write_all(int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && wait_for(fd, POLLOUT)) continue;
    if (n < 0) throw Error::from_errno("cannot write " + name, errno);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace vdsm_hook
