#include "vdsm_hook/engine/delivery.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/editor.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/properties/validation.hpp"

namespace vdsm_hook {
namespace {

constexpr int kMaxSearches = 10;  // for the name that was meant: each looks at every definition

// Each name once; a later value replaces an earlier one.
class Overlay {
 public:
  explicit Overlay(Variables& variables) : variables_(variables) {
    for (std::size_t i = 0; i < variables.size(); ++i) places_.emplace(variables[i].first, i);
  }
  void set(const std::string& name, const std::string& value) {
    const auto [place, is_new] = places_.try_emplace(name, variables_.size());
    if (is_new) {
      variables_.emplace_back(name, value);
    } else {
      variables_[place->second].second = value;
    }
  }

 private:
  Variables& variables_;
  std::unordered_map<std::string, std::size_t> places_;
};

// A property on its way to the hooks, with who says it.
struct Incoming {
  std::string name, value;
  std::string whose;  // "the domain's metadata", ...
};

std::vector<Incoming> incoming(const PropertyValues& values, const std::string& whose) {
  std::vector<Incoming> all;
  for (const auto& [name, value] : values) all.push_back({name, value, whose});
  return all;
}

}  // namespace

class Delivery::Work {
 public:
  Work(const std::vector<HookFile>& hooks, const Request& request, const Settings& settings, Caches& caches,
       Prepared& prepared)
      : hooks_(hooks),
        request_(request),
        settings_(settings),
        caches_(caches),
        prepared_(prepared),
        plan_(prepared.plan) {}

  void deliver(const DomainFacts& facts) {
    const auto& rules = plan_.rules;
    const bool is_faulty = !facts.fault.empty() && !request_.compat_vdsm;
    if (is_faulty) refuse("the domain XML", "it " + facts.fault);
    static const DomainFacts nothing;
    const auto& domain = is_faulty ? nothing : facts;
    if (rules.vm_properties) {
      take(incoming(domain.custom_properties, "the domain's metadata"), request_.properties, std::nullopt,
           prepared_.vm_properties);
    } else if (!request_.properties.empty()) {
      note_left_out("VM's");
    }
    if (rules.device_properties) {
      const auto device =
          rules.payload == PayloadKind::device_xml ? read_device_identity(request_.document) : DeviceIdentity{};
      take(of_device(domain, device), request_.device_properties, device.type, prepared_.device_properties);
    } else if (!request_.device_properties.empty()) {
      note_left_out("device's");
    }
    std::unordered_map<std::string_view, std::string_view> of_vm;
    for (const auto& [name, value] : prepared_.vm_properties) of_vm.emplace(name, value);
    for (const auto& [name, value] : prepared_.device_properties)
      if (const auto vms = of_vm.find(name); vms != of_vm.end() && vms->second != value)
        plan_.notes.push_back("the VM's property " + name + " replaces the device's");
  }

  // Judges what hooks of the VM will find in the metadata about devices, and writes the vNIC profiles out there.
  void prepare_devices(const DomainFacts& facts) {
    if (plan_.rules.payload != PayloadKind::domain_xml || !plan_.rules.result_used || facts.devices.empty()) return;
    if (!facts.fault.empty()) return;  // upstream's rules go on
    DomainEditor domain(request_.document);
    std::vector<DomainEditor::ProfileOf> profiles;
    is_delivering_ = false;
    for (std::size_t i = 0; i < domain.devices().size(); ++i) {
      const auto& device = domain.devices()[i];
      Variables ignored;
      const auto all = domain.facts().all_about(device);
      if (!all.empty() && !request_.compat_vdsm) take(of_device(domain.facts(), device), {}, device.type, ignored);
      const auto* profile = all.size() == 1 ? current_profile(*all[0], device) : nullptr;
      if (profile == nullptr) continue;
      profiles.push_back({i, profile->properties});
      plan_.notes.push_back(device.to_text() + " has the properties of the vNIC profile '" +
                            printable(all[0]->profile) + "'");
    }
    if (profiles.empty() || plan_.is_blocked) return;
    domain.write_out(profiles);
    prepared_.document = domain.document();
  }

 private:
  void note_left_out(const std::string& whose) {
    plan_.notes.push_back(plan_.event + " does not deliver the " + whose +
                          " properties: those that were given are left out");
  }

  void refuse(std::string what, const std::string& why) {
    if (!said_.insert(what + "\n" + why).second) return;
    plan_.problems.push_back(
        {std::move(what), why + (plan_.rules.vetoes ? "" : " (it is left out)"), plan_.rules.vetoes});
    plan_.is_blocked = plan_.is_blocked || plan_.rules.vetoes;
  }

  // A VM or device starts with its profile as it is now, and keeps that until it ends, wherever it goes.
  bool is_start() const { return plan_.rules.result_used && !plan_.rules.from_elsewhere; }

  // What the metadata says about the device, over what its vNIC profile says.
  std::vector<Incoming> of_device(const DomainFacts& domain, const DeviceIdentity& device) {
    const auto all = domain.all_about(device);
    if (all.size() > 1 && !request_.compat_vdsm) {
      refuse("the metadata of " + device.to_text(), "there are two elements for it, in lines " +
                                                        std::to_string(all[0]->line) + " and " +
                                                        std::to_string(all[1]->line) + ": make one of them");
      return {};
    }
    std::vector<Incoming> values;
    for (const auto* metadata : all) {
      const auto add = [&values](const PropertyValues& more, const std::string& whose) {
        for (auto& entry : incoming(more, whose)) values.push_back(std::move(entry));
      };
      const auto* profile = current_profile(*metadata, device);
      add(metadata->left_of(profile != nullptr ? profile->properties : metadata->written_out),
          "the vNIC profile '" + printable(metadata->profile.substr(0, 80)) + "'");
      add(metadata->properties, "the metadata of " + device.to_text());
    }
    return values;
  }

