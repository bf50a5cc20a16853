#include "vdsm_hook/libvirt_hooks/curtain.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"

namespace vdsm_hook {
namespace {

constexpr std::size_t kMaxTableBytes = 16U << 20;

// Inode numbers, as text.
std::set<std::string> sockets_of(pid_t pid) {
  const auto directory = "/proc/" + std::to_string(pid) + "/fd";
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(directory.c_str()));
  std::set<std::string> inodes;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    char target[64];
    const auto length = ::readlinkat(::dirfd(dir.get()), entry->d_name, target, sizeof target);
    const std::string_view link(target, length > 0 ? static_cast<std::size_t>(length) : 0);
    if (link.starts_with("socket:[") && link.ends_with(']')) inodes.emplace(link.substr(8, link.size() - 9));
  }
  return inodes;
}

// Where PID listens, of what has a file.
std::vector<std::string> listening_places(pid_t pid) {
  const auto inodes = sockets_of(pid);
  std::vector<std::string> places;
  std::istringstream table(read_file("/proc/net/unix", kMaxTableBytes));
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number, references, protocol, flags, type, state, inode, place;
    fields >> number >> references >> protocol >> flags >> type >> state >> inode >> std::ws;
    constexpr unsigned long is_listening = 1UL << 16;
    if (!inodes.contains(inode) || (std::strtoul(flags.c_str(), nullptr, 16) & is_listening) == 0) continue;
    if (std::getline(fields, place) && place.starts_with('/')) places.push_back(place);
  }
  return places;
}

// What is not there needs no cover.
void cover(const char* with, const std::string& place, const char* kind, unsigned long flags) {
  if (::mount(with, place.c_str(), kind, flags, nullptr) != 0 && errno != ENOENT && errno != ENOTDIR)
    throw Error::from_errno("cannot mount over " + place, errno);
}

}  // namespace

void LibvirtCurtain::close(pid_t daemon) {
  const auto places = listening_places(daemon);
  UniqueFd outside(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!outside || ::unshare(CLONE_NEWNS) != 0) throw Error::from_errno("no mount namespace of its own", errno);
  outside_ = std::move(outside);
  if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) throw Error::from_errno("cannot keep mounts to itself", errno);
  cover("none", "/run/libvirt", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
  for (const auto& place : places) cover("/dev/null", place, nullptr, MS_BIND);
}

void LibvirtCurtain::open() {
  if (outside_ && ::setns(outside_.get(), CLONE_NEWNS) != 0) throw Error::from_errno("cannot leave its mount namespace", errno);
  outside_.reset();
}

}  // namespace vdsm_hook
