// Where in a domain XML the things are that properties are about. Inside core/vdsm_hook/properties only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vdsm_hook/properties/domain_facts.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {

/// Of a property that is a vNIC profile's: the profile's name.
inline constexpr std::string_view kProfileAttribute = "profile";

/// One element that matters, with the places of its tags.
struct OutlineNode {
  enum class Kind {
    elsewhere,  // and whatever is in it
    domain,
    header,  // what libvirt writes in front of the metadata: name, uuid, title, ...
    metadata,
    vm,
    custom,  // of the VM or a device
    property,
    device_metadata,
    profile,
    devices,
    device,
    device_detail,  // an element in a device
  };
  Kind kind;
  std::size_t parent;  // its own place, for the root
  std::string local;
  std::string text;                                             // its own, without that of elements in it
  std::vector<std::pair<std::string, std::string>> attributes;  // those that tell a device; of a property, its profile
  XmlSpan start, end;
};

/// Fills `nodes` in the order of the document.
class OutlineReader final : public XmlHandler {
 public:
  enum class Extent { facts, whole_domain, device };
  explicit OutlineReader(Extent extent) : extent_(extent) {}

  void start(const XmlName& name, const XmlAttributes& attributes) override;
  void end() override;
  void text(std::string_view piece) override;
  bool is_done() const override;

  std::vector<OutlineNode> nodes;
  std::vector<DeviceIdentity> devices;

 private:
  OutlineNode::Kind kind_of(const XmlName& name) const;
  void take_detail(const XmlName& name, const XmlAttributes& attributes);

  const Extent extent_;
  std::vector<std::size_t> open_;                        // places in nodes; kNowhere for what does not matter
  std::unordered_map<std::string, std::size_t> counts_;  // of devices, by type
  bool has_name_ = false, has_uuid_ = false, has_metadata_ = false;
};

/// "has two elements <NAME> in one place, in lines ...".
std::string two_elements(std::string_view name, std::string_view document, const OutlineNode& first,
                         const OutlineNode& second);
/// "has N devices: ...", where they are more than are taken.
std::optional<std::string> too_many_devices(const OutlineReader& reader);
DomainFacts facts_of(const std::vector<OutlineNode>& nodes, std::string_view document);

/// Lines from 1, of offsets that are asked for in ascending order.
class LineCounter {
 public:
  explicit LineCounter(std::string_view document);
  std::size_t line_of(std::size_t offset);

 private:
  std::string_view document_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace vdsm_hook
