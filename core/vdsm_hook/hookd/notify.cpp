#include "vdsm_hook/hookd/notify.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "vdsm_hook/base/own_variable.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook::cli {

void notify_manager(std::string_view state) {
  const auto path = own_variable("NOTIFY_SOCKET").value_or("");
  if (!path.starts_with('/') && !path.starts_with('@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return;
  std::copy(path.begin(), path.end(), address.sun_path);
  if (path[0] == '@') address.sun_path[0] = '\0';  // a name that is in no file system
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (fd)
    ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address), length);
}

bool logs_to_journal() {
  const auto stream = own_variable("JOURNAL_STREAM");
  struct stat st {};
  if (!stream || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return *stream == std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
}

}  // namespace vdsm_hook::cli
