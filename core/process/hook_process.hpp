// One hook's process, from start to end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/base/file_stamp.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/process/outcome.hpp"

namespace vdsm_hook {

struct ProcessSpec {
  std::string program;                   ///< absolute path; argument 0
  std::vector<std::string> environment;  ///< NAME=VALUE; must hold run_id as VDSM_HOOK_RUN_ID and name as VDSM_HOOK_NAME
  /// With name: by these two the process tree is found again, besides by session, group, parents and who adopts orphans.
  /// Empty: the environment does not say whose it is. That costs certainty where an earlier process left a daemon: an
  /// orphan that the daemon makes later, in a session of its own, counts as the running process's.
  std::string run_id;
  std::string name;
  std::optional<std::chrono::milliseconds> deadline;  ///< from its start, steady clock; none: for ever
  std::chrono::milliseconds grace = kDefaultGrace;     ///< between TERM and KILL
  std::vector<std::string> arguments{};  ///< behind argument 0
  std::string input_file{};              ///< absolute path of what is its stdin; opened just before the start; empty: /dev/null
  std::size_t max_output_bytes = kOutputTailBytes;  ///< stdout up to this is kept whole; of more only the tail is
  bool runs_plain_text = true;           ///< a text without #! runs as sh would run it; false: it does not start
};

/// A file that a hook may write; while it has STAMP, none did.
struct WatchedFile {
  std::string path;
  FileStamp stamp;
};

/// Runs one process after the other. Each is a process group of its own, away from any terminal, with default signals,
/// umask 022, cwd `/` and no descriptor but 0-2. Not for two threads at once.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Never throws for what the hook does; a hook that does not start is an outcome. On the deadline or STOP its whole
  /// tree gets TERM and after the grace KILL. What a hook that ended in time left behind is left alone.
  /// Throws engine_failure only when the engine itself is broken (the helper died, ...).
  virtual ProcessOutcome run(const ProcessSpec& spec, std::stop_token stop) = 0;

  /// run() for one of SPECS after the other, up to and with the first that does not end with exit code 0, of which
  /// something may still run, that changes FILE or that ends after STOP: until then nobody needs to look, which saves a helper two turns a hook. Calls
  /// ON_OUTCOME for each; unless it is told that this is the last, the next already runs.
  using OnOutcome = std::function<void(ProcessOutcome outcome, bool is_last)>;
  virtual void run_while_clean(const std::vector<ProcessSpec>& specs, const WatchedFile& file, std::stop_token stop,
                               const OnOutcome& on_outcome);
};

/// In this process, of which every child must be a hook's: it is a child subreaper and starts nothing else. So orphans
/// are reaped, and a tree is found even when it changed session and environment.
std::unique_ptr<Runner> make_local_runner();

/// In a helper process of its own (HELPER: path of the installed run-helper), which owns its children; started at the
/// first run(), ended with the object. For programs that have children of their own.
std::unique_ptr<Runner> make_helper_runner(std::string helper);

/// The helper's main loop: serves make_helper_runner() over the socket FD until its end. Returns the exit code.
int serve_helper(int fd);

/// Makes this process adopt orphans of its descendants. Throws engine_failure.
void become_subreaper();

/// Why the file PROGRAM could not be started, from the error of exec: the interpreter that is missing, the
/// carriage return in its first line, ...
std::string explain_start_failure(const std::string& program, int errnum);

/// Looks for what would make PROGRAM fail to start (missing interpreter, carriage return) without starting it.
std::optional<std::string> start_obstacle(const std::string& program);

}  // namespace vdsm_hook
