// From a request to a plan, with what run() needs besides. Inside core/vdsm_hook/engine only.
#pragma once

#include "vdsm_hook/engine/prepared.hpp"
#include "vdsm_hook/engine/request.hpp"
#include "vdsm_hook/engine/settings.hpp"

namespace vdsm_hook {

/// Throws wrong_use, bad_document, and bad_configuration where the properties' store is needed and cannot be read.
Prepared prepare(const Request& request, const Settings& settings, Caches& caches);

}  // namespace vdsm_hook
