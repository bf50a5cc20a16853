// Custom properties from the domain XML and the request to the hooks. Inside core/engine only.
#pragma once

#include "vdsm_hook/engine/planning.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {

/// Fills what PREPARED delivers: at a device's event the device's properties, at a VM's those of the VM. Each is judged by
/// its definition; what may not be delivered is a problem that blocks the event where it can veto, and is left out elsewhere.
/// DOMAIN: of the request's domain XML. HOOKS: of the event. Throws as prepare().
void deliver_properties(const DomainFacts& domain, const std::vector<HookFile>& hooks, const Request& request, const Settings& settings,
                        Caches& caches, Prepared& prepared);

/// Where the document is a domain XML that the caller goes on with: judges the properties of its devices in the same way,
/// and sets PREPARED.document to it with the properties of the vNIC profiles written out, as oVirt's engine does: so hooks
/// of the VM find them, and a running VM keeps what it was started with.
void prepare_device_metadata(const DomainFacts& domain, const std::vector<HookFile>& hooks, const Request& request, const Settings& settings,
                             Caches& caches, Prepared& prepared);

}  // namespace vdsm_hook
