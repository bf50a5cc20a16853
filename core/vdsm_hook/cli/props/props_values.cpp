// vdsm-hook props set and unset
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/props.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook::cli {
namespace {

// A target in one of the documents of a VM.
struct PropertyPlace {
  DomainEditor& domain;
  Target target;

  const DeviceIdentity* device() const { return target.device ? &domain.devices()[*target.device] : nullptr; }
  void apply(const std::vector<PropertyChange>& changes) const {
    if (target.device) {
      domain.set_device(*target.device, changes);
    } else {
      domain.set_vm(changes);
    }
  }
};

// By what stays from start to start, and does not depend on the other devices where that can be.
bool is_same(const DeviceIdentity& a, const DeviceIdentity& b) {
  if (a.type != b.type) return false;
  if (!a.mac.empty() || !b.mac.empty()) return a.mac == b.mac;
  if (!a.target.empty() || !b.target.empty()) return a.target == b.target;
  return a.address == b.address && (!a.address.empty() || a.position == b.position);
}

// DEVICE in each of EDITORS that has it; which one it means the first of them says. Empty: the VM.
std::vector<PropertyPlace> places_of(const std::vector<DomainEditor*>& editors, const std::string& device,
                                     std::vector<std::string>& notes) {
  std::vector<PropertyPlace> places;
  std::exception_ptr failure;
  for (auto* editor : editors) {
    if (places.empty() || device.empty()) {
      try {
        places.push_back({*editor, target_of(*editor, device)});
      } catch (const Error&) {
        if (!failure) failure = std::current_exception();
      }
      continue;
    }
    const auto devices = editor->devices();
    const auto found = std::find_if(devices.begin(), devices.end(),
                                    [&](const auto& one) { return is_same(one, *places.front().device()); });
    if (found != devices.end())
      places.push_back({*editor, {static_cast<std::size_t>(found - devices.begin()), found->to_text()}});
  }
  if (places.empty()) std::rethrow_exception(failure);
  if (places.size() < editors.size())
    notes.push_back(places.front().target.text + (failure ? " is in the definition only, not in the VM as it runs"
                                                          : " is in the VM as it runs only, not in its definition"));
  return places;
}

// What TARGET has itself.
const PropertyValues& own_properties(const DomainEditor& domain, const Target& target) {
  static const PropertyValues none;
  if (!target.device) return domain.facts().custom_properties;
  const auto* metadata = domain.facts().about(domain.devices()[*target.device]);
  return metadata == nullptr ? none : metadata->properties;
}

// Lets unknown names that are defined for something else than devices of TYPE (empty: the VM) say for what.
void name_owners(std::vector<PropertyProblem>& problems, const std::string& type, const HostProperties& host) {
  for (auto& problem : problems) {
    if (problem.kind != ProblemKind::key_does_not_exist) continue;
    std::vector<std::string> types;
    for (const auto& [other, of_type] : host.device)
      if (other != type && of_type.find(problem.key) != nullptr) types.push_back(other);
    if (!type.empty() && host.vm.find(problem.key) != nullptr) {
      problem.text = about_value(problem.key, problem.value, "it is a property of VMs: leave out --device");
    } else if (!types.empty()) {
      problem.text = about_value(problem.key, problem.value,
                                 "it is a property of " + joined(types, ", ") + " devices: give " +
                                     (type.empty() ? "--device" : "one of them with --device"));
    }
  }
}

}  // namespace

int props_set_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props set",
                      "Sets custom properties of a VM or one of its devices, in the metadata of its domain "
                      "XML, when their definitions allow the values. Nothing else in it changes. Of a VM in "
                      "libvirt that is the definition and, when it runs, the VM as it runs.");
  arguments.example("vdsm-hook props set web-01 macspoof=true");
  arguments.example("vdsm-hook props set speed=1000 duplex=full --domxml vm.xml --device 52:54:00:6b:3c:58");
  arguments.exit_codes(
      "0 set; 1 a value is refused, and nothing was changed, or libvirt refused it; 2 wrong use; 3 the file cannot\n"
      "be written.");
  std::vector<std::string> words;
  DomainOptions options;
  FormatOption format;
  LocationOptions locations;
  options.add_to(arguments, kDeviceForms);
  arguments.positional({"SETTING", "property"}, &words, "NAME=VALUE; of several, all are set or none");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const bool starts_with_setting = options.vm.find('=') != std::string::npos;
  if (starts_with_setting && options.domxml.empty())
    throw arguments.misuse("'" + printable(options.vm.substr(0, 80)) +
                           "' is no VM: give its name first (of one with a '=' the UUID), or --domxml FILE");
  if (!options.vm.empty() && !starts_with_setting && !options.domxml.empty() && !words.empty())
    throw arguments.misuse("give a VM or --domxml FILE, not both");
  options.settle(arguments, "set", argc, argv, &words, "SETTING");
  const auto values = read_variables(words, "the property");
  const auto settings = locations.load();
  SidecarCache sidecars;
  const auto host = find_host_properties(settings, read_store(settings), sidecars);
  Change change;
  const auto domain = options.open(settings);
  const auto places = places_of(domain->editors(), options.device, change.notes);
  const auto& text = places.front().target.text;
  const auto type = places.front().device() != nullptr ? places.front().device()->type : "";
  change.problems = type.empty() ? validate(values, host.vm) : validate_device(type, values, host.device);
  name_owners(change.problems, type, host);
  if (change.problems.empty()) {
    for (const auto& place : places) place.apply(to_changes(values));
    change.changed = domain->save();
    for (const auto& [name, value] : without_passwords(values)) {
      change.done.push_back(text + ": " + name + "=" + value);
      if ((type.empty() ? host.readers_of_vm_property(name) : host.readers_of_device_property(type, name)).empty())
        change.notes.push_back("no installed hook reads " + name);
    }
  }
  return tell(change, format);
}

int props_unset_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props unset",
                      "Takes custom properties out of the metadata of a VM's domain XML. Nothing else in it "
                      "changes. Of a VM in libvirt that is the definition and, when it runs, the VM as it "
                      "runs.");
  arguments.example("vdsm-hook props unset web-01 macspoof");
  arguments.example("vdsm-hook props unset macspoof --domxml vm.xml");
  arguments.exit_codes(
      "0 taken out; 1 libvirt refused it; 2 one is not set, or wrong use; 3 the file cannot be written.");
  std::vector<std::string> names;
  DomainOptions options;
  FormatOption format;
  LocationOptions locations;
  options.add_to(arguments, kDeviceForms);
  arguments.positional({"PROPERTY", "property_name"}, &names, "its name; of several, all are taken out or none");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  options.settle(arguments, "unset", argc, argv, &names, "PROPERTY");
  Change change;
  const auto domain = options.open(locations.load());
  const auto places = places_of(domain->editors(), options.device, change.notes);
  const auto& text = places.front().target.text;
  std::vector<std::string_view> set;  // in one of the documents at least
  for (const auto& place : places)
    for (const auto& [name, value] : own_properties(place.domain, place.target)) set.push_back(name);
  std::vector<PropertyChange> changes;
  for (const auto& name : names) {
    if (std::find(set.begin(), set.end(), name) == set.end())
      throw Error(Errc::wrong_use, "the property '" + printable(name.substr(0, 80)) + "' is not set on " + text +
                                       did_you_mean(name, set));
    changes.push_back({name, std::nullopt});
    change.done.push_back(text + ": " + name + " is unset");
  }
  for (const auto& place : places) place.apply(changes);
  change.changed = domain->save();
  return tell(change, format);
}

}  // namespace vdsm_hook::cli
