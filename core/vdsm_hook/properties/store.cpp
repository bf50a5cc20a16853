#include "vdsm_hook/properties/store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/properties/items.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/toml/table.hpp"

namespace vdsm_hook {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kLevels{"4.2"sv, "4.3"sv, "4.4"sv, "4.5"sv, "4.6"sv, "4.7"sv, "4.8"sv};
static_assert(kLevels.back() == kFirstLevel);

constexpr std::string_view kStoreHeader =
    "# Custom properties: definitions by oVirt's keys and levels, and vNIC profiles. engine-config and vdsm-hook "
    "props\n"
    "# write this file; it may be edited, too, but they do not keep comments. A change holds from the next event on.\n";

// In the form of TOML that is best to read: as it is between ' or ''' when nothing in it needs to be escaped.
// IS_LIST: a line for each item, which read_list() joins again.
std::string quoted(std::string_view text, bool is_list = false) {
  if (!has_control_character(text) && text.find("'''") == std::string_view::npos && !text.ends_with('\'')) {
    const auto split = is_list ? text.find(';') : std::string_view::npos;
    if (split != std::string_view::npos && split + 1 < text.size()) {
      std::string lines = "'''\n";
      for (std::size_t i = 0; i < text.size(); ++i) {
        lines += text[i];
        if (text[i] == ';' && i + 1 < text.size()) lines += '\n';
      }
      return lines + "'''";
    }
    if (text.find('\'') == std::string_view::npos) return "'" + std::string(text) + "'";
  }
  constexpr char digits[] = "0123456789abcdef";
  std::string escaped = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      escaped += std::string("\\u00") + digits[static_cast<unsigned char>(c) >> 4] + digits[c & 15];
    } else {
      escaped += c;
    }
  }
  return escaped + "\"";
}

std::string toml_key(std::string_view key) {
  const auto is_bare = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !key.empty() && std::all_of(key.begin(), key.end(), is_bare) ? std::string(key) : quoted(key);
}

// Definitions have no line ends, so that those in the file are only there to be read.
std::string read_list(TomlTable& table, std::string_view key) {
  auto text = table.text(key).value_or("");
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  return text;
}

std::string origin_of(const DefinitionKeyFacts& facts, std::string_view level) {
  return std::string(facts.name) + (level == kFirstLevel ? "" : " (level " + std::string(level) + ")");
}

VnicProfile read_profile(TomlTable& table) {
  VnicProfile profile;
  profile.files = table.texts("files").value_or(std::vector<std::string>{});
  if (auto properties = table.table("properties")) {
    for (const auto& name : properties->keys()) {
      auto value = properties->text(name).value_or("");
      auto why = refused_name(name);
      if (!why) why = refused_value(name, value);
      if (why) properties->fail(name, "property " + name.substr(0, 80) + ": " + *why);
      profile.properties.emplace_back(name, std::move(value));
    }
  }
  table.done();
  return profile;
}

// What would make a file that cannot be read again.
void check_profile(const std::string& name, const VnicProfile& profile) {
  const auto refuse_for = [&name](const std::optional<std::string>& why) {
    if (why) throw Error(Errc::wrong_use, "vNIC profile '" + printable(name.substr(0, 80)) + "': " + *why);
  };
  refuse_for(refused_profile_name(name));
  for (const auto& file : profile.files)
    if (!is_utf8(file)) refuse_for("the file name '" + printable(file) + "' is not UTF-8");
  std::set<std::string_view> names;
  for (const auto& [property, value] : profile.properties) {
    auto why = refused_name(property);
    if (!why) why = refused_value(property, value);
    if (!why && !names.insert(property).second) why = "it is set twice";
    if (why) refuse_for("property " + printable(property.substr(0, 80)) + ": " + *why);
  }
}

// What is missing above it is made too, for nobody else: it may be a person's ~/.config.
void make_directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  const auto directory = file.substr(0, slash);
  if (!open_path(directory, O_PATH | O_DIRECTORY, Links::own)) make_directory(directory, 0755, 0700);
}

