#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/process.hpp>
#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/process/hook_process.hpp"
#include "vdsm_hook/process/output.hpp"
#include "vdsm_hook/process/start.hpp"
#include "vdsm_hook/process/tree.hpp"

namespace vdsm_hook {
namespace {

[[noreturn]] void fail(int error) { throw boost::system::system_error(error, boost::system::system_category()); }

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kTreePoll = 50ms;
constexpr auto kKillPatience = 5s;  // a process in an uninterruptible sleep outlives KILL; it must not keep the engine

// Whether any child is left.
bool reap_orphans() {
  pid_t reaped = 0;
  while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
  }
  return reaped == 0;
}

// One hook from its start to its end. Ends by closing everything, so that the context runs out of work.
class Attempt {
 public:
  /// Before the process starts: from here on no descriptor is needed that could be missing. Throws system_error.
  Attempt(asio::io_context& context, const ProcessSpec& spec, Outputs& outputs)
      : spec_(spec), exit_watch_(context), timer_(context), out_(outputs.out), err_(outputs.err) {}

  /// Throws system_error; the process is then gone.
  void watch(StartedProcess started, TreeQuery tree) {
    tree_ = std::move(tree);
    error_code error;
    exit_watch_.assign(started.pidfd.get(), error);
    if (error) {
      ::kill(tree_.leader, SIGKILL);
      ::waitpid(tree_.leader, nullptr, 0);
      throw boost::system::system_error(error);
    }
    started.pidfd.release();
    // Their write ends stay open here, for the next hook: that no child is left says that nobody can write any more.
    out_.read(spec_.max_output_bytes, [this] { settle(); });
    err_.read(kOutputTailBytes, [this] { settle(); });
    exit_watch_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code fault) {
      if (fault) return;
      has_exited_ = true;
      if (was_stopped_) return poll_tree();
      reap();
      if (!reap_orphans()) {
        out_.drain();
        err_.drain();
        return finish();
      }
      left_children_ = true;
      show_end_of_output();
      phase_ = Phase::draining;
      after(kOutputGrace, [this] { finish(); });
      settle();
    });
    if (spec_.deadline) after(*spec_.deadline, [this] { stop_tree(); });
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
      throw Error(Errc::engine_failure, "cannot learn how " + spec_.program + " ended" +
                                            (wait_error_ ? ": " + wait_error_.message() + " (is SIGCHLD ignored?)" : ""));
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
    return result;
  }
  bool was_stopped() const { return was_stopped_; }
  /// Some process was left when it ended, and may have the pipes.
  bool left_children() const { return left_children_; }

 private:
  enum class Phase { running, draining, terminating, killing, finished };

  template <typename Action>
  void after(std::chrono::milliseconds delay, Action action) {
    timer_.expires_after(delay);
    timer_.async_wait([action](error_code error) {
      if (!error) action();
    });
  }

  void show_end_of_output() {
    out_.close_write_end();
    err_.close_write_end();
  }

  // Takes the exit status; from then on the hook's number may be given to another process.
  void reap() {
    boost::process::v2::process process(timer_.get_executor(), tree_.leader, exit_watch_.release());
    if (!has_exited_) {
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
    if (exit_watch_.is_open()) exit_watch_.cancel();
  }

  // The hook stays a zombie until its tree is gone, so that its number, by which the tree is found, cannot be
  // given to somebody else.
  void stop_tree() {
    was_stopped_ = left_children_ = true;
    show_end_of_output();
    phase_ = Phase::terminating;
    phase_end_ = std::chrono::steady_clock::now() + spec_.grace;
    signal_tree(tree_, SIGTERM);
    poll_tree();
  }

  void poll_tree() {
    const bool is_over = std::chrono::steady_clock::now() >= phase_end_;
    const auto alive = signal_tree(tree_, phase_ == Phase::killing ? SIGKILL : 0);
    if ((has_exited_ && alive.empty()) || (is_over && phase_ == Phase::killing)) {
      ::kill(-tree_.leader, SIGKILL);  // whoever was always a new process when it was looked at
      return finish();
    }
    if (is_over) {
      phase_ = Phase::killing;
      phase_end_ = std::chrono::steady_clock::now() + kKillPatience;
      signal_tree(tree_, SIGKILL);
    }
    after(kTreePoll, [this] { poll_tree(); });
  }

  const ProcessSpec& spec_;
  TreeQuery tree_{};
  asio::posix::stream_descriptor exit_watch_;  // the process's pidfd
  asio::steady_timer timer_;
  Output &out_, &err_;
  Phase phase_ = Phase::running;
  std::chrono::steady_clock::time_point phase_end_;
  bool has_exited_ = false, was_stopped_ = false, is_cancelled_ = false, left_children_ = false;
  std::optional<int> status_;
  error_code wait_error_;
};

