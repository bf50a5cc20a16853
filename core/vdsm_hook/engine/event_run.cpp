#include "vdsm_hook/engine/event_run.hpp"

#include <algorithm>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/prepared.hpp"
#include "vdsm_hook/payload/diff.hpp"
#include "vdsm_hook/payload/private_file.hpp"

namespace vdsm_hook {
namespace {

const std::string kNameEntry = "VDSM_HOOK_NAME=";
/// Hooks that are handed over at once: one that edits the document makes those behind it be handed over again.
constexpr std::size_t kMaxBatch = 64;

// One run: hooks one after the other, the document going through them.
class HookRun {
 public:
  HookRun(const Request& request, const Settings& settings, const Prepared& prepared, Runner& runner,
          const std::string& run_id)
      : request_(request),
        settings_(settings),
        prepared_(prepared),
        plan_(prepared_.plan),
        runner_(runner),
        run_id_(run_id),
        file_(settings.paths.runtime_dir, run_id_, prepared_.document.value_or(request.document)),
        secrets_(request.secrets) {}

  /// Fills REPORT, which has what the plan says already.
  void run(Report& report, const std::stop_token& stop) {
    auto environment = make_environment(environment_parts());
    const auto is_each_hooks = [this](const std::string& entry) {
      return entry.starts_with(kNameEntry) || entry.starts_with(path_variable() + "=");
    };
    std::erase_if(environment, is_each_hooks);
    environment_ = std::make_shared<const std::vector<std::string>>(std::move(environment));
    for (std::size_t next = 0; next < plan_.hooks.size();) next = run_from(next, report, stop);
    if (report.is_cancelled) report.problems.push_back({plan_.event, "the event was cancelled", plan_.rules.vetoes});
    if (plan_.rules.result_used) {
      report.changed = file_.document() != request_.document;
      report.document = file_.document();
    } else if (file_.document() != request_.document) {
      report.notes.push_back("hooks changed the document, but changes made at " + plan_.event + " are not used");
    }
    report.secrets = std::move(secrets_);
  }

 private:
  std::string path_variable() const { return plan_.rules.payload == PayloadKind::json ? "_hook_json" : "_hook_domxml"; }
  std::string path_entry() const { return path_variable() + "=" + file_.path(); }

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
    parts.own = {{path_variable(), ""},
                 {"VDSM_HOOK_EVENT", plan_.event},
                 {"VDSM_HOOK_API", "1"},
                 {"VDSM_HOOK_RUN_ID", run_id_},
                 // Python would leave what it compiled beside modules, among the hooks.
                 {"PYTHONPYCACHEPREFIX", settings_.paths.runtime_dir + "/pycache"},
                 {"VDSM_HOOK_SDK_SHELL", settings_.paths.sdk_shell_dir},
                 {"VDSM_HOOK_LAUNCHFLAGS_DIR", settings_.paths.launchflags_dir},
                 {"VDSM_HOOK_NAME", ""}};
    return parts;
  }

  // Runs the hooks from FIRST on for as long as none fails and none changes the document. Returns the first that is
  // still to run.
  std::size_t run_from(std::size_t first, Report& report, const std::stop_token& stop) {
    report.is_cancelled = report.is_cancelled || stop.stop_requested();
    std::string why;
    if (report.is_cancelled) why = "not reached: the event was cancelled";
    if (!stopped_by_.empty()) why = "not reached: " + stopped_by_ + " stopped the event (exit code 2)";
    std::vector<std::size_t> indices;
    std::vector<ProcessSpec> specs;
    for (std::size_t i = first; i < plan_.hooks.size(); ++i) {
      const auto& hook = plan_.hooks[i];
      if (!hook.runs) continue;
      if (!why.empty()) {
        report.hooks[i].reason = why;
        continue;
      }
      if (needs_new_place_) renew_place();
      indices.push_back(i);
      specs.push_back({.program = hook.path,
                       .environment = {path_entry(), kNameEntry + hook.name},
                       .deadline = hook.deadline,
                       .grace = settings_.grace,
                       .common_environment = environment_});
      if (request_.also_judge || specs.size() == kMaxBatch) break;
    }
    if (specs.empty()) return plan_.hooks.size();
    std::size_t count = 0;
    runner_.run_while_clean(specs, file_.watched(), stop, [&](ProcessOutcome process, bool is_last) {
      const auto i = indices[count++];
      report.hooks[i].process = std::move(process);
      judge(plan_.hooks[i], report.hooks[i], is_last, report);
    });
    return indices[count - 1] + 1;
  }

