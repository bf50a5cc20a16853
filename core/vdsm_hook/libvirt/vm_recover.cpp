#include "vdsm_hook/libvirt/vm_recover.hpp"

#include <thread>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/launch_flags.hpp"
#include "vdsm_hook/libvirt/vm_devices.hpp"
#include "vdsm_hook/libvirt/vm_end.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

using Stage = VmRun::Stage;
using State = Phase::State;

// Nobody tells when libvirt has done what it still does for a client that is gone. So it is looked at, and what was
// asked for a moment ago and libvirt has not begun yet shows up within the first looks.
constexpr int kFirstLooks = 5;
constexpr std::chrono::milliseconds kBetweenFirstLooks{20}, kBetweenLooks{200};

// What libvirt is still busy with; empty: nothing.
std::string busy_with(virDomain* domain) {
  if (domain == nullptr) return "";
  int state = VIR_DOMAIN_NOSTATE, why = 0;
  if (::virDomainGetState(domain, &state, &why, 0) != 0) return "";  // it is gone
  if (state == VIR_DOMAIN_PAUSED && why == VIR_DOMAIN_PAUSED_STARTING_UP) return "its start";
  // Asked of libvirtd alone: what the next call asks of the VM's QEMU waits for a QEMU that is busy.
  virDomainControlInfo control{};
  if (::virDomainGetControlInfo(domain, &control, 0) == 0 &&
      (control.state == VIR_DOMAIN_CONTROL_JOB || control.state == VIR_DOMAIN_CONTROL_OCCUPIED))
    return "its QEMU";
  virDomainJobInfo job{};
  const bool is_job = ::virDomainGetJobInfo(domain, &job) == 0 &&
                      (job.type == VIR_DOMAIN_JOB_BOUNDED || job.type == VIR_DOMAIN_JOB_UNBOUNDED);
  return is_job ? "a job of it: saving, a migration or the like" : "";  // drivers that tell of no jobs have none
}

// The VM of this name, UUID or id; one that is gone is known by its UUID only.
DomainHandle find_or_gone(const VmHost& host, const std::string& vm) {
  try {
    return host.find(vm);
  } catch (const LibvirtError&) {
    if (!is_uuid(vm)) throw;
  }
  return nullptr;
}

// Returns when libvirt is not busy with the VM any more. False: stopped. Throws refused when that takes too long, or
// nobody wants to wait.
bool wait_for_libvirt(const VmHost& host, const std::string& uuid, Stage stage, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + kMaxJobWait;
  bool is_told = false;
  for (int look = 0; !host.stop.stop_requested(); ++look) {
    const auto busy = busy_with(find_or_gone(host, uuid).get());
    if (busy.empty() && (is_told || stage != Stage::acting || look >= kFirstLooks)) return true;
    if (!busy.empty() && !is_told) {
      is_told = true;
      if (!host.observer.on_wait("libvirt, which is busy with " + busy))
        throw Error(Errc::refused, what + ": libvirt is still busy with " + busy +
                                       ", and --no-wait was given: recover it when that has ended");
    }
    if (std::chrono::steady_clock::now() >= end)
      throw Error(Errc::refused, what + ": libvirt is still busy with " + busy + " after " + to_text(kMaxJobWait) +
                                     ": recover it when that has ended");
    std::this_thread::sleep_for(busy.empty() ? kBetweenFirstLooks : kBetweenLooks);
  }
  return false;
}

enum class Happened { yes, no, unknown };

bool is_as(State wanted, virDomain* domain) {
  const auto now = domain == nullptr || !is_active(domain) ? State::off
                   : is_paused(domain)                     ? State::paused
                                                           : State::running;
  return wanted == now || (wanted == State::on && now != State::off);
}

// Whether libvirt has done what the phase is about. After the phase it has; only that the VM may have changed since,
// and hooks after a phase are not for a VM that is not as the phase left it.
Happened has_happened(const Phase& current, const VmRun& run, virDomain* domain) {
  if (!current.does.empty() && run.stage == Stage::before) return Happened::no;
  const bool is_told = current.state_after != State::untold;
  if (is_told && !current.is_about_device()) return is_as(current.state_after, domain) ? Happened::yes : Happened::no;
  if (!is_as(State::on, domain)) return Happened::no;
  if (run.stage == Stage::after) return Happened::yes;
  if (!is_told) return Happened::unknown;
  const bool is_there = device_of(domain, read_device_identity(run.device)).has_value();
  return is_there == (current.state_after == State::attached) ? Happened::yes : Happened::no;
}

