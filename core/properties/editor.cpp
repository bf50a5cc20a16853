#include "vdsm_hook/properties/editor.hpp"

#include <algorithm>
#include <set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/properties/outline.hpp"
#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook {
namespace {

using Kind = OutlineNode::Kind;
using Nodes = std::vector<OutlineNode>;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kPrefix = "ovirt-vm:";  // of elements in a vm element that is new

[[noreturn]] void wrong_document(const std::string& why) { throw Error(Errc::bad_document, "the domain XML " + why); }

std::string place_of(const DeviceIdentity& device) { return device.type + ":" + std::to_string(device.position); }

// Elements to be made, each in the one before it, and what goes into the last one.
struct Fresh {
  struct Element {
    std::string name, attributes;
  };
  std::vector<Element> around;
  std::vector<std::string> leaves;
};

// One set of changes: everything is found in the document as it was, and cut in at the end.
class Edit {
 public:
  Edit(std::string_view document, const Nodes& nodes, const DomainFacts& facts, const std::vector<DeviceIdentity>& devices)
      : document_(document), nodes_(nodes), facts_(facts), devices_(devices) {
    newline_ = document.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
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
    here_ = 0;
    missing_.clear();
    go_to_device(device);
    const auto* metadata = facts_.about(devices_[device]);
    const auto profile = metadata == nullptr ? std::string() : metadata->profile;
    step(Kind::custom, "custom");
    std::vector<std::size_t> gone;
    for (std::size_t i = here_ + 1; i < nodes_.size() && missing_.empty(); ++i)
      if (nodes_[i].parent == here_ && nodes_[i].kind == Kind::property && !nodes_[i].attributes.empty()) gone.push_back(i);
    std::vector<std::string> leaves;
    for (const auto& [name, value] : properties)
      leaves.push_back(leaf(name, value, " " + std::string(kProfileAttribute) + "=\"" + xml_escaped(profile) + "\""));
    if (leaves.empty()) return take_out(std::move(gone));
    for (const auto node : gone) cut_out(node);
    add(std::move(leaves));
  }
  void set_profile(std::size_t device, const std::optional<std::string>& profile) {
    go_to_device(device);
    const auto node = missing_.empty() ? only_child(here_, Kind::profile) : std::nullopt;
    if (node && profile) {
      set_text(*node, *profile);
    } else if (node) {
      take_out({*node});
    } else if (profile) {
      add({leaf("vnic_profile", *profile)});
    }
  }

  std::string result() {
    std::sort(cuts_.begin(), cuts_.end(), [](const Cut& a, const Cut& b) { return a.begin < b.begin; });
    std::string text;
    std::size_t at = 0;
    for (const auto& cut : cuts_) {
      text += document_.substr(at, cut.begin - at);
      text += cut.text;
      at = cut.end;
    }
    return text += document_.substr(at);
  }

 private:
  struct Cut {
    std::size_t begin, end;
    std::string text;
  };

  // -- the way down; what is not there is noted in missing_ --

  void go_to_vm() {
    step(Kind::metadata, "metadata");
    step(Kind::vm, "vm", " xmlns:ovirt-vm=\"" + std::string(kOvirtVmNamespace) + "\"");
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
    if (const auto found = missing_.empty() ? only_child(here_, kind) : std::nullopt) {
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
      throw Error(Errc::wrong_use, "nothing tells " + device.to_text() + " from other devices later on: give it an alias of its own, such as " +
                                       "<alias name='ua-" + device.type + "-" + std::to_string(device.position) + "'/>");
    }
    refuse_if_shared(metadata, place);
    std::string text;
    for (const auto& [name, value] : attributes) text += " " + name + "=\"" + xml_escaped(value) + "\"";
    return text;
  }

