// The engine: one event from request to report.
#pragma once

#include <memory>
#include <stop_token>

#include "vdsm_hook/engine/plan.hpp"
#include "vdsm_hook/engine/report.hpp"
#include "vdsm_hook/engine/request.hpp"
#include "vdsm_hook/engine/settings.hpp"

namespace vdsm_hook {

/// Finds, starts, bounds and judges hooks. Any number of threads may use one engine at once, each for an event of
/// another VM; to keep one VM's events apart is the caller's duty. SIGCHLD must not be ignored.
///
/// Errors: wrong_use (no such event, a reserved name, a document where none goes, ...), bad_document (not sound before
/// any hook ran), engine_failure. What hooks do, and what is wrong with their files, is in the report.
class Engine {
 public:
  explicit Engine(Settings settings);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Settings& settings() const noexcept;

  /// What run() would do, now. Starts nothing, writes nothing.
  Plan plan(const Request& request) const;

  /// Runs the event, in a helper process when it starts something. Should this process die, the helper stops the hook that runs
  /// with its whole tree. On a request of STOP the running hook's tree is stopped, nothing more is started, and the report
  /// says so. The document is only looked at when there is something to run.
  Report run(const Request& request, std::stop_token stop = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vdsm_hook
