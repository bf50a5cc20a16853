// The processes that belong to a hook. Inside core/vdsm_hook/process only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "vdsm_hook/process/cgroup.hpp"
#include "vdsm_hook/process/outcome.hpp"
#include "vdsm_hook/process/proc.hpp"

namespace vdsm_hook {

/// Everything below this process, which is a child subreaper and starts nothing but hooks, one after the other. What is
/// below it belongs to the hook that runs now, unless it is known to come from an earlier one: it was seen to be left
/// by that, is in its session, or carries its mark, which is secret, or its control group.
class Tree {
 public:
  /// What is there already is an earlier one's.
  Tree();

  /// NAME=VALUE for the environment of the next hook.
  std::string mark() const { return "VDSM_HOOK_MARK=" + token_; }
  /// For the next hook; -1: there is none.
  int cgroup() const { return cgroup_ ? cgroup_->fd() : -1; }

  /// The next hook runs as LEADER, and leads a session.
  void begin(pid_t leader) { leader_ = leader; }
  /// Gives the children back to the kernel that have ended, but not the hook itself. Whether there are any others.
  bool reap() const;
  /// Asks all of it to end: TERM, and CONT for who is stopped.
  void terminate() const;
  /// Whether it was seen that all of it has ended. Never where /proc is not ours.
  bool has_ended() const;
  /// Kills all of it: stops one after the other, so that none can start another, before it kills. Returns when it has
  /// seen that all has ended, or after PATIENCE: a process in an uninterruptible sleep outlives KILL.
  void kill(std::chrono::milliseconds patience) const;
  /// After the hook's end, which has been taken: writes what is known of the rest to OUTCOME. What is left is an
  /// earlier one's from now on. Where nobody can look at it, children that end within PATIENCE are waited for.
  void end(ProcessOutcome& outcome, std::chrono::milliseconds patience);

 private:
  std::vector<ProcessStat> members() const;
  bool is_spared(const ProcessStat& child) const;
  void spare(const ProcessStat& process);
  void begin_anew();

  pid_t leader_ = -1;
  std::string token_;               // of the hooks that have left nothing, and of the one that runs
  std::unique_ptr<Cgroup> cgroup_;  // likewise
  std::vector<std::string> spared_tokens_;
  std::map<pid_t, unsigned long long> spared_;  // with their start times
  std::set<pid_t> spared_sessions_;
};

}  // namespace vdsm_hook
