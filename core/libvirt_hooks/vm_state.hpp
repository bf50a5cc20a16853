// What this host remembers of a VM while something happens to it: RUNTIME_DIR/vms/UUID/. The commands of `vdsm-hook vm`
// write it, the bridge that libvirt calls and vdsm-hookd read it, so that no event fires twice.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/process/environment.hpp"

namespace vdsm_hook {

inline constexpr std::chrono::seconds kExpectedFor{60};

/// What a command is doing to a VM. Kept in a file as it goes, so that the next command knows what a killed one left.
struct VmRun {
  std::string command;     ///< "start"
  pid_t pid = 0;
  std::string since;       ///< "2026-11-21T10:35:54Z"
  std::string phase;       ///< of lifecycles.toml
  bool has_acted = false;  ///< libvirt was asked, or was about to be
  bool hooks_ran = false;
  std::vector<std::string> own_events;  ///< those that the command fires itself
  Variables created;                    ///< devices whose hooks ran, in that order: DeviceIdentity::to_text(), XML
  Variables properties;                 ///< of this run
  std::string document;                 ///< the domain XML as the hooks left it
  Variables parameters;                 ///< of the phase's hook points
};

/// The directory of one VM. All of these throw engine_failure when it cannot be made, read or written: it must belong to
/// this user or root and not be writable by others.
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

  // The run of the lock's holder, or of one that was killed.

  void write_run(std::string_view host_uuid, const VmRun& run);
  /// nullopt: none, the last one came to its end.
  std::optional<VmRun> read_run(std::string_view host_uuid) const;
  void remove_run(std::string_view host_uuid);

  /// Whether a command that runs now, on whatever host's behalf, has asked libvirt and fires EVENT for this VM itself. Before
  /// it asks, what libvirt does is somebody else's. Takes no lock.
  bool is_fired_by_command(std::string_view event) const;

  // Events that the bridge fired in the place of a command that was killed.

  /// Is kept until remove_run() where a killed command would have fired EVENT.
  void note_fired(std::string_view event);
  bool was_fired(std::string_view event) const;

  // Events that a command fires and libvirt tells vdsm-hookd about as well, maybe later.

  /// vdsm-hookd shall leave out the next of EVENT for this VM, if it comes within kExpectedFor.
  void expect(std::string_view event);
  /// True once for each expect().
  bool take_expected(std::string_view event);
  /// kExpectedFor begins anew for what was not taken yet.
  void renew_expected(std::string_view event) const;
  /// Forgets one expect() that came to nothing.
  void unexpect(std::string_view event) { take_expected(event); }

  // What the bridge has seen: a word of lifecycles.toml.

  /// "" nothing, or what was seen does not count any more.
  std::string seen() const;
  /// LASTS: how long it counts; 0: until it is set anew.
  void set_seen(std::string_view word, std::chrono::milliseconds lasts = {});

 private:
  void forget_old_expected() const;
  std::string file(std::string_view name) const;
  void make_directory();

  std::string runtime_dir_;
  std::string directory_;
};

/// UUIDs of the VMs with a directory, for vdsm-hookd.
std::vector<std::string> vms_with_state(const std::string& runtime_dir);

}  // namespace vdsm_hook