class LocalRunner final : public Runner {
 public:
  LocalRunner() {
    // What an earlier event's hooks left running.
    siginfo_t any;
    if (::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0)
      survivors_ = signal_tree({kNoLeader, {}, {}, {}}, 0);
  }

  ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) override {
    const auto begin = std::chrono::steady_clock::now();
    ProcessOutcome outcome = attempt(spec, stop);
    outcome.duration =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
    return outcome;
  }

 private:
  ProcessOutcome attempt(const ProcessSpec& spec, const std::stop_token& stop) {
    ProcessOutcome outcome;
    try {
      if (!outputs_) outputs_.emplace(context_);
      if (!null_) null_ = above_stdio(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!null_ && (errno == EMFILE || errno == ENFILE)) fail(errno);
      if (!null_) {
        outcome.why = std::string("its standard input /dev/null cannot be opened: ") + ::strerrordesc_np(errno);
        return outcome;
      }
      UniqueFd input;
      if (!spec.input_file.empty()) {
        input = above_stdio(::open(spec.input_file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!input) {
          outcome.why = "its standard input " + spec.input_file + " cannot be opened: " + ::strerrordesc_np(errno);
          return outcome;
        }
      }
      context_.restart();
      Attempt attempt(context_, spec, *outputs_);
      auto started = start(spec, input ? input.get() : null_.get(), outputs_->out.write_end(), outputs_->err.write_end());
      if (started.error != 0) fail(started.error);
      const TreeQuery tree{started.pid, spec.run_id, spec.name, survivors_};
      attempt.watch(std::move(started), tree);
      {
        const std::stop_callback on_stop(stop, [&] { asio::post(context_, [&attempt] { attempt.cancel(); }); });
        context_.run();
      }
      context_.restart();
      context_.run();  // a cancellation that came at the very end
      outcome = attempt.outcome();
      if (attempt.left_children()) {
        outputs_.reset();
        if (reap_orphans() && !attempt.was_stopped()) outcome.survivors = signal_tree(tree, 0);
        if (!outcome.survivors.empty()) outcome.tree = ProcessOutcome::Tree::left;
        survivors_.insert(survivors_.end(), outcome.survivors.begin(), outcome.survivors.end());
      }
    } catch (const Error&) {
      outputs_.reset();
      throw;
    } catch (const boost::system::system_error& error) {
      outputs_.reset();
      outcome.why = explain_start_failure(spec.program, error.code().value());
    }
    return outcome;
  }

  StartedProcess start(const ProcessSpec& spec, int in, int out, int err) {
    std::vector<std::string> words{spec.program};
    words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
    auto started = start_process(stack_, words, spec.environment, in, out, err);
    if (started.error == ENOEXEC && spec.runs_plain_text && is_script_without_interpreter(spec.program)) {
      words.insert(words.begin(), "/bin/sh");
      started = start_process(stack_, words, spec.environment, in, out, err);
    }
    return started;
  }

  static bool is_script_without_interpreter(const std::string& program);

  asio::io_context context_{1};
  StartStack stack_;
  std::optional<Outputs> outputs_;
  UniqueFd null_;
  std::vector<pid_t> survivors_;
};

bool LocalRunner::is_script_without_interpreter(const std::string& program) {
  const UniqueFd fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  char head[256];
  const auto count = fd ? ::read(fd.get(), head, sizeof head) : 0;
  // As shells decide: no NUL in the first line.
  const std::string_view text(head, count > 0 ? static_cast<std::size_t>(count) : 0);
  return !text.empty() && text.substr(0, text.find('\n')).find('\0') == std::string_view::npos;
}

}  // namespace

void Runner::run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                             const OnOutcome& on_outcome) {
  for (const auto& spec : specs) {
    auto outcome = run(spec, stop);
    const bool is_last = &spec == &specs.back() || !outcome.is_success() || outcome.may_still_run() ||
                         stop.stop_requested() || FileStamp::of(file.path) != file.stamp;
    on_outcome(std::move(outcome), is_last);
    if (is_last) return;
  }
}

std::unique_ptr<Runner> make_local_runner() { return std::make_unique<LocalRunner>(); }

void become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw Error::from_errno("cannot become a child subreaper", errno);
}

}  // namespace vdsm_hook
