#include "vdsm_hook/base/own_variable.hpp"

#include <cstdlib>

namespace vdsm_hook {

std::optional<std::string> own_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace vdsm_hook
