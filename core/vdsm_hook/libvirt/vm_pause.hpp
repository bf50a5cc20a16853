// The commands suspend and resume, also as parts of other commands.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

Ended suspend_vm(const VmHost& host, const std::string& vm);
Ended resume_vm(const VmHost& host, const std::string& vm);

/// Passes the phase in which the VM is paused.
Ended pause(virDomain* domain, Lifecycle& lifecycle);
/// Passes the phase in which the VM goes on. MAY_RUN says that libvirt may have let it go on already: when it could not
/// save it, or could not restore it paused.
Ended go_on(virDomain* domain, Lifecycle& lifecycle, bool may_run = false);

}  // namespace vdsm_hook
