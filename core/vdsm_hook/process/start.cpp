#include "vdsm_hook/process/start.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vdsm_hook/process/first_line.hpp"

// clone() by its other name: what sanitizers put before clone() takes every child for one with memory of its own.
extern "C" int __clone(  // NOLINT(bugprone-reserved-identifier)
    int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept;

namespace vdsm_hook {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kStopPoll = 50ms;  // how long a request to stop can go unnoticed

struct ChildPlan {
  const char* program;
  char* const* arguments;
  char* const* shell_arguments;  // the same behind /bin/sh; null: sh is not asked
  char* const* environment;
  const char* input_file;  // null: none
  int in, out, err, kept;
  int report;  // a failure is written here; it closes with exec
  pid_t parent;
};

struct Failure {
  int error;
  bool is_input;
};

// As the kernel has it; all zero is SIG_DFL.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  unsigned long mask;
};

#define IN_PARENTS_MEMORY __attribute__((no_sanitize("address", "thread", "undefined")))

IN_PARENTS_MEMORY void fail(const ChildPlan& plan, bool is_input = false) {
  const Failure failure{errno, is_input};
  ::syscall(SYS_write, plan.report, &failure, sizeof failure);
  ::syscall(SYS_exit_group, 127);
}

IN_PARENTS_MEMORY bool is_for_shell(const ChildPlan& plan) {
  char head[kFirstLineBytes];
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, plan.program, O_RDONLY | O_CLOEXEC, 0));
  const auto count = fd < 0 ? -1 : ::syscall(SYS_read, fd, head, sizeof head);
  return count > 0 && is_shell_text(head, static_cast<std::size_t>(count));
}

// Runs in the parent's memory while the parent's thread does nothing but wait in poll(), which leaves the errno that
// both have alone: raw system calls only, so that nothing of libc or of a sanitizer that is shared with the parent gets
// touched.
IN_PARENTS_MEMORY int child_main(void* argument) {
  const auto& plan = *static_cast<const ChildPlan*>(argument);
  // First of all: from here on a signal ends it, whatever the calls below wait for.
  KernelSigaction standard{};
  for (int signal = 1; signal < 65; ++signal) ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, 8);
  const unsigned long none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
  // Its bound is this engine: should the engine be killed, nobody would watch the deadline any more.
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::syscall(SYS_getppid) != plan.parent) ::syscall(SYS_exit_group, 127);
  ::syscall(SYS_setsid);  // away from any terminal; by it and by its group the tree is found, too
  int in = plan.in;
  if (plan.input_file != nullptr) {
    in = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, plan.input_file, O_RDONLY | O_CLOEXEC, 0));
    if (in >= 0 && in <= 2) in = static_cast<int>(::syscall(SYS_fcntl, in, F_DUPFD_CLOEXEC, 3));
    if (in < 0) fail(plan, true);
  }
  if (::syscall(SYS_dup3, in, 0, 0) < 0 || ::syscall(SYS_dup3, plan.out, 1, 0) < 0 ||
      ::syscall(SYS_dup3, plan.err, 2, 0) < 0 || ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ||
      ::syscall(SYS_chdir, "/") < 0)
    fail(plan);
  if (plan.kept == 3) {
    if (::syscall(SYS_fcntl, 3, F_SETFD, 0) < 0) fail(plan);
  } else if (plan.kept > 3 && ::syscall(SYS_dup3, plan.kept, 3, 0) < 0) {
    fail(plan);
  }
  ::syscall(SYS_umask, 022);
  ::syscall(SYS_execve, plan.program, plan.arguments, plan.environment);
  if (errno == ENOEXEC && plan.shell_arguments != nullptr) {
    if (is_for_shell(plan))
      ::syscall(SYS_execve, "/bin/sh", plan.shell_arguments, plan.environment);
    else
      errno = ENOEXEC;
  }
  fail(plan);
  return 127;
}

UniqueFd above(int fd, int highest) {
  if (fd < 0 || fd > highest) return UniqueFd(fd);
  const UniqueFd low(fd);
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, highest + 1));
}

