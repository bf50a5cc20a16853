// What a command waits for when somebody wants it to end.
#pragma once

namespace vdsm_hook {

enum class WaitsFor {
  input,        ///< nothing was done yet, or all is done: it is ended at once
  itself,       ///< some of it is done: it has kStopPatience to come to an end
  hooks,        ///< they are stopped in good order, each within its grace
  libvirt,      ///< a call that only ends by itself: it is left to libvirt, at once
  libvirt_job,  ///< a call that ends when stop is requested: it has kAbortPatience for that
};

}  // namespace vdsm_hook
