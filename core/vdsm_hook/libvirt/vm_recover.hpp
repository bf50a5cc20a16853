// The command recover.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// Finishes what a killed command left, or lets hooks take it back. WHAT_WAS_DONE says which; it is empty when nothing
/// was left.
Ended recover_vm(const VmHost& host, const std::string& vm, std::string& what_was_done);

}  // namespace vdsm_hook
