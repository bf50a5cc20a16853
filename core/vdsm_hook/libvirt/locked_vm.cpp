#include "vdsm_hook/libvirt/locked_vm.hpp"

namespace vdsm_hook {

Ended on_running_vm(const VmHost& host, const std::string& vm, const VmCommandFacts& command,
                    const std::string& failure,
                    const std::function<Ended(virDomain* domain, Lifecycle& lifecycle)>& work) {
  const auto domain = host.find(vm);
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, command);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()),
                       &command == &vm_commands::kDestroy ? WhenLeft::overrule : WhenLeft::refuse_start))
    return lifecycle.ended();
  if (!is_active(domain.get()))
    throw Error(Errc::refused,
                (failure.empty() ? "" : failure + "\n") + "Requested operation is not valid: domain is not running");
  const auto ended = work(domain.get(), lifecycle);
  lifecycle.finish();
  return ended;
}

Ended locked(const VmHost& host, virDomain* domain, const VmCommandFacts& command, const std::function<void()>& work) {
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, command);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain), WhenLeft::tell)) return lifecycle.ended();
  work();
  return Ended::done;
}

void hiding(const Secrets& secrets, const std::function<void()>& work) {
  try {
    work();
  } catch (LibvirtError& error) {
    error.set_what(secrets.hidden(error.what()));
    throw;
  }
}

}  // namespace vdsm_hook
