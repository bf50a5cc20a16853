// Custom properties from the domain XML and the request to the hooks. Inside core/vdsm_hook/engine only.
#pragma once

#include <memory>
#include <vector>

#include "vdsm_hook/engine/prepared.hpp"
#include "vdsm_hook/engine/request.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {

/// Of one event. What this host defines is asked for once, and only when something is to be judged. Properties are
/// judged by their definitions: what may not be delivered is a problem that blocks the event where it can veto, and is
/// left out elsewhere; what a document sets and nothing on this host defines is withheld with a warning. Every property
/// passes here, whoever asks.
class Delivery {
 public:
  /// HOOKS: of the event. All of these must outlive this.
  Delivery(const std::vector<HookFile>& hooks, const Request& request, const Settings& settings, Caches& caches,
           Prepared& prepared);
  ~Delivery();

  /// Fills what PREPARED delivers: at a device's event the device's properties, at a VM's those of the VM. DOMAIN: of
  /// the request's domain XML.
  void deliver(const DomainFacts& domain);

  /// Where the document is a domain XML that the caller goes on with: judges the properties of its devices in the same
  /// way, and sets PREPARED.document to it with the properties of the vNIC profiles written out, as oVirt's engine
  /// does: so hooks of the VM find them, and a running VM keeps what it was started with. Throws bad_document.
  void prepare_devices(const DomainFacts& domain);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace vdsm_hook
