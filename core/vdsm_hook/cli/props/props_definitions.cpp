// vdsm-hook props definitions and define
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/levels.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/props.hpp"
#include "vdsm_hook/properties/items.hpp"

namespace vdsm_hook::cli {
namespace {

struct Row {
  std::string of;  // "VM", "network", or the type of device
  const Definition& definition;
  std::vector<std::string> readers;
};

std::vector<Row> rows_of(const HostProperties& host, const std::string& name) {
  std::vector<Row> rows;
  const auto is_asked = [&name](const Definition& definition) { return name.empty() || definition.name == name; };
  for (const auto& definition : host.vm.all())
    if (is_asked(definition)) rows.push_back({"VM", definition, host.readers_of_vm_property(definition.name)});
  for (const auto& [type, of_type] : host.device)
    for (const auto& definition : of_type.all())
      if (is_asked(definition))
        rows.push_back({type, definition, host.readers_of_device_property(type, definition.name)});
  for (const auto& definition : host.network.all())
    if (is_asked(definition)) rows.push_back({"network", definition, {}});
  return rows;
}

std::string to_text(const std::vector<Row>& rows) {
  Table table{{"PROPERTY", "OF", "PATTERN", "DECLARED BY"}};
  for (const auto& row : rows)
    table.push_back(
        {row.definition.name, row.of, row.definition.pattern.text(), printable(row.definition.declared_by)});
  std::string text;
  for (const auto& line : aligned(table, 0)) text += line;
  return text;
}

boost::json::value to_json(const std::vector<Row>& rows) {
  boost::json::array out;
  for (const auto& row : rows) {
    const auto choices = row.definition.pattern.choices();
    out.push_back({{"name", row.definition.name},
                   {"of", row.of},
                   {"pattern", row.definition.pattern.text()},
                   {"choices", choices ? boost::json::value(json_list(*choices)) : boost::json::value(nullptr)},
                   {"declared_by", printable(row.definition.declared_by)},
                   {"readers", json_list(row.readers)}});
  }
  return {{"definitions", std::move(out)}};
}

std::string level_to_change(const PropertyStore& store, DefinitionKey key, const std::string& asked) {
  if (!asked.empty()) return asked;
  const auto levels = store.levels(key);
  if (levels.size() == 1) return levels[0];
  throw Error(Errc::wrong_use, several_levels(facts_of(key), levels));
}

// TEXT, NAME=REGEX;..., without the properties NAMES; each must be there.
std::string without(std::string_view text, const std::vector<std::string>& names) {
  std::vector<std::string> rest;
  std::vector<std::string_view> there;
  for (const auto& item : read_items(text).items) {
    there.push_back(item.name);
    if (std::find(names.begin(), names.end(), item.name) == names.end())
      rest.push_back(std::string(item.name) + "=" + std::string(item.text));
  }
  for (const auto& name : names)
    if (std::find(there.begin(), there.end(), name) == there.end())
      throw Error(Errc::wrong_use, "the administrator defines no property '" + printable(name.substr(0, 80)) +
                                       "' here" + did_you_mean(name, there));
  return joined(rest, ";");
}

std::string items_of(const Definitions& definitions) {
  std::vector<std::string> items;
  for (const auto& definition : definitions.all()) items.push_back(definition.name + "=" + definition.pattern.text());
  return joined(items, ";");
}

}  // namespace

int props_definitions_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props definitions",
                      "Shows the custom properties that there are on this host: what their values must "
                      "match, and who defines them. The administrator's definitions replace oVirt's of the "
                      "same name, and those replace the hooks'.");
  arguments.example("vdsm-hook props definitions macspoof");
  std::string name;
  FormatOption format;
  LocationOptions locations;
  arguments.positional({"PROPERTY", "property_name"}, &name, "only the one of this name");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  SidecarCache sidecars;
  const auto host = find_host_properties(settings, read_store(settings), sidecars);
  const auto rows = rows_of(host, name);
  if (rows.empty() && !name.empty()) {
    std::vector<std::string_view> names;
    const auto all = rows_of(host, "");
    for (const auto& row : all) names.push_back(row.definition.name);
    throw Error(Errc::wrong_use,
                "nobody defines a property '" + printable(name.substr(0, 80)) + "'" + did_you_mean(name, names));
  }
  print(format.is_json() ? to_line(to_json(rows)) : to_text(rows));
  return done;
}

int props_define_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props define",
                      "Defines custom properties on this host, of VMs unless --device or --network is "
                      "given, or takes such definitions out. It holds from the next event on. engine-config "
                      "does the same for those who know it.");
  arguments.example("vdsm-hook props define 'macspoof=^(true|false)$'");
  arguments.example("vdsm-hook props define --device interface 'speed=^([0-9]{1,5})$'");
  arguments.example("vdsm-hook props define --remove macspoof");
  arguments.exit_codes("0 done; 2 a definition is refused, or wrong use; 3 the store cannot be read or written.");
  std::vector<std::string> words;
  std::string type, level;
  bool is_network = false, removes = false;
  FormatOption format;
  LocationOptions locations;
  arguments.positional("DEFINITION", &words, "NAME=REGEX for the whole value (RE2); with --remove only NAME")
      .required();
  auto& of_device = arguments.option("--device", &type, "TYPE", "of devices of this type: interface, disk, ...");
  arguments.flag("--network", is_network, "of networks on hosts").excludes(of_device);
  arguments.flag("--remove", removes, "take the definitions out");
  arguments.option("--cver", &level, "LEVEL", "oVirt's compatibility level, 4.2 to 4.8, where there are several");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  const auto key = !type.empty() ? DefinitionKey::device : is_network ? DefinitionKey::network : DefinitionKey::vm;
  for (const auto& word : words)
    if (word.find(';') != std::string::npos)
      throw Error(Errc::wrong_use, "'" + printable(word.substr(0, 80)) + "': a definition cannot hold a ;");
  const auto given = joined(words, ";");
  Change change;
  change_store(settings, [&](PropertyStore& store) {
    const auto at = level_to_change(store, key, level);
    const auto* before = store.text(key, at);
    const std::string old = before == nullptr ? "" : *before;
    const auto changed = [&](std::string_view text) {
      return removes ? without(text, words) : merged_definitions(text, given);
    };
    std::string text;
    if (key == DefinitionKey::device) {
      auto types = parse_device_definitions(old, std::string(facts_of(key).name));
      types[type] = parse_vm_definitions(changed(items_of(types[type])), std::string(facts_of(key).name));
      if (types[type].all().empty()) types.erase(type);
      text = to_text(types);
    } else {
      text = changed(old);
    }
    store.set_text(key, at, text);
    change.changed = text != old;
    for (const auto& word : words)
      change.done.push_back(std::string(facts_of(key).name) + ", level " + at + ": " +
                            (removes ? word + " is taken out" : word));
  });
  return tell(change, format);
}

}  // namespace vdsm_hook::cli
