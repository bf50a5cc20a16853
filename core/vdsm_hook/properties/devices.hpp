// The devices of a domain XML, each as a document of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {

struct DeviceElement {
  DeviceIdentity identity;
  std::string xml;  ///< the element as it stands in the domain XML, byte for byte
};

/// In the order of the document. Throws bad_document for what is not well-formed or no domain.
std::vector<DeviceElement> device_elements(std::string_view domain_xml);

/// DOMAIN_XML with other elements in the place of devices: PLACES are those in device_elements(), each XML a document
/// (declaration, comments and blanks around its root are left out). The rest stays byte for byte. Throws bad_document.
std::string with_devices(std::string_view domain_xml,
                         const std::vector<std::pair<std::size_t, std::string>>& replacements);

/// Whether the hook points of devices fire for DEVICE: the metadata give it properties, or a vNIC profile.
bool has_properties(const DomainFacts& domain, const DeviceIdentity& device);

}  // namespace vdsm_hook
