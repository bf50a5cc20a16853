// Which names and values may reach a hook's environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// Why NAME is no name of a property: empty, a digit first, something else than ASCII letters, digits and _.
/// nullopt: it is one.
std::optional<std::string> refused_identifier(std::string_view name);

/// Why NAME may not be set by a property or parameter: it is no identifier, or it would change how programs work
/// (PATH, LD_*, ...; the list is in the contract for authors of hooks). nullopt: it may.
std::optional<std::string> refused_name(std::string_view name);

/// Why VALUE may not be delivered: control characters (newlines too), bad UTF-8, too long with NAME. nullopt: it may.
std::optional<std::string> refused_value(std::string_view name, std::string_view value);

/// U+0000 to U+001F, or U+007F to U+009F.
bool has_control_character(std::string_view text);

}  // namespace vdsm_hook
