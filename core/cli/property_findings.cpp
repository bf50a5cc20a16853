// What is wrong with custom properties: their definitions, and what is set in domains.
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/cli/findings.hpp"
#include "vdsm_hook/cli/props.hpp"
#include "vdsm_hook/properties/example.hpp"

namespace vdsm_hook::cli {
namespace {

class PropertyFaultFinder {
 public:
  PropertyFaultFinder(const Settings& settings, const FindingsRules& rules)
      : settings_(settings), rules_(rules), store_file_(settings.paths.config_dir + "/" + std::string(kStoreFile)) {}

  std::vector<Finding> find() && {
    try {
      store_ = read_store(settings_);
    } catch (const Error& error) {
      add(store_file_, error.what(), "Correct it: until then nothing starts that has custom properties.");
    }
    SidecarCache sidecars;
    host_ = find_host_properties(settings_, store_, sidecars, rules_.compat_vdsm);
    for (const auto& definition : host_.vm.all())
      look_at(definition, "", is_administrators(definition, store_.vm(), predefined_vm_properties()), host_.readers_of_vm_property(definition.name));
    const auto ovirts = predefined_device_properties();
    for (const auto& [type, of_type] : host_.device)
      for (const auto& definition : of_type.all())
        look_at(definition, " of " + type + " devices", is_administrators(definition, definitions_of(type, store_.device()), definitions_of(type, ovirts)),
                host_.readers_of_device_property(definition.name));
    for (const auto& file : rules_.domains) look_at_domain(file);
    return std::move(found_);
  }

 private:
  void add(std::string path, std::string problem, std::string hint) {
    found_.push_back({std::move(path), std::move(problem), std::move(hint)});
  }

  // oVirt's own are for its engine to read, hooks or no hooks.
  static bool is_administrators(const Definition& definition, const Definitions& own, const Definitions& ovirts) {
    return own.find(definition.name) != nullptr && ovirts.find(definition.name) == nullptr;
  }

  // IS_ADMINISTRATORS: somebody here should read it.
  void look_at(const Definition& definition, const std::string& of, bool is_administrators, const std::vector<std::string>& readers) {
    const auto what = "property " + definition.name + of + ", declared by " + definition.declared_by + ": ";
    if (find_example(definition.pattern).reach == Reach::unreachable)
      add(store_file_, what + "no value can match its pattern " + definition.pattern.text(),
          "Correct the pattern: ^ and $ belong to its ends, and a value has no ; and no control character.");
    if (is_administrators && readers.empty())
      add(store_file_, what + "no installed hook reads it",
          "Install the hook, or take the definition out: vdsm-hook props define --remove.");
  }

  void look_at_domain(const std::string& file) {
    try {
      const DomainEditor domain(read_file(file, settings_.max_payload_bytes));
      const auto& facts = domain.facts();
      look_at_values(file, "the VM " + facts.name, facts.custom_properties, host_.vm);
      for (const auto& device : domain.devices()) {
        const auto* metadata = facts.about(device);
        if (metadata == nullptr) continue;
        look_at_values(file, device.to_text(), metadata->properties, definitions_of(device.type, host_.device));
        if (!metadata->profile.empty() && !store_.profiles.contains(metadata->profile))
          add(file, device.to_text() + ": there is no vNIC profile '" + metadata->profile + "'",
              "Make it (vdsm-hook props profile create), or detach the vNIC: until then its VM does not start.");
      }
      for (const auto& metadata : facts.devices)
        if (std::none_of(domain.devices().begin(), domain.devices().end(), [&](const auto& device) { return metadata.is_about(device); }))
          add(file, "line " + std::to_string(metadata.line) + ": this metadata is about no device of the domain",
              "Correct what tells the device, or take the element out: nobody gets its properties.");
    } catch (const Error& error) {
      add(file, error.what(), "Give a domain XML that libvirt would take.");
    }
  }

  void look_at_values(const std::string& file, const std::string& whose, const PropertyValues& values, const Definitions& definitions) {
    for (const auto& problem : validate(values, definitions)) {
      const bool is_unknown = problem.kind == ProblemKind::key_does_not_exist;
      add(file, whose + ": " + problem.text,
          is_unknown ? "Define it (vdsm-hook props define), or take it out (vdsm-hook props unset)."
                     : "Set it right (vdsm-hook props set): until then its VM does not start.");
    }
  }

  const Settings& settings_;
  const FindingsRules& rules_;
  const std::string store_file_;
  PropertyStore store_;
  HostProperties host_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> find_property_faults(const Settings& settings, const FindingsRules& rules) {
  return PropertyFaultFinder(settings, rules).find();
}

}  // namespace vdsm_hook::cli