  // MAY_HAVE_WRITTEN: nobody has looked at the document since this hook ran.
  void judge(const PlannedHook& hook, HookOutcome& outcome, bool may_have_written, Report& report) {
    outcome.ran = true;
    const auto& process = outcome.process;
    report.survivors += process.survivors.size();
    report.is_cancelled = report.is_cancelled || process.is_cancelled;
    outcome.failed = !process.is_success();
    if (outcome.failed) outcome.reason = describe(process, hook.deadline);
    if (request_.also_judge) judge_besides(outcome);
    if (may_have_written) take_document(outcome);
    hide_secrets_in(outcome);
    // Whoever may still be at work there must not reach what the next hook gets.
    if (outcome.failed || process.may_still_run()) needs_new_place_ = true;
    if (outcome.failed) blame(hook, outcome, report);
    const bool asks_to_stop = process.kind == ProcessOutcome::Kind::exited && process.exit_code == 2;
    if (asks_to_stop && !process.is_cancelled && hook.stops_event) stopped_by_ = hook.name;
  }

  // What was given is read when there is a first text that it could be in.
  void learn_given() {
    if (!std::exchange(has_learned_, true)) learn_secrets(request_, secrets_);
  }

  void hide_secrets_in(HookOutcome& outcome) {
    hide_in(outcome.reason, outcome.process, [this]() -> const Secrets& { return learn_given(), secrets_; });
  }

  // Made of the documents without their passwords, so that none is found in pieces.
  std::string diff_to(const std::string& document) {
    if (!is_utf8(document) || document.find('\0') != std::string::npos) return "(not shown: it is not in UTF-8)\n";
    if (std::max(file_.document().size(), document.size()) > kMaxDiffBytes)
      return unified_diff(file_.document(), document);  // which says so
    const auto diff = unified_diff(secrets_.hidden(file_.document()), secrets_.hidden(document));
    return diff.empty() ? "(only what is hidden here changed: a password)\n" : diff;
  }

  void renew_place() {
    file_.renew(file_.document());
    needs_new_place_ = false;
  }

  // What the hook left is adopted, or what it got is put back.
  void take_document(HookOutcome& outcome) {
    auto content = file_.read_back(settings_.max_payload_bytes);
    if (content.state == PrivateFile::State::untouched) return;
    needs_new_place_ = content.state == PrivateFile::State::broken;
    judge_document(content, outcome);
    if (needs_new_place_) return;
    if (const auto trouble = file_.put(outcome.adopted ? std::move(content.document) : file_.document())) {
      needs_new_place_ = true;
      discard(*trouble, outcome);
    }
  }

  // WHY: what is wrong with the document or its file; empty: nothing, but the hook failed.
  static void discard(const std::string& why, HookOutcome& outcome) {
    outcome.adopted = false;
    outcome.reason +=
        (outcome.reason.empty() ? "" : "; ") + (why.empty() ? "" : why + "; ") + "its changes were discarded";
    if (!why.empty()) outcome.failed = true;
  }

  void judge_besides(HookOutcome& outcome) const {
    const auto why = request_.also_judge(outcome.failed);
    if (why.empty()) return;
    outcome.reason += (outcome.reason.empty() ? "" : "; ") + why;
    outcome.failed = true;
  }

  void judge_document(const PrivateFile::Content& content, HookOutcome& outcome) {
    if (plan_.rules.payload == PayloadKind::none) return;
    const bool is_broken = content.state == PrivateFile::State::broken;
    outcome.changed = is_broken || content.document != file_.document();
    if (!outcome.changed) return;
    learn_given();
    secrets_.learn(content.document);
    if (!is_broken && request_.wants_diffs) outcome.diff = diff_to(content.document);

    std::string why = content.problem;
    DocumentIdentity identity;
    if (!is_broken && !request_.compat_vdsm) {
      if (auto wrong = unsound(plan_.rules.payload, content.document, identity)) {
        why = "the document it left is " + *wrong;
      } else if (auto change = moved(prepared_.identity, identity)) {
        why = *change;
      }
    }
    // Upstream keeps what a failed hook wrote.
    outcome.adopted = why.empty() && (!outcome.failed || request_.compat_vdsm);
    if (!outcome.adopted) discard(why, outcome);
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
  const Prepared& prepared_;
  const Plan& plan_;
  Runner& runner_;
  const std::string& run_id_;
  PrivateFile file_;
  Secrets secrets_;
  bool has_learned_ = false;
  bool needs_new_place_ = false;                                 // the file's, before the next hook starts
  std::shared_ptr<const std::vector<std::string>> environment_;  // all but what names the hook and the file
  std::string stopped_by_;
};

}  // namespace

void learn_secrets(const Request& request, Secrets& secrets) {
  for (const auto* document : {&request.document, &request.domain_xml}) secrets.learn(*document);
  for (const auto* variables : {&request.properties, &request.device_properties, &request.parameters})
    secrets.learn(*variables);
}

void run_hooks(const Request& request, const Settings& settings, const Prepared& prepared, Runner& runner,
               Report& report, const std::stop_token& stop) {
  HookRun(request, settings, prepared, runner, report.run_id).run(report, stop);
}

}  // namespace vdsm_hook
