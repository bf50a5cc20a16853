#include "vdsm_hook/process/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

struct Stat {
  char state;
  pid_t parent, group, session;
  unsigned long long start;  // with the pid: which process it is
};

std::optional<std::string> proc_file(pid_t pid, const char* name) {
  const auto path = "/proc/" + std::to_string(pid) + "/" + name;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  try {
    return read_to_end(fd.get(), kMaxPayloadBytes, path);
  } catch (const Error&) {  // it ended meanwhile, or it is not ours to read
    return std::nullopt;
  }
}

std::optional<Stat> stat_of(pid_t pid) {
  const auto text = proc_file(pid, "stat");
  if (!text) return std::nullopt;
  // The command's name stands in parentheses and may hold anything, so its end is the last one.
  const auto close = text->rfind(')');
  if (close == std::string::npos || close + 2 >= text->size()) return std::nullopt;
  Stat found{};
  constexpr int fields_between = 15;  // session is field 6, the start time field 22
  const char* at = text->data() + close + 2;
  const char* const end = text->data() + text->size();
  found.state = *at++;
  for (pid_t* field : {&found.parent, &found.group, &found.session}) {
    while (at < end && *at == ' ') ++at;
    at = std::from_chars(at, end, *field).ptr;
  }
  for (int field = 0; field <= fields_between; ++field) at = std::find(std::find_if(at, end, [](char c) { return c != ' '; }), end, ' ');
  std::from_chars(std::min(at + 1, end), end, found.start);
  return found;
}

// Whose a process says it is.
enum class Mark { ours, others, none };

Mark mark_of(pid_t pid, const TreeQuery& query) {
  const auto text = proc_file(pid, "environ");
  if (!text) return Mark::none;
  const std::string padded = '\0' + *text + '\0';
  const auto has = [&padded](const std::string& entry) { return padded.find('\0' + entry) != std::string::npos; };
  if (!has("VDSM_HOOK_RUN_ID=")) return Mark::none;
  const bool is_ours = !query.run_id.empty() && has("VDSM_HOOK_RUN_ID=" + query.run_id + '\0') && has("VDSM_HOOK_NAME=" + query.name + '\0');
  return is_ours ? Mark::ours : Mark::others;
}

bool is_member_by_itself(pid_t pid, const Stat& stat, const TreeQuery& query, pid_t self) {
  if (pid == query.leader || stat.group == query.leader || stat.session == query.leader) return true;
  if (query.leader == kNoLeader) return stat.parent == self;
  const auto mark = mark_of(pid, query);
  // An orphan that says whose it is may come from what an earlier hook left running.
  return mark == Mark::ours || (stat.parent == self && mark == Mark::none);
}

}  // namespace

std::vector<pid_t> signal_tree(const TreeQuery& query, int signal) {
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> proc(::opendir("/proc"));
  const pid_t self = ::getpid();
  struct Candidate {
    Stat stat;
    bool is_member;
  };
  std::map<pid_t, Candidate> candidates;
  while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
    pid_t pid = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, pid).ptr != end || pid == self) continue;
    const auto stat = stat_of(pid);
    if (!stat || std::find(query.spared.begin(), query.spared.end(), pid) != query.spared.end()) continue;
    candidates.emplace(pid, Candidate{*stat, is_member_by_itself(pid, *stat, query, self)});
  }
  // Children of members are members, however deep.
  for (bool grew = true; grew;) {
    grew = false;
    for (auto& [pid, candidate] : candidates) {
      if (candidate.is_member) continue;
      const auto parent = candidates.find(candidate.stat.parent);
      if (parent != candidates.end() && parent->second.is_member) grew = candidate.is_member = true;
    }
  }
  std::vector<pid_t> members;
  for (const auto& [pid, candidate] : candidates) {
    if (!candidate.is_member || candidate.stat.state == 'Z' || candidate.stat.state == 'X') continue;
    if (signal != 0) {
      // The pidfd holds the process that has the number now: is it still the one that was judged?
      const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      const auto now = pidfd ? stat_of(pid) : std::nullopt;
      if (!now || now->start != candidate.stat.start) continue;
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
      if (signal == SIGTERM) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGCONT, nullptr, 0);  // wakes a stopped one
    }
    members.push_back(pid);
  }
  // No fork escapes a signal to a group, and it needs no descriptor.
  if (signal == SIGKILL) ::kill(-query.leader, signal);
  return members;
}

}  // namespace vdsm_hook
