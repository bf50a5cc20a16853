// vdsm-hook props show, set and unset
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/props.hpp"

namespace vdsm_hook::cli {
namespace {

const std::string kDeviceForms = "by MAC address, alias, target device, address, or TYPE:N (the Nth); the VM itself unless given";

// A value as hooks get it, and what there is to know about it.
struct Shown {
  std::string name, value, origin;
  std::string declared_by;  // empty: nobody
  std::vector<std::string> readers;
  std::vector<std::string> problems;
  std::vector<std::string> notes;
};

struct ShownDevice {
  DeviceIdentity identity;
  std::string profile;
  std::vector<Shown> properties;
};

struct ShownDomain {
  std::string name, uuid;
  std::vector<Shown> properties;
  std::vector<ShownDevice> devices;
  std::vector<std::string> notes;
};

Shown shown(const std::string& name, const std::string& value, std::string origin, const Definitions& definitions,
            std::vector<std::string> readers) {
  Shown one{name, value, std::move(origin), "", std::move(readers), {}, {}};
  if (const auto* definition = definitions.find(name)) {
    one.declared_by = definition->declared_by;
    for (const auto& problem : validate({{name, value}}, definitions)) one.problems.push_back(problem.text);
  } else {
    one.notes.emplace_back("nobody defines it");
  }
  if (one.readers.empty()) one.notes.emplace_back("no installed hook reads it");
  return one;
}

std::vector<Shown> of_vm(const DomainFacts& facts, const HostProperties& host) {
  std::vector<Shown> properties;
  for (const auto& [name, value] : facts.custom_properties)
    properties.push_back(shown(name, value, "VM", host.vm, host.readers_of_vm_property(name)));
  return properties;
}

ShownDevice of_device(const DeviceIdentity& identity, const DeviceMetadata& metadata, const DomainFacts& facts,
                      const HostProperties& host, const PropertyStore& store, std::vector<std::string>& notes) {
  ShownDevice device{identity, metadata.profile, {}};
  PropertyValues profile;
  if (const auto found = store.profiles.find(metadata.profile); found != store.profiles.end()) {
    profile = found->second.properties;
  } else if (!metadata.profile.empty()) {
    notes.push_back(identity.to_text() + " refers to the vNIC profile '" + metadata.profile + "', and there is none of this name");
  }
  const auto add = [&](const PropertyValues& values, const std::string& origin) {
    for (const auto& [name, value] : values) {
      device.properties.push_back(shown(name, value, origin, definitions_of(identity.type, host.device), host.readers_of_device_property(identity.type, name)));
      for (const auto& [vm_name, vm_value] : facts.custom_properties)
        if (vm_name == name && vm_value != value) device.properties.back().notes.push_back("the VM's value wins");
    }
  };
  add(metadata.left_of(profile), "profile " + metadata.profile);
  add(metadata.properties, "device");
  return device;
}

ShownDomain shown_domain(const DomainEditor& domain, const std::optional<std::size_t>& only, const HostProperties& host,
                         const PropertyStore& store) {
  const auto& facts = domain.facts();
  ShownDomain all{facts.name, facts.uuid, {}, {}, {}};
  if (!only) all.properties = of_vm(facts, host);
  for (std::size_t i = 0; i < domain.devices().size(); ++i)
    if (const auto* metadata = facts.about(domain.devices()[i]); metadata != nullptr && only.value_or(i) == i)
      all.devices.push_back(of_device(domain.devices()[i], *metadata, facts, host, store, all.notes));
  if (!only)
    for (auto& misfit : domain.misfits()) all.notes.push_back(std::move(misfit));
  return all;
}

void add_rows(const std::vector<Shown>& properties, Table& table) {
  for (const auto& one : properties) {
    std::string remarks = one.declared_by.empty() ? "" : "declared by " + one.declared_by;
    const auto add = [&remarks](const std::string& text) { remarks += (remarks.empty() ? "" : "; ") + text; };
    if (!one.readers.empty()) add("read by " + joined(one.readers));
    for (const auto& note : one.notes) add(note);
    for (const auto& problem : one.problems) add("WRONG: " + problem);
    table.push_back({printable(one.name) + " = " + printable(one.value), printable("of the " + one.origin), printable(remarks)});
  }
}

std::string to_text(const ShownDomain& domain, bool is_one_device) {
  Table table;
  std::vector<std::size_t> counts;  // rows of the VM, then of each device
  add_rows(domain.properties, table);
  counts.push_back(table.size());
  for (const auto& device : domain.devices) {
    add_rows(device.properties, table);
    counts.push_back(table.size());
  }
  const auto lines = aligned(table, 2);
  std::string text;
  std::size_t row = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i > 0) {
      const auto& device = domain.devices[i - 1];
      text += device.identity.to_text() + (device.profile.empty() ? "" : ", vNIC profile " + printable(device.profile)) + "\n";
    } else if (!is_one_device) {
      text += "VM " + printable(domain.name) + "\n";
    }
    if (row == counts[i] && (i > 0 || !is_one_device)) text += "  no properties\n";
    for (; row < counts[i]; ++row) text += lines[row];
  }
  if (is_one_device && domain.devices.empty()) text += "no properties\n";
  for (const auto& note : domain.notes) text += "note: " + printable(note) + "\n";
  return text;
}

