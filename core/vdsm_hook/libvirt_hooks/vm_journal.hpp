// What this host has written down of a VM while something happens to it. The commands of `vdsm-hook vm`, the bridge
// that libvirt calls and vdsm-hookd read and write it, so that no event fires twice.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vdsm_hook/libvirt_hooks/vm_directory.hpp"
#include "vdsm_hook/libvirt_hooks/vm_record.hpp"

namespace vdsm_hook {

/// The journal of one VM: one record in its directory. Every function throws engine_failure when it cannot be read or
/// written. What is in the record and this version does not know, a phase of a newer one for example, counts as a
/// record that cannot be read; the error names the file and says what to do.
class VmJournal {
 public:
  /// Makes nothing yet.
  explicit VmJournal(VmDirectory vm) : vm_(std::move(vm)) {}

  VmRecord read() const;
  /// CHANGE gets the record as it is; what it leaves is written at once, or all stays as it was. Whoever changes it
  /// does so alone, and others wait for it: CHANGE must not take long.
  void change(const std::function<void(VmRecord&)>& change);
  /// For what cannot be read any more: from now on nothing is known of the VM.
  void forget() const;

  /// The run of the one who holds the VM's lock for this host, or of one that was killed.
  std::optional<VmRun> run_of(std::string_view host_uuid) const;

  /// Whether a command that runs now, on whatever host's behalf, has asked libvirt and fires EVENT for this VM itself.
  /// Before it asks, what libvirt does is somebody else's. Takes no lock.
  bool is_fired_by_command(std::string_view event) const;
  /// Notes that the bridge fired EVENT: whoever recovers a command that was killed does not fire it again.
  void note_fired(std::string_view event);
  /// True once for each VmRecord::expected of EVENT: vdsm-hookd leaves it out, since a command fires it.
  bool take_expected(std::string_view event);

 private:
  Directory open_alone() const;

  VmDirectory vm_;
};

}  // namespace vdsm_hook
