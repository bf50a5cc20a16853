// What this host remembers of a VM while something happens to it: RUNTIME_DIR/vms/UUID/ has a lock for each host's libvirt, and one
// record. The commands of `vdsm-hook vm`, the bridge that libvirt calls and vdsm-hookd read and write it, so that no event fires twice.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/libvirt_hooks/vm_record.hpp"

namespace vdsm_hook {

/// The directory of one VM. All of these throw engine_failure when it cannot be made, read or written: it must belong to
/// this user or root and not be writable by others. What is in the record and this version does not know, a phase of a newer one
/// for example, counts as a record that cannot be read; the error names the file and says what to do.
class VmState {
 public:
  /// Makes nothing yet. UUID: of the VM; throws wrong_use for what is none.
  VmState(const std::string& runtime_dir, std::string_view uuid);

  // The lock: of this VM on one host, since the same VM is on two while it migrates. The kernel's: it is free when its
  // holder has died.

  /// Waits until nobody else holds it, or for STOP: then the result is empty. ON_WAIT is called once before it waits, with the
  /// run of whom it waits for (if that is known); when it returns false the result is empty at once.
  UniqueFd lock(std::string_view host_uuid, const std::stop_token& stop, const std::function<bool(const std::optional<VmRun>&)>& on_wait);

  bool is_locked(std::string_view host_uuid) const;
  /// Gives the lock back, and removes the directory when nothing else is in it.
  void unlock(std::string_view host_uuid, UniqueFd lock) const;

  // The record. Whoever changes it does so alone, and holds up others no longer than that takes.

  VmRecord read() const;
  /// CHANGE gets the record as it is; what it leaves is written at once, or all stays as it was. It must not take long.
  void change(const std::function<void(VmRecord&)>& change);
  /// For what cannot be read any more: from now on nothing is known of the VM.
  void forget() const;

  /// Of the record: the run of the lock's holder on this host, or of one that was killed.
  std::optional<VmRun> read_run(std::string_view host_uuid) const;
  void write_run(std::string_view host_uuid, const VmRun& run);
  void remove_run(std::string_view host_uuid);

  /// Whether a command that runs now, on whatever host's behalf, has asked libvirt and fires EVENT for this VM itself. Before
  /// it asks, what libvirt does is somebody else's. Takes no lock.
  bool is_fired_by_command(std::string_view event) const;
  /// The bridge fired EVENT: whoever recovers a command that was killed does not fire it again.
  void note_fired(std::string_view event);

  // Events that a command fires and libvirt tells vdsm-hookd about as well, maybe later.

  /// True once for each of VmRecord::expected: vdsm-hookd leaves this EVENT out.
  bool take_expected(std::string_view event);

 private:
  bool is_held_by_anybody() const;
  std::optional<VmRun> holder(std::string_view host_uuid) const;
  std::string file(std::string_view name) const;
  Directory make_directory() const;   // without a descriptor: whoever was the last has just removed it
  Directory directory_of_all() const;
  Directory open_alone();

  std::string runtime_dir_, uuid_;
  std::string directory_;
};

/// UUIDs of the VMs with a directory, for vdsm-hookd.
std::vector<std::string> vms_with_state(const std::string& runtime_dir);

}  // namespace vdsm_hook