// A store that cannot be read is a wrong configuration, and not what was asked for.
PropertyStore read_store(const std::string& file, const std::function<std::optional<std::string>()>& read) {
  try {
    const auto text = read();
    return text ? PropertyStore::parse(*text, file) : PropertyStore{};
  } catch (const Error& error) {
    if (error.code() == Errc::wrong_use) throw Error(Errc::bad_configuration, error.what());
    throw;
  }
}

}  // namespace

std::span<const DefinitionKeyFacts> definition_keys() {
  static const std::string device_default = to_text(predefined_device_properties());
  static const std::array<DefinitionKeyFacts, 3> keys{{
      {DefinitionKey::vm, "UserDefinedVMProperties", "User defined VM properties", "UserDefinedVMProperties", true, ""},
      {DefinitionKey::device, "CustomDeviceProperties", "Custom device properties, by type of device",
       "DeviceCustomProperties", false, device_default},
      {DefinitionKey::network, "UserDefinedNetworkCustomProperties", "User defined properties of networks on hosts",
       "CustomProperties", false, ""},
  }};
  return keys;
}

const DefinitionKeyFacts& facts_of(DefinitionKey key) {
  return *std::find_if(definition_keys().begin(), definition_keys().end(),
                       [key](const auto& facts) { return facts.key == key; });
}

std::span<const std::string_view> compatibility_levels() { return kLevels; }

bool is_level(std::string_view level) { return std::find(kLevels.begin(), kLevels.end(), level) != kLevels.end(); }

std::optional<std::string> refused_profile_name(std::string_view name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > 255) return "the name has " + std::to_string(name.size()) + " bytes; at most 255 are allowed";
  if (has_control_character(name) || !is_utf8(name)) return "the name must be UTF-8 without control characters";
  if (name.front() == ' ' || name.back() == ' ') return "the name has blanks around it";
  return std::nullopt;
}

PropertyStore PropertyStore::parse(std::string_view text, const std::string& file) {
  PropertyStore store;
  auto document = TomlTable::parse(text, file);
  for (const auto& facts : definition_keys()) {
    auto of_key = document.table(facts.name);
    if (!of_key) continue;
    for (const auto& level : of_key->keys()) {
      if (!is_level(level))
        of_key->fail(level, "'" + printable(level) + "' is no compatibility level, which are 4.2 to 4.8");
      try {
        store.set_text(facts.key, level, read_list(*of_key, level));
      } catch (const Error& error) {
        if (error.code() != Errc::wrong_use) throw;
        of_key->fail(level, error.what());
      }
    }
  }
  if (auto profiles = document.table("profiles")) {
    for (const auto& name : profiles->keys()) {
      if (const auto why = refused_profile_name(name))
        profiles->fail(name, "vNIC profile '" + printable(name) + "': " + *why);
      auto profile = *profiles->table(name);
      store.profiles.emplace(name, read_profile(profile));
    }
  }
  document.done();
  return store;
}

PropertyStore PropertyStore::read(const std::string& file) {
  const auto opened = open_path(file, O_RDONLY | O_NONBLOCK);
  if (opened.error == ENOENT) return {};
  return read_store(file, [&] {
    if (!opened) opened.fail("open", file, Errc::wrong_use);
    return read_regular_file(opened.fd.get(), file, kMaxSettingsBytes);
  });
}

std::string PropertyStore::to_text() const {
  std::string text(kStoreHeader);
  for (const auto& [key, levels] : written_) {
    text += "\n[" + std::string(facts_of(key).name) + "]\n";
    for (const auto& [name, level] : levels) text += "\"" + name + "\" = " + quoted(level.text, true) + "\n";
  }
  for (const auto& [name, profile] : profiles) {
    check_profile(name, profile);
    text += "\n[profiles." + toml_key(name) + "]\n";
    if (!profile.files.empty()) {
      text += "files = [\n";
      for (const auto& file : profile.files) text += "  " + quoted(file) + ",\n";
      text += "]\n";
    }
    text += "[profiles." + toml_key(name) + ".properties]\n";
    for (const auto& [property, value] : profile.properties) text += property + " = " + quoted(value) + "\n";
  }
  if (text.size() > kMaxSettingsBytes)
    throw Error(Errc::wrong_use, "the store of properties would have " + std::to_string(text.size()) +
                                     " bytes; at most " + std::to_string(kMaxSettingsBytes) + " are allowed");
  return text;
}

