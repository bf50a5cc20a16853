// The command define.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// Defines what DOMAIN_XML says. FLAGS are VIR_DOMAIN_DEFINE_*, FAILURE is what virsh says when it cannot be. NAME gets
/// the domain's name as soon as it is known.
Ended define_vm(const VmHost& host, const std::string& domain_xml, unsigned flags, const std::string& failure,
                std::string& name);

}  // namespace vdsm_hook
