// recover
#include <algorithm>

#include "vdsm_hook/libvirt/launch_flags.hpp"
#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

// Whether the VM is as it is when libvirt has done what the phase is about.
bool has_happened(const Phase& current, virDomain* domain) {
  const bool runs = domain != nullptr && is_active(domain);
  if (current.name == "start" || current.name == "dehibernate" || current.name == "dehibernated") return runs;
  if (current.name == "destroy" || current.name == "release" || current.name == "hibernate" || current.name == "leave") return !runs;
  if (current.name == "pause") return runs && is_paused(domain);
  return runs && current.name == "continue" && !is_paused(domain);
}

// Those of the run's command, or of the command that the phase is of: a start that restores.
EventNames phases_of(const VmRun& run) {
  EventNames found;
  for (const auto& facts : vm_command_facts())
    if (std::find(facts.phases.begin(), facts.phases.end(), run.phase) != facts.phases.end() && (found.empty() || facts.name == run.command))
      found = facts.phases;
  return found;
}

// Hook points that just fire, behind PHASE in the run.
void fire_what_follows(Lifecycle& lifecycle, const VmRun& run, Subject& subject) {
  const auto phases = phases_of(run);
  for (auto next = std::find(phases.begin(), phases.end(), run.phase); next != phases.end() && ++next != phases.end();) {
    if (!phase(*next).does.empty() || lifecycle.ended() != Ended::done) continue;
    if (*next == "release") subject.parameters = reason(run.phase == "leave" ? "migrated" : "saved");
    lifecycle.pass(*next, subject, [] {});
  }
}

}  // namespace

Ended recover_vm(const VmHost& host, const std::string& vm, std::string& what_was_done) {
  DomainHandle domain;
  std::string uuid = vm;
  // One that is gone is known by its UUID only.
  try {
    domain = host.find(vm);
    uuid = uuid_of(domain.get());
  } catch (const LibvirtError&) {
    if (!is_uuid(vm)) throw;
  }
  class Quiet final : public LifecycleObserver {  // what is left is what this is about
   public:
    explicit Quiet(LifecycleObserver& other) : other_(other) {}
    void on_report(const Report& report, const std::string& device) override { other_.on_report(report, device); }
    void on_note(const std::string&) override {}
    bool on_wait(const std::optional<VmRun>& holder) override { return other_.on_wait(holder); }

   private:
    LifecycleObserver& other_;
  } observer(host.observer);
  Lifecycle lifecycle(host.engine, host.hooks, observer, host.stop, "recover");
  if (!lifecycle.begin(host.connection.get(), uuid, WhenLeft::tell)) return lifecycle.ended();
  LaunchFlags::forget(host.engine.settings().paths.launchflags_dir, uuid);
  const auto run = lifecycle.state().read_run(host.uuid());
  if (!run) return Ended::done;
  lifecycle.take_over(*run);
  const auto& current = phase(run->phase);
  const auto what = "`vdsm-hook vm " + run->command + "` (" + run->since + ")";
  const bool runs = domain != nullptr && is_active(domain.get());
  if (runs && !run->has_acted && !current.undo.empty())
    throw Error(Errc::refused, what + " did not start the VM, and yet it runs: to take back now what hooks did would take it away from the running VM; "
                                      "`vdsm-hook vm destroy` ends it and lets hooks take that back");
  Subject subject{run->document, "", run->parameters};
  // Of a device, virtual CPUs or a password the state does not say whether libvirt did it.
  what_was_done = what + (run->has_acted && current.undo.empty() && !current.does.empty() ? ": whether libvirt did it is not known; the hook points after it were left out"
                                                                                         : ": nothing was left to do");
  if (has_happened(current, domain.get()) && (run->has_acted || current.does.empty())) {
    if (runs) subject.domain_xml = xml_of(domain.get(), 0);
    if (run->has_acted) {
      lifecycle.after(current, subject);
    } else {
      lifecycle.pass(current.name, subject, [] {});
    }
    fire_what_follows(lifecycle, *run, subject);
    what_was_done = what + ": finished";
  } else if (run->hooks_ran && !current.undo.empty()) {
    lifecycle.undo(current, subject);
    what_was_done = what + ": taken back";
  }
  if (lifecycle.ended() == Ended::cancelled) return Ended::cancelled;  // it is still left
  if (runs && is_paused(domain.get())) what_was_done += "; the VM is paused";
  lifecycle.finish();
  return Ended::done;
}

}  // namespace vdsm_hook
