#include "vdsm_hook/properties/metadata.hpp"

#include <strings.h>

#include <algorithm>
#include <unordered_set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/matching.hpp"
#include "vdsm_hook/properties/outline.hpp"

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
  if (const auto* type = get("devtype"); type != nullptr && *type != device.type && *type != device.element) return false;
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

std::vector<const DeviceMetadata*> DomainFacts::all_about(const DeviceIdentity& device) const {
  std::vector<const DeviceMetadata*> found;
  if (index)
    for (const auto place : index->about(device, 2)) found.push_back(&devices[place]);
  return found;
}

const DeviceMetadata* DomainFacts::about(const DeviceIdentity& device) const {
  const auto found = all_about(device);
  if (found.size() > 1)
    throw Error(Errc::bad_document, "the domain's metadata has two elements for " + device.to_text() + ", in lines " +
                                        std::to_string(found[0]->line) + " and " + std::to_string(found[1]->line) + ": make one of them");
  return found.empty() ? nullptr : found[0];
}

DomainFacts read_domain_facts(std::string_view domain_xml) {
  OutlineReader reader(OutlineReader::Extent::facts);
  static_cast<void>(read_xml(domain_xml, reader));
  return facts_of(reader.nodes, domain_xml);
}

DeviceIdentity read_device_identity(std::string_view device_xml) {
  OutlineReader reader(OutlineReader::Extent::device);
  static_cast<void>(read_xml(device_xml, reader));
  return reader.devices.empty() ? DeviceIdentity{} : reader.devices.front();
}

}  // namespace vdsm_hook
