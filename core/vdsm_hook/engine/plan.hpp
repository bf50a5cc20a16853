// What would happen at an event.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/discovery/ignored_file.hpp"
#include "vdsm_hook/hookpoints/hookpoints.hpp"

namespace vdsm_hook {

/// What a hook's failure means.
enum class OnFailure {
  veto,    ///< the caller must not go on
  warn,    ///< it is a problem of the report and no more
  ignore,  ///< it stands in the hook's outcome only
};
std::string_view to_string(OnFailure policy);

/// Something that is not as it should be, whoever's fault it is.
struct Problem {
  std::string what;  ///< the hook, file, directory or property
  std::string why;   ///< a sentence or more, for a person
  bool vetoes;       ///< it stops the event's caller
};

/// "error: WHAT: WHY", or a warning where it does not veto.
std::string to_text(const Problem& problem);

struct PlannedHook {
  std::string name, path;
  std::string layer;  ///< the hooks directory
  bool runs = true;
  std::string reason;                                 ///< why it does not run
  std::string summary;                                ///< of its sidecar
  std::optional<std::chrono::milliseconds> deadline;  ///< none only under compat_vdsm
  OnFailure on_failure = OnFailure::veto;             ///< what its failure means at this event
  bool stops_event = true;                            ///< its exit code 2 keeps the later hooks from running
};

/// What run() would do. Nothing was started for it. Passwords are hidden in `problems`, `notes` and the hooks' reasons.
struct Plan {
  std::string event;
  HookPointRules rules;
  std::string vm_id, vm_name;  ///< empty: not known, or not looked for because there is nothing to run
  std::vector<PlannedHook> hooks;
  std::vector<IgnoredFile> ignored;
  std::vector<Problem> problems;
  std::vector<std::string> notes;  ///< worth knowing, nothing wrong
  bool is_blocked = false;         ///< a problem that keeps every hook from being started

  bool runs_something() const;  ///< at least one hook would be started
};

}  // namespace vdsm_hook
