// The hook points that fire after something happened to a VM: what was noted while libvirt told of it, run off its
// back.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"

namespace vdsm_hook {

/// syslog's numbers.
enum class LogLevel { error = 3, warning = 4, notice = 5, info = 6 };

/// Gets each line of the log; from any thread, several at once.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// Gives the domain XML of a VM that runs; nullopt: it does not, or cannot be asked. May take its time.
using LiveXml = std::function<std::optional<std::string>()>;

/// Runs hooks in a bounded number of threads: of one VM in the order in which things happened to it, of different VMs
/// side by side. A hook that hangs holds up nothing but its own VM, until as many hang as there are threads: then the
/// hooks of all VMs wait for one of these to end, at the latest at its deadline, and a line of the log says so. All may
/// be called from any thread; only stop() waits.
///
/// Of each VM the last domain XML is kept while somebody holds its Vm: for hooks of a VM or device that is gone.
/// No Vm may outlive this.
class AfterEvents {
 public:
  class Vm;
  using VmRef = std::shared_ptr<Vm>;

  static constexpr std::size_t kThreads = 16;
  static constexpr std::size_t kMaxWaiting =
      64;  ///< things with hooks that happened to one VM; of more these do not run, and a line says so

  /// ENGINE must outlive this.
  AfterEvents(const Engine& engine, LogSink log);
  ~AfterEvents();  ///< stop()

  /// The VM of this UUID, the same for all who hold it.
  VmRef vm(const std::string& uuid, const std::string& name);

  /// Keeps the domain XML that LIVE gives when all that happened before is done.
  void look(const VmRef& vm, LiveXml live);

  /// PHASE has happened: the hook points after it fire, but for those that a command fires itself.
  void happened(const VmRef& vm, const Phase& phase, LiveXml live);

  /// The device of this alias was plugged or unplugged. Which hook points this means depends on its type.
  void plugged(const VmRef& vm, std::string alias, LiveXml live);
  void unplugged(const VmRef& vm, std::string alias, LiveXml live);

  /// forget_lost_events(), when all that happened before is done.
  void forget_lost(const VmRef& vm);

  /// Stops the hooks that run with all their processes, drops what waits, and returns when nothing runs any more.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Of this VM, what commands that have ended wanted to be left out: libvirt will not tell of it any more.
void forget_lost_events(const std::string& runtime_dir, const std::string& uuid);

/// What POINT's event runs its hooks with, in order: one request for a VM's event, one for each device with properties
/// for a device's. DOCUMENT: the domain XML. Throws bad_document.
std::vector<Request> requests_after(const HookPoint& point, const std::string& document);

}  // namespace vdsm_hook
