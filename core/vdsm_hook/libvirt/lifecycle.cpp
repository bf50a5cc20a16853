#include "vdsm_hook/libvirt/lifecycle.hpp"

#include <unistd.h>

#include <algorithm>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/time.hpp"
#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/reached.hpp"

namespace vdsm_hook {
namespace {

std::string named(const VmRun& run) {
  return "`vdsm-hook vm " + run.command + "` (process " + std::to_string(run.pid) + ", since " + run.since + ")";
}

std::optional<VmRun> run_if_known(const VmJournal& journal, std::string_view host_uuid) {
  try {
    return journal.run_of(host_uuid);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string holder(const std::optional<VmRun>& run) {
  return (run ? "`vdsm-hook vm " + run->command + "` (process " + std::to_string(run->pid) + ")"
              : std::string("another command")) +
         ", which holds the VM";
}

}  // namespace

std::string holder_of_vm(const VmJournal& journal, std::string_view host_uuid) {
  return holder(run_if_known(journal, host_uuid));
}

Lifecycle::Lifecycle(const Engine& engine, HookOptions options, LifecycleObserver& observer, std::stop_token stop,
                     const VmCommandFacts& command)
    : engine_(engine),
      options_(std::move(options)),
      observer_(observer),
      stop_(std::move(stop)),
      phases_(command.phases) {
  run_.command = command.name;
  run_.pid = ::getpid();
  run_.since = utc_text(std::chrono::system_clock::now());
  run_.properties = without_passwords(options_.properties);
}

bool Lifecycle::begin(virConnect* connection, std::string_view vm_uuid, WhenLeft when_left) {
  connection_ = connection;
  vm_uuid_ = vm_uuid;
  observer_.on_waits_for(WaitsFor::itself);
  host_uuid_ = host_uuid_of(connection);
  const VmDirectory directory(engine_.settings().paths.runtime_dir, vm_uuid);
  journal_.emplace(directory);
  std::optional<VmRun> other;
  bool waits = true;
  is_ending_ = when_left == WhenLeft::overrule;
  try {
    lock_ = VmLock::take(directory, host_uuid_, stop_, [&] {
      other = run_if_known(*journal_, host_uuid_);
      waits = observer_.on_wait(holder(other));
      return waits;
    });
  } catch (const Error& error) {
    if (!is_ending_ || error.code() == Errc::refused) throw;
    observer_.on_note(std::string("the VM is ended without being locked for others: ") + error.what());
    return true;
  }
  if (!lock_ && !waits)
    throw Error(Errc::refused,
                "the VM is held by " + (other ? named(*other) : "another command") + ", and --no-wait was given");
  if (!lock_) {
    ended_ = Ended::cancelled;
    return false;
  }
  reached("locked", run_.command);
  std::optional<VmRun> left;
  try {
    left = journal_->run_of(host_uuid_);
  } catch (const Error& error) {
    if (!is_ending_) throw;
    observer_.on_note(std::string("what was left of this VM counts no more: ") + error.what());
    journal_->forget();
  }
  if (left) {
    const auto what = named(*left) + " was killed before it came to its end, " +
                      (left->has_acted() ? "after libvirt had been asked" : "before libvirt was asked") +
                      (left->hooks_ran ? "; hooks had run" : "; no hook had run") +
                      ": `vdsm-hook vm recover` takes that back or finishes it";
    const bool is_start = !left->phase->undo.empty();
    if (left->hooks_ran && (when_left == WhenLeft::refuse || (when_left == WhenLeft::refuse_start && is_start)))
      throw Error(Errc::refused, what + ", do that first");
    if (left->hooks_ran || left->has_acted()) observer_.on_note(what);
  }
  return true;
}

// ---- what the run is known by, to the bridge, vdsm-hookd and whoever comes after a crash

std::vector<std::string> Lifecycle::events_from(const Phase& current, bool is_over) const {
  std::vector<std::string> events;
  const auto add = [&events](EventNames names) { events.insert(events.end(), names.begin(), names.end()); };
  bool is_later = false;
  for (const auto* one : phases_) {
    if (one != &current && !is_later) continue;
    add(one->before);
    add(one->after);
    if (is_later || !is_over) add(one->undo), add(one->failed);
    is_later = true;
  }
  return events;
}

void Lifecycle::enter(const Phase& current, VmRun::Stage stage, const Subject& subject,
                      const std::function<void(VmRecord&)>& also) {
  if (run_.phase != &current) run_.fired.clear();
  run_.phase = &current;
  run_.stage = stage;
  const auto here = std::find(phases_.begin(), phases_.end(), &current);
  run_.next_phases.assign(here == phases_.end() ? here : here + 1, phases_.end());
  run_.own_events = events_from(current, stage == VmRun::Stage::after);
  run_.document = without_passwords(subject.domain_xml);
  run_.device = without_passwords(subject.device_xml);
  run_.parameters = subject.parameters;
  write_down([&](VmRecord& record) {
    record.runs[host_uuid_] = run_;
    if (also) also(record);
  });
  reached(stage == VmRun::Stage::before ? "before" : stage == VmRun::Stage::acting ? "acting" : "after", current.name);
}

// Who cannot write down what it does does nothing, unless it ends the VM: that must be possible, also where the disk is
// full.
void Lifecycle::write_down(const std::function<void(VmRecord&)>& change) {
  try {
    journal_->change(change);
  } catch (const Error& error) {
    if (!is_ending_) throw;
    if (!std::exchange(is_untold_, false)) return;
    observer_.on_note(
        std::string("what is done is not written down, and the bridge and vdsm-hookd may fire events of it again: ") +
        error.what());
  }
}

void Lifecycle::take_over(VmRun run) {
  run.pid = run_.pid;
  options_.properties = run.properties;
  run_ = std::move(run);
}

void Lifecycle::finish() {
  if (ended_ == Ended::cancelled && run_.has_acted())
    return observer_.on_note("libvirt had done it: `vdsm-hook vm recover` fires what was left out");
  reached("finishing", run_.command);
  write_down([this](VmRecord& record) { record.runs.erase(host_uuid_); });
  reached("finished", run_.command);
}

void Lifecycle::expect(const Phase& current, bool is_expected) {
  if (!current.is_watched) return;
  write_down([&](VmRecord& record) {
    for (const auto event : current.after) {
      if (is_expected) {
        record.expect(event);
      } else {
        record.unexpect(event);
      }
    }
  });
}

// Whether the VM runs, as libvirt says it now.
Lifecycle::Presence Lifecycle::presence() const {
  const DomainHandle domain(::virDomainLookupByUUIDString(connection_, vm_uuid_.c_str()));
  const auto* error = ::virGetLastError();
  if (!domain) return error != nullptr && error->code == VIR_ERR_NO_DOMAIN ? Presence::gone : Presence::unknown;
  const int active = ::virDomainIsActive(domain.get());
  return active < 0 ? Presence::unknown : active == 1 ? Presence::runs : Presence::gone;
}

// ---- one phase

bool Lifecycle::before(const Phase& current, Subject& subject) {
  secrets_.learn(subject.domain_xml);
  enter(current, VmRun::Stage::before, subject);
  try {
    for (const auto event : current.before) {
      if (fire_and_use(event, current, subject) && ended_ == Ended::done) continue;
      if (ended_ == Ended::done) ended_ = Ended::vetoed;
      fail(current, subject, true);
      return false;
    }
    if (!current.does.empty() && stop().stop_requested()) {
      ended_ = Ended::cancelled;
      fail(current, subject, true);
      return false;
    }
  } catch (...) {  // the engine's, not a hook's: what ran before is taken back all the same
    fail_after_error(current, subject, true);
    throw;
  }
  return true;
}

void Lifecycle::act(const Phase& current, Subject& subject, const Act& act) {
  const auto before = presence();
  try {
    enter(current, VmRun::Stage::acting, subject, [&](VmRecord& record) {  // vdsm-hookd hears of it from libvirt
      if (current.is_watched)
        for (const auto event : current.after) record.expect(event);
    });
    observer_.on_waits_for(act.hears_stop ? WaitsFor::libvirt_job : WaitsFor::libvirt);
    if (act.ask) act.ask();
    observer_.on_waits_for(WaitsFor::itself);
    reached("acted", current.name);
  } catch (LibvirtError& error) {
    observer_.on_waits_for(WaitsFor::itself);
    error.add(hooks_behind(error.libvirt_text(), error.libvirt_code(), edits_));
    error.set_what(secrets_.hidden(error.what()));
    give_up(current, subject, before);
    throw;
  } catch (...) {
    observer_.on_waits_for(WaitsFor::itself);
    give_up(current, subject, before);
    throw;
  }
  // It is done: what goes wrong from here on takes nothing back, and is finished by recover().
  try {
    if (act.refresh) act.refresh();
  } catch (const LibvirtError& error) {
    observer_.on_note(std::string("hooks get the domain XML as it was before: ") + error.what());
  }
  enter(current, VmRun::Stage::after, subject, [&](VmRecord& record) {
    for (const auto event : current.after) record.renew_expected(event);
  });
}

// Libvirt refused, or does not answer any more. BEFORE: as the VM was when it was asked.
void Lifecycle::give_up(const Phase& current, Subject& subject, Presence before) {
  expect(current, false);
  const auto now = presence();
  if (before != Presence::unknown && now == Presence::unknown)
    return observer_.on_note(
        "whether libvirt has done it is not known: `vdsm-hook vm recover` finds out when it answers again");
  fail_after_error(current, subject, false);
  // It ended while it was asked for, and to the bridge that was this command's.
  if (current.state_after != Phase::State::off || before != Presence::runs || now != Presence::gone) return;
  for (const auto event : phases::kRelease.after) fire(event, subject);
}

void Lifecycle::after(const Phase& current, Subject& subject) {
  secrets_.learn(subject.domain_xml);
  for (const auto event : current.after) fire(event, subject);
}

Ended Lifecycle::pass(const Phase& current, Subject& subject, const Act& asked_for) {
  if (!before(current, subject)) return ended_;
  act(current, subject, asked_for);
  after(current, subject);
  return ended_;
}

void Lifecycle::failed(const Phase& current, Subject& subject) {
  for (const auto event : current.failed) fire(event, subject);
}

void Lifecycle::fail(const Phase& current, Subject& subject, bool is_veto) {
  const auto direction = std::exchange(direction_, Direction::back);
  if (!current.undo.empty()) run_.stage = VmRun::Stage::before;  // what libvirt does from here on is somebody else's
  if (!is_veto || current.failed_after_veto) failed(current, subject);
  if (current.undo.empty() || presence() != Presence::runs) {
    undo(current, subject);
  } else if (run_.hooks_ran) {
    observer_.on_note("the VM runs, and this command did not start it: hooks take nothing away from it");
  }
  direction_ = direction;
  reached("failed", current.name);
  write_down([this](VmRecord& record) { record.runs.erase(host_uuid_); });
}

// The error that made it fail says more than one that comes of it.
void Lifecycle::fail_after_error(const Phase& current, Subject& subject, bool is_veto) {
  try {
    fail(current, subject, is_veto);
  } catch (const std::exception& error) {
    observer_.on_note(std::string("what hooks did is not taken back: ") + error.what());
  }
}

void Lifecycle::take_back_from_here() {
  direction_ = Direction::back;
  ended_ = Ended::done;
}

void Lifecycle::undo(const Phase& current, Subject subject) {
  if (!run_.hooks_ran || current.undo.empty()) return;
  subject.parameters.emplace_back("VDSM_HOOK_REASON", "failed");
  for (const auto event : current.undo) {
    if (engine_.settings().points.find(event)->rules(options_.compat_vdsm).payload != PayloadKind::device_xml) {
      fire(event, subject);
      continue;
    }
    for (auto device = run_.created.rbegin(); device != run_.created.rend(); ++device)
      run(event, device->second, subject, device->first);
  }
}

}  // namespace vdsm_hook
