#include "vdsm_hook/cli/interrupts.hpp"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook::cli {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die_of(int signal) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::signal(signal, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);  // the first process of a container does not die of it
}

// How long the command may go on once it was told to end.
std::optional<std::chrono::milliseconds> patience_for(WaitsFor what) {
  switch (what) {
    case WaitsFor::hooks: return std::nullopt;
    case WaitsFor::libvirt_job: return kAbortPatience;
    default: return kStopPatience;
  }
}

}  // namespace

struct Interrupts::State {
  explicit State(std::function<void(WaitsFor)> words) : last_words(std::move(words)) {
    sigemptyset(&watched);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction old {};
      if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) sigaddset(&watched, signal);
    }
  }

  // Holds the mutex, so that the command does not go on.
  [[noreturn]] void end(int signal) const {
    if (last_words) last_words(what);
    die_of(signal);
  }

  void listen() {
    int signal = 0;
    if (::sigwait(&watched, &signal) != 0) return;
    {
      const std::lock_guard alone(mutex);
      if (what == WaitsFor::input || what == WaitsFor::libvirt) end(signal);
      caught = signal;
      since = Clock::now();
    }
    stop.request_stop();
    for (;;) {
      const timespec turn{0, 50'000'000};
      const int again = ::sigtimedwait(&watched, nullptr, &turn);
      const std::lock_guard alone(mutex);
      if (again > 0) end(again);
      if (const auto patience = patience_for(what); patience && Clock::now() - since > *patience) end(signal);
    }
  }

  std::function<void(WaitsFor)> last_words;
  sigset_t watched;
  std::stop_source stop;
  bool is_watching = false;  // of the command's thread
  std::mutex mutex;          // of what follows, and of last_words
  WaitsFor what = WaitsFor::input;
  Clock::time_point since;  // it waits for that, or was told to end
  int caught = 0;
};

Interrupts::Interrupts(std::function<void(WaitsFor)> last_words)
    : state_(std::make_shared<State>(std::move(last_words))) {}

Interrupts::~Interrupts() {
  const std::lock_guard alone(state_->mutex);
  state_->last_words = nullptr;
}

std::stop_token Interrupts::token() const { return state_->stop.get_token(); }

void Interrupts::watch() {
  if (std::exchange(state_->is_watching, true)) return;
  ::pthread_sigmask(SIG_BLOCK, &state_->watched, nullptr);
  // It listens for as long as the program runs, and holds nothing that needs an end.
  std::thread([state = state_] { state->listen(); }).detach();
}

void Interrupts::waits_for(WaitsFor what) {
  const std::lock_guard alone(state_->mutex);
  state_->what = what;
  state_->since = Clock::now();
}

void Interrupts::die_if_caught() const {
  const int signal = [this] {
    const std::lock_guard alone(state_->mutex);
    return state_->caught;
  }();
  if (signal != 0) die_of(signal);
}

}  // namespace vdsm_hook::cli
