// The hook points: which events there are, and what holds at each.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vdsm_hook/base/payload_kind.hpp"

namespace vdsm_hook {

/// What the engine goes by at one event.
struct HookPointRules {
  PayloadKind payload;          ///< what a hook is handed
  bool result_used;             ///< the caller goes on with the document that the hooks left
  bool vetoes;                  ///< a failed hook stops what was about to happen; else it is only reported
  bool vm_properties;           ///< the VM's custom properties and its vmId are delivered
  bool device_properties;       ///< the device's custom properties are delivered
  bool from_elsewhere = false;  ///< the domain XML is another host's or a saved one: what nobody defines is withheld

  bool operator==(const HookPointRules&) const = default;
};

/// A variable that hooks of a hook point get beyond the properties.
struct HookPointParameter {
  std::string_view name;
  std::string_view about;  ///< for people
};

/// One hook point. Its texts are for people: one line of printable characters each, any of them may be empty.
struct HookPoint {
  std::string_view name;
  HookPointRules ours;
  HookPointRules
      vdsm;  ///< the same as oVirt's vdsm has it, for `--compat vdsm`; a site's point: as ours, but nothing is withheld
  std::string_view parameters;  ///< variables beyond the properties, for people; it permits no name
  std::string_view fires;       ///< when it fires
  std::string_view follows;     ///< what comes before and after it
  std::string_view origin;      ///< "" = built in, else the site's file
  std::span<const HookPointParameter>
      parameter_list{};  ///< those with a name, which may be one that is reserved elsewhere; a site has none

  const HookPointRules& rules(bool compat_vdsm) const noexcept { return compat_vdsm ? vdsm : ours; }
};

/// The points of hookpoints.toml in its order. Constant data: nothing happens at start-up.
std::span<const HookPoint> builtin_hook_points() noexcept;

/// The built-in hook points and those that a site adds. A value: copies share the site's points. Nothing
/// changes after load(), so that any number of threads may ask the same object.
class HookPoints {
 public:
  /// The built-in ones only.
  HookPoints() noexcept = default;

  /// The built-in ones and those of SITE_DIR: its regular files that end in `.toml` (links are followed,
  /// names with a dot in front are left alone) in byte order, in the form of hookpoints.toml. There `payload`
  /// is required; result_used and vetoes are false unless given, from_elsewhere too; vm_properties and
  /// device_properties follow from the payload, and there is no [NAME.vdsm]. A directory that does not exist is the
  /// same as an empty one, and costs no more than finding that out. Who owns the files is not looked at here. Throws
  /// bad_configuration "FILE:LINE: ..." for a name that is taken or no event name, an unknown key (with the
  /// nearest), a bad or missing value; engine_failure when the directory cannot be read.
  static HookPoints load(const std::string& site_dir);

  /// The hook point NAME, or nullptr. A built-in one lives for ever, a site's as long as a copy of this
  /// object.
  const HookPoint* find(std::string_view name) const noexcept;

  /// " (did you mean X?)" for the name nearest to NAME, else nothing.
  std::string did_you_mean(std::string_view name) const;

  /// The built-in ones in the order of the table, then the site's in the order they were read. Lives as the
  /// pointers of find() do.
  std::span<const HookPoint> all() const noexcept;

 private:
  struct Site;
  std::shared_ptr<const Site> site_;  // null: the site adds nothing
};

}  // namespace vdsm_hook
