#include "vdsm_hook/libvirt/vm_resources.hpp"

#include "vdsm_hook/libvirt/locked_vm.hpp"

namespace vdsm_hook {

Ended set_vcpus(const VmHost& host, const std::string& vm, unsigned count, unsigned flags) {
  const auto domain = host.find(vm);
  const auto set = [&] {
    if (::virDomainSetVcpusFlags(domain.get(), count, flags) != 0) throw LibvirtError("");
  };
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kSetVcpus);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), WhenLeft::refuse_start)) return lifecycle.ended();
  const bool is_live =
      (flags & VIR_DOMAIN_VCPU_LIVE) != 0 || ((flags & VIR_DOMAIN_VCPU_CONFIG) == 0 && is_active(domain.get()));
  if (!is_live) return set(), Ended::done;
  Subject subject{xml_of(domain.get(), 0), "", {}};
  const auto ended = lifecycle.pass(phases::kSetCpus, subject,
                                    {.ask = set, .refresh = [&] { subject.domain_xml = xml_of(domain.get(), 0); }});
  if (ended == Ended::done) lifecycle.finish();
  return ended;
}

Ended set_memory(const VmHost& host, const std::string& vm, std::uint64_t kib, unsigned flags) {
  const auto domain = host.find(vm);
  return locked(host, domain.get(), vm_commands::kSetMemory, [&] {
    if (::virDomainSetMemoryFlags(domain.get(), kib, flags) != 0) throw LibvirtError("");
  });
}

}  // namespace vdsm_hook
