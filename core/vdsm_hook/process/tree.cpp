#include "vdsm_hook/process/tree.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

using std::chrono::steady_clock;

constexpr int kNapMilliseconds = 1;

// The pidfd holds the process that has the number now: is it still the one that was judged? A process that is looked at
// so has a number that nobody else can get meanwhile.
void signal(const ProcessStat& process, std::initializer_list<int> signals) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  const auto now = pidfd ? stat_of(process.pid) : std::nullopt;
  if (!now || now->start != process.start) return;
  for (const int signal : signals) ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

bool is_zombie(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

}  // namespace

Tree::Tree() {
  begin_anew();
  if (reap() && proc_is_ours())
    for (const auto& process : members()) spare(process);
}

void Tree::begin_anew() {
  token_ = random_uuid();
  cgroup_ = Cgroup::make(token_);
}

bool Tree::reap() const {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
    if (info.si_pid == 0 || info.si_pid == leader_) return true;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

bool Tree::is_spared(const ProcessStat& child) const {
  if (child.pid == leader_ || child.session == leader_) return false;
  const auto found = spared_.find(child.pid);
  if (found != spared_.end() && found->second == child.start) return true;
  if (spared_sessions_.contains(child.session)) return true;
  return std::any_of(spared_tokens_.begin(), spared_tokens_.end(),
                     [&](const auto& token) { return carries(child.pid, token); });
}

// From parents to children, all that have not ended. Takes the children that have, wherever in the line they stand.
std::vector<ProcessStat> Tree::members() const {
  const pid_t self = ::getpid();
  std::vector<ProcessStat> found;
  std::set<pid_t> seen;
  const auto add_children = [&](pid_t parent) {
    for (const auto pid : children_of(parent)) {
      const auto stat = stat_of(pid);
      if (!stat || !seen.insert(pid).second) continue;
      if (stat->has_ended) {
        if (pid != leader_ && parent == self) ::waitpid(pid, nullptr, WNOHANG);
      } else if (parent != self || !is_spared(*stat)) {
        found.push_back(*stat);
      }
    }
  };
  add_children(self);
  for (std::size_t next = 0; next < found.size(); ++next) add_children(found[next].pid);
  return found;
}

void Tree::terminate() const {
  if (!proc_is_ours()) {
    ::kill(-leader_, SIGTERM);
    ::kill(-leader_, SIGCONT);
    return;
  }
  for (const auto& process : members()) signal(process, {SIGTERM, SIGCONT});
}

bool Tree::has_ended() const {
  // Two looks: a process that starts its child and ends may pass the first from behind.
  return is_zombie(leader_) && proc_is_ours() && members().empty() && members().empty();
}

void Tree::kill(std::chrono::milliseconds patience) const {
  const auto end = steady_clock::now() + patience;
  const bool can_look = proc_is_ours();
  std::set<std::pair<pid_t, unsigned long long>> stopped;
  for (bool has_grown = true; steady_clock::now() < end;) {
    ::kill(-leader_, SIGKILL);  // no fork escapes a signal to a group, and it needs no descriptor
    if (cgroup_) cgroup_->kill();
    if (!can_look && is_zombie(leader_)) return;
    if (!has_grown) ::poll(nullptr, 0, kNapMilliseconds);
    std::vector<ProcessStat> left;
    bool is_new = can_look;
    for (has_grown = false; is_new && steady_clock::now() < end; has_grown = has_grown || is_new) {
      is_new = false;
      left = members();
      for (const auto& process : left) {
        if (!stopped.emplace(process.pid, process.start).second) continue;
        is_new = true;
        signal(process, {SIGSTOP});
      }
    }
    for (const auto& process : left) signal(process, {SIGKILL});
    if (has_ended()) return;
  }
}

void Tree::spare(const ProcessStat& process) {
  spared_.emplace(process.pid, process.start);
  spared_sessions_.insert(process.session);
}

void Tree::end(ProcessOutcome& outcome, std::chrono::milliseconds patience) {
  const bool can_look = proc_is_ours();
  const auto end = steady_clock::now() + patience;
  while (reap()) {
    if (!can_look && steady_clock::now() < end) {
      ::poll(nullptr, 0, kNapMilliseconds);
      continue;
    }
    auto left = can_look ? members() : std::vector<ProcessStat>();
    if (can_look && left.empty() && (left = members()).empty()) break;
    outcome.tree = can_look ? ProcessOutcome::Tree::left : ProcessOutcome::Tree::not_known;
    for (const auto& process : left) {
      outcome.survivors.push_back({process.pid, process.name});
      spare(process);
    }
    spared_sessions_.insert(leader_);
    spared_tokens_.push_back(token_);
    begin_anew();
    break;
  }
  leader_ = -1;
}

}  // namespace vdsm_hook
