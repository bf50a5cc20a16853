// recover.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// What a killed command left is finished, or taken back by hooks. WHAT_WAS_DONE says which; empty: nothing was left.
Ended recover_vm(const VmHost& host, const std::string& vm, std::string& what_was_done);

}  // namespace vdsm_hook
