#include "vdsm_hook/engine/report.hpp"

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {

std::string_view to_string(OnFailure policy) {
  switch (policy) {
    case OnFailure::veto: return "veto";
    case OnFailure::warn: return "warn";
    case OnFailure::ignore: return "ignore";
  }
  return "veto";
}

std::string to_text(const Problem& problem) { return (problem.vetoes ? "error: " : "warning: ") + problem.what + ": " + problem.why; }

std::string describe(const ProcessOutcome& outcome, const std::optional<std::chrono::milliseconds>& deadline) {
  using Kind = ProcessOutcome::Kind;
  if (outcome.is_cancelled) return "stopped, because the event was cancelled";
  switch (outcome.kind) {
    case Kind::not_started: return "not started: " + outcome.why;
    case Kind::timed_out:
      return "no end within its deadline of " + to_text(deadline.value_or(std::chrono::milliseconds(0))) +
             ": stopped with all its processes";
    case Kind::signalled: return "killed by " + signal_name(outcome.signal);
    case Kind::exited: break;
  }
  const auto code = "exit code " + std::to_string(outcome.exit_code);
  if (outcome.exit_code == 2) return code + " (failed, stop)";
  if (outcome.exit_code > 2) return code + " (above 2 is reserved: taken as 1)";
  return code;
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
