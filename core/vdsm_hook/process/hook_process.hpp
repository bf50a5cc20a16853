// Starting the processes of hooks by the installed helper, and why one does not start.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// In a helper process of its own (HELPER: path of the installed run-helper), of which every child is a hook's; started
/// at the first run(), ended with the object. When this process dies, whatever kills it, the helper stops the hook that
/// runs with its whole tree, and then ends. Until then it has the descriptor KEPT open, too (-1: none), and no hook has
/// it: a lock of the kernel's is held as long. KEPT is not owned and must stay open until the first run() has begun.
std::unique_ptr<Runner> make_helper_runner(std::string helper, int kept = -1);

/// Why the file PROGRAM could not be started, from the error of exec: the interpreter that is missing, the
/// carriage return in its first line, ...
std::string explain_start_failure(const std::string& program, int errnum);

/// Why a program would not start.
struct StartObstacle {
  enum class Kind { line_ends, other };  ///< by which it can be told what helps
  Kind kind;
  std::string why;
};

/// Looks for what would make PROGRAM fail to start, or start without all that its first line says (missing interpreter,
/// carriage return, a line that is too long), without starting it.
std::optional<StartObstacle> start_obstacle(const std::string& program);

}  // namespace vdsm_hook
