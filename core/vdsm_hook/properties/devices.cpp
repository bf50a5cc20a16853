#include "vdsm_hook/properties/devices.hpp"

#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/outline.hpp"

namespace vdsm_hook {
namespace {

// Where the root element is.
class RootFinder final : public XmlHandler {
 public:
  void start(const XmlName&, const XmlAttributes&) override {
    if (depth_++ == 0) span.begin = tag().begin;
  }
  void end() override {
    if (--depth_ == 0) span.end = tag().end;
  }
  void text(std::string_view) override {}

  XmlSpan span;

 private:
  std::size_t depth_ = 0;
};

struct Devices {
  std::vector<DeviceIdentity> identities;
  std::vector<XmlSpan> spans;
};

Devices find_devices(std::string_view domain_xml) {
  OutlineReader reader(OutlineReader::Extent::whole_domain);
  if (const auto problem = read_xml(domain_xml, reader))
    throw Error(Errc::bad_document, "the domain XML: " + problem->to_text());
  if (reader.nodes.empty() || reader.nodes.front().kind != OutlineNode::Kind::domain)
    throw Error(Errc::bad_document, "the domain XML has another root element than <domain>");
  if (const auto why = too_many_devices(reader)) throw Error(Errc::bad_document, "the domain XML " + *why);
  Devices devices{std::move(reader.devices), {}};
  for (const auto& node : reader.nodes)
    if (node.kind == OutlineNode::Kind::device) devices.spans.push_back({node.start.begin, node.end.end});
  return devices;
}

std::string_view part(std::string_view document, const XmlSpan& span) {
  return document.substr(span.begin, span.end - span.begin);
}

}  // namespace

std::vector<DeviceElement> device_elements(std::string_view domain_xml) {
  auto devices = find_devices(domain_xml);
  std::vector<DeviceElement> elements;
  for (std::size_t i = 0; i < devices.spans.size(); ++i)
    elements.push_back({std::move(devices.identities[i]), std::string(part(domain_xml, devices.spans[i]))});
  return elements;
}

std::string with_devices(std::string_view domain_xml,
                         const std::vector<std::pair<std::size_t, std::string>>& replacements) {
  const auto devices = find_devices(domain_xml);
  auto sorted = replacements;
  std::sort(sorted.begin(), sorted.end());
  std::string result;
  std::size_t at = 0;
  for (const auto& [place, xml] : sorted) {
    RootFinder root;
    if (const auto problem = read_xml(xml, root))
      throw Error(Errc::bad_document, "the device XML: " + problem->to_text());
    const auto& span = devices.spans.at(place);
    result.append(domain_xml, at, span.begin - at).append(part(xml, root.span));
    at = span.end;
  }
  return result.append(domain_xml, at);
}

bool has_properties(const DomainFacts& domain, const DeviceIdentity& device) {
  const auto all = domain.all_about(device);
  return std::any_of(all.begin(), all.end(), [](const DeviceMetadata* metadata) {
    return !metadata->properties.empty() || !metadata->written_out.empty() || !metadata->profile.empty();
  });
}

}  // namespace vdsm_hook
