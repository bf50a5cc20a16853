#include "vdsm_hook/properties/editor.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/matching.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/properties/outline.hpp"
#include "vdsm_hook/properties/splicer.hpp"
#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook {
namespace {

using Kind = OutlineNode::Kind;
using Nodes = std::vector<OutlineNode>;

[[noreturn]] void wrong_document(const std::string& why) { throw Error(Errc::bad_document, "the domain XML " + why); }

std::string place_of(const DeviceIdentity& device) { return device.type + ":" + std::to_string(device.position); }

// One set of changes: where in the document as it was they go.
class Edit {
 public:
  Edit(std::string_view document, const Nodes& nodes, const DomainFacts& facts,
       const std::vector<DeviceIdentity>& devices)
      : document_(document), nodes_(nodes), facts_(facts), devices_(devices), splicer_(document, nodes) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].kind == Kind::device_metadata) metadata_nodes_.push_back(i);
  }

  void set_vm(const std::vector<PropertyChange>& changes) {
    go_to_vm();
    set_properties(changes);
  }
  void set_device(std::size_t device, const std::vector<PropertyChange>& changes) {
    go_to_device(device);
    set_properties(changes);
  }
  // PROPERTIES: of the profile; what was written out before is replaced by them.
  void write_out(std::size_t device, const PropertyValues& properties) {
    go_to_device(device);
    const auto* metadata = facts_.about(devices_[device]);
    const auto profile = metadata == nullptr ? std::string() : metadata->profile;
    step(Kind::custom, "custom");
    std::vector<std::size_t> gone;
    for (std::size_t i = here_ + 1; missing_.empty() && is_in(i, here_); ++i)
      if (nodes_[i].parent == here_ && nodes_[i].kind == Kind::property && !nodes_[i].attributes.empty())
        gone.push_back(i);
    std::vector<std::string> leaves;
    for (const auto& [name, value] : properties)
      leaves.push_back(leaf(name, value, " " + std::string(kProfileAttribute) + "=\"" + xml_escaped(profile) + "\""));
    if (leaves.empty()) return splicer_.take_out(std::move(gone));
    for (const auto node : gone) splicer_.cut_out(node);
    add(leaves);
  }
  void set_profile(std::size_t device, const std::optional<std::string>& profile) {
    go_to_device(device);
    const auto node = missing_.empty() ? child(here_, Kind::profile) : std::nullopt;
    if (node && profile) {
      splicer_.set_text(*node, *profile);
    } else if (node) {
      splicer_.take_out({*node});
    } else if (profile) {
      add({leaf("vnic_profile", *profile)});
    }
  }

  std::string result() { return splicer_.result(); }

 private:
  // -- the way down; what is not there is noted in missing_ --

  void go_to_vm() {
    here_ = 0;
    missing_.clear();
    if (!way_to_vm_) {
      step(Kind::metadata, "metadata");
      step(Kind::vm, "vm", " xmlns:ovirt-vm=\"" + std::string(kOvirtVmNamespace) + "\"");
      way_to_vm_ = {here_, missing_};
    }
    std::tie(here_, missing_) = *way_to_vm_;
  }

  void go_to_device(std::size_t device) {
    go_to_vm();
    if (const auto* about = facts_.about(devices_[device]); about != nullptr && missing_.empty()) {
      refuse_if_shared(*about, device);
      here_ = node_of(*about);
    } else {
      missing_.push_back({"device", ""});
      new_device_ = device;
    }
  }

  void step(Kind kind, const std::string& name, const std::string& attributes = {}) {
    if (const auto found = missing_.empty() ? child(here_, kind) : std::nullopt) {
      here_ = *found;
    } else {
      missing_.push_back({name, attributes});
    }
  }

  // The attributes by which the new metadata of a device find it again.
  std::string identifying(std::size_t place) const {
    const auto& device = devices_[place];
    const bool is_users_alias = device.alias.starts_with("ua-");  // libvirt's own change from start to start
    DeviceMetadata metadata;
    auto& attributes = metadata.attributes;
    if (!device.mac.empty()) {
      attributes = {{"mac_address", device.mac}};
    } else if (is_users_alias) {
      attributes = {{"devtype", device.type}, {"alias", device.alias}};
    } else if (!device.target.empty()) {
      attributes = {{"devtype", device.type}, {"name", device.target}};
    } else if (!device.address.empty()) {
      attributes = {{"devtype", device.type}, {"address", device.address}};
    } else {
      throw Error(Errc::wrong_use, "nothing tells " + device.to_text() +
                                       " from other devices later on: give it an alias of its own, such as " +
                                       "<alias name='ua-" + device.type + "-" + std::to_string(device.position) +
                                       "'/>");
    }
    refuse_if_shared(metadata, place);
    std::string text;
    for (const auto& [name, value] : attributes) text += " " + name + "=\"" + xml_escaped(value) + "\"";
    return text;
  }

  void refuse_if_shared(const DeviceMetadata& metadata, std::size_t place) const {
    const auto& attributes = metadata.attributes;
    const auto what =
        std::find_if(attributes.begin(), attributes.end(), [](const auto& entry) { return entry.first != "devtype"; });
    if (!device_index_) device_index_.emplace(devices_);
    for (const auto other : device_index_->of(metadata, 2))
      if (other != place)
        throw Error(
            Errc::wrong_use,
            devices_[place].to_text() + " cannot be told from another device: " + place_of(devices_[other]) + " and " +
                place_of(devices_[place]) + " have the same " + what->first +
                ", so properties would be those of both; give one of them another, or an alias of its own (ua-...)");
  }

  // The element that ABOUT was read from: facts have one for each such node, in their order.
  std::size_t node_of(const DeviceMetadata& about) const {
    return metadata_nodes_[static_cast<std::size_t>(&about - facts_.devices.data())];
  }

  // Whether there is a node I and it is in PARENT, which is in front of it.
  bool is_in(std::size_t i, std::size_t parent) const {
    return i < nodes_.size() && nodes_[i].start.begin < nodes_[parent].end.begin;
  }

  // Of the kinds that may be there once; the facts have no fault.
  std::optional<std::size_t> child(std::size_t parent, Kind kind) const {
    for (std::size_t i = parent + 1; is_in(i, parent); ++i)
      if (nodes_[i].parent == parent && nodes_[i].kind == kind) return i;
    return std::nullopt;
  }
  std::optional<std::size_t> property(std::size_t custom, const std::string& name) const {
    std::optional<std::size_t> found;
    for (std::size_t i = custom + 1; is_in(i, custom); ++i) {
      if (nodes_[i].parent != custom || nodes_[i].kind != Kind::property || nodes_[i].local != name) continue;
      if (found) wrong_document(two_elements(splicer_.raw_name(i), document_, nodes_[*found], nodes_[i]));
      found = i;
    }
    return found;
  }

  // -- changes --

  void set_properties(const std::vector<PropertyChange>& changes) {
    step(Kind::custom, "custom");
    std::vector<std::string> leaves;
    std::vector<std::size_t> gone;
    for (const auto& change : changes) {
      const auto node = missing_.empty() ? property(here_, change.name) : std::nullopt;
      if (node && change.value && !nodes_[*node].attributes.empty()) {
        splicer_.replace(*node, leaf(change.name, *change.value));  // no profile's any more
      } else if (node && change.value) {
        splicer_.set_text(*node, *change.value);
      } else if (node) {
        gone.push_back(*node);
      } else if (change.value) {
        leaves.push_back(leaf(change.name, *change.value));
      }
    }
    if (leaves.empty()) {
      splicer_.take_out(std::move(gone));
    } else {
      for (const auto node : gone) splicer_.cut_out(node);
      add(leaves);
    }
  }

  std::string leaf(const std::string& name, const std::string& text, const std::string& attributes = {}) const {
    const auto tag = splicer_.prefix_in(here_) + name;
    return "<" + tag + attributes + ">" + xml_escaped(text) + "</" + tag + ">";
  }

  // Puts LEAVES into what is here, within what is missing on the way.
  void add(const std::vector<std::string>& leaves) {
    for (auto& element : missing_)
      if (element.name == "device") element.attributes = identifying(new_device_);
    splicer_.add(here_, missing_, leaves);
  }

  std::string_view document_;
  const Nodes& nodes_;
  const DomainFacts& facts_;
  const std::vector<DeviceIdentity>& devices_;
  Splicer splicer_;
  std::size_t here_ = 0;  // the domain
  std::vector<Splicer::Element> missing_;
  std::optional<std::pair<std::size_t, std::vector<Splicer::Element>>> way_to_vm_;
  std::vector<std::size_t> metadata_nodes_;  // in the order of facts_.devices
  mutable std::optional<DeviceIndex> device_index_;
  std::size_t new_device_ = 0;  // whose metadata are missing; only what is added to needs to find it again
};

