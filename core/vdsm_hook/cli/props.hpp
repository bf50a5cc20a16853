// What the actions of `vdsm-hook props` share.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdsm_hook/cli/domain_options.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/engine/host_properties.hpp"

namespace vdsm_hook::cli {

/// `vdsm-hook props`: finds the action.
int props_main(int argc, char** argv);

int props_validate_main(int argc, char** argv);
int props_show_main(int argc, char** argv);
int props_set_main(int argc, char** argv);
int props_unset_main(int argc, char** argv);
int props_define_main(int argc, char** argv);
int props_definitions_main(int argc, char** argv);
int props_profile_main(int argc, char** argv);

/// What an action that changes something did, or why it did not.
struct Change {
  bool changed = false;
  std::vector<std::string> done;          ///< a line each
  std::vector<PropertyProblem> problems;  ///< then nothing was changed
  std::vector<std::string> in_use;        ///< so does each of these
  std::vector<std::string> notes;
  std::string way_out;  ///< what does it all the same; empty: nothing does
};
/// Prints it, and gives the exit code.
int tell(const Change& change, const FormatOption& format);

boost::json::array to_json(const std::vector<PropertyProblem>& problems);
/// Each fit for a terminal.
boost::json::array json_list(const std::vector<std::string>& words);
boost::json::value text_or_null(const std::string& text);

/// "KEY has the versions 4.7, 4.8", and that with what to do.
std::string having_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels);
std::string several_levels(const DefinitionKeyFacts& key, const std::vector<std::string>& levels);

std::vector<PropertyChange> to_changes(const Variables& variables);

}  // namespace vdsm_hook::cli
