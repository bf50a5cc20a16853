// The values of custom properties.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vdsm_hook {

/// In the order in which they were given.
using PropertyValues = std::vector<std::pair<std::string, std::string>>;

}  // namespace vdsm_hook