// U+FFFE and U+FFFF are UTF-8, but not XML.
std::optional<std::string> refused_in_xml(std::string_view text) {
  if (text.find("\xEF\xBF\xBE") == std::string_view::npos && text.find("\xEF\xBF\xBF") == std::string_view::npos)
    return std::nullopt;
  return "XML cannot hold U+FFFE or U+FFFF";
}

void check(const std::vector<PropertyChange>& changes) {
  std::set<std::string_view> names;
  for (const auto& change : changes) {
    auto why = refused_name(change.name);
    if (!why && change.value) why = refused_value(change.name, *change.value);
    if (!why && change.value) why = refused_in_xml(*change.value);
    if (!why && !names.insert(change.name).second) why = "it is changed twice at once";
    if (why) throw Error(Errc::wrong_use, "'" + printable(change.name.substr(0, 80)) + "': " + *why);
  }
}

std::string list_of(const std::vector<const DeviceIdentity*>& devices) {
  constexpr std::size_t max = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(max, devices.size()); ++i) text += (i == 0 ? "" : ", ") + devices[i]->to_text();
  return devices.size() > max ? text + " and " + std::to_string(devices.size() - max) + " more" : text;
}

bool is_meant(const DeviceIdentity& device, std::string_view selector) {
  if (selector.empty()) return false;
  if (selector == device.alias || selector == device.target || selector == device.address) return true;
  const auto is_same_letter = [](char a, char b) {
    return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
  };
  if (std::equal(device.mac.begin(), device.mac.end(), selector.begin(), selector.end(), is_same_letter)) return true;
  if (selector == place_of(device)) return true;
  // An mdev is a <hostdev>, too, but hostdev:1 is the first of the others.
  return !is_device_type(device.element) && selector == device.element + ":" + std::to_string(device.position);
}

}  // namespace

