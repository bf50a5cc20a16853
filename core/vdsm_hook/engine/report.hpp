// What happened at an event.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vdsm_hook/engine/plan.hpp"
#include "vdsm_hook/process/outcome.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {

struct HookOutcome {
  std::string name, path;
  bool ran = false;
  std::string reason;      ///< why it did not run, or what was wrong
  ProcessOutcome process;  ///< meaningful when it ran
  bool failed = false;
  bool changed = false;  ///< it left another document than it got
  bool adopted = false;  ///< and that document was taken
  std::string diff;      ///< what it changed, if asked for; also of changes that were discarded
};

/// What became of one event. Passwords are hidden in `problems`, `notes` and all texts of `hooks`; not in `document`.
struct Report {
  std::string run_id;                 ///< a UUID, of this one run; hooks know it as VDSM_HOOK_RUN_ID
  std::string event, vm_id, vm_name;  ///< the VM's are empty where they are not known, or nothing was there to run
  std::chrono::system_clock::time_point started_at;
  std::chrono::microseconds duration{};
  bool vetoed = false;  ///< the caller must not go on
  bool is_cancelled = false;
  bool changed = false;  ///< `document` differs from the one that was given
  std::string document;  ///< the one to go on with; the one that was given where the hook point does not use changes
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

/// Hides the passwords in REASON and in all that PROCESS tells. SECRETS is called where there is a text that could have
/// one.
void hide_in(std::string& reason, ProcessOutcome& process, const std::function<const Secrets&()>& secrets);

/// The last lines of what a hook printed, fit for a terminal; empty: nothing.
std::string last_lines(const OutputTail& tail);

}  // namespace vdsm_hook
