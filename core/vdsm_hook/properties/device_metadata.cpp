#include "vdsm_hook/properties/device_metadata.hpp"

#include <strings.h>

#include <unordered_set>

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {

std::string DeviceIdentity::to_text() const {
  for (const auto* name : {&mac, &target, &alias, &address})
    if (!name->empty()) return printable(type + " " + *name);
  return printable(type) + ":" + std::to_string(position);
}

bool DeviceMetadata::is_about(const DeviceIdentity& device) const {
  const auto get = [this](std::string_view wanted) -> const std::string* {
    for (const auto& [name, value] : attributes)
      if (name == wanted) return &value;
    return nullptr;
  };
  if (const auto* type = get("devtype"); type != nullptr && *type != device.type && *type != device.element)
    return false;
  if (const auto* mac = get("mac_address")) return !mac->empty() && ::strcasecmp(mac->c_str(), device.mac.c_str()) == 0;
  const std::pair<const std::string*, const std::string&> rest[] = {
      {get("alias"), device.alias}, {get("name"), device.target}, {get("address"), device.address}};
  for (const auto& [said, has] : rest)
    if (said != nullptr && !has.empty()) return *said == has;
  return false;
}

PropertyValues DeviceMetadata::left_of(const PropertyValues& from_profile) const {
  std::unordered_set<std::string_view> own;
  for (const auto& [name, value] : properties) own.insert(name);
  PropertyValues left;
  for (const auto& entry : from_profile)
    if (!own.contains(entry.first)) left.push_back(entry);
  return left;
}

}  // namespace vdsm_hook
