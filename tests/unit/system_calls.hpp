// Processes in which some system calls fail, or end them: a kernel without a call, a file system without a feature, a
// death at a step.
#pragma once

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "support.hpp"
#include "vdsm_hook/base/file.hpp"

namespace vdsm_hook::test {

/// What happens at the system call NUMBER.
struct CallRule {
  long number;
  int error = 0;       ///< it fails with this value of errno; 0: the process dies of SIGSYS
  unsigned flags = 0;  ///< only where the argument FLAGS_AT has one of these
  unsigned flags_at = 0;
};

inline const CallRule kNoOpenat2{SYS_openat2, ENOSYS};
inline const CallRule kNoTmpfile{SYS_openat, EOPNOTSUPP, O_TMPFILE & ~O_DIRECTORY, 2};

/// Lays RULES on this process for ever. False: the kernel does not let it.
inline bool restrict_calls(const std::vector<CallRule>& rules) {
  std::vector<sock_filter> program;
  for (const auto& rule : rules) {
    const unsigned verdict =
        rule.error == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | static_cast<unsigned>(rule.error);
    const auto argument =
        static_cast<unsigned>(offsetof(seccomp_data, args) + rule.flags_at * 8);  // the low half: little-endian
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    if (rule.flags == 0) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(rule.number), 0, 1));
    } else {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(rule.number), 0, 3));
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, rule.flags, 0, 1));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, verdict));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0;
}

/// What became of an action in another process: what it threw, "" when it came to its end, or "SIGSYS".
inline std::string in_process(const std::vector<CallRule>& rules, const std::function<void()>& action) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "there is no pipe";  // no check of Boost.Test: threads call this
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text;
    try {
      if (restrict_calls(rules))
        action();
      else
        text = "the calls could not be restricted";
    } catch (const std::exception& error) {
      text = error.what();
    }
    if (!text.empty() && ::write(ends[1], text.data(), text.size()) < 0) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  const UniqueFd from(ends[0]);
  const auto text = read_to_end(from.get(), 100000, "the child");
  int status = -1;
  if (::waitpid(child, &status, 0) != child) return "there is no child";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return "SIGSYS";
  if (status != 0) return "the child ended with status " + std::to_string(status);
  return text.value_or("too much");
}

/// The same as the stranger, who is not root any more.
inline std::string in_stranger(const std::function<void()>& action, const std::vector<CallRule>& rules = {}) {
  return in_process(rules, [&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(kStranger) != 0 || ::setuid(kStranger) != 0)
      throw Error(Errc::wrong_use, "cannot become the stranger");
    action();
  });
}

}  // namespace vdsm_hook::test
