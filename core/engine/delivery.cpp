#include "vdsm_hook/engine/delivery.hpp"

#include <algorithm>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/editor.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

void overlay(Variables& below, const Variables& above) {
  for (const auto& [name, value] : above) {
    const auto at = std::find_if(below.begin(), below.end(), [&name = name](const auto& entry) { return entry.first == name; });
    if (at != below.end()) {
      at->second = value;
    } else {
      below.emplace_back(name, value);
    }
  }
}

// Properties on their way to the hooks, with who says them.
struct Incoming {
  std::string whose;  // "the domain's metadata", ...
  PropertyValues values;
};

// Properties become variables here: each is judged by its definition, and what may not be delivered blocks the event or
// is left out.
class Delivery {
 public:
  Delivery(const std::vector<HookFile>& hooks, const Request& request, const Settings& settings, Caches& caches, Prepared& prepared)
      : hooks_(hooks), request_(request), settings_(settings), caches_(caches), prepared_(prepared), plan_(prepared.plan) {}

  void deliver(const DomainFacts& domain) {
    const auto& rules = plan_.rules;
    if (rules.vm_properties) {
      take({"the domain's metadata", domain.custom_properties}, request_.properties, std::nullopt, prepared_.vm_properties);
    } else if (!request_.properties.empty()) {
      note_left_out("VM's");
    }
    if (rules.device_properties) {
      const auto device = rules.payload == PayloadKind::device_xml ? read_device_identity(request_.document) : DeviceIdentity{};
      take(of_device(domain, device), request_.device_properties, device.type, prepared_.device_properties);
    } else if (!request_.device_properties.empty()) {
      note_left_out("device's");
    }
    for (const auto& [name, value] : prepared_.device_properties)
      for (const auto& [vm_name, vm_value] : prepared_.vm_properties)
        if (name == vm_name && value != vm_value) plan_.notes.push_back("the VM's property " + name + " replaces the device's");
  }

  // The domain XML with the properties of the vNIC profiles among those of the vNICs, where hooks of the VM look for them.
  void apply_profiles() {
    DomainEditor domain(request_.document);
    for (std::size_t i = 0; i < domain.devices().size(); ++i) {
      const auto device = domain.devices()[i];
      const auto* metadata = domain.facts().about(device);
      if (metadata == nullptr || metadata->profile.empty()) continue;
      const auto* profile = find_profile(*metadata, device);
      if (profile == nullptr) continue;
      const auto& own = metadata->properties;
      std::vector<PropertyChange> changes;
      for (const auto& [name, value] : profile->properties)
        if (std::none_of(own.begin(), own.end(), [&name = name](const auto& entry) { return entry.first == name; })) changes.push_back({name, value});
      domain.set_device(i, changes);
    }
    prepared_.document = domain.document();
  }

 private:
  void note_left_out(const std::string& whose) {
    plan_.notes.push_back(plan_.event + " does not deliver the " + whose + " properties: those that were given are left out");
  }

  void refuse(std::string what, const std::string& why) {
    plan_.problems.push_back({std::move(what), why + (plan_.rules.vetoes ? "" : " (it is left out)"), plan_.rules.vetoes});
    plan_.is_blocked = plan_.is_blocked || plan_.rules.vetoes;
  }

  // What the metadata says about the device, over what its vNIC profile says.
  Incoming of_device(const DomainFacts& domain, const DeviceIdentity& device) {
    const auto* metadata = domain.about(device);
    if (metadata == nullptr) return {};
    Incoming incoming{"the metadata of " + device.to_text(), metadata->properties};
    if (metadata->profile.empty()) return incoming;
    if (const auto* profile = find_profile(*metadata, device))
      incoming.values = effective_properties(profile->properties, metadata->properties);
    return incoming;
  }

