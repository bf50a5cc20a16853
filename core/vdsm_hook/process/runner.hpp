// A way to start the process of a hook, and what it is started with.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/watched_file.hpp"
#include "vdsm_hook/process/outcome.hpp"

namespace vdsm_hook {

struct ProcessSpec {
  std::string program;                   ///< absolute path; argument 0
  std::vector<std::string> environment;  ///< NAME=VALUE, of this process alone
  std::optional<std::chrono::milliseconds>
      deadline;                                     ///< from its start on, that included; steady clock; none: for ever
  std::chrono::milliseconds grace = kDefaultGrace;  ///< between TERM and KILL
  std::vector<std::string> arguments{};             ///< behind argument 0
  std::string input_file{};  ///< absolute path of what is its stdin; opened at the start; empty: /dev/null
  std::size_t max_output_bytes = kOutputTailBytes;  ///< stdout up to this is kept whole; of more only the tail is
  bool runs_plain_text = true;  ///< a text without #! runs as sh would run it; false: it does not start
  /// Its environment gets VDSM_HOOK_MARK, a secret by which what it leaves is told from what a later one starts.
  /// Without it that is less certain where a process that was left makes an orphan later, in a session of its own.
  bool is_marked = true;
  /// What its environment has besides, in common with others: kept once, and sent to a helper once a batch. No name is
  /// in both.
  std::shared_ptr<const std::vector<std::string>> common_environment{};
};

/// Runs one process after the other. Each leads a session of its own, away from any terminal, with default signals,
/// umask 022, cwd `/` and no descriptor but 0-2. Not for two threads at once.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Never throws for what the hook does; a hook that does not start is an outcome. On the deadline or STOP its whole
  /// tree gets TERM and after the grace KILL, which is waited for a few seconds. What a hook that ended in time left
  /// behind is left alone. Throws engine_failure only when the engine itself is broken (the helper died, ...).
  virtual ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) = 0;

  /// run() for one of SPECS after the other, up to and with the first that does not end with exit code 0, of which
  /// something may still run, after which FILE is not untouched, or that ends after STOP: until then nobody needs to
  /// look, which saves a helper two turns a hook. Calls ON_OUTCOME for each; unless it is told that this is the last,
  /// the next already runs.
  using OnOutcome = std::function<void(ProcessOutcome outcome, bool is_last)>;
  virtual void run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                               const OnOutcome& on_outcome);
};

}  // namespace vdsm_hook
