// What a command takes, told to people, and as data to the programs that make manual pages and completion.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/command.hpp"

namespace vdsm_hook::cli {

/// Usage, then options in aligned columns, group by group, then what else there is to say.
std::string help_of(const Arguments& arguments);
/// The same of a group, whose commands are listed.
std::string help_of(const CommandGroup& group);

enum class DescriptionForm {
  json,   ///< everything, for programs that make documents
  lines,  ///< what may come where, a line each, for shells: they read no JSON
};
/// The form that WORD, --help=json or --help=lines, asks for. No help text mentions them: they are for our own tools.
std::optional<DescriptionForm> description_form(std::string_view word);

/// As lines: "command NAME"; "positional KIND NAME one|many [CHOICE]...", or with gives_way_to() an option's name
/// instead of "one"; "option NAME,NAME KIND [CHOICE]..."; "flag NAME,NAME"; "combination WORD...". A "*" is an empty
/// word.
std::string description_of(const Arguments& arguments, DescriptionForm form);
std::string description_of(const CommandGroup& group, DescriptionForm form);

}  // namespace vdsm_hook::cli
