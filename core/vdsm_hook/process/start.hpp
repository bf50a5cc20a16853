// Starting a program without copying the parent. Inside core/vdsm_hook/process only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

struct StartPlan {
  const std::string& program;                                    ///< argument 0, too
  const std::vector<std::string>& arguments;                     ///< behind argument 0
  const std::vector<std::string>& environment;                   ///< NAME=VALUE
  const std::vector<std::string>* common_environment = nullptr;  ///< more of it; null: nothing
  int in, out, err;                                              ///< its descriptors 0 to 2; each above 2 here
  std::string mark{};                                            ///< one more NAME=VALUE; empty: none
  std::string input_file{};      ///< opened as its descriptor 0 instead of `in`; empty: none
  bool runs_plain_text = false;  ///< what the kernel cannot run and is_shell_text() is given to /bin/sh
  int kept = -1;                 ///< a descriptor, above 2, that it has as its 3; -1: none
  int cgroup = -1;               ///< directory of the control group v2 that it begins in; -1: the parent's
  std::optional<std::chrono::steady_clock::time_point> until{};  ///< it must have begun by then
};

struct StartedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  int error = 0;                ///< errno of the step that failed; the process is then gone already
  bool is_input_error = false;  ///< the step was to open `input_file`
  bool is_late =
      false;  ///< it had not begun by `until`, or when STOP was requested, and was killed; it may still be there
};

/// FD, moved above 2 where it is not: descriptors 0 to 2 of the child are made from it, and in a process whose own are
/// closed nobody shall take it for them. Empty with errno: no descriptor was free, and FD is closed.
UniqueFd above_stdio(int fd);

/// Memory for the few calls between clone and exec; one a thread.
class StartStack {
 public:
  StartStack() : memory_(kBytes) {}
  /// Aligned as every ABI wants it.
  char* top() { return memory_.data() + kBytes - reinterpret_cast<std::uintptr_t>(memory_.data() + kBytes) % 16; }

 private:
  static constexpr std::size_t kBytes = std::size_t{64} * 1024;
  std::vector<char> memory_;
};

/// Starts a program with 0 to 2 (and 3) as its only descriptors, in a session and process group of its own, with
/// default signals, umask 022 and cwd `/`, and waits until it runs: file systems can keep exec for ever. It is killed
/// when the calling thread ends before it does. Throws nothing; costs the same however large the parent is, but with a
/// control group, where the parent's tables are copied.
StartedProcess start_process(StartStack& stack, const StartPlan& plan, const std::stop_token& stop);

}  // namespace vdsm_hook
