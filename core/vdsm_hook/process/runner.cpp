#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

void Runner::run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                             const OnOutcome& on_outcome) {
  for (const auto& spec : specs) {
    auto outcome = run(spec, stop);
    const bool is_last = &spec == &specs.back() || !outcome.is_success() || outcome.may_still_run() ||
                         stop.stop_requested() || !file.is_untouched();
    on_outcome(std::move(outcome), is_last);
    if (is_last) return;
  }
}

}  // namespace vdsm_hook
