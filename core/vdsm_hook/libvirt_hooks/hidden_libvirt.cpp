#include "vdsm_hook/libvirt_hooks/hidden_libvirt.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"

namespace vdsm_hook {
namespace {

constexpr std::size_t kMaxTableBytes = 16U << 20;

// Inode numbers, as text.
std::set<std::string> sockets_of(pid_t pid) {
  std::set<std::string> inodes;
  auto opened = open_path("/proc/" + std::to_string(pid) + "/fd", O_PATH | O_DIRECTORY);
  if (!opened) return inodes;
  const Directory directory(std::move(opened.fd));
  directory.each_name([&](const std::string& name) {
    const auto link = directory.link_target(name);
    if (link.starts_with("socket:[") && link.ends_with(']')) inodes.insert(link.substr(8, link.size() - 9));
    return true;
  });
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

void HiddenLibvirt::hide(pid_t daemon) {
  const auto places = listening_places(daemon);
  UniqueFd outside = open_path("/proc/thread-self/ns/mnt", O_RDONLY).fd;
  if (!outside || ::unshare(CLONE_NEWNS) != 0) throw Error::from_errno("no mount namespace of its own", errno);
  outside_ = std::move(outside);
  if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    throw Error::from_errno("cannot keep mounts to itself", errno);
  cover("none", "/run/libvirt", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
  for (const auto& place : places) cover("/dev/null", place, nullptr, MS_BIND);
}

void HiddenLibvirt::show() {
  if (outside_ && ::setns(outside_.get(), CLONE_NEWNS) != 0)
    throw Error::from_errno("cannot leave its mount namespace", errno);
  outside_.reset();
}

}  // namespace vdsm_hook
