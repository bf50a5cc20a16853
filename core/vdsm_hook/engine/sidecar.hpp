// The TOML file beside a hook: what its author or the administrator says about it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vdsm_hook/base/file_stamp.hpp"
#include "vdsm_hook/engine/plan.hpp"
#include "vdsm_hook/hookpoints/hookpoints.hpp"
#include "vdsm_hook/process/environment.hpp"
#include "vdsm_hook/properties/definitions.hpp"

namespace vdsm_hook {

/// What conditions are judged on.
struct ConditionFacts {
  const Variables& vm_properties;
  const Variables& device_properties;
  std::string_view vm_name, vm_id;  ///< empty: not known
};

/// One [when] table. All that it says must hold.
struct Conditions {
  using Patterns = std::vector<std::pair<std::string, Pattern>>;
  Patterns property;                      ///< of the VM; whole value
  Patterns device_property;               ///< of the device
  std::vector<std::string> any_property;  ///< one of them is set, of VM or device
  std::vector<std::string> vm;            ///< globs on the VM's name, or UUIDs

  /// Why they do not hold, as a sentence; nullopt: they do. Throws bad_configuration for a pattern that is none, if it
  /// decides.
  std::optional<std::string> unmet(const ConditionFacts& facts) const;
};

struct Sidecar {
  std::string summary;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<OnFailure> on_failure;
  bool needs_libvirt = false;
  bool needs_root = false;
  Conditions when;                                            ///< for every event
  std::map<std::string, Conditions, std::less<>> when_event;  ///< besides, at this event
  Definitions vm_properties;                                  ///< what the hook declares
  DeviceDefinitions device_properties;

  std::string declared_by;  ///< its package or path

  /// How far it says that its hook reads a property: not at all; it declares it; it has a condition on it.
  enum class Interest { none, declared, condition };
  Interest in_vm_property(std::string_view name) const;
  Interest in_device_property(std::string_view type, std::string_view name) const;
  bool declares_device_property(std::string_view name) const;
  bool has_property_conditions() const;

  /// Throws bad_configuration with file and line for the first pattern that is none. parse() does not look at them:
  /// where a hook does not run they are not needed, and to compile them takes longer than all the rest.
  void judge_patterns() const;

  /// Throws bad_configuration with file and line. EVENT, if no point of POINTS, is a known word too (an ad-hoc event).
  static Sidecar parse(std::string_view text, const std::string& file, const HookPoints& points,
                       std::string_view event);
  /// Of the content of FILE; bad_configuration also when it cannot be read.
  static Sidecar read(const std::string& file, const HookPoints& points, std::string_view event);
};

/// Sidecars that were read already, by path; read again when the file changed. Thread-safe.
class SidecarCache {
 public:
  /// STAMP: of FILE now. Throws as Sidecar::read().
  std::shared_ptr<const Sidecar> get(const std::string& file, const FileStamp& stamp, const HookPoints& points,
                                     std::string_view event);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::pair<FileStamp, std::shared_ptr<const Sidecar>>> entries_;
};

}  // namespace vdsm_hook
