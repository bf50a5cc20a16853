#include "vdsm_hook/libvirt/vm_pause.hpp"

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"

namespace vdsm_hook {

Ended pause(virDomain* domain, Lifecycle& lifecycle) {
  Subject subject{xml_of(domain, 0), "", {}};
  const auto suspend = [&] {
    if (is_paused(domain)) lifecycle.expect(phases::kPause, false);  // libvirt will tell nobody of it
    if (::virDomainSuspend(domain) != 0) throw LibvirtError("Failed to suspend domain", domain);
  };
  return lifecycle.pass(phases::kPause, subject,
                        {.ask = suspend, .refresh = [&] { subject.domain_xml = xml_of(domain, 0); }});
}

Ended go_on(virDomain* domain, Lifecycle& lifecycle, bool may_run) {
  Subject subject{xml_of(domain, 0), "", {}};
  const auto resume = [&] {
    if (may_run && !is_paused(domain)) return lifecycle.expect(phases::kContinue, false);
    if (::virDomainResume(domain) != 0) throw LibvirtError("Failed to resume domain", domain);
  };
  return lifecycle.pass(phases::kContinue, subject,
                        {.ask = resume, .refresh = [&] { subject.domain_xml = xml_of(domain, 0); }});
}

Ended suspend_vm(const VmHost& host, const std::string& vm) {
  return on_running_vm(host, vm, vm_commands::kSuspend, "Failed to suspend domain '" + on_one_line(vm) + "'", pause);
}

Ended resume_vm(const VmHost& host, const std::string& vm) {
  return on_running_vm(host, vm, vm_commands::kResume, "Failed to resume domain '" + on_one_line(vm) + "'",
                       [](virDomain* domain, Lifecycle& lifecycle) { return go_on(domain, lifecycle); });
}

}  // namespace vdsm_hook
