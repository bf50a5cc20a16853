// define.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// FLAGS: VIR_DOMAIN_DEFINE_*. FAILURE: virsh's words. NAME gets the domain's, as soon as it is known.
Ended define_vm(const VmHost& host, const std::string& domain_xml, unsigned flags, const std::string& failure, std::string& name);

}  // namespace vdsm_hook
