// A device of a domain, and what the metadata of the domain says about it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vdsm_hook/properties/values.hpp"

namespace vdsm_hook {

/// The namespace of oVirt's metadata; the prefix may be any.
inline constexpr std::string_view kOvirtVmNamespace = "http://ovirt.org/vm/1.0";

/// What tells a device of a domain from the others. Empty: the document does not say it.
struct DeviceIdentity {
  std::string element;  ///< of the device: "interface", "memballoon", ...
  std::string type;     ///< oVirt's general type ("balloon", "mdev", ...), or the element where it has none
  std::string mac;      ///< lower case
  std::string alias;
  std::string target;        ///< <target dev=...>
  std::string address;       ///< PCI, "0000:05:00.0", or an mdev's UUID; of a host device the host's
  std::size_t position = 1;  ///< among the devices of its type

  /// "interface 52:54:00:6b:3c:58", "disk vda", "video:1": what find_device() takes, with the type in front.
  std::string to_text() const;
};

/// What the metadata says about one device.
struct DeviceMetadata {
  std::vector<std::pair<std::string, std::string>>
      attributes;             ///< alias, mac_address, name, address, devtype: which device is meant
  std::string profile;        ///< the vNIC profile that it refers to; empty: none
  PropertyValues properties;  ///< its own, in the order of the document; not judged
  PropertyValues
      written_out;  ///< those of the profile when the VM was started: they say so, <{ovirt}NAME profile="...">
  std::size_t line = 1;

  /// As oVirt finds it: by the MAC address; else by the first of alias, target device (`name`) and address that both
  /// have. Another devtype is another device.
  bool is_about(const DeviceIdentity& device) const;
  /// Those FROM_PROFILE, a vNIC profile's, that its own do not replace.
  PropertyValues left_of(const PropertyValues& from_profile) const;
};

}  // namespace vdsm_hook
