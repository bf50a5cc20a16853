// vdsm-hook props: its actions, and what they share
#include "vdsm_hook/cli/props/props.hpp"

#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"

namespace vdsm_hook::cli {

// Each is in its own file, and declared here, beside its row.
CommandMain props_validate_main, props_show_main, props_set_main, props_unset_main, props_define_main,
    props_definitions_main, props_profile_main;

namespace {

constexpr Command kPropsActions[] = {
    {"show", "show the properties of a VM and its devices, and who reads them", &props_show_main},
    {"set", "set properties of a VM or a device", &props_set_main},
    {"unset", "take properties out", &props_unset_main},
    {"validate", "say whether values are what their definitions allow", &props_validate_main},
    {"definitions", "show which properties there are, and who defines them", &props_definitions_main},
    {"define", "define properties, or take definitions out", &props_define_main},
    {"profile", "vNIC profiles: named properties that several vNICs share", &props_profile_main},
};

}  // namespace

int props_main(int argc, char** argv) {
  return run_action(kPropsActions, "vdsm-hook props", "Custom properties of VMs, their devices and vNIC profiles.",
                    argc, argv);
}

int tell(const Change& change, const FormatOption& format) {
  const bool is_refused = !change.problems.empty() || !change.in_use.empty();
  if (format.is_json()) {
    print(to_line({{"changed", change.changed},
                   {"problems", to_json(change.problems)},
                   {"in_use", json_list(change.in_use)},
                   {"notes", json_list(change.notes)}}));
  } else {
    for (const auto& problem : change.problems) complain(problem.text);
    for (const auto& user : change.in_use) complain("in use by " + user);
    if (is_refused) complain("nothing was changed" + (change.way_out.empty() ? "" : "; " + change.way_out));
    std::string text;
    for (const auto& line : change.done) text += printable(line) + "\n";
    for (const auto& note : change.notes) text += "note: " + printable(note) + "\n";
    print(text);
  }
  return is_refused ? vetoed : done;
}

boost::json::array json_list(const std::vector<std::string>& words) {
  boost::json::array out;
  for (const auto& word : words) out.emplace_back(printable(word));
  return out;
}

boost::json::value text_or_null(const std::string& text) {
  return text.empty() ? boost::json::value(nullptr) : boost::json::value(printable(text));
}

boost::json::array to_json(const std::vector<PropertyProblem>& problems) {
  boost::json::array out;
  for (const auto& problem : problems)
    out.push_back({{"kind", to_string(problem.kind)},
                   {"key", printable(problem.key)},
                   {"value", printable(problem.value)},
                   {"expected", text_or_null(problem.expected)},
                   {"declared_by", text_or_null(problem.declared_by)}});
  return out;
}

std::vector<PropertyChange> to_changes(const Variables& variables) {
  std::vector<PropertyChange> changes;
  for (const auto& [name, value] : variables) changes.push_back({name, value});
  return changes;
}

}  // namespace vdsm_hook::cli
