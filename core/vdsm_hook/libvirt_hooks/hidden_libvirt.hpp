// Hooks must not ask the libvirt daemon that waits for them.
#pragma once

#include <sys/types.h>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

/// Hides libvirt's sockets from the calling thread and every process that it starts from then on, in a mount namespace
/// of their own: a client fails at once, instead of hanging. What is mounted in there is not mounted for the rest of
/// the host. Where libvirt listens on TCP is not hidden.
class HiddenLibvirt {
 public:
  /// Covers /run/libvirt ("No such file or directory") and every other place on which the process DAEMON listens
  /// ("Connection refused"). Throws engine_failure where this process may not do so.
  void hide(pid_t daemon);
  /// Back to where everything can be seen. Nothing where hide() did nothing. Throws engine_failure.
  void show();

 private:
  UniqueFd outside_;  // the namespace before hide()
};

}  // namespace vdsm_hook
