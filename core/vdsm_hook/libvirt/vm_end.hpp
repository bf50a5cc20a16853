// The commands destroy, shutdown and reboot.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// FLAGS are VIR_DOMAIN_DESTROY_*.
Ended destroy_vm(const VmHost& host, const std::string& vm, unsigned flags);
/// The guest is only asked.
Ended shutdown_vm(const VmHost& host, const std::string& vm);
/// The guest is only asked.
Ended reboot_vm(const VmHost& host, const std::string& vm);

/// The parameters of the hook points of a VM's end, when ENDING ends it.
Variables reason_of(const Phase& ending);

}  // namespace vdsm_hook