char* pointer(const std::string& text) { return const_cast<char*>(text.c_str()); }

// Reads the FAILURE; whether there is none, since the program runs (or the process was killed); nullopt: not known by
// UNTIL.
std::optional<bool> wait_for_exec(int report, const std::optional<steady_clock::time_point>& until,
                                  const std::stop_token& stop, Failure& failure) {
  pollfd watch{report, POLLIN, 0};
  for (;;) {
    auto left = kStopPoll;
    if (until) left = std::min(left, std::chrono::ceil<std::chrono::milliseconds>(*until - steady_clock::now()));
    const int slice = left > 0ms ? static_cast<int>(left.count()) : 0;
    if (::poll(&watch, 1, slice) > 0) return ::read(report, &failure, sizeof failure) != sizeof failure;
    if (slice == 0 || stop.stop_requested()) return std::nullopt;
  }
}

// Not clone(): only this puts a child into a control group without the long wait of a migration.
pid_t clone_into(int cgroup, int* pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | CLONE_INTO_CGROUP;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

}  // namespace

UniqueFd above_stdio(int fd) { return above(fd, 2); }

StartedProcess start_process(StartStack& stack, const StartPlan& plan, const std::stop_token& stop) {
  const std::string shell = "/bin/sh";
  std::vector<char*> words{pointer(shell), pointer(plan.program)};
  for (const auto& word : plan.arguments) words.push_back(pointer(word));
  words.push_back(nullptr);
  std::vector<char*> environment;
  const auto mark_name =
      plan.mark.substr(0, plan.mark.find('=') + 1);  // an engine within a hook may have passed on its own
  for (const auto* entries : {plan.common_environment, &plan.environment}) {
    if (entries == nullptr) continue;
    environment.reserve(environment.size() + entries->size() + 2);
    for (const auto& entry : *entries)
      if (mark_name.empty() || !entry.starts_with(mark_name)) environment.push_back(pointer(entry));
  }
  if (!plan.mark.empty()) environment.push_back(pointer(plan.mark));
  environment.push_back(nullptr);

  StartedProcess started;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    started.error = errno;
    return started;
  }
  const UniqueFd report = above_stdio(ends[0]);
  UniqueFd reporter = above(ends[1], 3);  // where `kept` goes
  if (!report || !reporter) {
    started.error = errno;
    return started;
  }
  ChildPlan child{plan.program.c_str(),
                  words.data() + 1,
                  plan.runs_plain_text ? words.data() : nullptr,
                  environment.data(),
                  plan.input_file.empty() ? nullptr : plan.input_file.c_str(),
                  plan.in,
                  plan.out,
                  plan.err,
                  plan.kept,
                  reporter.get(),
                  ::getpid()};
  int pidfd = -1;
  // No handler of this process may run in the child, which has its memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (plan.cgroup >= 0) {
    started.pid = clone_into(plan.cgroup, &pidfd);
    if (started.pid == 0) child_main(&child);
  }
  if (started.pid < 0)  // the control group may be gone, or not for us
    started.pid =
        ::__clone(&child_main, stack.top(), CLONE_VM | CLONE_PIDFD | SIGCHLD, &child, &pidfd, nullptr, nullptr);
  const int clone_error = errno;
  if (started.pid < 0) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started.error = clone_error;
    return started;
  }
  started.pidfd.reset(pidfd);
  reporter.reset();
  Failure failure{};
  const auto runs = wait_for_exec(report.get(), plan.until, stop, failure);
  started.is_late = !runs;
  if (started.is_late) {
    // From now on nothing of it runs but the kernel's code, if that does not even hear KILL: nothing that is ours is
    // touched.
    ::kill(started.pid, SIGKILL);
    wait_for_exec(report.get(), steady_clock::now() + kStopPoll, {}, failure);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (runs.value_or(true)) return started;
  started.error = failure.error;
  started.is_input_error = failure.is_input;
  while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  started.pid = -1;
  started.pidfd.reset();
  return started;
}

}  // namespace vdsm_hook
