#include "vdsm_hook/properties/outline.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <utility>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/matching.hpp"

namespace vdsm_hook {
namespace {

using Kind = OutlineNode::Kind;
using std::string_view_literals::operator""sv;

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
constexpr std::array kHeaderElements{"name"sv, "uuid"sv, "hwuuid"sv, "genid"sv, "title"sv, "description"sv};
constexpr std::array kIdentifying{"mac_address"sv, "alias"sv, "name"sv, "address"sv, "devtype"sv};

template <typename List>
bool holds(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

unsigned number(std::optional<std::string_view> text) {
  unsigned value = 0;
  if (!text) return value;
  const bool is_hex = text->starts_with("0x");
  const auto digits = is_hex ? text->substr(2) : *text;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  return value;
}

// As lspci writes it; an mdev's is its UUID.
std::string address_of(const XmlAttributes& attributes) {
  if (const auto uuid = attributes.get("uuid")) return std::string(*uuid);
  if (!attributes.get("slot")) return "";
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", number(attributes.get("domain")) & 0xFFFFU,
                                   number(attributes.get("bus")) & 0xFFU, number(attributes.get("slot")) & 0xFFU,
                                   number(attributes.get("function")) & 0xFU);
  return std::string(text, static_cast<std::size_t>(length));
}

std::string type_of(std::string_view element, const XmlAttributes& attributes) {
  if (element == "memballoon") return "balloon";
  if (element == "hostdev" && attributes.get("type") == "mdev") return "mdev";
  return std::string(element);
}

}  // namespace

OutlineNode::Kind OutlineReader::kind_of(const XmlName& name) const {
  const bool is_plain = name.space.empty(), is_ovirt = name.space == kOvirtVmNamespace;
  if (open_.empty()) {
    if (extent_ == Extent::device) return is_plain ? Kind::device : Kind::elsewhere;
    return is_plain && name.local == "domain" ? Kind::domain : Kind::elsewhere;
  }
  if (open_.back() == kNowhere) return Kind::elsewhere;
  switch (nodes[open_.back()].kind) {
    case Kind::domain:
      if (is_plain && holds(kHeaderElements, name.local)) return Kind::header;
      if (is_plain && name.local == "metadata")
        return extent_ == Extent::facts && has_metadata_ ? Kind::elsewhere : Kind::metadata;
      return is_plain && name.local == "devices" && extent_ == Extent::whole_domain ? Kind::devices : Kind::elsewhere;
    case Kind::metadata: return is_ovirt && name.local == "vm" ? Kind::vm : Kind::elsewhere;
    case Kind::vm:
      if (is_ovirt && name.local == "custom") return Kind::custom;
      return is_ovirt && name.local == "device" ? Kind::device_metadata : Kind::elsewhere;
    case Kind::device_metadata:
      if (is_ovirt && name.local == "custom") return Kind::custom;
      return is_ovirt && name.local == "vnic_profile" ? Kind::profile : Kind::elsewhere;
    case Kind::custom: return is_ovirt ? Kind::property : Kind::elsewhere;
    case Kind::devices: return is_plain ? Kind::device : Kind::elsewhere;
    case Kind::device: return is_plain ? Kind::device_detail : Kind::elsewhere;
    // The address of what a host device is on the host.
    case Kind::device_detail:
      return is_plain && name.local == "address" && nodes[open_.back()].local == "source" ? Kind::device_detail
                                                                                          : Kind::elsewhere;
    default: return Kind::elsewhere;
  }
}

void OutlineReader::take_detail(const XmlName& name, const XmlAttributes& attributes) {
  auto& device = devices.back();
  const auto take = [&attributes](std::string& into, std::string_view attribute) {
    if (const auto value = attributes.get(attribute); value && into.empty()) into = *value;
  };
  const auto& holder = nodes[open_.back()];
  if (holder.kind == Kind::device_detail) {
    if (const auto address = address_of(attributes); !address.empty()) device.address = address;
  } else if (name.local == "mac") {
    take(device.mac, "address");
    device.mac = in_lower_case(device.mac);
  } else if (name.local == "alias") {
    take(device.alias, "name");
  } else if (name.local == "target") {
    take(device.target, "dev");
  } else if (name.local == "address" && device.address.empty()) {
    device.address = address_of(attributes);
  }
}

void OutlineReader::start(const XmlName& name, const XmlAttributes& attributes) {
  const auto kind = kind_of(name);
  if (kind == Kind::elsewhere) {
    open_.push_back(kNowhere);
    return;
  }
  if (kind == Kind::device) {
    const auto type = type_of(name.local, attributes);
    devices.push_back({std::string(name.local), type, "", "", "", "", ++counts_[type]});
  }
  if (kind == Kind::device_detail) take_detail(name, attributes);
  const auto place = nodes.size();
  nodes.push_back({kind, open_.empty() ? place : open_.back(), std::string(name.local), "", {}, tag(), {}});
  const auto take = [&](std::string_view attribute) {
    if (const auto value = attributes.get(attribute)) nodes.back().attributes.emplace_back(attribute, *value);
  };
  if (kind == Kind::device_metadata) std::for_each(kIdentifying.begin(), kIdentifying.end(), take);
  if (kind == Kind::property) take(kProfileAttribute);
  open_.push_back(place);
}

void OutlineReader::end() {
  if (const auto place = open_.back(); place != kNowhere) {
    auto& node = nodes[place];
    node.end = tag();
    if (node.kind == Kind::header) {
      has_name_ = has_name_ || node.local == "name";
      has_uuid_ = has_uuid_ || node.local == "uuid";
    }
    has_metadata_ = has_metadata_ || node.kind == Kind::metadata;
  }
  open_.pop_back();
}

void OutlineReader::text(std::string_view piece) {
  if (open_.empty() || open_.back() == kNowhere) return;
  auto& node = nodes[open_.back()];
  if (node.kind == Kind::header || node.kind == Kind::property || node.kind == Kind::profile) node.text += piece;
}

bool OutlineReader::is_done() const { return extent_ == Extent::facts && has_name_ && has_uuid_ && has_metadata_; }

LineCounter::LineCounter(std::string_view document) : document_(document) {}

std::size_t LineCounter::line_of(std::size_t offset) {
  for (; at_ < offset && at_ < document_.size(); ++at_) line_ += document_[at_] == '\n' ? 1 : 0;
  return line_;
}

namespace {

// FACTS of a document: what there is more of than is taken.
std::string excess_in(const DomainFacts& facts) {
  const auto most = std::to_string(kMaxProperties);
  if (facts.custom_properties.size() > kMaxProperties)
    return "has " + std::to_string(facts.custom_properties.size()) + " custom properties of the VM: at most " + most +
           " are taken";
  if (facts.devices.size() > kMaxDevices)
    return "has metadata about " + std::to_string(facts.devices.size()) + " devices: at most " +
           std::to_string(kMaxDevices) + " are taken";
  for (const auto& device : facts.devices)
    if (const auto count = device.properties.size() + device.written_out.size(); count > kMaxProperties)
      return "has " + std::to_string(count) + " custom properties of one device, in line " +
             std::to_string(device.line) + ": at most " + most + " are taken";
  return "";
}

}  // namespace

std::string two_elements(std::string_view name, std::string_view document, const OutlineNode& first,
                         const OutlineNode& second) {
  LineCounter lines(document);
  const auto in_line = lines.line_of(first.start.begin);
  return "has two elements <" + std::string(name) + "> in one place, in lines " + std::to_string(in_line) + " and " +
         std::to_string(lines.line_of(second.start.begin)) + ": make one of them";
}

std::optional<std::string> too_many_devices(const OutlineReader& reader) {
  if (reader.devices.size() <= kMaxDevices) return std::nullopt;
  return "has " + std::to_string(reader.devices.size()) + " devices: at most " + std::to_string(kMaxDevices) +
         " are taken";
}

DomainFacts facts_of(const std::vector<OutlineNode>& nodes, std::string_view document) {
  DomainFacts facts;
  LineCounter lines(document);
  std::map<std::pair<std::size_t, Kind>, const OutlineNode*> seen;
  const auto is_single = [](Kind kind) {
    return kind == Kind::metadata || kind == Kind::vm || kind == Kind::custom || kind == Kind::profile;
  };
  const auto take = [](std::string& into, const OutlineNode& node) {
    if (into.empty()) into = node.text;
  };
  bool has_name = false, has_uuid = false;  // the first counts, as for libvirt, also when it is empty
  for (const auto& node : nodes) {
    if (node.kind == Kind::header && node.local == "name" && !std::exchange(has_name, true)) facts.name = node.text;
    if (node.kind == Kind::header && node.local == "uuid" && !std::exchange(has_uuid, true)) facts.uuid = node.text;
    if (node.kind == Kind::device_metadata)
      facts.devices.push_back({node.attributes, "", {}, {}, lines.line_of(node.start.begin)});
    if (is_single(node.kind) && facts.fault.empty()) {
      const auto [twin, is_first] = seen.try_emplace({node.parent, node.kind}, &node);
      if (!is_first) facts.fault = two_elements(node.local, document, *twin->second, node);
    }
    // A device's elements come before the next device's.
    if (node.kind == Kind::profile) take(facts.devices.back().profile, node);
    if (node.kind == Kind::property) {
      const bool is_devices = nodes[nodes[node.parent].parent].kind == Kind::device_metadata;
      auto* values = &facts.custom_properties;
      if (is_devices)
        values = node.attributes.empty() ? &facts.devices.back().properties : &facts.devices.back().written_out;
      values->emplace_back(node.local, node.text);
    }
  }
  facts.uuid = trimmed(facts.uuid);
  if (facts.fault.empty()) facts.fault = excess_in(facts);
  facts.index = std::make_shared<const MetadataIndex>(facts.devices);
  return facts;
}

}  // namespace vdsm_hook
