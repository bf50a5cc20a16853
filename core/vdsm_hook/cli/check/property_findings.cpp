// What is wrong with custom properties: their definitions, and what is set in domains.
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/cli/check/findings.hpp"
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/engine/host_properties.hpp"
#include "vdsm_hook/properties/editor.hpp"
#include "vdsm_hook/properties/example.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook::cli {
namespace {

class PropertyFaultFinder {
 public:
  PropertyFaultFinder(const Settings& settings, const FindingsRules& rules)
      : settings_(settings), rules_(rules), store_file_(settings.paths.config_dir + "/" + std::string(kStoreFile)) {}

  std::vector<Finding> find() && {
    try {
      store_ = read_store(settings_);
      is_store_read_ = true;
    } catch (const Error& error) {
      add(store_file_, error.what(), "Correct it: until then nothing starts that has custom properties.");
    }
    SidecarCache sidecars;
    host_ = find_host_properties(settings_, store_, sidecars, rules_.compat_vdsm);
    const auto ovirts_vm = predefined_vm_properties();
    for (const auto& definition : host_.vm.all()) {
      const bool is_stores = store_.vm().find(definition.name) != nullptr;
      const auto of_vm = [](const Sidecar& sidecar) -> const Definitions& { return sidecar.vm_properties; };
      if (is_impossible(definition))
        add_impossible(definition, "", is_stores ? store_file_ : declarer_of(definition, of_vm));
      if (is_stores && ovirts_vm.find(definition.name) == nullptr)
        look_for_readers(definition, "", host_.readers_of_vm_property(definition.name));
    }
    const auto ovirts_device = predefined_device_properties();
    for (const auto& [type, definitions] : host_.device) {
      for (const auto& definition : definitions.all()) {
        const auto of = " of " + type + " devices";
        const bool is_stores = definitions_of(type, store_.device()).find(definition.name) != nullptr;
        const auto of_type = [&type = type](const Sidecar& sidecar) -> const Definitions& {
          return definitions_of(type, sidecar.device_properties);
        };
        if (is_impossible(definition))
          add_impossible(definition, of, is_stores ? store_file_ : declarer_of(definition, of_type));
        if (is_stores && definitions_of(type, ovirts_device).find(definition.name) == nullptr)
          look_for_readers(definition, of, host_.readers_of_device_property(type, definition.name));
      }
    }
    for (const auto& definition : host_.network.all())  // which no hook gets
      if (is_impossible(definition)) add_impossible(definition, " of networks", store_file_);
    for (const auto& [name, profile] : store_.profiles) look_at_profile(name, profile.properties);
    for (const auto& file : rules_.domains) look_at_domain(file);
    return std::move(found_);
  }

 private:
  void add(std::string path, std::string problem, std::string hint) {
    found_.push_back({std::move(path), std::move(problem), std::move(hint)});
  }

  // The sidecar that DEFINITION, which is not the store's, comes from: the last that has it. DEFINED: what a sidecar
  // defines.
  template <typename Defined>
  std::string declarer_of(const Definition& definition, const Defined& defined) const {
    for (auto hook = host_.hooks.rbegin(); hook != host_.hooks.rend(); ++hook)
      if (hook->sidecar && defined(*hook->sidecar).find(definition.name) != nullptr) return sidecar_file(*hook);
    return store_file_;  // oVirt's own
  }

  std::string sidecar_file(const PropertyReader& hook) const {
    const auto found =
        discover(hook.event, {settings_.paths.hooks_dirs, !rules_.compat_vdsm, !rules_.compat_vdsm, settings_.trust});
    for (const auto& file : found.hooks)
      if (file.path == hook.path && !file.sidecar.empty()) return file.sidecar;
    return hook.path;
  }

  static std::string what_is(const Definition& definition, const std::string& of) {
    return "property " + definition.name + of + ", declared by " + definition.declared_by + ": ";
  }

  static bool is_impossible(const Definition& definition) {
    return find_example(definition.pattern).reach == Reach::unreachable;
  }

  void add_impossible(const Definition& definition, const std::string& of, const std::string& file) {
    add(file, what_is(definition, of) + "no value can match its pattern " + definition.pattern.text(),
        "Correct the pattern: ^ and $ belong to its ends, and a value has no ; and no control character.");
  }

