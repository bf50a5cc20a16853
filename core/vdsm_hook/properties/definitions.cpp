#include "vdsm_hook/properties/definitions.hpp"

#include <algorithm>
#include <array>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/items.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kDeviceTypes{"disk"sv,      "interface"sv, "video"sv,   "graphics"sv, "sound"sv,   "controller"sv,
                                  "balloon"sv,   "channel"sv,   "redir"sv,   "redirdev"sv, "console"sv, "rng"sv,
                                  "smartcard"sv, "watchdog"sv,  "hostdev"sv, "memory"sv,   "tpm"sv,     "mdev"sv};

// What oVirt 4.8 knows without being told.
struct Predefined {
  std::string_view name, pattern;
};
constexpr Predefined kPredefinedVm[] = {
    {"sap_agent", "^(true|false)$"},
    {"sndbuf", "^[0-9]+$"},
    {"vhost", "^(([a-zA-Z0-9_-]*):(true|false))(,(([a-zA-Z0-9_-]*):(true|false)))*$"},
    {"viodiskcache", "^(none|writeback|writethrough)$"},
    {"hugepages", "^[0-9]+$"},
    {"scsi_hostdev", "^(scsi_generic|scsi_block|scsi_hd|virtio_blk_pci)$"},
    {"nvram_template", "^.*$"},
    {"extra_cpu_flags", "^([+-]?[a-zA-Z0-9_-]+)(,[+-]?[a-zA-Z0-9_-]+)*$"},
};
constexpr Predefined kPredefinedInterface[] = {
    {"SecurityGroups",
     "^(?:(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}, *)*"
     "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|)$"},
};

constexpr Predefined kPredefinedNetwork[] = {{"bridge_opts", "^[^\\s=]+=[^\\s=]+(\\s+[^\\s=]+=[^\\s=]+)*$"}};

Definitions made_of(std::span<const Predefined> rows) {
  Definitions definitions;
  for (const auto& row : rows) definitions.set({std::string(row.name), Pattern::later(row.pattern), "oVirt"});
  return definitions;
}

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error(Errc::wrong_use, where + ": " + why);
}

void refuse_too_long(std::string_view text, const std::string& where) {
  if (text.size() > kMaxDefinitionBytes)
    refuse(where, "the definitions have " + std::to_string(text.size()) + " bytes; at most " +
                      std::to_string(kMaxDefinitionBytes) + " are allowed");
}

// WHERE: what an error begins with.
Definitions parse_items(std::string_view text, const std::string& declared_by, const std::string& where) {
  const auto found = read_items(text);
  if (!found.fault.empty()) refuse(where, found.fault + " (a definition is NAME=REGEX;NAME=REGEX)");
  Definitions definitions;
  for (const auto& item : found.items) {
    const std::string name(item.name);
    const auto property = "property " + printable(item.name.substr(0, 80));
    if (const auto why = refused_name(name)) refuse(where, property + ": " + *why);
    if (definitions.find(name) != nullptr) refuse(where, property + " is defined twice");
    try {
      definitions.set({name, Pattern::compile(item.text), declared_by});
    } catch (const Error& error) {
      refuse(where, property + ": " + error.what());
    }
  }
  return definitions;
}

// Cuts TEXT, which begins with PREFIX, behind it.
bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

constexpr std::string_view kBlockStart = "{type=", kPropertiesStart = ";prop={", kBlockEnd = "}}";

// Where the block's properties end in TEXT: a "}}" that a ';' or the end follows.
std::size_t end_of_properties(std::string_view text) {
  for (std::size_t from = 0;;) {
    const auto semicolon = std::min(text.find(';', from), text.size());
    if (text.substr(from, semicolon - from).ends_with(kBlockEnd)) return semicolon - kBlockEnd.size();
    if (semicolon == text.size()) return std::string_view::npos;
    from = semicolon + 1;
  }
}

// "{type=" not behind a backslash: a block that has begun inside a pattern.
bool holds_a_block_start(std::string_view text) {
  for (auto at = text.find(kBlockStart); at != std::string_view::npos; at = text.find(kBlockStart, at + 1))
    if (at == 0 || text[at - 1] != '\\') return true;
  return false;
}