  void refuse_if_shared(const DeviceMetadata& metadata, std::size_t place) const {
    const auto& attributes = metadata.attributes;
    const auto what = std::find_if(attributes.begin(), attributes.end(), [](const auto& entry) { return entry.first != "devtype"; });
    for (std::size_t other = 0; other < devices_.size(); ++other)
      if (other != place && metadata.is_about(devices_[other]))
        throw Error(Errc::wrong_use, devices_[place].to_text() + " cannot be told from another device: " + place_of(devices_[other]) + " and " +
                                         place_of(devices_[place]) + " have the same " + what->first +
                                         ", so properties would be those of both; give one of them another, or an alias of its own (ua-...)");
  }

  // The element that ABOUT was read from: facts have one for each such node, in their order.
  std::size_t node_of(const DeviceMetadata& about) const {
    auto wanted = static_cast<std::size_t>(&about - facts_.devices.data());
    for (std::size_t i = 0;; ++i)
      if (nodes_[i].kind == Kind::device_metadata && wanted-- == 0) return i;
  }

  template <typename Wanted>
  std::optional<std::size_t> only(std::size_t parent, const Wanted& is_wanted) const {
    std::optional<std::size_t> found;
    for (std::size_t i = parent + 1; i < nodes_.size(); ++i) {
      if (nodes_[i].parent != parent || !is_wanted(nodes_[i])) continue;
      if (found) {
        LineCounter lines(document_);
        const auto first = lines.line_of(nodes_[*found].start.begin);
        wrong_document("has two elements <" + std::string(raw_name(i)) + "> in one place, in lines " + std::to_string(first) + " and " +
                       std::to_string(lines.line_of(nodes_[i].start.begin)) + ": make one of them");
      }
      found = i;
    }
    return found;
  }
  std::optional<std::size_t> only_child(std::size_t parent, Kind kind) const {
    return only(parent, [kind](const OutlineNode& node) { return node.kind == kind; });
  }

  // -- changes --

  void set_properties(const std::vector<PropertyChange>& changes) {
    step(Kind::custom, "custom");
    std::vector<std::string> leaves;
    std::vector<std::size_t> gone;
    for (const auto& change : changes) {
      const auto node = missing_.empty() ? only(here_, [&change](const OutlineNode& n) { return n.kind == Kind::property && n.local == change.name; })
                                         : std::nullopt;
      if (node && change.value && !nodes_[*node].attributes.empty()) {
        cuts_.push_back({nodes_[*node].start.begin, nodes_[*node].end.end, leaf(change.name, *change.value)});  // no profile's any more
      } else if (node && change.value) {
        set_text(*node, *change.value);
      } else if (node) {
        gone.push_back(*node);
      } else if (change.value) {
        leaves.push_back(leaf(change.name, *change.value));
      }
    }
    if (leaves.empty()) {
      take_out(std::move(gone));
    } else {
      for (const auto node : gone) cut_out(node);
      add(std::move(leaves));
    }
  }

  void set_text(std::size_t place, const std::string& text) {
    const auto& node = nodes_[place];
    if (node.text == text) return;
    if (is_empty_tag(node)) {
      const auto slash = node.start.end - 2;
      cuts_.push_back({slash, node.start.end, ">" + xml_escaped(text) + "</" + std::string(raw_name(place)) + ">"});
    } else {
      cuts_.push_back({node.start.end, node.end.begin, xml_escaped(text)});
    }
  }

  // Takes NODES, which have one parent, out, and every element that nothing is left of then.
  void take_out(std::vector<std::size_t> nodes) {
    while (!nodes.empty()) {
      const auto parent = nodes_[nodes[0]].parent;
      const auto kind = nodes_[parent].kind;
      const bool may_go = kind == Kind::custom || kind == Kind::device_metadata || kind == Kind::vm || kind == Kind::metadata;
      if (!may_go || !is_blank_without(parent, nodes)) break;
      nodes = {parent};
    }
    for (const auto node : nodes) cut_out(node);
  }

  void cut_out(std::size_t place) {
    auto begin = nodes_[place].start.begin;
    const auto before = document_.substr(0, begin);
    const auto line_end = before.find_last_not_of(" \t");
    if (line_end != std::string_view::npos && before[line_end] == '\n')
      begin = line_end > 0 && before[line_end - 1] == '\r' ? line_end - 1 : line_end;
    cuts_.push_back({begin, nodes_[place].end.end, ""});
  }

