// From a request to a plan, with what run() needs besides. Inside core/engine only.
#pragma once

#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/engine/sidecar.hpp"
#include "vdsm_hook/payload/soundness.hpp"

namespace vdsm_hook {

struct Prepared {
  Plan plan;
  Variables vm_properties;      ///< what is delivered: the document's, overlaid by the request's
  Variables device_properties;
  DocumentIdentity identity;    ///< of the payload
};

/// Throws wrong_use and bad_document.
Prepared prepare(const Request& request, const Settings& settings, SidecarCache& sidecars);

}  // namespace vdsm_hook
