// Custom properties in a domain's metadata, as oVirt's engine writes them:
//
//   <metadata>
//     <ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>
//       <ovirt-vm:custom><ovirt-vm:NAME>VALUE</ovirt-vm:NAME></ovirt-vm:custom>
//       <ovirt-vm:device alias='...'
//       mac_address='...'><ovirt-vm:custom>...</ovirt-vm:custom></ovirt-vm:device>
//     </ovirt-vm:vm>
//   </metadata>
//
// A hook gets the VM's properties, and at a device's hook point the device's, as environment variables:
// property(). These functions are for a hook that looks at the whole domain and needs the properties of each
// device.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <vdsm_hook/sdk/xml.hpp>

namespace vdsm_hook::hooking {

/// Names and values in document order.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// The first value of NAME; nullopt: not set. An empty value is a value.
inline std::optional<std::string> find(const Properties& properties, std::string_view name) {
  for (const auto& [key, value] : properties)
    if (key == name) return value;
  return std::nullopt;
}

namespace detail {

inline Element* ovirt_vm(Element& domain) {
  auto* metadata = child(domain, "metadata");
  return metadata == nullptr ? nullptr : child(*metadata, QName{kOvirtVmNamespace, "vm"});
}

inline Properties custom(Element& holder) {
  Properties all;
  for (auto* custom : children(holder, QName{kOvirtVmNamespace, "custom"}))
    for (auto* e = custom->FirstChildElement(); e != nullptr; e = e->NextSiblingElement())
      if (const auto name = qualified_name(*e); name.uri == kOvirtVmNamespace)
        all.emplace_back(std::string(name.local), text(*e));
  return all;
}

// What the metadata says of a device against what the device itself says: agrees, contradicts, or one is
// silent.
enum class Match { none, agrees, contradicts };

inline Match compare(const std::optional<std::string>& said, Element* is, const char* name,
                     bool ignore_case = false) {
  const auto own = is == nullptr ? std::nullopt : attribute(*is, name);
  if (!said || !own) return Match::none;
  const bool same = ignore_case ? equal_ignoring_case(*said, *own) : *said == *own;
  return same ? Match::agrees : Match::contradicts;
}

}  // namespace detail

/// Whether the metadata's DESCRIBED (an <ovirt-vm:device>) is about DEVICE (an <interface>, <disk>, ...): at
/// least one of alias, mac_address (in any case) and, for a disk, name (its target) agrees, and none of these
/// nor devtype says otherwise.
inline bool describes(const Element& described, Element& device) {
  using detail::Match;
  if (const auto type = attribute(described, "devtype"); type && *type != device.Name()) return false;
  auto* disk_target = is(device, "disk") ? child(device, "target") : nullptr;
  const Match all[] = {
      detail::compare(attribute(described, "alias"), child(device, "alias"), "name"),
      detail::compare(attribute(described, "mac_address"), child(device, "mac"), "address", true),
      detail::compare(attribute(described, "name"), disk_target, "dev"),
  };
  return std::ranges::count(all, Match::contradicts) == 0 && std::ranges::count(all, Match::agrees) > 0;
}

/// The elements of DOMAIN's metadata that describe DEVICE, in document order.
inline std::vector<Element*> descriptions(Element& domain, Element& device) {
  auto* vm = detail::ovirt_vm(domain);
  if (vm == nullptr) return {};
  auto found = children(*vm, QName{kOvirtVmNamespace, "device"});
  std::erase_if(found, [&](Element* described) { return !describes(*described, device); });
  return found;
}

/// The VM's own custom properties.
inline Properties vm_properties(Element& domain) {
  auto* vm = detail::ovirt_vm(domain);
  return vm == nullptr ? Properties{} : detail::custom(*vm);
}

/// The custom properties of DEVICE, one of DOMAIN's.
inline Properties device_properties(Element& domain, Element& device) {
  Properties all;
  for (auto* described : descriptions(domain, device))
    for (auto& property : detail::custom(*described)) all.push_back(std::move(property));
  return all;
}

}  // namespace vdsm_hook::hooking
