// Flags that a driver of libvirt does not have.
#pragma once

namespace vdsm_hook {

/// Whether libvirt's last error in this thread is about flags: its test driver takes none where others do.
bool is_about_flags();

}  // namespace vdsm_hook