  bool is_blank_without(std::size_t parent, const std::vector<std::size_t>& without) const {
    std::string rest(document_.substr(nodes_[parent].start.end, nodes_[parent].end.begin - nodes_[parent].start.end));
    for (const auto node : without) {
      const auto begin = nodes_[node].start.begin - nodes_[parent].start.end;
      std::fill_n(rest.begin() + static_cast<std::ptrdiff_t>(begin), nodes_[node].end.end - nodes_[node].start.begin, ' ');
    }
    return rest.find_first_not_of(kBlanks) == std::string::npos;
  }

  // Puts LEAVES into what is here, within what is missing on the way.
  void add(std::vector<std::string> leaves) {
    for (auto& element : missing_)
      if (element.name == "device") element.attributes = identifying(new_device_);
    const auto& node = nodes_[here_];
    const auto own = indentation(node.start.begin);
    const auto content = document_.substr(node.start.end, node.end.begin - node.start.end);
    const auto first = content.find_first_not_of(kBlanks);
    const bool is_blank = first == std::string_view::npos || is_empty_tag(node);
    auto inner = is_blank ? std::nullopt : indentation(node.start.end + first);
    const bool has_tabs = own && own->find('\t') != std::string::npos;
    const std::string unit = inner && own && inner->size() > own->size() ? inner->substr(own->size()) : has_tabs ? "\t" : "  ";
    if (is_blank && own) inner = *own + unit;

    // libvirt's place for the metadata; everything else goes behind what is there.
    std::optional<std::size_t> header;
    for (std::size_t i = 0; i < nodes_.size() && node.kind == Kind::domain; ++i)
      if (nodes_[i].kind == Kind::header) header = i;
    if (header) inner = indentation(nodes_[*header].start.begin);

    const auto text = to_text({missing_, std::move(leaves)}, inner, unit);
    const auto closing = inner && is_blank && content.find('\n') == std::string_view::npos ? newline_ + own.value_or("") : std::string();
    if (header) {
      cuts_.push_back({nodes_[*header].end.end, nodes_[*header].end.end, text});
    } else if (is_empty_tag(node)) {
      cuts_.push_back({node.start.end - 2, node.start.end, ">" + text + closing + "</" + std::string(raw_name(here_)) + ">"});
    } else if (is_blank) {
      cuts_.push_back({node.start.end, node.start.end, text + closing});
    } else {
      const auto end = node.start.end + content.find_last_not_of(kBlanks) + 1;
      cuts_.push_back({end, end, text});
    }
  }

  // INNER: the indentation of the outermost element, which begins a line; nullopt: all is on one line.
  std::string to_text(const Fresh& fresh, const std::optional<std::string>& inner, const std::string& unit) const {
    std::string text, indent = inner ? newline_ + *inner : "";
    const std::string deeper = inner ? unit : "";
    for (std::size_t i = 0; i < fresh.around.size(); ++i, indent += deeper) text += indent + "<" + tag_name(i) + fresh.around[i].attributes + ">";
    for (const auto& line : fresh.leaves) text += indent + line;
    for (std::size_t i = fresh.around.size(); i-- > 0;) {
      indent.resize(indent.size() - deeper.size());
      text += indent + "</" + tag_name(i) + ">";
    }
    return text;
  }

  std::string tag_name(std::size_t place) const {
    const auto& name = missing_[place].name;
    return name == "metadata" ? name : prefix() + name;
  }

  // Of new elements: that of the element they go into, or of the new vm element.
  std::string prefix() const {
    if (nodes_[here_].kind == Kind::domain || nodes_[here_].kind == Kind::metadata) return std::string(kPrefix);
    const auto name = raw_name(here_);
    return std::string(name.substr(0, name.find(':') + 1));  // npos + 1: none
  }

