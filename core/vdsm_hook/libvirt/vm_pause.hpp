// suspend and resume, also as parts of other commands.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

Ended suspend_vm(const VmHost& host, const std::string& vm);
Ended resume_vm(const VmHost& host, const std::string& vm);

/// The phase in which it is paused.
Ended pause(virDomain* domain, Lifecycle& lifecycle);
/// The phase in which it goes on. MAY_RUN: libvirt may have let it go on already, when it could not save it, or could not restore it paused.
Ended go_on(virDomain* domain, Lifecycle& lifecycle, bool may_run = false);

}  // namespace vdsm_hook