boost::json::array to_json(const std::vector<Shown>& properties) {
  boost::json::array out;
  for (const auto& one : properties)
    out.push_back({{"name", printable(one.name)},
                   {"value", printable(one.value)},
                   {"origin", printable(one.origin)},
                   {"declared_by", text_or_null(one.declared_by)},
                   {"readers", json_list(one.readers)},
                   {"problems", json_list(one.problems)},
                   {"notes", json_list(one.notes)}});
  return out;
}

boost::json::value to_json(const ShownDomain& domain) {
  boost::json::array devices;
  for (const auto& device : domain.devices)
    devices.push_back({{"device", device.identity.to_text()},
                       {"type", printable(device.identity.type)},
                       {"profile", text_or_null(device.profile)},
                       {"properties", to_json(device.properties)}});
  return {{"name", printable(domain.name)},
          {"uuid", text_or_null(domain.uuid)},
          {"properties", to_json(domain.properties)},
          {"devices", std::move(devices)},
          {"notes", json_list(domain.notes)}};
}

struct Target {
  std::optional<std::size_t> device;
  std::string text;  // "VM web-01", "interface 52:54:00:00:00:01"
};

Target target_of(const DomainEditor& domain, const std::string& device) {
  if (device.empty()) return {std::nullopt, "VM " + domain.facts().name};
  const auto place = domain.find_device(device);
  return {place, domain.devices()[place].to_text()};
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
      problem.text = about_value(problem.key, problem.value, "it is a property of " + joined(types) + " devices: give " +
                                                                 (type.empty() ? "--device" : "one of them with --device"));
    }
  }
}

void apply(DomainEditor& domain, const Target& target, const std::vector<PropertyChange>& changes) {
  if (target.device) {
    domain.set_device(*target.device, changes);
  } else {
    domain.set_vm(changes);
  }
}

}  // namespace

int props_show_main(int argc, char** argv) {
  CLI::App app("Shows the custom properties of a VM and its devices as hooks get them: where each value comes from, who "
               "defines it, which installed hooks read it, and what is wrong with it.", "vdsm-hook props show");
  app.footer("Example:\n  vdsm-hook props show --domxml vm.xml");
  DomainOptions domain;
  FormatOption format;
  LocationOptions locations;
  domain.add_to(app, kDeviceForms, "FILE|-");
  format.add_to(app);
  locations.add_to(app);
  if (!parse(app, argc, argv)) return done;

  const auto settings = locations.load();
  const DomainEditor editor(domain.domxml == "-" ? read_input("-", settings.max_payload_bytes)
                                                 : read_regular_file(domain.domxml, settings.max_payload_bytes));
  const auto target = target_of(editor, domain.device);
  const auto store = read_store(settings);
  SidecarCache sidecars;
  const auto shown = shown_domain(editor, target.device, find_host_properties(settings, store, sidecars), store);
  print(format.is_json() ? to_line(to_json(shown)) : to_text(shown, target.device.has_value()));
  return done;
}

