// The environment that this process was started with.
#pragma once

#include <optional>
#include <string>

namespace vdsm_hook {

/// The value of the environment variable NAME of this process; nullopt: it is not set.
std::optional<std::string> own_variable(const char* name);

}  // namespace vdsm_hook
