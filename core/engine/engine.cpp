#include "vdsm_hook/engine/engine.hpp"

#include <algorithm>
#include <mutex>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/planning.hpp"
#include "vdsm_hook/payload/diff.hpp"
#include "vdsm_hook/payload/private_file.hpp"

namespace vdsm_hook {

struct Engine::State {
  Settings settings;
  Isolation isolation;
  SidecarCache sidecars;
  std::mutex one_event;  // whole_process: every child is that event's
};

namespace {

// One run: hooks one after the other, the document going through them.
class EventRun {
 public:
  EventRun(const Request& request, const Settings& settings, Prepared prepared, std::unique_ptr<Runner> runner)
      : request_(request),
        settings_(settings),
        prepared_(std::move(prepared)),
        plan_(prepared_.plan),
        runner_(std::move(runner)),
        run_id_(random_uuid()),
        file_(settings.paths.runtime_dir, run_id_, request.document),
        document_(request.document) {}

  /// Fills REPORT, which has what the plan says already.
  void run(Report& report, const std::stop_token& stop) {
    environment_ = make_environment(environment_parts());
    name_entry_ = std::find(environment_.begin(), environment_.end(), "VDSM_HOOK_NAME=");
    for (const auto& hook : plan_.hooks) {
      if (stop.stop_requested()) report.is_cancelled = true;
      report.hooks.push_back(run_hook(hook, report, stop));
    }
    if (report.is_cancelled)
      report.problems.push_back({plan_.event, "the event was cancelled", plan_.rules.vetoes});
    if (plan_.rules.result_used) {
      report.changed = document_ != request_.document;
      report.document = std::move(document_);
    } else if (document_ != request_.document) {
      report.notes.push_back("hooks changed the document, but changes made at " + plan_.event + " are not used");
    }
  }

 private:
  EnvironmentParts environment_parts() const {
    EnvironmentParts parts;
    parts.inherits_caller = request_.compat_vdsm;
    parts.configured = settings_.environment;
    parts.parameters = request_.parameters;
    if (plan_.rules.device_properties) parts.device_properties = prepared_.device_properties;
    if (plan_.rules.vm_properties) {
      parts.vm_properties = prepared_.vm_properties;
      parts.vm_id = plan_.vm_id;
    }
    parts.python_path = settings_.paths.sdk_python_dir;
    parts.own = {{plan_.rules.payload == PayloadKind::json ? "_hook_json" : "_hook_domxml", file_.path()},
                 {"VDSM_HOOK_EVENT", plan_.event},
                 {"VDSM_HOOK_API", "1"},
                 {"VDSM_HOOK_RUN_ID", run_id_},
                 {"VDSM_HOOK_SDK_SHELL", settings_.paths.sdk_shell_dir},
                 {"VDSM_HOOK_NAME", ""}};
    return parts;
  }

  HookOutcome run_hook(const PlannedHook& hook, Report& report, const std::stop_token& stop) {
    HookOutcome outcome;
    outcome.name = hook.name;
    outcome.path = hook.path;
    outcome.reason = hook.reason;
    if (!hook.runs) return outcome;
    if (report.is_cancelled) outcome.reason = "not reached: the event was cancelled";
    if (!stopped_by_.empty()) outcome.reason = "not reached: " + stopped_by_ + " stopped the event (exit code 2)";
    if (!outcome.reason.empty()) return outcome;

    outcome.ran = true;
    *name_entry_ = "VDSM_HOOK_NAME=" + hook.name;
    outcome.process = runner_->run({hook.path, environment_, run_id_, hook.name, hook.deadline, settings_.grace}, stop);
    report.survivors += outcome.process.survivors.size();
    report.is_cancelled = report.is_cancelled || outcome.process.is_cancelled;
    const auto& process = outcome.process;
    const bool exited = process.kind == ProcessOutcome::Kind::exited && !process.is_cancelled;
    outcome.failed = !exited || process.exit_code != 0;
    if (outcome.failed) outcome.reason = describe(process, hook.deadline);
    take_document(outcome);
    if (outcome.failed) blame(hook, outcome, report);
    if (exited && process.exit_code == 2 && hook.stops_event) stopped_by_ = hook.name;
    return outcome;
  }

  // What the hook left is adopted, or what it got is put back.
  void take_document(HookOutcome& outcome) {
    auto content = file_.read_back(settings_.max_payload_bytes);
    if (content.state == PrivateFile::State::untouched) return;
    judge_document(std::move(content), outcome);
    file_.put(document_);
  }

