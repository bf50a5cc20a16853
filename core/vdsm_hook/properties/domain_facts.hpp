// Whose a domain XML is, and which custom properties its metadata has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vdsm_hook/properties/device_metadata.hpp"

namespace vdsm_hook {

class MetadataIndex;

/// What a domain XML says about whose it is.
struct DomainFacts {
  std::string name;  ///< empty: there is none
  std::string uuid;  ///< without blanks around
  /// The VM's own custom properties, /domain/metadata/{ovirt}vm/{ovirt}custom/{ovirt}NAME, in the order of the
  /// document; names and values are not judged.
  PropertyValues custom_properties;
  /// /domain/metadata/{ovirt}vm/{ovirt}device: properties in {ovirt}custom as above, the profile in
  /// {ovirt}vnic_profile.
  std::vector<DeviceMetadata> devices;
  /// "has two elements <vm>, ...": which one counts cannot be known; or more properties or devices than are taken
  /// (limits.hpp). Empty: none.
  std::string fault;
  std::shared_ptr<const MetadataIndex> index;  ///< of devices; made by read_domain_facts()

  /// The elements about DEVICE, of more than two the first two: it should be one, or none.
  std::vector<const DeviceMetadata*> all_about(const DeviceIdentity& device) const;
  /// nullptr: the metadata says nothing about DEVICE. Throws bad_document when two elements do.
  const DeviceMetadata* about(const DeviceIdentity& device) const;
};

}  // namespace vdsm_hook
