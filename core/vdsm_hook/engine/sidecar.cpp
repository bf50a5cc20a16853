#include "vdsm_hook/engine/sidecar.hpp"

#include <fnmatch.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/toml/table.hpp"

namespace vdsm_hook {
namespace {

const std::string* find(const Variables& variables, std::string_view name) {
  for (auto at = variables.rbegin(); at != variables.rend(); ++at)
    if (at->first == name) return &at->second;
  return nullptr;
}

std::optional<std::string> unmatched(const Conditions::Patterns& patterns, const Variables& variables,
                                     std::string_view whose) {
  for (const auto& [name, pattern] : patterns) {
    const auto* value = find(variables, name);
    if (value == nullptr) return std::string(whose) + " property " + name + " is not set";
    if (!pattern.matches(*value))
      return std::string(whose) + " property " + name + " = '" + printable(*value) + "' does not match " +
             pattern.text();
  }
  return std::nullopt;
}

bool is_vm_of(const std::string& wanted, const ConditionFacts& facts) {
  if (is_uuid(wanted)) return ::strcasecmp(wanted.c_str(), std::string(facts.vm_id).c_str()) == 0;
  return !facts.vm_name.empty() && ::fnmatch(wanted.c_str(), std::string(facts.vm_name).c_str(), 0) == 0;
}

Conditions::Patterns read_patterns(TomlTable& table, std::string_view key) {
  Conditions::Patterns patterns;
  auto entries = table.table(key);
  if (!entries) return patterns;
  for (const auto& name : entries->keys()) {
    const auto text = entries->text(name).value_or("");
    patterns.emplace_back(name,
                          Pattern::condition(text, entries->place_of(name) + std::string(key) + "." + name + ": "));
  }
  return patterns;
}

Conditions read_conditions(TomlTable& table) {
  Conditions when;
  when.property = read_patterns(table, "property");
  when.device_property = read_patterns(table, "device_property");
  when.any_property = table.texts("any_property").value_or(std::vector<std::string>{});
  when.vm = table.texts("vm").value_or(std::vector<std::string>{});
  const std::pair<std::string, std::size_t> counts[] = {{"property", when.property.size()},
                                                        {"device_property", when.device_property.size()},
                                                        {"any_property", when.any_property.size()},
                                                        {"vm", when.vm.size()}};
  for (const auto& [key, count] : counts)
    if (count > kMaxProperties) table.fail(key, key + " has more than " + std::to_string(kMaxProperties) + " entries");
  return when;
}

// TABLE: name = "pattern". Errors name their line.
Definitions read_definitions(TomlTable& table, const std::string& declared_by) {
  Definitions definitions;
  for (const auto& name : table.keys()) {
    const auto pattern = table.text(name).value_or("");
    if (const auto why = refused_name(name))
      table.fail(name, "property " + printable(name.substr(0, 80)) + ": " + *why);
    definitions.set({name, Pattern::later(pattern, table.place_of(name) + "property " + name + ": "), declared_by});
  }
  return definitions;
}

// The package that a hook of ours comes in, as package_of() in read_hooks.py names it; of anybody else's the hook.
std::string declarer(const std::optional<std::string>& name, std::string_view file) {
  if (!name) return std::string(file.substr(0, file.rfind('.')));
  auto package = "vdsm-hook-" + *name;
  for (char& c : package) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return printable(package);
}

template <typename Holds>
bool any_condition(const Sidecar& sidecar, const Holds& holds) {
  return holds(sidecar.when) || std::any_of(sidecar.when_event.begin(), sidecar.when_event.end(),
                                            [&](const auto& entry) { return holds(entry.second); });
}

bool has_condition(const Sidecar& sidecar, std::string_view name, Conditions::Patterns Conditions::*patterns) {
  return any_condition(sidecar, [&](const Conditions& when) {
    const auto& on = when.*patterns;
    return std::find(when.any_property.begin(), when.any_property.end(), name) != when.any_property.end() ||
           std::any_of(on.begin(), on.end(), [name](const auto& entry) { return entry.first == name; });
  });
}

}  // namespace

Sidecar::Interest Sidecar::in_vm_property(std::string_view name) const {
  const bool is_declared = vm_properties.find(name) != nullptr;
  const bool is_devices = !is_declared && declares_device_property(name);  // any_property does not say whose it means
  if (!is_devices && has_condition(*this, name, &Conditions::property)) return Interest::condition;
  return is_declared ? Interest::declared : Interest::none;
}

Sidecar::Interest Sidecar::in_device_property(std::string_view type, std::string_view name) const {
  const bool is_declared = definitions_of(type, device_properties).find(name) != nullptr;
  const bool is_others = !is_declared && (declares_device_property(name) || vm_properties.find(name) != nullptr);
  if (!is_others && has_condition(*this, name, &Conditions::device_property)) return Interest::condition;
  return is_declared ? Interest::declared : Interest::none;
}

bool Sidecar::declares_device_property(std::string_view name) const {
  return std::any_of(device_properties.begin(), device_properties.end(),
                     [name](const auto& of_type) { return of_type.second.find(name) != nullptr; });
}

bool Sidecar::has_property_conditions() const {
  return any_condition(*this, [](const Conditions& one) {
    return !one.property.empty() || !one.device_property.empty() || !one.any_property.empty();
  });
}

void Sidecar::judge_patterns() const {
  const auto judge = [](const Conditions& conditions) {
    for (const auto* patterns : {&conditions.property, &conditions.device_property})
      for (const auto& [name, pattern] : *patterns) pattern.judge();
  };
  judge(when);
  for (const auto& [event, conditions] : when_event) judge(conditions);
  for (const auto& definition : vm_properties.all()) definition.pattern.judge();
  for (const auto& [type, definitions] : device_properties)
    for (const auto& definition : definitions.all()) definition.pattern.judge();
}

std::optional<std::string> Conditions::unmet(const ConditionFacts& facts) const {
  if (auto why = unmatched(property, facts.vm_properties, "VM")) return why;
  if (auto why = unmatched(device_property, facts.device_properties, "device")) return why;
  const auto is_set = [&](const std::string& name) {
    return find(facts.vm_properties, name) != nullptr || find(facts.device_properties, name) != nullptr;
  };
  if (!any_property.empty() && std::none_of(any_property.begin(), any_property.end(), is_set))
    return any_property.size() == 1 ? "property " + any_property[0] + " is not set"
                                    : "none of the properties " + printable(joined(any_property, ", ")) + " is set";
  if (vm.empty()) return std::nullopt;
  if (facts.vm_name.empty() && facts.vm_id.empty())
    return "it is for the VM " + printable(joined(vm, ", ")) + ", and no domain is known here";
  if (std::none_of(vm.begin(), vm.end(), [&](const std::string& wanted) { return is_vm_of(wanted, facts); }))
    return "it is for the VM " + printable(joined(vm, ", ")) + ", not for " +
           printable(facts.vm_name.empty() ? facts.vm_id : facts.vm_name);
  return std::nullopt;
}

Sidecar Sidecar::parse(std::string_view text, const std::string& file, const HookPoints& points,
                       std::string_view event) {
  auto table = TomlTable::parse(text, file);
  Sidecar sidecar;
  sidecar.summary = table.text("summary").value_or("");
  sidecar.timeout = table.duration("timeout");
  if (const auto word = table.text("on_failure")) {
    for (const auto policy : {OnFailure::veto, OnFailure::warn, OnFailure::ignore})
      if (*word == to_string(policy)) sidecar.on_failure = policy;
    if (!sidecar.on_failure)
      table.fail("on_failure", "on_failure = \"" + printable(*word) + "\" must be one of veto, warn, ignore" +
                                   did_you_mean(*word, {"veto", "warn", "ignore"}));
  }
  sidecar.needs_libvirt = table.flag("needs_libvirt").value_or(false);
  for (const auto& privilege : table.texts("privileges").value_or(std::vector<std::string>{})) {
    if (privilege != "root")
      table.fail("privileges", "unknown privilege '" + printable(privilege) + "': there is only \"root\"");
    sidecar.needs_root = true;
  }
  sidecar.declared_by = declarer(table.text("name"), file);
  if (auto properties = table.table("vm_properties"))
    sidecar.vm_properties = read_definitions(*properties, sidecar.declared_by);
  if (auto types = table.table("device_properties")) {
    for (const auto& type : types->keys()) {
      if (!is_device_type(type))
        types->fail(type, "'" + printable(type) + "' is no device type" +
                              did_you_mean(type, {device_types().begin(), device_types().end()}));
      auto properties = *types->table(type);
      sidecar.device_properties.emplace(type, read_definitions(properties, sidecar.declared_by));
    }
  }
  if (auto when = table.table("when")) {
    sidecar.when = read_conditions(*when);
    for (const auto& key : when->keys()) {
      constexpr std::array<std::string_view, 4> conditions{"property", "device_property", "any_property", "vm"};
      if (std::find(conditions.begin(), conditions.end(), key) != conditions.end()) continue;
      if (points.find(key) == nullptr && key != event) {
        const auto near = did_you_mean(key, {conditions.begin(), conditions.end()});
        when->fail(key, "unknown key '" + printable(key) + "' in [when]: neither a condition nor a hook point" +
                            (near.empty() ? points.did_you_mean(key) : near));
      }
      auto at_event = *when->table(key);
      sidecar.when_event.emplace(key, read_conditions(at_event));
      at_event.done();
    }
    when->done();
  }
  table.done();
  return sidecar;
}

Sidecar Sidecar::read(const std::string& file, const HookPoints& points, std::string_view event) {
  std::string text;
  try {
    text = read_regular_file(file, kMaxSettingsBytes);
  } catch (const Error& error) {
    throw Error(Errc::bad_configuration, error.what());
  }
  return parse(text, file, points, event);
}

std::shared_ptr<const Sidecar> SidecarCache::get(const std::string& file, const FileStamp& stamp,
                                                 const HookPoints& points, std::string_view event) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = entries_.find(file); at != entries_.end() && at->second.first == stamp)
      return at->second.second;
  }
  auto sidecar = std::make_shared<const Sidecar>(Sidecar::read(file, points, event));
  const std::lock_guard lock(mutex_);
  entries_[file] = {stamp, sidecar};
  return sidecar;
}

}  // namespace vdsm_hook