  void judge_document(PrivateFile::Content content, HookOutcome& outcome) {
    if (plan_.rules.payload == PayloadKind::none) return;
    const bool is_broken = content.state == PrivateFile::State::broken;
    outcome.changed = is_broken || content.document != document_;
    if (!outcome.changed) return;
    if (!is_broken && request_.wants_diffs) outcome.diff = unified_diff(document_, content.document);

    std::string why = content.problem;
    DocumentIdentity identity;
    if (!is_broken && !request_.compat_vdsm) {
      if (auto wrong = unsound(plan_.rules.payload, content.document, identity)) {
        why = "the document it left is " + (wrong->starts_with("not ") ? "" : std::string("wrong: ")) + *wrong;
      } else if (auto change = moved(prepared_.identity, identity)) {
        why = *change;
      }
    }
    // Upstream keeps what a failed hook wrote.
    outcome.adopted = why.empty() && (!outcome.failed || request_.compat_vdsm);
    if (outcome.adopted) {
      document_ = std::move(content.document);
    } else {
      outcome.reason += (outcome.reason.empty() ? "" : "; ") + (why.empty() ? "" : why + "; ") + "its changes were discarded";
      if (!why.empty()) outcome.failed = true;
    }
  }

  void blame(const PlannedHook& hook, const HookOutcome& outcome, Report& report) const {
    if (hook.on_failure == OnFailure::ignore) return;
    std::string why = hook.name + " failed at " + plan_.event;
    if (!plan_.vm_name.empty() || !plan_.vm_id.empty()) {
      why += " for the VM " + printable(plan_.vm_name.empty() ? plan_.vm_id : plan_.vm_name);
      if (!plan_.vm_name.empty() && !plan_.vm_id.empty()) why += " (" + plan_.vm_id + ")";
    }
    const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(outcome.process.duration);
    why += " after " + std::to_string(taken.count()) + " ms: " + outcome.reason;
    if (const auto said = last_lines(outcome.process.err); !said.empty()) why += "\n" + said;
    report.problems.push_back({hook.path, std::move(why), hook.on_failure == OnFailure::veto});
  }

  const Request& request_;
  const Settings& settings_;
  const Prepared prepared_;
  const Plan& plan_;
  std::unique_ptr<Runner> runner_;
  const std::string run_id_;
  PrivateFile file_;
  std::string document_;
  std::vector<std::string> environment_;
  std::vector<std::string>::iterator name_entry_;  // names the hook
  std::string stopped_by_;
};

}  // namespace

Engine::Engine(Settings settings, Isolation isolation) : state_(std::make_unique<State>()) {
  state_->settings = std::move(settings);
  state_->isolation = isolation;
  if (isolation == Isolation::whole_process) become_subreaper();
}

Engine::~Engine() = default;

const Settings& Engine::settings() const noexcept { return state_->settings; }

Plan Engine::plan(const Request& request) const {
  return prepare(request, state_->settings, state_->sidecars).plan;
}

Report Engine::run(const Request& request, std::stop_token stop) const {
  auto prepared = prepare(request, state_->settings, state_->sidecars);
  const auto& plan = prepared.plan;
  Report report;
  report.event = plan.event;
  report.vm_id = plan.vm_id;
  report.document = request.document;
  report.problems = plan.problems;
  report.ignored = plan.ignored;
  report.notes = plan.notes;
  const bool starts_something =
      std::any_of(plan.hooks.begin(), plan.hooks.end(), [](const PlannedHook& hook) { return hook.runs; });
  if (starts_something) {
    std::unique_lock<std::mutex> alone;
    if (state_->isolation == Isolation::whole_process) alone = std::unique_lock(state_->one_event);
    auto runner = state_->isolation == Isolation::whole_process ? make_local_runner(true)
                                                                : make_helper_runner(state_->settings.paths.helper);
    EventRun(request, state_->settings, std::move(prepared), std::move(runner)).run(report, stop);
  } else {
    for (const auto& hook : plan.hooks) {
      HookOutcome skipped;
      skipped.name = hook.name;
      skipped.path = hook.path;
      skipped.reason = hook.reason;
      report.hooks.push_back(std::move(skipped));
    }
  }
  report.vetoed = std::any_of(report.problems.begin(), report.problems.end(), [](const Problem& p) { return p.vetoes; });
  return report;
}

}  // namespace vdsm_hook
