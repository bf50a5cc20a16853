// The two streams of the command: results go to stdout, everything else that it has to say to stderr.
#pragma once

#include <string_view>

namespace vdsm_hook::cli {

/// Writes TEXT to stdout. Throws engine_failure when it cannot (a full disk, a closed pipe).
void print(std::string_view text);
/// Writes "vdsm-hook: TEXT\n" to stderr, fit for a terminal.
void complain(std::string_view text);

}  // namespace vdsm_hook::cli
