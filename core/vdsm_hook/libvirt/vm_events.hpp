// What libvirt's lifecycle events mean. One event alone does not say it: a start, the end of a migration and a pause
// that is over all come as "resumed". So it takes what was known of the VM.
#pragma once

#include <libvirt/libvirt.h>

#include "vdsm_hook/hookpoints/lifecycles.hpp"

namespace vdsm_hook {

/// What is known of a VM between two events.
enum class Standing {
  off,
  starting,  ///< libvirt said that it started, and not yet whether its guest runs
  running,
  paused,
  leaving,   ///< the last part of its migration to another host
  arriving,  ///< libvirt made it for a migration from another host that has not come to its end
};

struct Meaning {
  const Phase* phase;  ///< whose hook points afterwards are to fire; nullptr: none
  Standing standing;   ///< from now on

  bool operator==(const Meaning&) const = default;
};

/// EVENT and DETAIL: virDomainEventType and what belongs to it; of values that this libvirt does not know nothing
/// fires. TELLS_OF_GUEST: whether this driver says before or after "started" that the guest runs, as QEMU's does; the
/// others just start.
Meaning meaning_of(Standing last, int event, int detail, bool tells_of_guest) noexcept;

/// After a time without events, of a VM that is still the one it was: LAST was known before, NOW is what libvirt says
/// now.
Meaning meaning_of_gap(Standing last, Standing now) noexcept;

/// STATE and REASON: of virDomainGetState(). LAST tells the two ends of a migration apart.
Standing standing_of(int state, int reason, Standing last) noexcept;

}  // namespace vdsm_hook
