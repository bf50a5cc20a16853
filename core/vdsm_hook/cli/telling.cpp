#include "vdsm_hook/cli/telling.hpp"

#include "vdsm_hook/cli/console.hpp"

namespace vdsm_hook::cli {
namespace {

void tell_hook(const HookOutcome& hook) {
  std::string line = hook.name + ": ";
  if (hook.ran) {
    line += "ran " + std::to_string(hook.process.duration.count() / 1000) + " ms";
    line += hook.adopted ? ", changed the document" : hook.changed ? ", its changes were discarded" : "";
    if (hook.failed) line += ", " + hook.reason;
  } else {
    line += "skipped: " + hook.reason;
  }
  complain(line);
}

}  // namespace

void tell(const Report& report, Verbosity verbosity, bool wants_diffs, std::set<std::string>* warned) {
  for (const auto& file : report.ignored) {
    if (file.is_problem() || verbosity == Verbosity::quiet) continue;
    if (file.is_deliberate() && verbosity != Verbosity::verbose) continue;
    complain("note: " + file.path + " does not run: " + reason_of(file));
  }
  for (const auto& hook : report.hooks) {
    if (verbosity == Verbosity::verbose) tell_hook(hook);
    if (wants_diffs && !hook.diff.empty())
      complain(hook.name + (hook.adopted ? " changed" : " would have changed (discarded)") + ":\n" + hook.diff);
  }
  if (verbosity == Verbosity::verbose)
    for (const auto& note : report.notes) complain("note: " + note);
  if (report.survivors > 0 && verbosity == Verbosity::verbose)
    complain("note: hooks left " + std::to_string(report.survivors) + " process(es) running");
  for (const auto& problem : report.problems) {
    if (!problem.vetoes && verbosity == Verbosity::quiet) continue;
    if (!problem.vetoes && warned != nullptr && !warned->insert(to_text(problem)).second) continue;
    complain(to_text(problem));
  }
}

}  // namespace vdsm_hook::cli
