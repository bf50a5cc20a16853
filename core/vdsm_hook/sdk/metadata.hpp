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

#include <charconv>
#include <cstdio>
#include <optional>
#include <stdexcept>
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

inline unsigned number(const std::optional<std::string>& text) {
  unsigned value = 0;
  if (!text) return value;
  const bool is_hex = text->starts_with("0x");
  std::from_chars(text->data() + (is_hex ? 2 : 0), text->data() + text->size(), value, is_hex ? 16 : 10);
  return value;
}

// PCI as lspci writes it; an mdev's is its UUID.
inline std::string address_in(const Element& address) {
  if (const auto uuid = attribute(address, "uuid")) return *uuid;
  if (address.Attribute("slot") == nullptr) return {};
  const auto part = [&address](const char* name) { return number(attribute(address, name)); };
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", part("domain") & 0xFFFFU, part("bus") & 0xFFU,
                part("slot") & 0xFFU, part("function") & 0xFU);
  return text;
}

// What tells a device from the others. Empty: the document does not say it.
struct Identity {
  std::string element, type, mac, alias, target, address;

  explicit Identity(Element& device)
      : element(device.Name()),
        type(element == "memballoon"                                       ? "balloon"
             : element == "hostdev" && attribute(device, "type") == "mdev" ? "mdev"
                                                                           : element) {
    const auto take = [](std::string& into, const Element& from, const char* name) {
      if (into.empty()) into = attribute(from, name).value_or("");
    };
    for (auto* e = device.FirstChildElement(); e != nullptr; e = e->NextSiblingElement()) {
      if (is(*e, "mac")) take(mac, *e, "address");
      if (is(*e, "alias")) take(alias, *e, "name");
      if (is(*e, "target")) take(target, *e, "dev");
      if (is(*e, "address") && address.empty()) address = address_in(*e);
      if (!is(*e, "source")) continue;
      for (auto* on_host : children(*e, "address"))  // of a host device; it goes before the guest's
        if (auto its = address_in(*on_host); !its.empty()) address = std::move(its);
    }
  }

  std::string to_text() const {
    for (const auto* name : {&mac, &target, &alias, &address})
      if (!name->empty()) return type + " " + *name;
    return type;
  }
};

inline bool describes(const Element& described, const Identity& device) {
  if (const auto type = attribute(described, "devtype"); type && *type != device.type && *type != device.element)
    return false;
  if (const auto mac = attribute(described, "mac_address"))
    return !mac->empty() && equal_ignoring_case(*mac, device.mac);
  const std::pair<const char*, const std::string&> rest[] = {
      {"alias", device.alias}, {"name", device.target}, {"address", device.address}};
  for (const auto& [name, has] : rest)
    if (const auto said = attribute(described, name); said && !has.empty()) return *said == has;
  return false;
}

}  // namespace detail

/// Whether the metadata's DESCRIBED (an <ovirt-vm:device>) is about DEVICE (an <interface>, <disk>, ...), as
/// the engine has it: devtype, where it is said, is oVirt's type of the device ("balloon", "mdev", ...) or
/// its element. Then mac_address decides, where it is said; else the first of alias, name (the target) and
/// address (PCI 0000:05:00.0, of a host device the host's; or an mdev's UUID) that both have.
inline bool describes(const Element& described, Element& device) {
  return detail::describes(described, detail::Identity(device));
}

/// The element of DOMAIN's metadata that describes DEVICE, or nullptr. Throws std::runtime_error when two do.
inline Element* description(Element& domain, Element& device) {
  auto* vm = detail::ovirt_vm(domain);
  if (vm == nullptr) return nullptr;
  const detail::Identity identity(device);
  Element* found = nullptr;
  for (auto* described : children(*vm, QName{kOvirtVmNamespace, "device"})) {
    if (!detail::describes(*described, identity)) continue;
    if (found != nullptr)
      throw std::runtime_error("the domain's metadata has two elements for " + identity.to_text() + ", in lines " +
                               std::to_string(found->GetLineNum()) + " and " + std::to_string(described->GetLineNum()) +
                               ": make one of them");
    found = described;
  }
  return found;
}

/// The VM's own custom properties.
inline Properties vm_properties(Element& domain) {
  auto* vm = detail::ovirt_vm(domain);
  return vm == nullptr ? Properties{} : detail::custom(*vm);
}

/// The custom properties of DEVICE, one of DOMAIN's. Throws as description() does.
inline Properties device_properties(Element& domain, Element& device) {
  auto* described = description(domain, device);
  return described == nullptr ? Properties{} : detail::custom(*described);
}

}  // namespace vdsm_hook::hooking
