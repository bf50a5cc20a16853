// One event's hooks in a process of their own: the engine's side and the helper's side.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/process/hook_process.hpp"
#include "vdsm_hook/process/local_runner.hpp"
#include "vdsm_hook/process/start.hpp"
#include "vdsm_hook/process/wire.hpp"

namespace vdsm_hook {
namespace {

class HelperRunner final : public Runner {
 public:
  HelperRunner(std::string helper, int kept) : helper_(std::move(helper)), kept_(kept) {}
  ~HelperRunner() override { end(); }

  ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) override {
    ProcessOutcome outcome;
    run_while_clean({spec}, {}, std::move(stop), [&outcome](ProcessOutcome one, bool) { outcome = std::move(one); });
    return outcome;
  }

  void run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                       const OnOutcome& on_outcome) override {
    if (pid_ < 0 && !start(stop)) {  // told to stop before there was anything to stop
      ProcessOutcome none;
      none.kind = ProcessOutcome::Kind::timed_out;
      none.is_cancelled = true;
      return on_outcome(std::move(none), true);
    }
    if (!send(socket_.get(), pack(specs, file))) died();
    bool was_told_to_stop = false, is_alive = true;
    {
      // To close this direction says "stop"; the answers still come.
      const std::stop_callback on_stop(stop, [&] {
        was_told_to_stop = true;
        ::shutdown(socket_.get(), SHUT_WR);
      });
      std::string message;
      for (bool is_last = false; !is_last;) {
        if (is_alive = receive(socket_.get(), message); !is_alive) break;
        auto answer = unpack_answer(message);
        if (!answer.failure.empty()) throw Error(Errc::engine_failure, std::move(answer.failure));
        is_last = answer.is_last;
        on_outcome(std::move(answer.outcome), is_last);
      }
    }
    // Only now does no other thread use the socket.
    if (!is_alive) died();
    if (was_told_to_stop) end();  // it takes no more
  }

 private:
  // False: STOP came first.
  bool start(const std::stop_token& stop) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) cannot_start(errno);
    auto ours = above_stdio(ends[0]), theirs = above_stdio(ends[1]);
    if (!ours || !theirs) cannot_start(errno);
    auto opened = open_path("/dev/null", O_RDWR);
    if (!opened)
      throw Error(Errc::engine_failure,
                  "cannot start the helper " + helper_ + ": /dev/null cannot be opened: " + opened.why);
    const auto null = above_stdio(opened.fd.release());
    if (!null) cannot_start(errno);
    auto kept = UniqueFd(kept_ < 0 ? -1 : ::fcntl(kept_, F_DUPFD_CLOEXEC, 3));
    if (kept_ >= 0 && !kept) cannot_start(errno);
    StartStack stack;
    const StartPlan plan{.program = helper_,
                         .arguments = {},
                         .environment = {},
                         .in = theirs.get(),
                         .out = null.get(),
                         .err = null.get(),
                         .kept = kept.get()};
    const auto started = start_process(stack, plan, stop);
    if (started.error != 0) cannot_start(started.error);
    pid_ = started.pid;
    if (started.is_late) return end(), false;
    socket_ = std::move(ours);
    return true;
  }
  // Returns how it ended.
  int end() {
    socket_.reset();  // its end ends the helper
    int status = 0;
    if (pid_ > 0)
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    pid_ = -1;
    return status;
  }
  [[noreturn]] void cannot_start(int error) const {
    throw Error(Errc::engine_failure,
                "cannot start the helper " + helper_ + ": " + explain_start_failure(helper_, error));
  }
  [[noreturn]] void died() {
    const int status = end();
    throw Error(Errc::engine_failure, "the helper " + helper_ + " ended unexpectedly: " +
                                          (WIFSIGNALED(status) ? "killed by " + signal_name(WTERMSIG(status))
                                                               : "exit code " + std::to_string(WEXITSTATUS(status))));
  }

  const std::string helper_;
  const int kept_;
  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace

std::unique_ptr<Runner> make_helper_runner(std::string helper, int kept) {
  return std::make_unique<HelperRunner>(std::move(helper), kept);
}

int serve_helper(int fd) {
  // The socket is the only way to stop it: a signal meant for others must not leave hooks without a guard.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, 0);  // when the engine dies the socket ends, and the tree is stopped in good order
  std::stop_source stop;
  std::thread([fd, stop]() mutable {
    pollfd watch{fd, POLLRDHUP, 0};
    while (::poll(&watch, 1, -1) < 0 && errno == EINTR) {
    }
    stop.request_stop();
  }).detach();
  const auto runner = make_local_runner();
  bool is_open = true;
  std::string message;
  while (is_open && receive(fd, message)) {
    try {
      const auto batch = unpack_batch(message);
      // Nobody waits for the outcome of a hook that was clean, so they go out together: to wake the engine for each
      // costs more than all the rest that is done for a hook.
      std::string answers;
      runner->run_while_clean(batch.specs, batch.file, stop.get_token(), [&](ProcessOutcome outcome, bool is_last) {
        answers += pack(Answer{is_last, {}, std::move(outcome)});
        if (!is_last && answers.size() < kOutputTailBytes) return;
        is_open = send(fd, answers) && is_open;
        answers.clear();
      });
    } catch (const std::exception& error) {
      is_open = send(fd, pack(Answer{true, error.what(), {}}));
    }
  }
  return 0;
}

}  // namespace vdsm_hook
