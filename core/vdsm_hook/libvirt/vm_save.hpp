// The commands save and managedsave.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// Saves the VM to FILE; an empty one is libvirt's own place, for the next start. FLAGS may have
/// VIR_DOMAIN_SAVE_BYPASS_CACHE.
Ended save_vm(const VmHost& host, const std::string& vm, const std::string& file, unsigned flags);

}  // namespace vdsm_hook
