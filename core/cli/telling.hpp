// What became of an event, told to a person on stderr.
#pragma once

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook::cli {

enum class Verbosity {
  quiet,    ///< only what vetoes
  normal,   ///< and other problems, and files that do not run
  verbose,  ///< and what each hook did
};

void tell(const Report& report, Verbosity verbosity, bool wants_diffs);

}  // namespace vdsm_hook::cli
