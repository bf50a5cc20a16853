// What the actions of `vdsm-hook props` share.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/domain_options.hpp"
#include "vdsm_hook/engine/host_properties.hpp"

namespace vdsm_hook::cli {

/// `vdsm-hook props`: finds the action.
int props_main(int argc, char** argv);

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

std::vector<PropertyChange> to_changes(const Variables& variables);

}  // namespace vdsm_hook::cli
