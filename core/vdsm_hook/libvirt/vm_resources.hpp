// The commands set-vcpus and set-memory.
#pragma once

#include <cstdint>
#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// FLAGS are VIR_DOMAIN_VCPU_*.
Ended set_vcpus(const VmHost& host, const std::string& vm, unsigned count, unsigned flags);
/// FLAGS are VIR_DOMAIN_MEM_*.
Ended set_memory(const VmHost& host, const std::string& vm, std::uint64_t kib, unsigned flags);

}  // namespace vdsm_hook