  // Of the administrator's definitions only: oVirt's own are for its engine to read, hooks or no hooks.
  void look_for_readers(const Definition& definition, const std::string& of, const std::vector<std::string>& readers) {
    if (readers.empty())
      add(store_file_, what_is(definition, of) + "no installed hook reads it",
          "Install the hook, or take the definition out: vdsm-hook props define --remove.");
  }

  void look_at_profile(const std::string& name, const PropertyValues& properties) {
    for (const auto& problem : guessed(validate_device("interface", properties, host_.device, guesses_left_ > 0)))
      add(store_file_, "vNIC profile '" + name + "': " + problem.text,
          problem.kind == ProblemKind::key_does_not_exist && !refused_name(problem.key)
              ? withheld(problem, "interface", "vdsm-hook props profile edit --unset")
              : "Set it right (vdsm-hook props profile edit): until then no VM starts that has a vNIC of this "
                "profile.");
  }

  void look_at_domain(const std::string& file) {
    try {
      const DomainEditor domain(read_regular_file(file, settings_.max_payload_bytes));
      const auto& facts = domain.facts();
      look_at_values(file, "the VM " + facts.name, facts.custom_properties, host_.vm, "");
      for (const auto& device : domain.devices()) {
        const auto* metadata = facts.about(device);
        if (metadata == nullptr) continue;
        const auto& definitions = definitions_of(device.type, host_.device);
        look_at_values(file, device.to_text(), metadata->properties, definitions, device.type);
        look_at_values(file, device.to_text() + ", of its vNIC profile when it was started", metadata->written_out,
                       definitions, device.type);
        if (is_store_read_ && !metadata->profile.empty() && !store_.profiles.contains(metadata->profile))
          add(file, device.to_text() + ": there is no vNIC profile '" + metadata->profile + "'",
              "Make it (vdsm-hook props profile create), or detach the vNIC: until then its VM does not start.");
      }
      for (auto& misfit : domain.misfits())
        add(file, std::move(misfit),
            "Correct what tells the device, or take the element out: nobody gets its properties, or another device "
            "does, too.");
    } catch (const Error& error) {
      add(file, error.what(), "Give a domain XML that libvirt would take.");
    }
  }

  // TYPE: of the device; empty: they are the VM's.
  void look_at_values(const std::string& file, const std::string& whose, const PropertyValues& values,
                      const Definitions& definitions, const std::string& type) {
    for (const auto& problem : guessed(validate(values, definitions, guesses_left_ > 0))) {
      const bool is_undefined = problem.kind == ProblemKind::key_does_not_exist && !refused_name(problem.key);
      if (is_undefined && !is_store_read_) continue;  // the store may define it
      add(file, whose + ": " + problem.text,
          is_undefined ? withheld(problem, type, "vdsm-hook props unset")
                       : "Set it right (vdsm-hook props set), or take it out (vdsm-hook props unset): until then its "
                         "VM does not start.");
    }
  }

  // Counts the names that somebody may have been guessed to mean.
  std::vector<PropertyProblem> guessed(std::vector<PropertyProblem> problems) {
    for (const auto& problem : problems) guesses_left_ -= problem.kind == ProblemKind::key_does_not_exist ? 1 : 0;
    return problems;
  }

  // One that quotes no password.
  static std::string open_pattern_of(const PropertyProblem& problem) {
    const bool is_secret = is_secret_name(problem.key) || without_passwords(problem.value) != problem.value;
    return is_secret ? "PATTERN" : pattern_of(problem.value);
  }

  // Of what nobody defines.
  static std::string withheld(const PropertyProblem& problem, const std::string& type, const std::string& take_out) {
    const bool can_be_defined = type.empty() || is_device_type(type);
    return "It is withheld from hooks. " +
           (can_be_defined ? "To let it through: " + define_command(problem.key, open_pattern_of(problem), type) +
                                 ". Else take it out ("
                           : "Take it out (") +
           take_out + ").";
  }

  const Settings& settings_;
  const FindingsRules& rules_;
  const std::string store_file_;
  PropertyStore store_;
  bool is_store_read_ = false;
  HostProperties host_;
  int guesses_left_ = kMaxGuesses;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> find_property_faults(const Settings& settings, const FindingsRules& rules) {
  return PropertyFaultFinder(settings, rules).find();
}

}  // namespace vdsm_hook::cli
