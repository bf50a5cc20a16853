// Custom properties where they live: in the metadata of a domain XML, in oVirt's form.
#pragma once

#include <string_view>

#include "vdsm_hook/properties/domain_facts.hpp"

namespace vdsm_hook {

/// Reads DOMAIN_XML only as far as it must: libvirt writes all of this first. So nothing is said about the rest, and of
/// a document that is not well-formed comes what stands in front of the error.
DomainFacts read_domain_facts(std::string_view domain_xml);

/// Of the one device that DEVICE_XML is. What is not well-formed gives what stands in front of the error.
DeviceIdentity read_device_identity(std::string_view device_xml);

}  // namespace vdsm_hook
