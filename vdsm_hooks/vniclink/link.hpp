// What the properties `speed` and `duplex` of a vNIC say.
#pragma once

#include <optional>
#include <string>

#include <vdsm_hook/hooking.hpp>

namespace vniclink {

namespace hooking = vdsm_hook::hooking;

struct Link {
  unsigned mbit_per_s = 0;                  ///< 0: no speed is set
  std::optional<std::string> given_duplex;  ///< "full" or "half"

  /// "full" where nothing else was said and there is a speed: what the host then keeps to, and what bonding
  /// in the guest (802.3ad) insists on. nullopt: the guest is told nothing.
  std::optional<std::string> duplex() const {
    return given_duplex || mbit_per_s == 0 ? given_duplex : std::optional<std::string>("full");
  }
};

/// The link of NIC (how to call it in an error). Ends the hook with 2 when a value is none.
inline Link parse_link(const std::string& nic, const std::optional<std::string>& speed,
                       const std::optional<std::string>& duplex) {
  Link link;
  if (speed) {
    if (speed->empty() || speed->size() > 5 || speed->find_first_not_of("0123456789") != speed->npos)
      hooking::stop("vniclink: " + nic + ": speed '" + *speed + "' is not a number of Mbit/s from 0 to 99999");
    link.mbit_per_s = static_cast<unsigned>(std::stoul(*speed));
  }
  if (duplex && *duplex != "full" && *duplex != "half")
    hooking::stop("vniclink: " + nic + ": duplex '" + *duplex + "' is neither full nor half");
  link.given_duplex = duplex;
  return link;
}

/// NIC, an <interface>, as a person knows it.
inline std::string name_of(hooking::Element& nic) {
  if (auto* mac = hooking::child(nic, "mac"); mac != nullptr && mac->Attribute("address") != nullptr)
    return std::string("vNIC ") + mac->Attribute("address");
  if (auto* alias = hooking::child(nic, "alias"); alias != nullptr && alias->Attribute("name") != nullptr)
    return std::string("vNIC ") + alias->Attribute("name");
  return "vNIC without MAC address";
}

}  // namespace vniclink