std::vector<std::string> PropertyStore::levels(DefinitionKey key) const {
  std::vector<std::string> levels;
  if (const auto written = written_.find(key); written != written_.end())
    for (const auto& [name, level] : written->second) levels.push_back(name);
  if (levels.empty() || levels.back() != kFirstLevel) levels.emplace_back(kFirstLevel);
  return levels;
}

const std::string* PropertyStore::text(DefinitionKey key, std::string_view level) const {
  static const std::map<DefinitionKey, std::string> defaults = [] {
    std::map<DefinitionKey, std::string> texts;
    for (const auto& facts : definition_keys()) texts.emplace(facts.key, facts.default_text);
    return texts;
  }();
  if (const auto written = written_.find(key); written != written_.end())
    if (const auto found = written->second.find(level); found != written->second.end()) return &found->second.text;
  return level == kFirstLevel ? &defaults.at(key) : nullptr;
}

void PropertyStore::set_text(DefinitionKey key, std::string_view level, std::string_view text) {
  const auto& facts = facts_of(key);
  if (!is_level(level))
    throw Error(Errc::wrong_use, "'" + printable(level) + "' is no compatibility level, which are 4.2 to 4.8");
  Level compiled{std::string(text), {}, {}};
  const auto origin = origin_of(facts, level);
  if (key == DefinitionKey::device) {
    compiled.of_device = parse_device_definitions(text, origin);
  } else {
    compiled.named = parse_vm_definitions(text, origin);
  }
  written_[key].insert_or_assign(std::string(level), std::move(compiled));
  merge_levels();
}

void PropertyStore::merge_levels() {
  vm_ = network_ = {};
  device_ = {};
  for (const auto& [key, levels] : written_) {
    for (const auto& [name, level] : levels) {
      (key == DefinitionKey::network ? network_ : vm_).merge(level.named);
      for (const auto& [type, of_type] : level.of_device) device_[type].merge(of_type);
    }
  }
}

void update_store(const std::string& file, const std::function<void(PropertyStore&)>& change) {
  make_directory_of(file);
  const auto lock = lock_file(file + ".lock", true);
  ReplaceableFile target(file);
  auto store = read_store(file, [&target] { return target.read(kMaxSettingsBytes); });
  const auto before = store.to_text();
  change(store);
  if (const auto after = store.to_text(); after != before) target.replace(after, 0644);
}

std::string merged_definitions(std::string_view text, std::string_view later) {
  std::vector<PropertyItem> items;
  for (const auto& part : {text, later}) {
    static_cast<void>(parse_vm_definitions(part, "the definitions"));
    for (const auto& item : read_items(part).items) {
      const auto same =
          std::find_if(items.begin(), items.end(), [&item](const auto& other) { return other.name == item.name; });
      if (same != items.end()) {
        *same = item;
      } else {
        items.push_back(item);
      }
    }
  }
  std::string merged;
  for (const auto& item : items)
    merged += (merged.empty() ? "" : ";") + std::string(item.name) + "=" + std::string(item.text);
  return merged;
}

std::string to_text(const DeviceDefinitions& definitions) {
  std::string text;
  for (const auto& [type, of_type] : definitions) {
    text += (text.empty() ? "{type=" : ";{type=") + type + ";prop={";
    for (std::size_t i = 0; i < of_type.all().size(); ++i)
      text += (i == 0 ? "" : ";") + of_type.all()[i].name + "=" + of_type.all()[i].pattern.text();
    text += "}}";
  }
  return text;
}

}  // namespace vdsm_hook
