// vdsm-hook props show
#include <algorithm>
#include <unordered_map>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/props.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook::cli {
namespace {

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

struct Host {
  const HostProperties& properties;
  const PropertyStore& store;
  bool delivers_undefined;
};

Shown shown(const std::string& name, const std::string& value, std::string origin, const Definitions& definitions,
            std::vector<std::string> readers, bool delivers_undefined) {
  Shown one{name, value, std::move(origin), "", std::move(readers), {}, {}};
  if (const auto* definition = definitions.find(name)) {
    one.declared_by = definition->declared_by;
    for (const auto& problem : validate({{name, value}}, definitions)) one.problems.push_back(problem.text);
  } else if (const auto why = refused_name(name)) {
    one.problems.push_back(*why);
  } else {
    one.notes.emplace_back(
        delivers_undefined
            ? "nobody defines it: withheld from hooks at a restore and where the VM comes from another host"
            : "withheld from hooks: nobody defines it");
  }
  if (one.readers.empty()) one.notes.emplace_back("no installed hook reads it");
  return one;
}

std::vector<Shown> of_vm(const DomainFacts& facts, const Host& host) {
  std::vector<Shown> properties;
  for (const auto& [name, value] : facts.custom_properties)
    properties.push_back(shown(name, value, "VM", host.properties.vm, host.properties.readers_of_vm_property(name),
                               host.delivers_undefined));
  return properties;
}

ShownDevice of_device(const DeviceIdentity& identity, const DeviceMetadata& metadata, const DomainFacts& facts,
                      const Host& host, std::vector<std::string>& notes) {
  ShownDevice device{identity, metadata.profile, {}};
  PropertyValues profile;
  if (const auto found = host.store.profiles.find(metadata.profile); found != host.store.profiles.end()) {
    profile = found->second.properties;
  } else if (!metadata.profile.empty()) {
    notes.push_back(identity.to_text() + " refers to the vNIC profile '" + metadata.profile +
                    "', and there is none of this name");
  }
  std::unordered_map<std::string_view, std::string_view> of_the_vm;
  for (const auto& [name, value] : facts.custom_properties) of_the_vm.emplace(name, value);
  const auto add = [&](const PropertyValues& values, const std::string& origin) {
    for (const auto& [name, value] : values) {
      device.properties.push_back(shown(name, value, origin, definitions_of(identity.type, host.properties.device),
                                        host.properties.readers_of_device_property(identity.type, name),
                                        host.delivers_undefined));
      if (const auto vms = of_the_vm.find(name); vms != of_the_vm.end() && vms->second != value)
        device.properties.back().notes.push_back("the VM's value wins");
    }
  };
  add(metadata.left_of(profile), "profile " + metadata.profile);
  add(metadata.properties, "device");
  return device;
}

ShownDomain shown_domain(const DomainEditor& domain, const std::optional<std::size_t>& only, const Host& host) {
  const auto& facts = domain.facts();
  ShownDomain all{facts.name, facts.uuid, {}, {}, {}};
  if (!only) all.properties = of_vm(facts, host);
  for (std::size_t i = 0; i < domain.devices().size(); ++i)
    if (const auto* metadata = facts.about(domain.devices()[i]); metadata != nullptr && only.value_or(i) == i)
      all.devices.push_back(of_device(domain.devices()[i], *metadata, facts, host, all.notes));
  if (!only)
    for (auto& misfit : domain.misfits()) all.notes.push_back(std::move(misfit));
  return all;
}

void add_rows(const std::vector<Shown>& properties, Table& table) {
  for (const auto& one : properties) {
    std::string remarks = one.declared_by.empty() ? "" : "declared by " + one.declared_by;
    const auto add = [&remarks](const std::string& text) { remarks += (remarks.empty() ? "" : "; ") + text; };
    if (!one.readers.empty()) add("read by " + joined(one.readers, ", "));
    for (const auto& note : one.notes) add(note);
    for (const auto& problem : one.problems) add("WRONG: " + problem);
    table.push_back(
        {printable(one.name) + " = " + printable(one.value), printable("of the " + one.origin), printable(remarks)});
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
      text += device.identity.to_text() +
              (device.profile.empty() ? "" : ", vNIC profile " + printable(device.profile)) + "\n";
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

// Whether hooks would get other values for VM or devices.
bool has_other_properties(const DomainFacts& a, const DomainFacts& b) {
  return a.custom_properties != b.custom_properties ||
         !std::equal(a.devices.begin(), a.devices.end(), b.devices.begin(), b.devices.end(),
                     [](const DeviceMetadata& one, const DeviceMetadata& other) {
                       return one.attributes == other.attributes && one.profile == other.profile &&
                              one.properties == other.properties;
                     });
}

std::string xml_of(const LibvirtVms& vms, const DomainOptions& domain, bool wants_definition,
                   std::vector<std::string>& notes) {
  auto documents = vms.read(domain.connect, domain.vm);
  if (documents.size() > 1 && !wants_definition &&
      has_other_properties(DomainEditor(documents[0].xml).facts(), DomainEditor(documents[1].xml).facts()))
    notes.emplace_back(
        "this is the VM as it runs; its definition, for the next start, has other properties: --inactive shows them");
  if (documents.empty() || (wants_definition && documents.back().is_running))
    throw Error(Errc::wrong_use, "the VM '" + printable(domain.vm) + "' has no definition");
  return std::move(wants_definition ? documents.back().xml : documents.front().xml);
}

}  // namespace

int props_show_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props show",
                      "Shows the custom properties of a VM and its devices as hooks get them: where each "
                      "value comes from, who defines it, which installed hooks read it, and what is wrong "
                      "with it.");
  arguments.example("vdsm-hook props show web-01");
  arguments.example("vdsm-hook props show --domxml vm.xml");
  DomainOptions domain;
  bool wants_definition = false;
  FormatOption format;
  LocationOptions locations;
  const auto& file = domain.add_to(arguments, kDeviceForms, kFileOrStream);
  arguments.flag("--inactive", wants_definition, "of a VM that runs: its definition, for the next start")
      .excludes(file);
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  domain.settle(arguments, "show", argc, argv);
  const auto settings = locations.load();
  std::vector<std::string> notes;
  const DomainEditor editor(!domain.vm.empty()     ? xml_of(*libvirt_vms, domain, wants_definition, notes)
                            : domain.domxml == "-" ? read_input("-", settings.max_payload_bytes)
                                                   : read_regular_file(domain.domxml, settings.max_payload_bytes));
  const auto target = target_of(editor, domain.device);
  const auto store = read_store(settings);
  SidecarCache sidecars;
  auto shown = shown_domain(editor, target.device,
                            {find_host_properties(settings, store, sidecars), store, settings.delivers_undefined});
  shown.notes.insert(shown.notes.begin(), notes.begin(), notes.end());
  print(format.is_json() ? to_line(to_json(shown)) : to_text(shown, target.device.has_value()));
  return done;
}

}  // namespace vdsm_hook::cli
