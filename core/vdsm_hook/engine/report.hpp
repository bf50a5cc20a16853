// What would happen at an event, and what did.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/hookpoints/hookpoints.hpp"
#include "vdsm_hook/process/outcome.hpp"
#include "vdsm_hook/xml/secrets.hpp"

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
  std::string layer;   ///< the hooks directory
  bool runs = true;
  std::string reason;  ///< why it does not run
  std::string summary; ///< of its sidecar
  std::optional<std::chrono::milliseconds> deadline;  ///< none only under compat_vdsm
  OnFailure on_failure = OnFailure::veto;             ///< what its failure means at this event
  bool stops_event = true;  ///< its exit code 2 keeps the later hooks from running
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
};

struct HookOutcome {
  std::string name, path;
  bool ran = false;
  std::string reason;      ///< why it did not run, or what was wrong
  ProcessOutcome process;  ///< meaningful when it ran
  bool failed = false;
  bool changed = false;    ///< it left another document than it got
  bool adopted = false;    ///< and that document was taken
  std::string diff;        ///< what it changed, if asked for; also of changes that were discarded
};

/// What became of one event. Passwords are hidden in `problems`, `notes` and all texts of `hooks`; not in `document`.
struct Report {
  std::string event, vm_id;
  bool vetoed = false;        ///< the caller must not go on
  bool is_cancelled = false;
  bool changed = false;       ///< `document` differs from the one that was given
  std::string document;       ///< the one to go on with; the one that was given where the hook point does not use changes
  std::vector<Problem> problems;
  std::vector<IgnoredFile> ignored;
  std::vector<std::string> notes;
  std::size_t survivors = 0;  ///< processes that hooks left running
  std::vector<HookOutcome> hooks;
  Secrets secrets;  ///< those of the request and what was found besides, where anything had to be hidden
};

/// "4711 (sleep), 4712 (sh)"
std::string to_text(const std::vector<LeftProcess>& processes);

/// How a hook ended, in words: "exit code 3", "killed by SIGSEGV", "no end within 10min", "not started: ...".
std::string describe(const ProcessOutcome& outcome, const std::optional<std::chrono::milliseconds>& deadline);

/// What TAIL has, without the passwords that SECRETS knows, nor the rest of one of which the beginning was cut off.
std::string hidden(const OutputTail& tail, const Secrets& secrets);

/// The last lines of what a hook printed, fit for a terminal; empty: nothing.
std::string last_lines(const OutputTail& tail);

}  // namespace vdsm_hook
