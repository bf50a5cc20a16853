// One event's hooks in a process of their own: the library's side, the helper's side, and what goes between them.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/process/hook_process.hpp"
#include "vdsm_hook/process/start.hpp"

namespace vdsm_hook {
namespace {

// Both ends are the same build on the same machine, so numbers go as they lie in memory.
class Packer {
 public:
  void number(std::int64_t value) { data_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    data_ += value;
  }
  /// The message with its length in front.
  std::string finish() && {
    const auto size = static_cast<std::int64_t>(data_.size());
    data_.insert(0, reinterpret_cast<const char*>(&size), sizeof size);
    return std::move(data_);
  }

 private:
  std::string data_;
};

/// Of a message that outlives it.
class Unpacker {
 public:
  explicit Unpacker(std::string_view data) : data_(data) {}
  std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(static_cast<std::size_t>(number()))); }

 private:
  std::string_view take(std::size_t count) {
    if (count > data_.size() - at_) throw Error(Errc::engine_failure, "a message between engine and helper is cut");
    at_ += count;
    return data_.substr(at_ - count, count);
  }
  std::string_view data_;
  std::size_t at_ = 0;
};

// The next message into DATA; false: the other side has closed.
bool receive(int fd, std::string& data) {
  const auto exactly = [fd](char* at, std::size_t count) {
    while (count > 0) {
      const auto n = ::recv(fd, at, count, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += n;
      count -= static_cast<std::size_t>(n);
    }
    return true;
  };
  std::int64_t size = 0;
  if (!exactly(reinterpret_cast<char*>(&size), sizeof size)) return false;
  data.resize(static_cast<std::size_t>(size));
  return exactly(data.data(), data.size());
}

bool send(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

struct Batch {
  std::vector<ProcessSpec> specs;
  WatchedFile file;
};

std::string pack(const std::vector<ProcessSpec>& specs, const WatchedFile& file) {
  Packer out;
  out.text(file.path);
  out.text({reinterpret_cast<const char*>(&file.stamp), sizeof file.stamp});
  out.number(static_cast<std::int64_t>(specs.size()));
  for (const auto& spec : specs) {
    out.text(spec.program);
    out.text(spec.run_id);
    out.text(spec.name);
    out.number(spec.deadline ? spec.deadline->count() : -1);
    out.number(spec.grace.count());
    out.number(static_cast<std::int64_t>(spec.environment.size()));
    for (const auto& entry : spec.environment) out.text(entry);
    out.number(static_cast<std::int64_t>(spec.arguments.size()));
    for (const auto& word : spec.arguments) out.text(word);
    out.text(spec.input_file);
    out.number(static_cast<std::int64_t>(spec.max_output_bytes));
    out.number(spec.runs_plain_text);
  }
  return std::move(out).finish();
}

Batch unpack_batch(std::string_view data) {
  Unpacker in(data);
  Batch batch;
  batch.file.path = in.text();
  const auto stamp = in.text();
  std::memcpy(&batch.file.stamp, stamp.data(), std::min(stamp.size(), sizeof batch.file.stamp));
  batch.specs.resize(static_cast<std::size_t>(in.number()));
  for (auto& spec : batch.specs) {
    spec.program = in.text();
    spec.run_id = in.text();
    spec.name = in.text();
    if (const auto deadline = in.number(); deadline >= 0) spec.deadline = std::chrono::milliseconds(deadline);
    spec.grace = std::chrono::milliseconds(in.number());
    for (auto count = in.number(); count > 0; --count) spec.environment.push_back(in.text());
    for (auto count = in.number(); count > 0; --count) spec.arguments.push_back(in.text());
    spec.input_file = in.text();
    spec.max_output_bytes = static_cast<std::size_t>(in.number());
    spec.runs_plain_text = in.number() != 0;
  }
  return batch;
}

// FAILURE: why there is no outcome; the helper itself is broken.
std::string pack(const ProcessOutcome& outcome, bool is_last, std::string_view failure) {
  Packer out;
  out.number(is_last);
  out.text(failure);
  out.number(static_cast<std::int64_t>(outcome.kind));
  out.number(outcome.exit_code);
  out.number(outcome.signal);
  out.number(outcome.is_cancelled);
  out.text(outcome.why);
  out.number(outcome.duration.count());
  for (const auto* tail : {&outcome.out, &outcome.err}) {
    out.text(tail->text);
    out.number(static_cast<std::int64_t>(tail->cut));
  }
  out.number(static_cast<std::int64_t>(outcome.tree));
  out.number(static_cast<std::int64_t>(outcome.survivors.size()));
  for (const auto pid : outcome.survivors) out.number(pid);
  return std::move(out).finish();
}

ProcessOutcome unpack_outcome(Unpacker& in) {
  ProcessOutcome outcome;
  outcome.kind = static_cast<ProcessOutcome::Kind>(in.number());
  outcome.exit_code = static_cast<int>(in.number());
  outcome.signal = static_cast<int>(in.number());
  outcome.is_cancelled = in.number() != 0;
  outcome.why = in.text();
  outcome.duration = std::chrono::microseconds(in.number());
  for (auto* tail : {&outcome.out, &outcome.err}) {
    tail->text = in.text();
    tail->cut = static_cast<std::size_t>(in.number());
  }
  outcome.tree = static_cast<ProcessOutcome::Tree>(in.number());
  for (auto count = in.number(); count > 0; --count) outcome.survivors.push_back(static_cast<pid_t>(in.number()));
  return outcome;
}

class HelperRunner final : public Runner {
 public:
  explicit HelperRunner(std::string helper) : helper_(std::move(helper)) {}
  ~HelperRunner() override { end(); }

  ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) override {
    ProcessOutcome outcome;
    run_while_clean({spec}, {}, std::move(stop), [&outcome](ProcessOutcome one, bool) { outcome = std::move(one); });
    return outcome;
  }

  void run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                       const OnOutcome& on_outcome) override {
    if (pid_ < 0) start();
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
        Unpacker in(message);
        is_last = in.number() != 0;
        if (auto failure = in.text(); !failure.empty()) throw Error(Errc::engine_failure, std::move(failure));
        on_outcome(unpack_outcome(in), is_last);
      }
    }
    // Only now does no other thread use the socket.
    if (!is_alive) died();
    if (was_told_to_stop) end();  // it takes no more
  }

 private:
  void start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) cannot_start(errno);
    auto ours = above_stdio(ends[0]), theirs = above_stdio(ends[1]);
    const auto null = above_stdio(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!ours || !theirs || !null) cannot_start(errno);
    StartStack stack;
    const auto started = start_process(stack, {helper_}, {}, theirs.get(), null.get(), null.get());
    if (started.error != 0) cannot_start(started.error);
    pid_ = started.pid;
    socket_ = std::move(ours);
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
    throw Error(Errc::engine_failure,
                "the helper " + helper_ + " ended unexpectedly: " +
                    (WIFSIGNALED(status) ? "killed by " + signal_name(WTERMSIG(status))
                                         : "exit code " + std::to_string(WEXITSTATUS(status))));
  }

  const std::string helper_;
  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace

std::unique_ptr<Runner> make_helper_runner(std::string helper) {
  return std::make_unique<HelperRunner>(std::move(helper));
}

int serve_helper(int fd) {
  // The socket is the only way to stop it: a signal meant for others must not leave hooks without a guard.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, 0);  // when the engine dies the socket ends, and the tree is stopped in good order
  become_subreaper();
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
      runner->run_while_clean(batch.specs, batch.file, stop.get_token(), [&](const ProcessOutcome& outcome, bool is_last) {
        answers += pack(outcome, is_last, {});
        if (!is_last && answers.size() < kOutputTailBytes) return;
        is_open = send(fd, answers) && is_open;
        answers.clear();
      });
    } catch (const std::exception& error) {
      is_open = send(fd, pack(ProcessOutcome{}, true, error.what()));
    }
  }
  return 0;
}

}  // namespace vdsm_hook
