#include "vdsm_hook/libvirt/vm_end.hpp"

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/launch_flags.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"

namespace vdsm_hook {

Ended destroy_vm(const VmHost& host, const std::string& vm, unsigned flags) {
  return on_running_vm(host, vm, vm_commands::kDestroy, "Failed to destroy domain '" + on_one_line(vm) + "'",
                       [&](virDomain* domain, Lifecycle& lifecycle) {
                         Subject subject{xml_of(domain, 0), "", reason_of(phases::kDestroy)};
                         const auto destroy = [&] {
                           if (::virDomainDestroyFlags(domain, flags) != 0)
                             throw LibvirtError("Failed to destroy domain '" + on_one_line(vm) + "'");
                         };
                         const auto ended = lifecycle.pass(phases::kDestroy, subject, {.ask = destroy});
                         if (ended == Ended::done)
                           LaunchFlags::forget(host.engine.settings().paths.launchflags_dir,
                                               uuid_of(domain));  // of a start that was killed
                         return ended;
                       });
}

Ended shutdown_vm(const VmHost& host, const std::string& vm) {
  const auto domain = host.find(vm);
  return locked(host, domain.get(), vm_commands::kShutdown, [&] {
    if (::virDomainShutdown(domain.get()) != 0) throw LibvirtError("Failed to shutdown domain '" + vm + "'");
  });
}

Ended reboot_vm(const VmHost& host, const std::string& vm) {
  const auto domain = host.find(vm);
  return locked(host, domain.get(), vm_commands::kReboot, [&] {
    if (::virDomainReboot(domain.get(), 0) != 0) throw LibvirtError("Failed to reboot domain '" + vm + "'");
  });
}

Variables reason_of(const Phase& ending) { return {{"VDSM_HOOK_REASON", std::string(ending.reason)}}; }

}  // namespace vdsm_hook
