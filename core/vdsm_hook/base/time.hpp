// Points in time as text.
#pragma once

#include <chrono>
#include <string>

namespace vdsm_hook {

/// TIME in UTC, to the second: "2026-11-21T10:35:54Z".
std::string utc_text(std::chrono::system_clock::time_point time);

}  // namespace vdsm_hook
