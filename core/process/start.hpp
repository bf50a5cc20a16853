// Starting a program without copying the parent. Inside core/process only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

struct StartedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  int error = 0;  ///< errno of the step that failed; the process is then gone already
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
  static constexpr std::size_t kBytes = 64 * 1024;
  std::vector<char> memory_;
};

/// Starts ARGUMENTS[0] with IN, OUT and ERR (all above 2) as its only descriptors, in a process group of its own (and a
/// session of its own, unless this process leads one: then there is no terminal to be kept away from), with default
/// signals, umask 022 and cwd `/`. It is killed when the calling thread ends before it does.
/// Throws nothing; costs the same however large the parent is.
StartedProcess start_process(StartStack& stack, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment, int in, int out, int err);

}  // namespace vdsm_hook
