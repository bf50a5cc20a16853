#include "vdsm_hook/libvirt/vm_events.hpp"

namespace vdsm_hook {
namespace {

constexpr const Phase* kNothing = nullptr;

Meaning meaning_of_started(Standing last, int detail, bool tells_of_guest) {
  if (detail == VIR_DOMAIN_EVENT_STARTED_MIGRATED) return {kNothing, Standing::arriving};
  // A plain start on QEMU: the guest ran before this came. When it did not, the VM starts paused or from a saved image.
  return {kNothing, last == Standing::running || !tells_of_guest ? Standing::running : Standing::starting};
}

Meaning meaning_of_suspended(Standing last, int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED:
    case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY:
    case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED:
      return {kNothing, last == Standing::arriving ? last : Standing::leaving};
    case VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
    case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
    case VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG:
    case VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR:
      if (last == Standing::arriving) return {&phases::kArrive, Standing::paused};  // it was paused on the other host
      return {last == Standing::running ? &phases::kPause : kNothing, Standing::paused};
    default: return {kNothing, Standing::paused};
  }
}

Meaning meaning_of_resumed(Standing last, int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_RESUMED_UNPAUSED:
      return {last == Standing::paused ? &phases::kContinue : kNothing, Standing::running};
    case VIR_DOMAIN_EVENT_RESUMED_MIGRATED:  // also on the host that it was to leave, when the migration failed
      return {last == Standing::arriving || last == Standing::starting ? &phases::kArrive : kNothing,
              Standing::running};
    case VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT: return {kNothing, Standing::running};
    case VIR_DOMAIN_EVENT_RESUMED_POSTCOPY:  // runs here while its memory still comes
      return {kNothing, last == Standing::arriving ? last : Standing::running};
    default: return {kNothing, last == Standing::off ? Standing::running : last};
  }
}

Meaning meaning_of_stopped(Standing last, int detail) {
  const bool was_here = last != Standing::off && last != Standing::arriving;
  if (was_here && detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED) return {&phases::kLeave, Standing::off};
  if (was_here && detail == VIR_DOMAIN_EVENT_STOPPED_SAVED) return {&phases::kHibernate, Standing::off};
  return {kNothing, Standing::off};  // what ended otherwise is the bridge's matter
}

}  // namespace

Meaning meaning_of(Standing last, int event, int detail, bool tells_of_guest) noexcept {
  switch (event) {
    case VIR_DOMAIN_EVENT_STARTED: return meaning_of_started(last, detail, tells_of_guest);
    case VIR_DOMAIN_EVENT_SUSPENDED: return meaning_of_suspended(last, detail);
    case VIR_DOMAIN_EVENT_RESUMED: return meaning_of_resumed(last, detail);
    case VIR_DOMAIN_EVENT_STOPPED: return meaning_of_stopped(last, detail);
    case VIR_DOMAIN_EVENT_CRASHED: return {kNothing, Standing::off};
    default: return {kNothing, last};
  }
}

Meaning meaning_of_gap(Standing last, Standing now) noexcept {
  if (last == Standing::running && now == Standing::paused) return {&phases::kPause, now};
  if (last == Standing::paused && now == Standing::running) return {&phases::kContinue, now};
  if (last == Standing::arriving && (now == Standing::running || now == Standing::paused))
    return {&phases::kArrive, now};
  return {kNothing, now};
}

Standing standing_of(int state, int reason, Standing last) noexcept {
  switch (state) {
    case VIR_DOMAIN_SHUTOFF:
    case VIR_DOMAIN_CRASHED: return Standing::off;
    case VIR_DOMAIN_PAUSED: {
      // Also for a migration to here, at first.
      if (reason == VIR_DOMAIN_PAUSED_STARTING_UP) return last == Standing::arriving ? last : Standing::starting;
      const bool migrates = reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
                            reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED;
      if (!migrates) return Standing::paused;
      // Who leaves is paused for a moment only, who arrives all the time.
      return last == Standing::off || last == Standing::arriving ? Standing::arriving : Standing::leaving;
    }
    default: return Standing::running;
  }
}

}  // namespace vdsm_hook