  std::string leaf(const std::string& name, const std::string& text, const std::string& attributes = {}) const {
    return "<" + prefix() + name + attributes + ">" + xml_escaped(text) + "</" + prefix() + name + ">";
  }

  // -- the document's bytes --

  // What stands between the line's begin and OFFSET, if that is blank.
  std::optional<std::string> indentation(std::size_t offset) const {
    const auto before = document_.substr(0, offset);
    const auto last = before.find_last_not_of(" \t");
    if (last == std::string_view::npos || before[last] != '\n') return offset == 0 ? std::optional<std::string>("") : std::nullopt;
    return std::string(before.substr(last + 1));
  }
  std::string_view raw_name(std::size_t place) const {
    const auto tag = document_.substr(nodes_[place].start.begin + 1, nodes_[place].start.end - nodes_[place].start.begin - 1);
    return tag.substr(0, tag.find_first_of(" \t\r\n/>"));
  }
  bool is_empty_tag(const OutlineNode& node) const { return node.end.begin == node.end.end; }

  std::string_view document_;
  const Nodes& nodes_;
  const DomainFacts& facts_;
  const std::vector<DeviceIdentity>& devices_;
  std::string newline_;
  std::size_t here_ = 0;  // the domain
  std::vector<Fresh::Element> missing_;
  std::size_t new_device_ = 0;  // whose metadata are missing; only what is added to needs to find it again
  std::vector<Cut> cuts_;
};

// U+FFFE and U+FFFF are UTF-8, but not XML.
std::optional<std::string> refused_in_xml(std::string_view text) {
  if (text.find("\xEF\xBF\xBE") == std::string_view::npos && text.find("\xEF\xBF\xBF") == std::string_view::npos) return std::nullopt;
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
  const auto is_same_letter = [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b); };
  if (std::equal(device.mac.begin(), device.mac.end(), selector.begin(), selector.end(), is_same_letter)) return true;
  if (selector == place_of(device)) return true;
  // An mdev is a <hostdev>, too, but hostdev:1 is the first of the others.
  return !is_device_type(device.element) && selector == device.element + ":" + std::to_string(device.position);
}

}  // namespace

DomainEditor::DomainEditor(std::string domain_xml) : document_(std::move(domain_xml)) {
  OutlineReader reader(OutlineReader::Extent::whole_domain);
  if (const auto problem = read_xml(document_, reader)) wrong_document("is not well-formed: " + problem->to_text());
  if (reader.nodes.empty() || reader.nodes[0].kind != Kind::domain) wrong_document("is none: its root element is not <domain>");
  nodes_ = std::make_shared<const Nodes>(std::move(reader.nodes));
  facts_ = facts_of(*nodes_, document_);
  if (!facts_.fault.empty()) wrong_document(facts_.fault);
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
    throw Error(Errc::wrong_use, "the domain XML has no device " + asked + (all.empty() ? ": it has none" : "; there are: " + list_of(all)));
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
  for (const auto& metadata : facts_.devices) {
    std::vector<std::string> about;
    for (const auto& device : devices_)
      if (metadata.is_about(device)) about.push_back(place_of(device));
    const auto line = "line " + std::to_string(metadata.line) + ": this metadata is about ";
    if (about.empty()) found.push_back(line + "no device of the domain");
    if (about.size() > 1) found.push_back(line + "more than one device: " + about[0] + ", " + about[1] + (about.size() > 2 ? ", ..." : ""));
  }
  return found;
}

template <typename Change>
void DomainEditor::apply(const Change& change) {
  if (const auto encoding = xml_encoding(document_); encoding != "UTF-8")
    wrong_document("is in " + printable(encoding) + "; only UTF-8 can be changed");
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
      PropertyValues rest;
      for (const auto& entry : properties)
        if (metadata == nullptr || std::none_of(metadata->properties.begin(), metadata->properties.end(),
                                                [&entry](const auto& own) { return own.first == entry.first; }))
          rest.push_back(entry);
      edit.write_out(device, rest);
    }
  });
}

}  // namespace vdsm_hook
