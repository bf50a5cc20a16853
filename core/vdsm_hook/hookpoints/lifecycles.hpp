// What happens to VMs, and which hook points fire around it. Constant data of lifecycles.toml.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace vdsm_hook {

using EventNames = std::span<const std::string_view>;

/// Something that libvirt does to a VM, with the hook points around it, each list in the order in which they fire.
struct Phase {
  /// How libvirt has the VM, or the device, when it has done it; where it does nothing, how it must be for the hook
  /// points to fire.
  enum class State { untold, on, running, paused, off, attached, detached };

  std::string_view name;
  std::string_view does;    ///< what libvirt does, for people; empty: nothing, the hook points just fire
  State state_after;        ///< untold: libvirt cannot be asked whether it has done it
  std::string_view reason;  ///< why the VM ends, where this ends it: VDSM_HOOK_REASON of its hook points
  EventNames devices;       ///< types of device that it is about; empty: the VM
  EventNames before;
  EventNames result_unused;  ///< of those: nobody uses what their hooks leave
  EventNames after;
  EventNames failed;  ///< when libvirt refused
  EventNames undo;    ///< when it refused or a hook vetoed, and at least one hook had run; devices in reverse order
  bool is_watched;    ///< libvirt tells vdsm-hookd when it happened
  bool failed_after_veto;  ///< `failed` fires when a hook vetoed, too

  bool is_about_device() const { return !devices.empty(); }
};

/// The phase of this name, which a file said; nullptr: this version has none.
const Phase* find_phase(std::string_view name) noexcept;

using Phases = std::span<const Phase* const>;

/// A command of `vdsm-hook vm`.
struct VmCommandFacts {
  std::string_view name, summary, note;
  Phases phases;       ///< one after the other; of those about devices the one that fits
  Phases also_phases;  ///< what it may come to besides
};

/// The phase of COMMAND that is about devices of TYPE; nullptr: it has none.
const Phase* phase_for_device(const VmCommandFacts& command, std::string_view type) noexcept;

/// All commands, in the order in which they are shown.
std::span<const VmCommandFacts* const> vm_commands_in_order() noexcept;

/// What one call of libvirt's to a hook script means.
struct BridgeRow {
  EventNames drivers;                         ///< qemu, lxc, libxl, bhyve, daemon
  std::string_view operation, sub_operation;  ///< sub_operation "*": any
  std::optional<std::string_view> seen;  ///< what must have been seen for the VM; "" nothing; none: it does not matter
  EventNames events;
  EventNames parameters;  ///< NAME=VALUE for hooks; VALUE "<extra>": libvirt's last argument, unless that is "-"
  std::optional<std::string_view> then;  ///< what counts as seen from now on; none: as before
  bool needs_memory;                     ///< only of a VM that comes with its memory; otherwise SEEN counts as nothing
  bool is_filter;                        ///< libvirt goes on with the document that the hooks left
  bool never_fails;                      ///< exit 0 whatever hooks do
};

/// The first row for a call of DRIVER's; nullptr: nothing fires. SEEN: what was seen for the VM, "" nothing.
const BridgeRow* bridge_row(std::string_view driver, std::string_view operation, std::string_view sub_operation,
                            std::string_view seen) noexcept;

// The rows of the table by their names, so that a name which the table has not does not compile: phases::kPlugNic,
// vm_commands::kSetVcpus, and what bridge rows leave behind as seen, seen::kMigrate.
#include "lifecycle_names.inc"

}  // namespace vdsm_hook