  // The one that METADATA of DEVICE refers to; there being none is a problem.
  const VnicProfile* find_profile(const DeviceMetadata& metadata, const DeviceIdentity& device) {
    const auto& profiles = store().profiles;
    if (const auto found = profiles.find(metadata.profile); found != profiles.end()) return &found->second;
    std::vector<std::string_view> names;
    for (const auto& [name, profile] : profiles) names.push_back(name);
    refuse("vNIC profile '" + printable(metadata.profile.substr(0, 80)) + "'",
           device.to_text() + " refers to it, and there is no such profile" + did_you_mean(metadata.profile, names) +
               "; vdsm-hook props profile list shows those there are");
    return nullptr;
  }

  // TYPE: of the device; nullopt: they are the VM's.
  void take(const Incoming& incoming, const Variables& given, const std::optional<std::string>& type, Variables& delivered) {
    for (const auto& [name, value] : incoming.values) {
      const auto is_it = [&name = name](const auto& entry) { return entry.first == name; };
      if (std::any_of(given.begin(), given.end(), is_it)) continue;
      const auto what = "custom property " + printable(name.substr(0, 80)) + " of " + incoming.whose;
      if (std::any_of(delivered.begin(), delivered.end(), is_it) && !request_.compat_vdsm) {
        refuse(what, "it is set more than once");
      } else if (may_pass(what, name, value, type, true)) {
        overlay(delivered, {{name, value}});
      }
    }
    for (const auto& [name, value] : given)
      if (may_pass("custom property " + printable(name.substr(0, 80)), name, value, type, false)) overlay(delivered, {{name, value}});
  }

  bool may_pass(const std::string& what, const std::string& name, const std::string& value, const std::optional<std::string>& type,
                bool is_documents) {
    if (request_.compat_vdsm) return !name.empty() && value.find('\0') == std::string::npos;
    auto why = refused_name(name);
    if (!why) why = refused_value(name, value);
    if (why) {
      refuse(what, *why);
      return false;
    }
    const auto& definitions = definitions_for(type);
    if (definitions.find(name) == nullptr) {
      const auto near = definitions.nearest(name);
      const auto nobody = what + ": nobody on this host defines it" + (near.empty() ? "" : " (did you mean " + std::string(near) + "?)");
      const bool is_withheld = is_documents && plan_.rules.from_elsewhere;
      plan_.notes.push_back(nobody + (is_withheld ? "; it is withheld, since the domain XML comes from elsewhere" : "; it is delivered as it is"));
      return !is_withheld;
    }
    const auto problems = validate({{name, value}}, definitions);
    for (const auto& problem : problems) refuse(what, problem.text);
    return problems.empty();
  }

  const PropertyStore& store() {
    if (!store_) store_ = caches_.store.get(settings_);
    return *store_;
  }

  const Definitions& definitions_for(const std::optional<std::string>& type) {
    if (!host_) {
      store();
      host_ = caches_.host.get(settings_, store_, caches_.sidecars, plan_.event, hooks_);
    }
    return type ? definitions_of(*type, host_->device) : host_->vm;
  }

  const std::vector<HookFile>& hooks_;  // of the event
  const Request& request_;
  const Settings& settings_;
  Caches& caches_;
  Prepared& prepared_;
  Plan& plan_;
  std::shared_ptr<const PropertyStore> store_;  // both only when they are needed
  std::shared_ptr<const HostProperties> host_;
};

}  // namespace

void deliver_properties(const DomainFacts& domain, const std::vector<HookFile>& hooks, const Request& request, const Settings& settings,
                        Caches& caches, Prepared& prepared) {
  Delivery(hooks, request, settings, caches, prepared).deliver(domain);
}

void apply_vnic_profiles(const DomainFacts& domain, const std::vector<HookFile>& hooks, const Request& request, const Settings& settings,
                         Caches& caches, Prepared& prepared) {
  const auto& rules = prepared.plan.rules;
  const bool has_profiles = std::any_of(domain.devices.begin(), domain.devices.end(), [](const auto& device) { return !device.profile.empty(); });
  if (rules.payload == PayloadKind::domain_xml && rules.result_used && has_profiles)
    Delivery(hooks, request, settings, caches, prepared).apply_profiles();
}

}  // namespace vdsm_hook