  // The profile whose properties count now; nullptr: those that were written out do, if any.
  const VnicProfile* current_profile(const DeviceMetadata& metadata, const DeviceIdentity& device) {
    if (metadata.profile.empty() || plan_.rules.from_elsewhere || (!is_start() && !metadata.written_out.empty()))
      return nullptr;
    const auto& profiles = store().profiles;
    if (const auto found = profiles.find(metadata.profile); found != profiles.end()) return &found->second;
    std::vector<std::string_view> names;
    for (const auto& [name, profile] : profiles) names.push_back(name);
    const auto what = "vNIC profile '" + printable(metadata.profile.substr(0, 80)) + "'";
    const auto why = device.to_text() + " refers to it, and there is no such profile" +
                     did_you_mean(metadata.profile, names) + "; vdsm-hook props profile list shows those there are";
    if (request_.compat_vdsm || !is_start()) {
      plan_.notes.push_back(what + ": " + why);
    } else {
      refuse(what, why);
    }
    return nullptr;
  }

  // TYPE: of the device; nullopt: they are the VM's.
  void take(const std::vector<Incoming>& properties, const Variables& given, const std::optional<std::string>& type,
            Variables& delivered) {
    std::unordered_set<std::string_view> given_names;
    for (const auto& [name, value] : given) given_names.insert(name);
    std::unordered_map<std::string_view, int> counts;
    for (const auto& property : properties) ++counts[property.name];
    Overlay overlay(delivered);
    for (const auto& property : properties) {
      if (given_names.contains(property.name)) continue;
      const auto what = "custom property " + printable(property.name.substr(0, 80)) + " of " + property.whose;
      if (counts[property.name] > 1 && !request_.compat_vdsm) {
        refuse(what, "it is set more than once");
      } else if (may_pass(what, property.name, property.value, type, true)) {
        overlay.set(property.name, property.value);
      }
    }
    for (const auto& [name, value] : given)
      if (may_pass("custom property " + printable(name.substr(0, 80)), name, value, type, false))
        overlay.set(name, value);
  }

  bool may_pass(const std::string& what, const std::string& name, const std::string& value,
                const std::optional<std::string>& type, bool is_documents) {
    if (request_.compat_vdsm) return !name.empty() && value.find('\0') == std::string::npos;
    auto why = refused_name(name);
    if (!why) why = refused_value(name, value);
    if (why) {
      refuse(what, *why);
      return false;
    }
    const auto& definitions = definitions_for(type);
    if (definitions.find(name) == nullptr) return may_pass_undefined(what, name, type, is_documents, definitions);
    try {
      const auto problems = validate({{name, value}}, definitions);
      for (const auto& problem : problems) refuse(what, problem.text);
      return problems.empty();
    } catch (const Error& error) {  // of the pattern, which is a sidecar's
      if (error.code() != Errc::bad_configuration) throw;
      refuse(what, std::string("its definition is wrong: ") + error.what());
      return false;
    }
  }

  // Who owns the VM writes its metadata, and a name of his choice could have programs that hooks call run what he says.
  // What a person gives to one command is that person's.
  bool may_pass_undefined(const std::string& what, const std::string& name, const std::optional<std::string>& type,
                          bool is_documents, const Definitions& definitions) {
    const bool is_withheld = is_documents && (plan_.rules.from_elsewhere || !settings_.delivers_undefined);
    if (!is_delivering_) return !is_withheld;
    const auto near = ++searches_ <= kMaxSearches ? definitions.nearest(name) : "";
    const auto nobody =
        "nothing on this host defines it" + (near.empty() ? "" : " (did you mean " + std::string(near) + "?)");
    if (!is_withheld) {
      plan_.notes.push_back(what + ": " + nobody + "; it is delivered as it is");
      return true;
    }
    const bool can_be_defined = !type || is_device_type(*type);
    plan_.problems.push_back(
        {what,
         "withheld from hooks, because " + nobody +
             (can_be_defined ? "; to let it through: " + define_command(name, "PATTERN", type.value_or("")) : ""),
         false});
    return false;
  }

  // One that cannot be read is a problem, and counts as empty where that stops nothing.
  const PropertyStore& store() {
    try {
      if (!store_) store_ = caches_.store.get(settings_);
    } catch (const Error& error) {
      if (error.code() != Errc::bad_configuration) throw;
      if (!request_.compat_vdsm) refuse("the store of properties", error.what());
      store_ = std::make_shared<const PropertyStore>();
    }
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
  bool is_delivering_ = true;  // or only looking
  int searches_ = 0;
  std::unordered_set<std::string> said_;        // problems
  std::shared_ptr<const PropertyStore> store_;  // both only when they are needed
  std::shared_ptr<const HostProperties> host_;
};

Delivery::Delivery(const std::vector<HookFile>& hooks, const Request& request, const Settings& settings, Caches& caches,
                   Prepared& prepared)
    : work_(std::make_unique<Work>(hooks, request, settings, caches, prepared)) {}

Delivery::~Delivery() = default;

void Delivery::deliver(const DomainFacts& domain) { work_->deliver(domain); }

void Delivery::prepare_devices(const DomainFacts& domain) { work_->prepare_devices(domain); }

}  // namespace vdsm_hook
