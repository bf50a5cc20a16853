// The guest is told the speed and duplex of its virtio vNICs, through libvirt's overrides of QEMU's device
// properties. libvirt finds the device of an override by its alias, and only an alias that starts with `ua-`
// is sure to stay.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "link.hpp"

namespace {

namespace hooking = vniclink::hooking;
using hooking::Element;
using hooking::kQemuNamespace;
using hooking::QName;

bool is_virtio(Element& nic) {
  if (hooking::attribute(nic, "type") == "hostdev") return false;  // the host's own device, whatever it says
  auto* model = hooking::child(nic, "model");
  const auto type = model == nullptr ? std::nullopt : hooking::attribute(*model, "type");
  return type == "virtio" || type == "virtio-transitional" || type == "virtio-non-transitional";
}

std::string alias_of(Element& nic) {
  auto* alias = hooking::child(nic, "alias");
  return alias == nullptr ? "" : hooking::attribute(*alias, "name").value_or("");
}

bool is_user_alias(const std::string& alias) { return alias.starts_with("ua-"); }

class Domain {
 public:
  explicit Domain(Element& root) : root_(root), nics_(hooking::devices(root, "interface")) {}

  void tell_guest() {
    std::vector<std::pair<Element*, vniclink::Link>> told;
    for (auto* nic : nics_) {
      const auto properties = hooking::device_properties(root_, *nic);
      const auto link = vniclink::parse_link(vniclink::name_of(*nic), hooking::find(properties, "speed"),
                                             hooking::find(properties, "duplex"));
      if (!link.duplex()) continue;
      if (is_virtio(*nic))
        told.emplace_back(nic, link);
      else
        hooking::note("vniclink: " + vniclink::name_of(*nic) + " is not virtio, the guest cannot be told its speed");
    }
    std::set<Element*> named;
    for (const auto& [nic, link] : told)
      if (!is_user_alias(alias_of(*nic))) named.insert(nic);
    if (!named.empty()) give_aliases(named);
    for (const auto& [nic, link] : told) tell(alias_of(*nic), link);
  }

 private:
  // The <qemu:device> elements that go by ALIAS.
  std::vector<Element*> overrides_of(const std::string& alias) {
    std::vector<Element*> found;
    for (auto* group : hooking::children(root_, QName{kQemuNamespace, "override"}))
      for (auto* device : hooking::children(*group, QName{kQemuNamespace, "device"}))
        if (hooking::attribute(*device, "alias") == alias) found.push_back(device);
    return found;
  }

  // libvirt calls those without a user alias net0, net1, ... in their order. An override that goes by such a
  // name would mean another vNIC once one of them leaves that row, so the vNIC it means gets a user alias as
  // well.
  void give_aliases(const std::set<Element*>& named) {
    std::vector<std::pair<Element*, std::string>> row;
    for (auto* nic : nics_)
      if (!is_user_alias(alias_of(*nic)) && hooking::attribute(*nic, "type") != "hostdev")
        row.emplace_back(nic, "net" + std::to_string(row.size()));
    for (const auto& [nic, automatic] : row) {
      auto meant = overrides_of(automatic);
      if (meant.empty() && !named.contains(nic)) continue;
      const auto alias = new_alias(*nic, automatic);
      for (auto* device : meant) device->SetAttribute("alias", alias.c_str());
      set_alias(*nic, alias);
    }
  }

  // The same for the same MAC at every start: migration and the guest's view of the device depend on it.
  std::string new_alias(Element& nic, const std::string& automatic) {
    auto* mac = hooking::child(nic, "mac");
    std::string id = mac == nullptr ? "" : hooking::attribute(*mac, "address").value_or("");
    std::ranges::transform(id, id.begin(), hooking::detail::lower);
    std::erase_if(id, [](char c) { return !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'); });
    const auto alias = "ua-vniclink-" + (id.empty() ? automatic : id);
    auto unique = alias;
    for (int n = 2; is_taken(unique); ++n) unique = alias + "-" + std::to_string(n);
    return unique;
  }

  bool is_taken(const std::string& alias) {
    auto* device = hooking::child(root_, "devices")->FirstChildElement();
    for (; device != nullptr; device = device->NextSiblingElement())
      if (alias_of(*device) == alias) return true;
    return false;
  }

  // The metadata finds the vNIC by its alias too.
  void set_alias(Element& nic, const std::string& alias) {
    if (auto* described = hooking::description(root_, nic);
        described != nullptr && described->Attribute("alias") != nullptr)
      described->SetAttribute("alias", alias.c_str());
    auto* element = hooking::child(nic, "alias");
    if (element == nullptr) element = &hooking::insert_child(nic, "alias", {"address"});
    element->SetAttribute("name", alias.c_str());
  }

  void tell(const std::string& alias, const vniclink::Link& link) {
    const auto found = overrides_of(alias);
    auto* device = found.empty() ? &insert(child_or_new(root_, "override"), "device") : found.front();
    if (found.empty()) device->SetAttribute("alias", alias.c_str());
    auto& frontend = child_or_new(*device, "frontend");
    if (link.mbit_per_s != 0) set_property(frontend, "speed", "unsigned", std::to_string(link.mbit_per_s));
    set_property(frontend, "duplex", "string", *link.duplex());
  }

  void set_property(Element& frontend, const char* name, const char* type, const std::string& value) {
    Element* property = nullptr;
    for (auto* e : hooking::children(frontend, QName{kQemuNamespace, "property"}))
      if (property == nullptr && hooking::attribute(*e, "name") == name) property = e;
    if (property == nullptr) {
      property = &insert(frontend, "property");
      property->SetAttribute("name", name);
    }
    property->SetAttribute("type", type);
    property->SetAttribute("value", value.c_str());
  }

  static Element& insert(Element& parent, const std::string& name) {
    return hooking::insert_child(parent, hooking::prefix_for(parent, kQemuNamespace, "qemu") + name);
  }

  static Element& child_or_new(Element& parent, const std::string& name) {
    auto* e = hooking::child(parent, QName{kQemuNamespace, name});
    return e == nullptr ? insert(parent, name) : *e;
  }

  Element& root_;
  std::vector<Element*> nics_;
};

}  // namespace

int main(int, char** argv) {
  return hooking::run(argv[0], [] {
    auto document = hooking::Document::read();
    // Most VMs have neither property, and an element's name cannot be spelled in another way.
    const auto& text = document.original();
    if (text.find("speed") == text.npos && text.find("duplex") == text.npos) return;
    Domain(document.root()).tell_guest();
    document.write_if_changed();
  });
}
