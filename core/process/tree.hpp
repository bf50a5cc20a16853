// The processes that belong to a hook. Inside core/process only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vdsm_hook {

inline constexpr pid_t kNoLeader = -1;  ///< asks for every child of this process and what comes from it

/// Besides what is found by these, every child of this process belongs to the tree that does not say it is another hook's.
struct TreeQuery {
  pid_t leader;             ///< the hook's own pid, not yet reaped when there is a signal: its session and process group
  std::string run_id;       ///< VDSM_HOOK_RUN_ID (empty: its environment does not say it) and
  std::string name;         ///< VDSM_HOOK_NAME of its environment
  std::vector<pid_t> spared;  ///< what earlier hooks left running
};

/// Sends SIGNAL (0: none) to every process of the tree but zombies, and returns their pids. A process is judged and
/// signalled through one pidfd, so that a pid used again in between harms nobody.
std::vector<pid_t> signal_tree(const TreeQuery& query, int signal);

}  // namespace vdsm_hook
