// The administrator's own: definitions of custom properties by oVirt's keys and levels, and vNIC profiles. One TOML
// file.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/validation.hpp"

namespace vdsm_hook {

inline constexpr std::string_view kStoreFile = "properties.toml";  ///< in the configuration directory
inline constexpr std::string_view kFirstLevel = "4.8";             ///< the one that a fresh store has

enum class DefinitionKey { vm, device, network };

/// A key as engine-config knows it.
struct DefinitionKeyFacts {
  DefinitionKey key;
  std::string_view name, description, type;
  bool is_mergeable;
  std::string_view default_text;  ///< what the first level has before anything was set
};
/// UserDefinedVMProperties, CustomDeviceProperties, UserDefinedNetworkCustomProperties.
std::span<const DefinitionKeyFacts> definition_keys();
const DefinitionKeyFacts& facts_of(DefinitionKey key);

/// oVirt's compatibility levels that have custom properties, ascending: 4.2 to 4.8.
std::span<const std::string_view> compatibility_levels();
bool is_level(std::string_view level);

/// A named set of device properties that vNICs refer to.
struct VnicProfile {
  PropertyValues properties;
  std::vector<std::string> files;  ///< domain XML files in which vNICs were attached to it; may be out of date
};

/// The content of the file, every definition compiled. A value.
class PropertyStore {
 public:
  /// What is wrong throws bad_configuration "FILE:LINE: ...".
  static PropertyStore parse(std::string_view text, const std::string& file);
  /// A file that does not exist is a fresh store.
  static PropertyStore read(const std::string& file);
  /// What parse() reads. Texts of definitions come back as they were set. Throws wrong_use when it would be longer than
  /// kMaxSettingsBytes, and for profiles that parse() would refuse.
  std::string to_text() const;

  /// Ascending, never empty. Levels are those that were set, and the first one.
  std::vector<std::string> levels(DefinitionKey key) const;
  /// nullptr: KEY has no such level. Valid until the next change.
  const std::string* text(DefinitionKey key, std::string_view level) const;
  /// LEVEL is one of compatibility_levels(); a new one is added. Throws wrong_use for what the grammar of KEY refuses.
  void set_text(DefinitionKey key, std::string_view level, std::string_view text);

  /// What is defined at any level; of the same name at several the newest counts.
  const Definitions& vm() const { return vm_; }
  const DeviceDefinitions& device() const { return device_; }
  const Definitions& network() const { return network_; }

  std::map<std::string, VnicProfile, std::less<>> profiles;

 private:
  struct Level {
    std::string text;
    Definitions named;  // of vm and network
    DeviceDefinitions of_device;
  };
  void merge_levels();

  std::map<DefinitionKey, std::map<std::string, Level, std::less<>>> written_;
  Definitions vm_, network_;
  DeviceDefinitions device_;
};

/// Why NAME cannot be a profile's; nullopt: it can.
std::optional<std::string> refused_profile_name(std::string_view name);

/// Reads the store FILE, lets CHANGE work on it and replaces the file if that made a difference, with everybody else's
/// changes locked out (by FILE.lock, which stays). Makes the directory when it is missing; a new file is
/// 0644: nothing in it is secret, and every user's definitions are judged by it. What CHANGE throws leaves the
/// file as it was. Errors: those of the file, wrong_use, engine_failure (also: another process holds the lock too
/// long).
void update_store(const std::string& file, const std::function<void(PropertyStore&)>& change);

/// TEXT, definitions of NAME=REGEX, with those of LATER in the place of the same names, the others behind. What is
/// wrong with either throws wrong_use.
std::string merged_definitions(std::string_view text, std::string_view later);
/// DEFINITIONS in the form that parse_device_definitions() reads.
std::string to_text(const DeviceDefinitions& definitions);

}  // namespace vdsm_hook
