#include "vdsm_hook/cli/levels.hpp"

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook::cli {

std::string having_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels) {
  return std::string(key.name) + " has the versions " + joined(levels, ", ");
}

std::string several_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels) {
  return having_levels(key, levels) + ": say which one with --cver=" + levels.back();
}

}  // namespace vdsm_hook::cli
