// oVirt's compatibility levels in messages.
#pragma once

#include <string>
#include <vector>

#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook::cli {

/// "KEY has the versions 4.7, 4.8", and that with what to do.
std::string having_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels);
std::string several_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels);

}  // namespace vdsm_hook::cli
