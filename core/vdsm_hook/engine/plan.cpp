#include "vdsm_hook/engine/plan.hpp"

#include <algorithm>

namespace vdsm_hook {

bool Plan::runs_something() const {
  return std::any_of(hooks.begin(), hooks.end(), [](const PlannedHook& hook) { return hook.runs; });
}

std::string_view to_string(OnFailure policy) {
  switch (policy) {
    case OnFailure::veto: return "veto";
    case OnFailure::warn: return "warn";
    case OnFailure::ignore: return "ignore";
  }
  return "veto";
}

std::string to_text(const Problem& problem) {
  return (problem.vetoes ? "error: " : "warning: ") + problem.what + ": " + problem.why;
}

}  // namespace vdsm_hook
