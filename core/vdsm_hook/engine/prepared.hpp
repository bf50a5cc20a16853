// What is known of an event before it runs. Inside core/vdsm_hook/engine only.
#pragma once

#include <optional>
#include <string>

#include "vdsm_hook/engine/host_properties.hpp"
#include "vdsm_hook/engine/plan.hpp"
#include "vdsm_hook/engine/sidecar.hpp"
#include "vdsm_hook/payload/soundness.hpp"
#include "vdsm_hook/process/environment.hpp"

namespace vdsm_hook {

struct Prepared {
  Plan plan;
  Variables vm_properties;              ///< what is delivered: the document's, overlaid by the request's
  Variables device_properties;          ///< the vNIC profile's, overlaid by the document's, overlaid by the request's
  DocumentIdentity identity;            ///< of the payload, if a hook runs
  std::optional<std::string> document;  ///< what the first hook gets instead of the request's
};

/// What is read once and kept until its file changes.
struct Caches {
  SidecarCache sidecars;
  StoreCache store;
  HostPropertiesCache host;
};

}  // namespace vdsm_hook
