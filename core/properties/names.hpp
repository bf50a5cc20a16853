// Which names and values may reach a hook's environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// Why NAME may not be set by a property or parameter: it is no identifier, or it would change how programs work
/// (PATH, LD_*, ...; the list is in the contract for authors of hooks). nullopt: it may.
std::optional<std::string> refused_name(std::string_view name);

/// Why VALUE may not be delivered: control characters (newlines too), bad UTF-8, too long with NAME. nullopt: it may.
std::optional<std::string> refused_value(std::string_view name, std::string_view value);

}  // namespace vdsm_hook