// Takes one block from the front of TEXT.
void parse_block(std::string_view& text, const std::string& declared_by, const std::string& where,
                 DeviceDefinitions& into) {
  const auto shown = "'" + printable(text.substr(0, 80)) + "'";
  if (!skip(text, kBlockStart)) refuse(where, "a block begins with {type=, not as " + shown);
  const auto type = text.substr(0, text.find_first_of(";,{}"));
  if (!is_device_type(type))
    refuse(where, "'" + printable(type.substr(0, 80)) + "' is no device type" +
                      did_you_mean(type, {kDeviceTypes.begin(), kDeviceTypes.end()}));
  text.remove_prefix(type.size());
  const auto of_block = where + ": {type=" + std::string(type);
  if (!skip(text, kPropertiesStart)) refuse(of_block, "behind the type comes ;prop={");
  const auto end = end_of_properties(text);
  if (end == std::string_view::npos) refuse(of_block, "the block does not end with }} in front of a ; or the end");
  const auto properties = text.substr(0, end);
  text.remove_prefix(end + kBlockEnd.size());
  if (holds_a_block_start(properties))
    refuse(of_block, "another block begins in this one: a ; stands between two blocks");
  if (!into.try_emplace(std::string(type), parse_items(properties, declared_by, of_block)).second)
    refuse(where, "there are two blocks for " + std::string(type));
}

}  // namespace

void Definitions::set(Definition definition) {
  const auto [place, is_new] = places_.try_emplace(definition.name, all_.size());
  if (is_new) {
    all_.push_back(std::move(definition));
  } else {
    all_[place->second] = std::move(definition);
  }
}

void Definitions::merge(const Definitions& later) {
  for (const auto& definition : later.all_) set(definition);
}

const Definition* Definitions::find(std::string_view name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &all_[place->second];
}

std::string_view Definitions::nearest(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const auto& definition : all_) names.push_back(definition.name);
  return vdsm_hook::nearest(name.substr(0, 256), names);
}

const Definitions& definitions_of(std::string_view type, const DeviceDefinitions& definitions) {
  static const Definitions none;
  const auto found = definitions.find(type);
  return found == definitions.end() ? none : found->second;
}

std::string pattern_of(std::string_view value) {
  constexpr std::size_t max = 200;
  constexpr std::string_view plain = "_-,:/=@%#~ ";
  if (value.size() > max || !is_utf8(value)) return "^.*$";
  std::string pattern = "^";
  for (const char c : value) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           static_cast<unsigned char>(c) >= 0x80;
    if (c < ' ' && c >= 0) return "^.*$";
    if (c == ';' || c == '\'' || c == 0x7F) {
      pattern += '.';
    } else {
      if (!is_letter && plain.find(c) == std::string_view::npos) pattern += '\\';
      pattern += c;
    }
  }
  return pattern + "$";
}

std::string define_command(std::string_view name, std::string_view pattern, std::string_view device_type) {
  return "vdsm-hook props define " + (device_type.empty() ? "" : "--device " + std::string(device_type) + " ") + "'" +
         std::string(name) + "=" + std::string(pattern) + "'";
}

std::span<const std::string_view> device_types() { return kDeviceTypes; }

bool is_device_type(std::string_view type) {
  return std::find(kDeviceTypes.begin(), kDeviceTypes.end(), type) != kDeviceTypes.end();
}

Definitions parse_vm_definitions(std::string_view text, const std::string& declared_by) {
  refuse_too_long(text, declared_by);
  return parse_items(text, declared_by, declared_by);
}

DeviceDefinitions parse_device_definitions(std::string_view text, const std::string& declared_by) {
  refuse_too_long(text, declared_by);
  DeviceDefinitions definitions;
  while (!text.empty()) {
    parse_block(text, declared_by, declared_by, definitions);
    if (!text.empty()) text.remove_prefix(1);  // the ';' behind the block
  }
  std::size_t count = 0;
  for (const auto& [type, of_type] : definitions) count += of_type.all().size();
  if (count > kMaxProperties)
    refuse(declared_by, "there are more than " + std::to_string(kMaxProperties) + " properties");
  return definitions;
}

Definitions predefined_vm_properties() { return made_of(kPredefinedVm); }

DeviceDefinitions predefined_device_properties() { return {{"interface", made_of(kPredefinedInterface)}}; }

Definitions predefined_network_properties() { return made_of(kPredefinedNetwork); }

}  // namespace vdsm_hook
