// Where a command can be killed: each step of the way on which its events are written down, and around each change that
// libvirt is asked for. Here it is nothing. The program that tests link has another, which dies at the step that it is
// told.
#pragma once

#include <string_view>

namespace vdsm_hook {

/// STEP: for people. WHAT: the event, phase or call that it is about.
void reached(std::string_view step, std::string_view what) noexcept;

}  // namespace vdsm_hook
