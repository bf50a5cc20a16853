// Signals to a command that waits for hooks.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>

namespace vdsm_hook::cli {

/// Turns INT, TERM and HUP into a request to stop, so that the running hook's tree is stopped in good order.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&watched_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction old{};
      if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) sigaddset(&watched_, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &watched_, nullptr);
    // Waits for as long as the program runs; it holds nothing that needs an end.
    std::thread([watched = watched_, source = source_, caught = caught_]() mutable {
      int signal = 0;
      if (::sigwait(&watched, &signal) != 0) return;
      *caught = signal;
      source.request_stop();
    }).detach();
  }

  std::stop_token token() const { return source_.get_token(); }

  /// When no hook runs any more: a signal that comes from here on ends the program at once, even while it waits for
  /// somebody to read its output.
  void release() const { ::pthread_sigmask(SIG_UNBLOCK, &watched_, nullptr); }

  /// After release(): dies of the signal that came, as the caller expects of a program that got it.
  void die_if_caught() const {
    if (*caught_ != 0) ::raise(*caught_);
  }

 private:
  sigset_t watched_;
  std::stop_source source_;
  std::shared_ptr<std::atomic<int>> caught_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace vdsm_hook::cli
