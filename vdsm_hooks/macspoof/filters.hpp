// The filters that keep a guest from sending with another MAC address.
#pragma once

#include <vdsm_hook/hooking.hpp>

namespace macspoof {

namespace hooking = vdsm_hook::hooking;

/// Takes the filter away from the <interface> NIC, with the parameters it has. Other filters stay. Gives
/// whether there was one.
inline bool allow_any_mac(hooking::Element& nic) {
  bool changed = false;
  for (auto* filter : hooking::children(nic, "filterref")) {
    const auto name = hooking::attribute(*filter, "filter");
    // vdsm's filter, and libvirt's own that it refers to.
    if (name != "vdsm-no-mac-spoofing" && name != "no-mac-spoofing") continue;
    nic.DeleteChild(filter);
    changed = true;
  }
  return changed;
}

inline bool is_wanted(const char* property) { return hooking::to_bool(hooking::property(property).value_or("")); }

}  // namespace macspoof
