// How a command has its VM to itself while it works.
#pragma once

#include <functional>
#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// Finds VM, locks it for COMMAND, and has WORK done. What WORK leaves open is closed. Throws refused when it is not
/// active, behind FAILURE, which says in virsh's words what was not done.
Ended on_running_vm(const VmHost& host, const std::string& vm, const VmCommandFacts& command,
                    const std::string& failure,
                    const std::function<Ended(virDomain* domain, Lifecycle& lifecycle)>& work);

/// Locks DOMAIN for COMMAND, which has no hook points, and has WORK done. What a command that was killed left stays as
/// it is.
Ended locked(const VmHost& host, virDomain* domain, const VmCommandFacts& command, const std::function<void()>& work);

/// Has WORK done, whose LibvirtError is thrown on without SECRETS.
void hiding(const Secrets& secrets, const std::function<void()>& work);

}  // namespace vdsm_hook
