#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

DomainHandle VmHost::find(const std::string& word) const { return find_domain(connection.get(), word); }

std::string VmHost::uuid() const { return host_uuid_of(connection.get()); }

}  // namespace vdsm_hook
