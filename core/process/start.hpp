// Starting a program without copying the parent. Inside core/process only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

struct StartedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  int error = 0;  ///< errno of the step that failed; the process is then gone already
};

/// Memory for the few calls between clone and exec; one a thread.
class StartStack {
 public:
  StartStack() : memory_(kBytes) {}
  char* top() { return memory_.data() + (kBytes - reinterpret_cast<std::uintptr_t>(memory_.data()) % 16) / 16 * 16; }

 private:
  static constexpr std::size_t kBytes = 64 * 1024;
  std::vector<char> memory_;
};

/// Starts ARGUMENTS[0] with IN, OUT and ERR (all above 2) as its only descriptors, in a session of its own, with
/// default signals, umask 022 and cwd `/`. It is killed when the calling thread ends before it does.
/// Throws nothing; costs the same however large the parent is.
StartedProcess start_process(StartStack& stack, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment, int in, int out, int err);

}  // namespace vdsm_hook
