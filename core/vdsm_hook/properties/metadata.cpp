#include "vdsm_hook/properties/metadata.hpp"

#include "vdsm_hook/properties/outline.hpp"

namespace vdsm_hook {

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
