#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/process.hpp>
#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/process/hook_process.hpp"
#include "vdsm_hook/process/local_runner.hpp"
#include "vdsm_hook/process/output.hpp"
#include "vdsm_hook/process/start.hpp"
#include "vdsm_hook/process/tree.hpp"

namespace vdsm_hook {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

using std::chrono::steady_clock;

constexpr auto kTreePoll = 50ms;
constexpr auto kKillPatience = 5s;  // a process in an uninterruptible sleep outlives KILL; it must not keep the engine

// What one hook after the other is run with.
struct Workshop {
  asio::io_context context{1};
  asio::signal_set children{context, SIGCHLD};
};

// One hook from its start to its end. Ends by closing everything, so that the context runs out of work.
class Attempt {
 public:
  /// Before the process starts: from here on no descriptor is needed that could be missing. Throws system_error.
  Attempt(Workshop& shop, Tree& tree, const ProcessSpec& spec, Outputs& outputs)
      : shop_(shop),
        tree_(tree),
        spec_(spec),
        exit_watch_(shop.context),
        timer_(shop.context),
        out_(outputs.out),
        err_(outputs.err) {}

  /// UNTIL: its deadline. STOP: why it may be late. Throws system_error; the process is then gone.
  void watch(StartedProcess started, const std::optional<steady_clock::time_point>& until,
             const std::stop_token& stop) {
    leader_ = started.pid;
    tree_.begin(leader_);
    error_code error;
    exit_watch_.assign(started.pidfd.get(), error);
    if (error) {
      tree_.kill(kKillPatience);
      ::waitpid(leader_, nullptr, WNOHANG);
      throw boost::system::system_error(error);
    }
    started.pidfd.release();
    // Their write ends stay open here, for the next hook: that no child is left says that nobody can write any more.
    out_.read(spec_.max_output_bytes, [this] { settle(); });
    err_.read(kOutputTailBytes, [this] { settle(); });
    if (started.is_late) {
      is_cancelled_ = stop.stop_requested();
      begin_stop();
      return kill();
    }
    watch_exit();
    take_orphans();
    if (!until) return;
    timer_.expires_at(*until);
    on_time([this] { stop_tree(); });
  }

  void cancel() {
    if (phase_ != Phase::running) return;
    is_cancelled_ = true;
    stop_tree();
  }

  ProcessOutcome outcome() {
    ProcessOutcome result;
    if (exit_watch_.is_open()) reap();
    if (was_stopped_ && (!is_cancelled_ || !status_)) {
      result.kind = ProcessOutcome::Kind::timed_out;
    } else if (!status_) {
      throw Error(Errc::engine_failure,
                  "cannot learn how " + spec_.program + " ended" + (wait_error_ ? ": " + wait_error_.message() : ""));
    } else if (WIFSIGNALED(*status_)) {
      result.kind = ProcessOutcome::Kind::signalled;
      result.signal = WTERMSIG(*status_);
    } else {
      result.kind = ProcessOutcome::Kind::exited;
      result.exit_code = WEXITSTATUS(*status_);
    }
    result.is_cancelled = is_cancelled_;
    result.out = out_.take();
    result.err = err_.take();
    if (left_children_) tree_.end(result, was_stopped_ ? spec_.grace : 0ms);
    return result;
  }
  /// Some process was left when it ended, and may have the pipes.
  bool left_children() const { return left_children_; }

 private:
  enum class Phase { running, draining, terminating, finished };

  template <typename Action>
  void on_time(Action action) {
    timer_.async_wait([action](error_code error) {
      if (!error) action();
    });
  }

  bool has_exited() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == leader_;
  }

