// What /proc says of processes. Inside core/vdsm_hook/process only.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace vdsm_hook {

/// Whether /proc has this process under the number by which it knows itself: in a PID namespace it may be another
/// one's, where the same numbers are other processes; or there is none.
bool proc_is_ours();

struct ProcessStat {
  pid_t pid;
  std::string name;
  char state;
  pid_t parent, session;
  unsigned long long start;  ///< with the pid: which process it is
  /// Nothing of it runs any more. One whose first thread has ended while others run shows the same letter.
  bool has_ended;
};

/// nullopt: there is no such process.
std::optional<ProcessStat> stat_of(pid_t pid);

/// Of all threads of PID.
std::vector<pid_t> children_of(pid_t pid);

/// Whether TOKEN stands in the environment that PID was started with, or in the name of a control group of it.
bool carries(pid_t pid, const std::string& token);

}  // namespace vdsm_hook
