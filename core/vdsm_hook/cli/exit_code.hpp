// The exit codes of every subcommand.
#pragma once

namespace vdsm_hook::cli {

enum ExitCode : int {
  done = 0,
  vetoed = 1,  ///< `check`: it found something; `props validate`: a value is wrong
  wrong_use = 2,
  engine_failure = 3,  ///< the engine could not do its work
};

}  // namespace vdsm_hook::cli
