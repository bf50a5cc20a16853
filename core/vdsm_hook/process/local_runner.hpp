// The helper's work. Inside core/vdsm_hook/process and its tests only.
#pragma once

#include <memory>

#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// In this process, which becomes a child subreaper and of which every child must be a hook's: it starts nothing else,
/// and takes the end of each. One at a time. Throws engine_failure.
std::unique_ptr<Runner> make_local_runner();

/// The helper's main loop: serves make_helper_runner() over the socket FD until its end. Returns the exit code.
int serve_helper(int fd);

}  // namespace vdsm_hook
