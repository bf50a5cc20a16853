// Who changes a VM holds its lock.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/libvirt_hooks/vm_directory.hpp"

namespace vdsm_hook {

/// The lock of one VM for one host, since the same VM is on two while it migrates. It is held while this lives. It is
/// the kernel's, so it is free when its holder has died.
class VmLock {
 public:
  /// Waits until nobody else holds it, or for STOP: then the result is null. ON_WAIT is called once before it waits;
  /// when it returns false the result is null at once. Throws refused for a hook that asks for the VM which it runs
  /// for, engine_failure.
  static std::unique_ptr<VmLock> take(const VmDirectory& vm, std::string_view host_uuid, const std::stop_token& stop,
                                      const std::function<bool()>& on_wait);
  VmLock(const VmLock&) = delete;
  VmLock& operator=(const VmLock&) = delete;
  /// Gives it back, and removes the VM's directory when nothing else is in it.
  ~VmLock();

  /// Whoever inherits it holds the lock, too.
  int descriptor() const { return fd_.get(); }

  static bool is_held(const VmDirectory& vm, std::string_view host_uuid);
  static bool is_held_for_any_host(const VmDirectory& vm);

 private:
  VmLock(VmDirectory vm, std::string name, UniqueFd fd)
      : vm_(std::move(vm)), name_(std::move(name)), fd_(std::move(fd)) {}

  const VmDirectory vm_;
  const std::string name_;
  const UniqueFd fd_;
};

}  // namespace vdsm_hook
