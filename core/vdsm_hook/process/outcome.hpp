// What became of one hook's process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace vdsm_hook {

/// What is kept of one output stream.
struct OutputTail {
  std::string text;     ///< all of it, or at most the last kOutputTailBytes
  std::size_t cut = 0;  ///< bytes in front of them that were dropped
};

struct LeftProcess {
  pid_t pid;
  std::string name;  ///< as the kernel shows it: whatever the process says
};

struct ProcessOutcome {
  enum class Kind { exited, signalled, timed_out, not_started };
  Kind kind = Kind::not_started;
  int exit_code = 0;          ///< exited
  int signal = 0;             ///< signalled
  bool is_cancelled = false;  ///< it was stopped because the caller asked for it
  std::string why;            ///< not_started: a sentence
  std::chrono::microseconds duration{};
  OutputTail out, err;

  /// What is known of the processes that it started and of itself.
  enum class Tree {
    gone,       ///< it was seen that none is left
    left,       ///< `survivors` were seen
    not_known,  ///< something is left, and it cannot be seen what: there is no /proc, or it is another PID namespace's
  };
  Tree tree = Tree::gone;
  std::vector<LeftProcess> survivors;  ///< what it left running, or what outlived KILL

  bool is_success() const { return kind == Kind::exited && exit_code == 0 && !is_cancelled; }
  /// Whether something of it may go on writing to what it was given, however it ended.
  bool may_still_run() const { return tree != Tree::gone; }
};

/// "SIGKILL" for 9; "signal 35" for what has no name.
std::string signal_name(int signal);

}  // namespace vdsm_hook