DomainEditor::DomainEditor(std::string domain_xml) : document_(std::move(domain_xml)) {
  OutlineReader reader(OutlineReader::Extent::whole_domain);
  if (const auto problem = read_xml(document_, reader)) wrong_document("is not well-formed: " + problem->to_text());
  if (reader.nodes.empty() || reader.nodes[0].kind != Kind::domain)
    wrong_document("is none: its root element is no <domain> (of no namespace)");
  nodes_ = std::make_shared<const Nodes>(std::move(reader.nodes));
  facts_ = facts_of(*nodes_, document_);
  if (!facts_.fault.empty()) wrong_document(facts_.fault);
  if (const auto why = too_many_devices(reader)) wrong_document(*why);
  devices_ = std::move(reader.devices);
}

std::size_t DomainEditor::find_device(std::string_view selector) const {
  std::vector<const DeviceIdentity*> found, all;
  for (const auto& device : devices_) {
    all.push_back(&device);
    if (is_meant(device, selector)) found.push_back(&device);
  }
  const auto asked = "'" + printable(selector.substr(0, 80)) + "'";
  if (found.empty())
    throw Error(Errc::wrong_use, "the domain XML has no device " + asked +
                                     (all.empty() ? ": it has none" : "; there are: " + list_of(all)));
  if (found.size() > 1) {
    std::string list;
    for (const auto* device : found)
      list += (list.empty() ? "" : ", ") + device->to_text() + " (" + place_of(*device) + ")";
    throw Error(Errc::wrong_use, asked + " means more than one device: " + list);
  }
  return static_cast<std::size_t>(found[0] - devices_.data());
}

std::vector<std::string> DomainEditor::misfits() const {
  std::vector<std::string> found;
  const DeviceIndex index(devices_);
  for (const auto& metadata : facts_.devices) {
    std::vector<std::string> about;
    for (const auto place : index.of(metadata, 3)) about.push_back(place_of(devices_[place]));
    const auto line = "line " + std::to_string(metadata.line) + ": this metadata is about ";
    if (about.empty()) found.push_back(line + "no device of the domain");
    if (about.size() > 1)
      found.push_back(line + "more than one device: " + about[0] + ", " + about[1] + (about.size() > 2 ? ", ..." : ""));
  }
  return found;
}

template <typename Change>
void DomainEditor::apply(const Change& change) {
  Edit edit(document_, *nodes_, facts_, devices_);
  change(edit);
  *this = DomainEditor(edit.result());  // which judges what came out
}

void DomainEditor::set_vm(const std::vector<PropertyChange>& changes) {
  check(changes);
  apply([&](Edit& edit) { edit.set_vm(changes); });
}

void DomainEditor::set_device(std::size_t device, const std::vector<PropertyChange>& changes) {
  check(changes);
  apply([&](Edit& edit) { edit.set_device(device, changes); });
}

void DomainEditor::set_profile(std::size_t device, const std::optional<std::string>& profile) {
  if (profile) {
    auto why = refused_profile_name(*profile);
    if (!why) why = refused_in_xml(*profile);
    if (why) throw Error(Errc::wrong_use, "vNIC profile '" + printable(profile->substr(0, 80)) + "': " + *why);
  }
  if (const auto* metadata = facts_.about(devices_[device]); metadata != nullptr && !metadata->written_out.empty())
    apply([&](Edit& edit) { edit.write_out(device, {}); });
  apply([&](Edit& edit) { edit.set_profile(device, profile); });
}

void DomainEditor::write_out(const std::vector<ProfileOf>& profiles) {
  for (const auto& profile : profiles) {
    std::vector<PropertyChange> changes;
    for (const auto& [name, value] : profile.properties) changes.push_back({name, value});
    check(changes);
  }
  apply([&](Edit& edit) {
    for (const auto& [device, properties] : profiles) {
      const auto* metadata = facts_.about(devices_[device]);
      edit.write_out(device, metadata == nullptr ? properties : metadata->left_of(properties));
    }
  });
}

}  // namespace vdsm_hook
