#include "vdsm_hook/engine/json.hpp"

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/time.hpp"

namespace vdsm_hook {
namespace {

namespace json = boost::json;

json::array to_json(const std::vector<Problem>& problems) {
  json::array out;
  for (const auto& problem : problems)
    out.push_back({{"what", printable(problem.what)}, {"why", printable(problem.why)}, {"vetoes", problem.vetoes}});
  return out;
}

json::array to_json(const std::vector<IgnoredFile>& ignored) {
  json::array out;
  for (const auto& file : ignored)
    out.push_back({{"path", printable(file.path)}, {"reason", printable(reason_of(file))}});
  return out;
}

json::array to_json(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(printable(text));
  return out;
}

std::string to_text(const OutputTail& tail) {
  const auto text = printable(tail.text);
  return tail.cut == 0 ? text : "[... " + std::to_string(tail.cut) + " bytes cut ...]\n" + text;
}

std::string_view result_of(const ProcessOutcome& outcome) {
  switch (outcome.kind) {
    case ProcessOutcome::Kind::exited: return "exited";
    case ProcessOutcome::Kind::signalled: return "signalled";
    case ProcessOutcome::Kind::timed_out: return "timed_out";
    case ProcessOutcome::Kind::not_started: return "not_started";
  }
  return "not_started";
}

std::string_view tree_of(const ProcessOutcome& outcome) {
  switch (outcome.tree) {
    case ProcessOutcome::Tree::gone: return "gone";
    case ProcessOutcome::Tree::left: return "left";
    case ProcessOutcome::Tree::not_known: return "not_known";
  }
  return "not_known";
}

json::array to_json(const std::vector<LeftProcess>& processes) {
  json::array out;
  for (const auto& process : processes) out.push_back({{"pid", process.pid}, {"name", printable(process.name)}});
  return out;
}

double in_ms(std::chrono::microseconds duration) { return static_cast<double>(duration.count()) / 1000.0; }

json::object to_json(const HookOutcome& hook) {
  using Kind = ProcessOutcome::Kind;
  const auto& process = hook.process;
  json::object out{{"name", printable(hook.name)},
                   {"path", printable(hook.path)},
                   {"verdict", hook.ran ? "ran" : "skipped"},
                   {"reason", printable(hook.reason)},
                   {"result", nullptr},
                   {"exit_code", nullptr},
                   {"signal", nullptr},
                   {"duration_ms", nullptr},
                   {"changed", hook.changed},
                   {"adopted", hook.adopted},
                   {"stderr", to_text(process.err)},
                   {"stdout", to_text(process.out)},
                   {"tree", nullptr},
                   {"survivors", json::array()}};
  if (!hook.ran) return out;
  out["result"] = result_of(process);
  if (process.kind == Kind::exited) out["exit_code"] = process.exit_code;
  if (process.kind == Kind::signalled) out["signal"] = signal_name(process.signal);
  out["tree"] = tree_of(process);
  out["survivors"] = to_json(process.survivors);
  out["duration_ms"] = in_ms(process.duration);
  return out;
}

}  // namespace

json::value to_json(const Report& report) {
  json::array hooks;
  for (const auto& hook : report.hooks) hooks.push_back(to_json(hook));
  return {{"run_id", report.run_id},
          {"event", report.event},
          {"vm_id", printable(report.vm_id)},
          {"vm", printable(report.vm_name)},
          {"started_at", utc_text(report.started_at)},
          {"duration_ms", in_ms(report.duration)},
          {"vetoed", report.vetoed},
          {"cancelled", report.is_cancelled},
          {"changed", report.changed},
          {"problems", to_json(report.problems)},
          {"ignored", to_json(report.ignored)},
          {"notes", to_json(report.notes)},
          {"survivors", report.survivors},
          {"hooks", std::move(hooks)}};
}

json::value to_json(const Plan& plan) {
  json::array hooks;
  for (const auto& hook : plan.hooks) {
    json::object out{{"name", printable(hook.name)},
                     {"path", printable(hook.path)},
                     {"verdict", hook.runs ? "run" : "skip"},
                     {"reason", printable(hook.reason)},
                     {"summary", printable(hook.summary)},
                     {"timeout_s", nullptr},
                     {"on_failure", to_string(hook.on_failure)}};
    if (hook.deadline) out["timeout_s"] = static_cast<double>(hook.deadline->count()) / 1000.0;
    hooks.push_back(std::move(out));
  }
  return {{"event", plan.event},
          {"vm_id", printable(plan.vm_id)},
          {"hooks", std::move(hooks)},
          {"ignored", to_json(plan.ignored)},
          {"problems", to_json(plan.problems)},
          {"notes", to_json(plan.notes)}};
}

}  // namespace vdsm_hook
