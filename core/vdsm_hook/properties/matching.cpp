#include "vdsm_hook/properties/matching.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

// Of alias, target device and address the first that both have decides, and that depends on which of them each has. So
// the key says which the side that is indexed has, and who looks something up goes through all that there can be.
constexpr std::size_t kNames = 3, kMac = kNames, kHasSets = 1U << kNames;

using Values = std::array<std::optional<std::string_view>, kNames>;

std::size_t has_set(const Values& values) {
  std::size_t has = 0;
  for (std::size_t i = 0; i < kNames; ++i) has |= values[i] ? std::size_t{1} << i : 0;
  return has;
}

std::size_t first_of(std::size_t has) { return has & 1U ? 0 : has & 2U ? 1 : 2; }

// TYPE: "=disk"; empty: of any. HAS: which names the side that is indexed has. WHICH: the one that decides.
std::string key_of(const std::string& type, std::size_t has, std::size_t which, std::string_view value) {
  std::string key = type;
  key += '\0';
  key += static_cast<char>('0' + has);
  key += static_cast<char>('0' + which);
  return key += value;
}
std::string mac_key(const std::string& type, std::string_view mac) { return key_of(type, 0, kMac, in_lower_case(mac)); }

struct Said {
  std::string type;
  std::optional<std::string_view> mac;
  Values values;
};

Said said_by(const DeviceMetadata& metadata) {
  Said said;
  for (const auto& [name, value] : metadata.attributes) {
    if (name == "devtype") said.type = "=" + value;
    if (name == "mac_address") said.mac = value;
    if (name == "alias") said.values[0] = value;
    if (name == "name") said.values[1] = value;
    if (name == "address") said.values[2] = value;
  }
  return said;
}

Values values_of(const DeviceIdentity& device) {
  Values values;
  std::size_t i = 0;
  for (const auto* value : {&device.alias, &device.target, &device.address}) {
    if (!value->empty()) values[i] = *value;
    ++i;
  }
  return values;
}

// What a devtype can say for DEVICE to be meant.
std::vector<std::string> types_of(const DeviceIdentity& device) {
  std::vector<std::string> types{"", "=" + device.type};
  if (device.element != device.type) types.push_back("=" + device.element);
  return types;
}

}  // namespace

std::vector<std::size_t> MatchingPlaces::find(const std::vector<std::string>& keys, std::size_t max) const {
  std::vector<std::size_t> found;
  for (const auto& key : keys)
    if (const auto at = places_.find(key); at != places_.end())
      found.insert(found.end(), at->second.begin(),
                   at->second.begin() + static_cast<std::ptrdiff_t>(std::min(max, at->second.size())));
  std::sort(found.begin(), found.end());
  found.resize(std::min(max, found.size()));
  return found;
}

MetadataIndex::MetadataIndex(std::span<const DeviceMetadata> metadata) {
  for (std::size_t place = 0; place < metadata.size(); ++place) {
    const auto said = said_by(metadata[place]);
    if (said.mac) {
      if (!said.mac->empty()) places_.add(mac_key(said.type, *said.mac), place);
      continue;
    }
    for (std::size_t i = 0; i < kNames; ++i)
      if (said.values[i]) places_.add(key_of(said.type, has_set(said.values), i, *said.values[i]), place);
  }
}

std::vector<std::size_t> MetadataIndex::about(const DeviceIdentity& device, std::size_t max) const {
  std::vector<std::string> keys;
  const auto values = values_of(device);
  for (const auto& type : types_of(device)) {
    if (!device.mac.empty()) keys.push_back(mac_key(type, device.mac));
    for (std::size_t has = 1; has < kHasSets; ++has)
      if (const auto both = has & has_set(values))
        keys.push_back(key_of(type, has, first_of(both), *values[first_of(both)]));
  }
  return places_.find(keys, max);
}

DeviceIndex::DeviceIndex(std::span<const DeviceIdentity> devices) {
  for (std::size_t place = 0; place < devices.size(); ++place) {
    const auto values = values_of(devices[place]);
    for (const auto& type : types_of(devices[place])) {
      if (!devices[place].mac.empty()) places_.add(mac_key(type, devices[place].mac), place);
      for (std::size_t i = 0; i < kNames; ++i)
        if (values[i]) places_.add(key_of(type, has_set(values), i, *values[i]), place);
    }
  }
}

std::vector<std::size_t> DeviceIndex::of(const DeviceMetadata& metadata, std::size_t max) const {
  std::vector<std::string> keys;
  const auto said = said_by(metadata);
  if (said.mac) {
    if (!said.mac->empty()) keys.push_back(mac_key(said.type, *said.mac));
    return places_.find(keys, max);
  }
  for (std::size_t has = 1; has < kHasSets; ++has)
    if (const auto both = has & has_set(said.values))
      keys.push_back(key_of(said.type, has, first_of(both), *said.values[first_of(both)]));
  return places_.find(keys, max);
}

}  // namespace vdsm_hook
