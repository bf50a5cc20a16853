#include "vdsm_hook/engine/engine.hpp"

#include <algorithm>
#include <exception>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/event_run.hpp"
#include "vdsm_hook/engine/planning.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook {

struct Engine::State {
  Settings settings;
  EngineOptions options;
  Caches caches;
};

struct PreparedEvent::State {
  const Engine& engine;
  const EngineOptions& options;
  Request request;
  Prepared prepared;
};

namespace {

HookOutcome not_run(const PlannedHook& hook) {
  HookOutcome outcome;
  outcome.name = hook.name;
  outcome.path = hook.path;
  outcome.reason = hook.reason;
  return outcome;
}

// What was planned tells of values that are refused, and of hooks' conditions.
void hide_secrets_in(Prepared& prepared, const Request& request) {
  auto& plan = prepared.plan;
  std::vector<std::string*> texts;
  for (auto& problem : plan.problems) texts.push_back(&problem.why);
  for (auto& note : plan.notes) texts.push_back(&note);
  const bool has_values = !prepared.vm_properties.empty() || !prepared.device_properties.empty();
  for (auto& hook : plan.hooks)
    if (has_values && !hook.reason.empty()) texts.push_back(&hook.reason);
  if (texts.empty()) return;
  auto secrets = request.secrets;
  learn_secrets(request, secrets);
  for (auto* text : texts) *text = secrets.hidden(*text);
}

Report report_of(const Request& request, const Plan& plan) {
  Report report;
  report.run_id = random_uuid();
  report.event = plan.event;
  report.vm_id = plan.vm_id;
  report.vm_name = plan.vm_name;
  report.started_at = std::chrono::system_clock::now();
  report.document = request.document;
  report.problems = plan.problems;
  report.ignored = plan.ignored;
  report.notes = plan.notes;
  for (const auto& hook : plan.hooks) report.hooks.push_back(not_run(hook));
  return report;
}

}  // namespace

PreparedEvent::PreparedEvent(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreparedEvent::PreparedEvent(PreparedEvent&&) noexcept = default;
PreparedEvent& PreparedEvent::operator=(PreparedEvent&&) noexcept = default;
PreparedEvent::~PreparedEvent() = default;

const Request& PreparedEvent::request() const noexcept { return state_->request; }

const Plan& PreparedEvent::plan() const noexcept { return state_->prepared.plan; }

Report PreparedEvent::run(std::stop_token stop) {
  const auto& request = state_->request;
  const auto begin = std::chrono::steady_clock::now();
  auto report = report_of(request, plan());
  if (plan().runs_something()) {
    if (request.before_hooks) request.before_hooks();
    const auto runner = state_->engine.make_runner(request.kept_descriptor);
    run_hooks(request, state_->engine.settings(), state_->prepared, *runner, report, stop);
  }
  report.vetoed =
      std::any_of(report.problems.begin(), report.problems.end(), [](const Problem& p) { return p.vetoes; });
  report.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  if (const auto& record = state_->options.recorder) {
    try {
      record(request, report);
    } catch (const std::exception& error) {
      report.problems.push_back({report.event, std::string("it is not recorded: ") + error.what(), false});
    }
  }
  return report;
}

Engine::Engine(Settings settings, EngineOptions options) : state_(std::make_unique<State>()) {
  state_->settings = std::move(settings);
  state_->options = std::move(options);
}

Engine::~Engine() = default;

const Settings& Engine::settings() const noexcept { return state_->settings; }

PreparedEvent Engine::prepare(Request request) const {
  auto prepared = vdsm_hook::prepare(request, state_->settings, state_->caches);
  hide_secrets_in(prepared, request);
  return PreparedEvent(std::unique_ptr<PreparedEvent::State>(
      new PreparedEvent::State{*this, state_->options, std::move(request), std::move(prepared)}));
}

Plan Engine::plan(Request request) const { return prepare(std::move(request)).plan(); }

Report Engine::run(Request request, std::stop_token stop) const {
  return prepare(std::move(request)).run(std::move(stop));
}

std::unique_ptr<Runner> Engine::make_runner(int kept) const {
  return state_->options.runner ? state_->options.runner(kept)
                                : make_helper_runner(state_->settings.paths.helper, kept);
}

}  // namespace vdsm_hook
