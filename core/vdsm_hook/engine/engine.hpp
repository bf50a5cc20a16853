// The engine: one event from request to report.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "vdsm_hook/engine/plan.hpp"
#include "vdsm_hook/engine/report.hpp"
#include "vdsm_hook/engine/request.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// What an embedder has the engine do in another way. Both may be called from any thread that uses the engine.
struct EngineOptions {
  /// Makes what starts the hooks of one event. KEPT: Request::kept_descriptor. Empty: in the installed helper process.
  std::function<std::unique_ptr<Runner>(int kept)> runner{};
  /// Is called at the end of every event that was run: also of one that was vetoed or cancelled, and of one without
  /// hooks. Not where run() throws. What it throws does not lose the event: the report has it as a problem that vetoes
  /// nothing.
  std::function<void(const Request&, const Report&)> recorder{};
};

/// An event that was planned and can be run. It has no use for another time: run it soon, since it goes by what the
/// files were when it was prepared. Its engine must outlive it.
class PreparedEvent {
 public:
  PreparedEvent(PreparedEvent&&) noexcept;
  PreparedEvent& operator=(PreparedEvent&&) noexcept;
  ~PreparedEvent();

  const Request& request() const noexcept;
  const Plan& plan() const noexcept;

  /// Runs the hooks of the plan, in a helper process when there are any, and that once. Should this process die, the
  /// helper stops the hook that runs with its whole tree. On a request of STOP the running hook's tree is stopped,
  /// nothing more is started, and the report says so. Throws engine_failure.
  Report run(std::stop_token stop = {});

 private:
  friend class Engine;
  struct State;
  explicit PreparedEvent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Finds, starts, bounds and judges hooks. Any number of threads may use one engine at once, each for an event of
/// another VM; to keep one VM's events apart is the caller's duty. SIGCHLD must not be ignored.
///
/// Errors: wrong_use (no such event, a reserved name, a document where none goes, ...), bad_document (not sound before
/// any hook ran), engine_failure. What hooks do, and what is wrong with their files, is in the report.
class Engine {
 public:
  explicit Engine(Settings settings, EngineOptions options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Settings& settings() const noexcept;

  /// Plans the event. Starts nothing, writes nothing. The document is only looked at when there is something to run.
  PreparedEvent prepare(Request request) const;

  /// prepare(), and what came of it.
  Plan plan(Request request) const;
  Report run(Request request, std::stop_token stop = {}) const;

  /// What starts the hooks of an event, for what else is started as they are.
  std::unique_ptr<Runner> make_runner(int kept = -1) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vdsm_hook
