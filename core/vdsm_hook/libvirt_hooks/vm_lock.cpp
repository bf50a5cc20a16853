#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/own_variable.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kSuffix = ".lock";

std::string name_for(std::string_view host_uuid) { return in_lower_case(host_uuid) + std::string(kSuffix); }

// An open file description's lock, which a look at it does not disturb.
struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_locked(const std::string& file) {
  const UniqueFd fd = open_path(file, O_RDWR | O_NOFOLLOW, Links::own).fd;
  auto lock = whole_file(F_WRLCK);
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Whether this process is a hook of the VM, whose parent waits for it.
bool is_in_hook_of(const VmDirectory& vm) {
  const auto hooks_vm = own_variable("vmId");
  return own_variable("VDSM_HOOK_RUN_ID") && hooks_vm && vm.path().ends_with("/" + in_lower_case(*hooks_vm));
}

}  // namespace

std::unique_ptr<VmLock> VmLock::take(const VmDirectory& vm, std::string_view host_uuid, const std::stop_token& stop,
                                     const std::function<bool()>& on_wait) {
  const auto name = name_for(host_uuid), file = vm.file(name);
  auto pause = std::chrono::milliseconds(1);
  for (bool has_waited = false;;) {
    const auto directory = vm.make();
    auto opened = directory ? directory.open_file(name, O_RDWR | O_CREAT, 0600) : Opened{{}, ENOENT, {}};
    if (opened.error == ENOENT) continue;  // whoever was the last removed the directory
    if (!opened) opened.fail("open", file);
    auto fd = std::move(opened.fd);
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) {
      struct stat locked {};
      const auto now = status_of(file, false);
      const bool is_it =
          now && ::fstat(fd.get(), &locked) == 0 && locked.st_ino == now->st_ino && locked.st_dev == now->st_dev;
      if (is_it) return std::unique_ptr<VmLock>(new VmLock(vm, name, std::move(fd)));
      continue;
    }
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) throw Error::from_errno("cannot lock " + file, errno);
    if (is_in_hook_of(vm))
      throw Error(Errc::refused,
                  "a command that holds this VM waits for the hook that asks for it: a hook cannot change its own VM "
                  "in this way");
    if (stop.stop_requested() || (!has_waited && !on_wait())) return nullptr;
    has_waited = true;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

VmLock::~VmLock() {
  try {
    const auto names = vm_.names();
    if (names.size() != 1 || names[0] != name_) return;
    vm_.find().remove(name_);  // still locked: who waits for it finds that it is gone, and makes another
    vm_.remove_if_empty();
  } catch (const Error&) {  // an empty directory stays, which says nothing
  }
}

bool VmLock::is_held(const VmDirectory& vm, std::string_view host_uuid) {
  return is_locked(vm.file(name_for(host_uuid)));
}

bool VmLock::is_held_for_any_host(const VmDirectory& vm) {
  const auto names = vm.names();
  return std::any_of(names.begin(), names.end(),
                     [&vm](const auto& name) { return name.ends_with(kSuffix) && is_locked(vm.file(name)); });
}

}  // namespace vdsm_hook
