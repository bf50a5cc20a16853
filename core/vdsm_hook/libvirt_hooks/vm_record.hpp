// What is written down of a VM while something happens to it, and its form in the file.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/process/environment.hpp"

namespace vdsm_hook {

/// How long vdsm-hookd leaves an event out that libvirt never tells of, once no command works on the VM any more.
inline constexpr std::chrono::seconds kExpectedFor{60};

/// An event of the phase that a command is in.
struct FiredEvent {
  std::string event;
  std::string device;    ///< DeviceIdentity::to_text() of the one that it is about; empty: the VM, or all devices
  bool is_over = false;  ///< its last hook has ended; false: its hooks may have run
};

/// What a command is doing to a VM: written down as it goes, so that whoever comes after it knows what it left when it
/// was killed.
struct VmRun {
  enum class Stage {
    before,  ///< the hook points before the phase; libvirt was not asked
    acting,  ///< libvirt was asked, or was about to be
    after,   ///< libvirt has done it
  };

  std::string command;  ///< "start"
  pid_t pid = 0;
  std::string since;                      ///< "2026-11-21T10:35:54Z"
  const Phase* phase = nullptr;           ///< that the command is in; nullptr: in none yet
  std::vector<const Phase*> next_phases;  ///< what the command does after it
  Stage stage = Stage::before;
  bool hooks_ran = false;
  std::vector<FiredEvent> fired;        ///< of this phase, those of the bridge among them
  std::vector<std::string> own_events;  ///< those that the command fires itself
  Variables created;                    ///< devices whose hooks ran, in that order: DeviceIdentity::to_text(), XML
  Variables properties;                 ///< of this run
  std::string document;                 ///< the domain XML as the hooks left it
  std::string device;                   ///< XML of the device that the phase is about
  Variables parameters;                 ///< of the phase's hook points

  bool has_acted() const { return stage != Stage::before; }
  /// nullptr: EVENT has not begun for OF_DEVICE.
  const FiredEvent* find_fired(std::string_view event, std::string_view of_device) const;
};

struct VmRecord {
  /// An event that a command fires itself, and libvirt tells vdsm-hookd of what it is about as well.
  struct Expected {
    std::string event;
    long long at_ms;  ///< since when it is waited for: CLOCK_BOOTTIME, which nobody sets
  };
  /// What the bridge has seen.
  struct Seen {
    std::string word;          ///< of lifecycles.toml; empty: nothing
    bool was_running = false;  ///< the domain XML that came with it was that of a VM that has run
  };

  std::map<std::string, VmRun> runs;  ///< by the UUID of the host
  std::vector<Expected> expected;
  Seen seen;

  bool is_empty() const { return runs.empty() && expected.empty() && seen.word.empty(); }
  void expect(std::string_view event);
  /// Forgets one expect(). False: there was none.
  bool unexpect(std::string_view event);
  /// Of EVENT: kExpectedFor begins anew for what was not taken yet.
  void renew_expected(std::string_view event);
  /// Those of which libvirt never told.
  void forget_old_expected();
};

/// The record as it stands in its file.
std::string to_text(const VmRecord& record);
/// Throws bad_document, saying what is wrong, for what is none of this version.
VmRecord record_from(std::string_view text);

}  // namespace vdsm_hook