int props_set_main(int argc, char** argv) {
  CLI::App app("Sets custom properties of a VM or one of its devices, in the metadata of its domain XML, when their "
               "definitions allow the values. Nothing else in the file changes.", "vdsm-hook props set");
  app.footer("Example:\n  vdsm-hook props set macspoof=true --domxml vm.xml\n"
             "  vdsm-hook props set speed=1000 duplex=full --domxml vm.xml --device 52:54:00:6b:3c:58\n\n"
             "Exit code: 0 set; 1 a value is refused, and nothing was changed; 2 wrong use; 3 the file cannot be written.");
  std::vector<std::string> words;
  DomainOptions domain;
  FormatOption format;
  LocationOptions locations;
  app.add_option("SETTING", words, "NAME=VALUE; of several, all are set or none")->required();
  domain.add_to(app, kDeviceForms);
  format.add_to(app);
  locations.add_to(app);
  if (!parse(app, argc, argv)) return done;

  const auto values = read_variables(words, "the property");
  const auto settings = locations.load();
  SidecarCache sidecars;
  const auto host = find_host_properties(settings, read_store(settings), sidecars);
  DomainFile file(domain.domxml, settings);
  const auto target = target_of(file.editor(), domain.device);
  Change change;
  change.problems = target.device ? validate_device(file.editor().devices()[*target.device].type, values, host.device)
                                  : validate(values, host.vm);
  name_owners(change.problems, target.device ? file.editor().devices()[*target.device].type : "", host);
  if (change.problems.empty()) {
    apply(file.editor(), target, to_changes(values));
    change.changed = file.save();
    for (const auto& [name, value] : values) {
      change.done.push_back(target.text + ": " + name + "=" + value);
      if ((target.device ? host.readers_of_device_property(file.editor().devices()[*target.device].type, name) : host.readers_of_vm_property(name)).empty())
        change.notes.push_back("no installed hook reads " + name);
    }
  }
  return tell(change, format);
}

int props_unset_main(int argc, char** argv) {
  CLI::App app("Takes custom properties out of the metadata of a VM's domain XML. Nothing else in the file changes.",
               "vdsm-hook props unset");
  app.footer("Example:\n  vdsm-hook props unset macspoof --domxml vm.xml\n\n"
             "Exit code: 0 taken out; 2 one is not set, or wrong use; 3 the file cannot be written.");
  std::vector<std::string> names;
  DomainOptions domain;
  FormatOption format;
  LocationOptions locations;
  app.add_option("PROPERTY", names, "its name; of several, all are taken out or none")->required();
  domain.add_to(app, kDeviceForms);
  format.add_to(app);
  locations.add_to(app);
  if (!parse(app, argc, argv)) return done;

  DomainFile file(domain.domxml, locations.load());
  const auto target = target_of(file.editor(), domain.device);
  std::vector<std::string_view> set;
  for (const auto& [name, value] : own_properties(file.editor(), target)) set.push_back(name);
  Change change;
  std::vector<PropertyChange> changes;
  for (const auto& name : names) {
    if (std::find(set.begin(), set.end(), name) == set.end())
      throw Error(Errc::wrong_use, "the property '" + printable(name.substr(0, 80)) + "' is not set on " + target.text + did_you_mean(name, set));
    changes.push_back({name, std::nullopt});
    change.done.push_back(target.text + ": " + name + " is unset");
  }
  apply(file.editor(), target, changes);
  change.changed = file.save();
  return tell(change, format);
}

}  // namespace vdsm_hook::cli
