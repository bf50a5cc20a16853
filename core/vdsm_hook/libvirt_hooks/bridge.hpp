// libvirt's own hook convention, called side: what libvirt calls a driver's scripts with becomes our events.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/libvirt_hooks/calls.hpp"

namespace vdsm_hook {

/// What the bridge needs of the program that it is in.
struct BridgeHost {
  std::string
      hooks_dir;  ///< libvirt's: DRIVER.d below it has the trees of VMs, and DRIVER beside it the definitions of VMs
  std::string run_dir;  ///< libvirt's: DRIVER below it has the process ids of VMs that run
  /// Once, before the first hook of an event is started: libvirt must not be asked while it waits for us. Throws Error
  /// where that cannot be done; the call goes on then, and says so.
  std::function<void()> hide_libvirt;
  /// Afterwards, before scripts of a VM's tree are started.
  std::function<void()> show_libvirt;
};

struct BridgeResult {
  enum class Level {
    info,     ///< what hooks said, and notes
    warning,  ///< something is not as it should be, and libvirt goes on
    error,    ///< why the call fails, or would if it could
  };
  struct Line {
    Level level;
    std::string text;
  };
  int exit_code = 0;   ///< 1: libvirt must not go on
  std::string output;  ///< for stdout: the domain XML that libvirt goes on with; empty: as it was
  std::vector<Line>
      lines;  ///< for the journal; those above info for stderr, too, which libvirt shows when the call fails
};

/// Whether a failure before anything is known about CALL must stop it: an event that vetoes would fire.
bool must_refuse(const LibvirtCall& call);

/// Whether libvirt is told that all is well whatever happens at CALL.
bool never_fails(const LibvirtCall& call) noexcept;

/// Fires the events of CALL's row in lifecycles.toml, but not those that a command of `vdsm-hook vm` fires itself, and
/// then runs the scripts of the VM's own tree, as ENGINE runs hooks. Events of devices fire for each device with
/// properties, in the order of the document. Takes no lock: it runs inside of such a command.
///
/// - A veto fails the call, and so does an engine that cannot do its work where an event could veto: nothing more is
/// run.
/// - Where libvirt reads what we print, the hooks' document is the output. Elsewhere it cannot be used: the hooks that
/// changed
///   it are named, and bridge_is_strict of ENGINE's settings fails the call.
/// - A script of the tree that fails is the last, and fails the call.
/// - A row that never fails does not, whatever happens; it is said in the lines.
/// - What is seen of the VM is kept only when the call succeeded.
///
/// libvirt does not say whether a restore is from a snapshot: FROM_SNAPSHOT is always False. Throws nothing but
/// bad_alloc.
BridgeResult run_bridge(const LibvirtCall& call, const Engine& engine, const BridgeHost& host,
                        std::stop_token stop = {});

/// The same but for the events, where ENGINE's settings are not what the administrator wants: only the VM's own scripts
/// run.
BridgeResult run_bridge_without_events(const LibvirtCall& call, const Engine& engine, const BridgeHost& host,
                                       std::stop_token stop = {});

}  // namespace vdsm_hook