  void watch_exit() {
    exit_watch_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code fault) {
      if (fault || phase_ == Phase::finished) return;
      // Asio can have kept an event of the descriptor that had this number before.
      if (!has_exited()) return watch_exit();
      was_stopped_ ? poll_tree() : take_end();
    });
  }

  // Zombies count against limits of processes.
  void take_orphans() {
    shop_.children.async_wait([this](error_code error, int) {
      if (error || phase_ != Phase::running) return;
      tree_.reap();
      take_orphans();
    });
  }

  void take_end() {
    reap();
    if (!tree_.reap()) {
      out_.drain();
      err_.drain();
      return finish();
    }
    left_children_ = true;
    show_end_of_output();
    phase_ = Phase::draining;
    timer_.expires_after(kOutputGrace);
    on_time([this] { finish(); });
    settle();
  }

  void show_end_of_output() {
    out_.close_write_end();
    err_.close_write_end();
  }

  // Takes the exit status; from then on the hook's number may be given to another process.
  void reap() {
    const bool has_ended = has_exited();
    boost::process::v2::process process(timer_.get_executor(), leader_, exit_watch_.release());
    if (!has_ended) {
      process.detach();
      return;
    }
    process.wait(wait_error_);
    if (!wait_error_) status_ = process.native_exit_code();
  }

  // Everything is over once the hook has ended and nobody can write any more.
  void settle() {
    if (phase_ == Phase::draining && out_.has_ended() && err_.has_ended()) finish();
  }

  void finish() {
    phase_ = Phase::finished;
    out_.stop_reading();
    err_.stop_reading();
    timer_.cancel();
    shop_.children.cancel();
    if (exit_watch_.is_open()) exit_watch_.cancel();
  }

  void begin_stop() {
    was_stopped_ = left_children_ = true;
    phase_ = Phase::terminating;
    show_end_of_output();
  }

  // The hook stays a zombie until its tree is gone, so that its number, by which the tree is found, cannot be
  // given to somebody else.
  void stop_tree() {
    begin_stop();
    grace_end_ = steady_clock::now() + spec_.grace;
    tree_.terminate();
    poll_tree();
  }

  void poll_tree() {
    if (phase_ != Phase::terminating) return;
    // Also where it seems to have ended: whoever was always a new process when it was looked at does not escape a
    // signal to the group.
    if (tree_.has_ended() || steady_clock::now() >= grace_end_) return kill();
    timer_.expires_at(std::min(steady_clock::now() + kTreePoll, grace_end_));
    on_time([this] { poll_tree(); });
  }

  void kill() {
    tree_.kill(kKillPatience);
    finish();
  }

  Workshop& shop_;
  Tree& tree_;
  const ProcessSpec& spec_;
  pid_t leader_ = -1;
  asio::posix::stream_descriptor exit_watch_;  // the process's pidfd
  asio::steady_timer timer_;
  Output &out_, &err_;
  Phase phase_ = Phase::running;
  steady_clock::time_point grace_end_;
  bool was_stopped_ = false, is_cancelled_ = false, left_children_ = false;
  std::optional<int> status_;
  error_code wait_error_;
};

class LocalRunner final : public Runner {
 public:
  ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) override {
    const auto begin = steady_clock::now();
    ProcessOutcome outcome = attempt(spec, begin, stop);
    outcome.duration = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
    return outcome;
  }

 private:
  ProcessOutcome attempt(const ProcessSpec& spec, steady_clock::time_point begin, const std::stop_token& stop) {
    ProcessOutcome outcome;
    try {
      if (!shop_) shop_.emplace();
      auto& context = shop_->context;
      if (!outputs_) outputs_.emplace(context);
      if (!null_) null_ = above_stdio(open_path("/dev/null", O_RDONLY).fd.release());
      if (!null_ && (errno == EMFILE || errno == ENFILE))
        throw boost::system::system_error(errno, boost::system::system_category());
      if (!null_) {
        outcome.why = std::string("its standard input /dev/null cannot be opened: ") + ::strerrordesc_np(errno);
        return outcome;
      }
      StartPlan plan{.program = spec.program,
                     .arguments = spec.arguments,
                     .environment = spec.environment,
                     .common_environment = spec.common_environment.get(),
                     .in = null_.get(),
                     .out = outputs_->out.write_end(),
                     .err = outputs_->err.write_end()};
      if (spec.is_marked) plan.mark = tree_.mark();
      plan.input_file = spec.input_file;
      plan.runs_plain_text = spec.runs_plain_text;
      plan.cgroup = tree_.cgroup();
      if (spec.deadline) plan.until = begin + *spec.deadline;
      context.restart();
      Attempt attempt(*shop_, tree_, spec, *outputs_);
      auto started = start_process(stack_, plan, stop);
      if (started.is_input_error) {
        outcome.why =
            "its standard input " + spec.input_file + " cannot be opened: " + ::strerrordesc_np(started.error);
        return outcome;
      }
      if (started.error != 0) throw boost::system::system_error(started.error, boost::system::system_category());
      attempt.watch(std::move(started), plan.until, stop);
      {
        const std::stop_callback on_stop(stop, [&] { asio::post(context, [&attempt] { attempt.cancel(); }); });
        context.run();
      }
      context.restart();
      context.run();  // a cancellation that came at the very end
      outcome = attempt.outcome();
      if (attempt.left_children()) outputs_.reset();
    } catch (const Error&) {
      outputs_.reset();
      throw;
    } catch (const boost::system::system_error& error) {
      outputs_.reset();
      outcome.why = explain_start_failure(spec.program, error.code().value());
    }
    return outcome;
  }

  Tree tree_;
  std::optional<Workshop> shop_;
  StartStack stack_;
  std::optional<Outputs> outputs_;
  UniqueFd null_;
};

}  // namespace

std::unique_ptr<Runner> make_local_runner() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw Error::from_errno("cannot become a child subreaper", errno);
  return std::make_unique<LocalRunner>();
}

}  // namespace vdsm_hook
