// What became of an event, told to a person on stderr.
#pragma once

#include <set>
#include <string>

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook::cli {

enum class Verbosity {
  quiet,    ///< only what vetoes
  normal,   ///< and other problems, and files that do not run
  verbose,  ///< and what each hook did
};

/// WARNED: warnings that the person has seen, which are not said again; null: there was no event before.
void tell(const Report& report, Verbosity verbosity, bool wants_diffs, std::set<std::string>* warned = nullptr);

/// "untrusted: /x is writable by its group": one string a reason, the same in text and JSON.
std::string reason_of(const IgnoredFile& file);

}  // namespace vdsm_hook::cli
