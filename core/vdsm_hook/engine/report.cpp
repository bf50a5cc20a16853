#include "vdsm_hook/engine/report.hpp"

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {

namespace {

// "stopped with all its processes", if that was seen.
std::string describe_stop(const ProcessOutcome& outcome) {
  switch (outcome.tree) {
    case ProcessOutcome::Tree::gone: return "stopped with all its processes";
    case ProcessOutcome::Tree::not_known:
      return "stopped, but processes that it started may still run: they cannot be seen, because /proc is missing or "
             "another PID "
             "namespace's";
    case ProcessOutcome::Tree::left: break;
  }
  return "stopped, but these of its processes could not be killed and still run: " + to_text(outcome.survivors);
}

}  // namespace

std::string to_text(const std::vector<LeftProcess>& processes) {
  constexpr std::size_t max_shown = 10;
  std::string text;
  for (std::size_t i = 0; i < processes.size() && i < max_shown; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(processes[i].pid) + " (" + printable(processes[i].name) + ")";
  return processes.size() <= max_shown ? text : text + " and " + std::to_string(processes.size() - max_shown) + " more";
}

std::string describe(const ProcessOutcome& outcome, const std::optional<std::chrono::milliseconds>& deadline) {
  using Kind = ProcessOutcome::Kind;
  if (outcome.is_cancelled) return "the event was cancelled, and it was " + describe_stop(outcome);
  switch (outcome.kind) {
    case Kind::not_started: return "not started: " + outcome.why;
    case Kind::timed_out:
      return "no end within its deadline of " + to_text(deadline.value_or(std::chrono::milliseconds(0))) + ": " +
             describe_stop(outcome);
    case Kind::signalled: return "killed by " + signal_name(outcome.signal);
    case Kind::exited: break;
  }
  const auto code = "exit code " + std::to_string(outcome.exit_code);
  if (outcome.exit_code == 2) return code + " (failed, stop)";
  if (outcome.exit_code > 2) return code + " (above 2 is reserved: taken as 1)";
  return code;
}

void hide_in(std::string& reason, ProcessOutcome& process, const std::function<const Secrets&()>& secrets) {
  for (auto* text : {&reason, &process.why})
    if (!text->empty()) *text = secrets().hidden(*text);
  for (auto* tail : {&process.out, &process.err})
    if (!tail->text.empty())
      tail->text = tail->cut > 0 ? secrets().hidden_end(tail->text) : secrets().hidden(tail->text);
}

std::string last_lines(const OutputTail& tail) {
  constexpr std::size_t max_lines = 10, max_bytes = 2000;
  std::string_view text(tail.text);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  std::size_t start = text.size();
  for (std::size_t lines = 0; start > 0 && text.size() - start < max_bytes; --start)
    if (text[start - 1] == '\n' && ++lines == max_lines) break;
  std::string shown = printable(text.substr(start));
  if (start > 0 || tail.cut > 0) shown = "[...] " + shown;
  return shown;
}

}  // namespace vdsm_hook
