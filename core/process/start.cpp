#include "vdsm_hook/process/start.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

// clone() by its other name: what sanitizers put before clone() takes every child for one with memory of its own.
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept;

namespace vdsm_hook {
namespace {

struct ChildPlan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int in, out, err;
  pid_t parent;
  bool needs_session;
  volatile int error;
};

// As the kernel has it; all zero is SIG_DFL.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  unsigned long mask;
};

// Runs in the parent's memory while the parent's thread waits: raw system calls only, so that nothing of libc or of
// a sanitizer that is shared with the parent gets touched.
__attribute__((no_sanitize("address", "thread", "undefined"))) int child_main(void* argument) {
  auto& plan = *static_cast<ChildPlan*>(argument);
  plan.needs_session ? ::syscall(SYS_setsid) : ::syscall(SYS_setpgid, 0, 0);
  // Its bound is this engine: should the engine be killed, nobody would watch the deadline any more.
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::syscall(SYS_getppid) != plan.parent) ::syscall(SYS_exit_group, 127);
  if (::syscall(SYS_dup3, plan.in, 0, 0) < 0 || ::syscall(SYS_dup3, plan.out, 1, 0) < 0 ||
      ::syscall(SYS_dup3, plan.err, 2, 0) < 0 || ::syscall(SYS_close_range, 3U, ~0U, 0) < 0 ||
      ::syscall(SYS_chdir, "/") < 0) {
    plan.error = errno;
    ::syscall(SYS_exit_group, 127);
  }
  ::syscall(SYS_umask, 022);
  KernelSigaction standard{};
  for (int signal = 1; signal < 65; ++signal) ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, 8);
  const unsigned long none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
  ::syscall(SYS_execve, plan.program, plan.arguments, plan.environment);
  plan.error = errno;
  ::syscall(SYS_exit_group, 127);
  return 127;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

UniqueFd above_stdio(int fd) {
  if (fd < 0 || fd > 2) return UniqueFd(fd);
  const UniqueFd low(fd);
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

StartedProcess start_process(StartStack& stack, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment, int in, int out, int err) {
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  ChildPlan plan{arguments[0].c_str(), argv.data(), envp.data(), in, out, err, ::getpid(), ::getsid(0) != ::getpid(), 0};
  StartedProcess started;
  int pidfd = -1;
  // No handler of this process may run in the child, which has its memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  started.pid =
      ::__clone(&child_main, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd, nullptr, nullptr);
  const int clone_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started.pid < 0) {
    started.error = clone_error;
    return started;
  }
  started.pidfd.reset(pidfd);
  if (plan.error != 0) {
    started.error = plan.error;
    while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    started.pid = -1;
  }
  return started;
}

}  // namespace vdsm_hook
