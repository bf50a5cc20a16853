// One event of a command: for the VM, for each device with properties, for each disk.
#include <algorithm>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/libvirt/disks.hpp"
#include "vdsm_hook/libvirt/lifecycle.hpp"
#include "vdsm_hook/libvirt/reached.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook {
namespace {

// "before_vm_start/50_a, before_vm_start/60_b": the hooks that left the document as it is.
std::string changers_in(const Report& report) {
  std::string names;
  for (const auto& hook : report.hooks)
    if (hook.adopted) names += (names.empty() ? "" : ", ") + report.event + "/" + hook.name;
  return names;
}

}  // namespace

bool Lifecycle::has_hooks_at(std::string_view event) const {
  const auto& settings = engine_.settings();
  const auto found = discover(event, {settings.paths.hooks_dirs, true, true, settings.trust});
  return !found.hooks.empty() || !found.ignored.empty();
}

bool Lifecycle::has_hooks_before(const Phase& current) const {
  return std::any_of(current.before.begin(), current.before.end(),
                     [this](std::string_view event) { return has_hooks_at(event); });
}

void Lifecycle::note_event(std::string_view event, const std::string& device, bool is_over) {
  const auto is_it = [&](const FiredEvent& one) { return one.event == event && one.device == device; };
  const auto found = std::find_if(run_.fired.begin(), run_.fired.end(), is_it);
  if (found != run_.fired.end()) {
    found->is_over = is_over;
  } else {
    run_.fired.push_back({std::string(event), device, is_over});
  }
  write_down([this](VmRecord& record) { record.runs[host_uuid_] = run_; });
  reached(is_over ? "over" : "begun", event);
}

Report Lifecycle::run(std::string_view event, const std::string& document, const Subject& subject,
                      const std::string& device) {
  if (const auto* fired = run_.find_fired(event, device); fired != nullptr && fired->is_over)
    return {};  // before the command was killed that is recovered
  Request request;
  request.event = event;
  const auto& rules = engine_.settings().points.find(event)->rules(options_.compat_vdsm);
  if (rules.payload != PayloadKind::none) request.document = document;
  if (rules.payload != PayloadKind::domain_xml) request.domain_xml = subject.domain_xml;
  request.properties = options_.properties;
  request.parameters = subject.parameters;
  request.skip = options_.skip;
  request.skips_what_is_there = true;
  request.deadline = options_.deadline;
  request.compat_vdsm = options_.compat_vdsm;
  request.kept_descriptor =
      lock_ ? lock_->descriptor() : -1;  // should this command be killed, nobody takes back what its hook still does
  request.secrets = secrets_;
  request.wants_diffs = options_.wants_diffs || rules.result_used;  // for hooks_behind()
  if (rules.vetoes && direction_ == Direction::forward) request.also_judge = also_judge_;
  request.before_hooks = [this] { observer_.on_waits_for(WaitsFor::hooks); };
  const bool has_hooks = has_hooks_at(event);
  auto report = [&] {
    try {
      auto prepared = engine_.prepare(std::move(request));
      run_.hooks_ran = run_.hooks_ran || prepared.plan().runs_something();
      // Written down before its first hook: what is killed together with its hook has to be taken back, or fired again.
      if (has_hooks) note_event(event, device, false);
      return prepared.run(stop());
    } catch (const Error& error) {
      if (!is_ending_) throw;
      observer_.on_note(std::string(event) + ": its hooks did not run: " + error.what());
      return Report();
    }
  }();
  observer_.on_waits_for(WaitsFor::itself);
  if (has_hooks) reached("ran", event);
  if (has_hooks && !report.is_cancelled) note_event(event, device, true);
  if (!report.secrets.is_empty()) secrets_ = report.secrets;  // also those of what was discarded
  for (const auto& hook : report.hooks)
    if (hook.adopted && rules.result_used && is_used_) edits_.push_back({report.event + "/" + hook.name, hook.diff});
  if (const auto names = changers_in(report); !is_used_ && !names.empty())
    observer_.on_note(
        names +
        " changed the document: nothing that the guest sees may change when it is restored, so that is not used; "
        "a hook that has to change it does that at the last hook point before the restore");
  if (report.is_cancelled) ended_ = Ended::cancelled;
  secrets_.learn(report.document);
  auto shown = report;
  shown.document = secrets_.hidden(shown.document);
  if (!options_.wants_diffs)
    for (auto& hook : shown.hooks) hook.diff.clear();
  observer_.on_report(shown, device);
  return report;
}

bool Lifecycle::fire_for_devices(const HookPoint& point, Subject& subject) {
  if (!subject.device_xml.empty()) {
    const auto report =
        run(point.name, subject.device_xml, subject, read_device_identity(subject.device_xml).to_text());
    if (report.changed) subject.device_xml = report.document;
    return !report.vetoed;
  }
  const auto facts = read_domain_facts(subject.domain_xml);
  if (facts.devices.empty()) return true;
  auto devices = device_elements(subject.domain_xml);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (has_properties(facts, devices[i].identity)) places.push_back(i);
  for (const auto place : places) {
    const auto name = devices[place].identity.to_text();
    if (is_creating())
      run_.created.emplace_back(name, without_passwords(devices[place].xml));  // written down with the event
    const auto report = run(point.name, devices[place].xml, subject, name);
    if (report.vetoed || report.is_cancelled) return false;
    if (report.changed) subject.domain_xml = with_devices(subject.domain_xml, {{place, report.document}});
  }
  return true;
}

bool Lifecycle::fire_for_disks(const HookPoint& point, Subject& subject) {
  const auto devices = device_elements(subject.domain_xml);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto drive = devices[i].identity.type == "disk" ? disk_to_json(devices[i].xml) : "";
    if (drive.empty()) continue;
    const auto name = devices[i].identity.to_text();
    const auto report = run(point.name, drive, subject, name);
    if (report.vetoed) return false;
    if (!report.changed) continue;
    ChangedDisk disk;
    try {
      disk = changed_disk(devices[i].xml, drive, report.document);
      subject.domain_xml = with_devices(subject.domain_xml, {{i, disk.xml}});
    } catch (const std::exception& error) {
      throw Error(Errc::refused, changers_in(report) + ": " + name + ": " + error.what());
    }
    for (const auto& key : disk.unused)
      observer_.on_note(name + ": " + std::string(point.name) + ": the domain XML has no place for the changed '" +
                        printable(key) + "': it is not used");
  }
  return true;
}

// Fires one of PHASE's hook points before. Where nobody may use what its hooks leave, SUBJECT stays as it was.
bool Lifecycle::fire_and_use(std::string_view event, const Phase& current, Subject& subject) {
  is_used_ =
      std::find(current.result_unused.begin(), current.result_unused.end(), event) == current.result_unused.end();
  if (is_used_) return fire(event, subject);
  auto unused = subject;
  const bool is_well = fire(event, unused);
  is_used_ = true;
  return is_well;
}

bool Lifecycle::fire(std::string_view event, Subject& subject) {
  const auto& point = *engine_.settings().points.find(event);
  switch (point.rules(options_.compat_vdsm).payload) {
    case PayloadKind::device_xml: return fire_for_devices(point, subject);
    case PayloadKind::json: return fire_for_disks(point, subject);
    default: break;
  }
  const auto report = run(event, subject.domain_xml, subject, "");
  if (report.changed) subject.domain_xml = report.document;
  return !report.vetoed;
}

}  // namespace vdsm_hook
