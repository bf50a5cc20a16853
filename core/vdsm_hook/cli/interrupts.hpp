// What becomes of a command that somebody wants to end.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "vdsm_hook/base/waits_for.hpp"

namespace vdsm_hook::cli {

/// Hears INT, TERM and HUP, but for those that the caller of the program ignores. The program dies of them in the end,
/// as whoever sent them expects.
///
/// Until watch() a signal ends the program at once, as it ends any other. From then on it depends on what the command
/// waits for (see WaitsFor): the first signal is a request to stop, or ends it at once; the second one always ends it
/// at once. Hooks that run then are stopped by their helper.
class Interrupts {
 public:
  /// LAST_WORDS is called before the program is ended at once, in a thread of ours, while the command waits.
  explicit Interrupts(std::function<void(WaitsFor)> last_words = {});
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Is requested to stop by the first signal that does not end the program.
  std::stop_token token() const;

  /// Call it before other threads are started. Any number of calls.
  void watch();
  /// WaitsFor::input at first. Never returns when the program is ended meanwhile.
  void waits_for(WaitsFor what);

  /// Dies of the signal that was a request to stop, if there was one.
  void die_if_caught() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace vdsm_hook::cli