// What follows the phase does not depend on it: it only pauses the VM, or lets it go on.
bool is_by_the_way(const Phase& one) { return one.state_after == State::paused || one.state_after == State::running; }

// Fires what just fires behind the run's phase. Up to the next phase that libvirt has not done, since what comes then
// is about a VM that this has changed: nothing of its end for a VM that was to be saved, and lives.
void fire_what_follows(Lifecycle& lifecycle, const VmRun& run, bool has_happened, virDomain* domain, Subject& subject) {
  bool is_told = has_happened || is_by_the_way(*run.phase);
  for (const auto* next : run.next_phases) {
    if (!is_told || lifecycle.ended() != Ended::done) return;
    is_told = is_by_the_way(*next);
    if (!next->does.empty() || !is_as(next->state_after, domain)) continue;
    if (next->state_after == State::off) subject.parameters = reason_of(*run.phase);
    lifecycle.pass(*next, subject);
  }
}

// What is left is what recover is about: it is not told besides.
class QuietObserver final : public LifecycleObserver {
 public:
  explicit QuietObserver(LifecycleObserver& other) : other_(other) {}
  void on_report(const Report& report, const std::string& device) override { other_.on_report(report, device); }
  void on_note(const std::string&) override {}
  bool on_wait(const std::string& for_whom) override { return other_.on_wait(for_whom); }

 private:
  LifecycleObserver& other_;
};

}  // namespace

Ended recover_vm(const VmHost& host, const std::string& vm, std::string& what_was_done) {
  auto domain = find_or_gone(host, vm);
  const auto uuid = domain ? uuid_of(domain.get()) : vm;
  QuietObserver observer(host.observer);
  Lifecycle lifecycle(host.engine, host.hooks, observer, host.stop, vm_commands::kRecover);
  if (!lifecycle.begin(host.connection.get(), uuid, WhenLeft::tell)) return lifecycle.ended();
  const auto run = lifecycle.journal().run_of(host.uuid());
  const auto what = run ? "`vdsm-hook vm " + run->command + "` (" + run->since + ")" : "";
  if (run && !wait_for_libvirt(host, uuid, run->stage, what)) return Ended::cancelled;
  LaunchFlags::forget(host.engine.settings().paths.launchflags_dir, uuid);
  if (!run) return Ended::done;
  lifecycle.take_over(*run);
  const auto& current = *run->phase;
  domain = find_or_gone(host, uuid);  // libvirt may have let go of it meanwhile, or made it
  const bool runs = domain && is_active(domain.get());
  if (runs && !run->has_acted() && !current.undo.empty())
    throw Error(Errc::refused, what +
                                   " did not start the VM, and yet it runs: to take back now what hooks did would take "
                                   "it away from the running VM; "
                                   "`vdsm-hook vm destroy` ends it and lets hooks take that back");
  Subject subject{runs && run->has_acted() && run->device.empty() ? xml_of(domain.get(), 0) : run->document,
                  run->device, run->parameters};
  const auto happened = has_happened(current, *run, domain.get());
  what_was_done = what + ": nothing was left to do";
  if (happened == Happened::yes) {
    if (run->has_acted()) {
      lifecycle.after(current, subject);
    } else {
      lifecycle.pass(current, subject);
    }
    what_was_done = what + ": finished";
  } else if (happened == Happened::unknown) {
    what_was_done = what + ": whether libvirt did it is not known; the hook points after it were left out";
  } else if (run->stage == Stage::acting && !current.failed.empty()) {
    lifecycle.failed(current, subject);
    what_was_done = what + ": taken back";
  } else if (run->hooks_ran && !current.undo.empty()) {
    lifecycle.undo(current, subject);
    what_was_done = what + ": taken back";
  }
  if (run->stage != Stage::after && happened != Happened::yes)
    lifecycle.expect(current, false);  // libvirt tells nobody of what it did not do
  fire_what_follows(lifecycle, *run, happened == Happened::yes, domain.get(), subject);
  if (lifecycle.ended() == Ended::cancelled) return Ended::cancelled;  // it is still left
  if (runs && is_active(domain.get()) && is_paused(domain.get())) what_was_done += "; the VM is paused";
  lifecycle.finish();
  return Ended::done;
}

}  // namespace vdsm_hook
