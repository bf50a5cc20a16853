// Which metadata are about which device, without comparing each with each. Inside core/vdsm_hook/properties only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "vdsm_hook/properties/device_metadata.hpp"

namespace vdsm_hook {

/// Places by all that metadata and devices can have in common.
class MatchingPlaces {
 public:
  void add(std::string key, std::size_t place) { places_[std::move(key)].push_back(place); }
  /// Those of all KEYS, ascending, the first MAX.
  std::vector<std::size_t> find(const std::vector<std::string>& keys, std::size_t max) const;

 private:
  std::unordered_map<std::string, std::vector<std::size_t>> places_;
};

/// Finds what DeviceMetadata::is_about() is true for, in time that does not grow with how many others there are.
class MetadataIndex {
 public:
  explicit MetadataIndex(std::span<const DeviceMetadata> metadata);
  /// The places of the first MAX that are about DEVICE.
  std::vector<std::size_t> about(const DeviceIdentity& device, std::size_t max) const;

 private:
  MatchingPlaces places_;
};

/// The other way round.
class DeviceIndex {
 public:
  explicit DeviceIndex(std::span<const DeviceIdentity> devices);
  /// The places of the first MAX devices that METADATA are about.
  std::vector<std::size_t> of(const DeviceMetadata& metadata, std::size_t max) const;

 private:
  MatchingPlaces places_;
};

}  // namespace vdsm_hook
