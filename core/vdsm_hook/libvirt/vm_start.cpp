// start, create, destroy, suspend, resume
#include <memory>

#include "vdsm_hook/libvirt/launch_flags.hpp"
#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/payload/soundness.hpp"

namespace vdsm_hook {
namespace {

// From the domain XML to the running VM. PERSISTENT: the definition that must still be there afterwards; null: none.
Ended start(const VmHost& host, Lifecycle& lifecycle, virDomain* persistent, const std::string& uuid, std::string domain_xml,
            StartOptions& options, const std::string& failure) {
  Subject subject{std::move(domain_xml), "", {}};
  const auto& starting = phases::kStart;
  std::unique_ptr<LaunchFlags> flags;
  if (lifecycle.has_hooks_before(starting)) {
    flags = std::make_unique<LaunchFlags>(host.engine.settings().paths.launchflags_dir, uuid, options.is_paused ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U);
    lifecycle.judge_before_with([&flags](bool has_failed) { return flags->read_back(!has_failed); });
  }
  if (!lifecycle.before(starting, subject)) return lifecycle.ended();
  if (options.is_dry_run) {
    options.would_start = lifecycle.secrets().hidden(subject.domain_xml);
    lifecycle.take_back_from_here();
    lifecycle.undo(starting, subject);
    lifecycle.finish();
    return host.stop.stop_requested() ? Ended::cancelled : Ended::done;
  }
  DomainHandle started;
  const auto create = [&] {
    if (persistent != nullptr) check_still_defined(host, persistent, failure);
    if (persistent != nullptr && options.forces_boot && ::virDomainHasManagedSaveImage(persistent, 0) == 1 &&
        ::virDomainManagedSaveRemove(persistent, 0) != 0)
      throw LibvirtError(failure);
    const auto start_flags = flags ? flags->flags() : options.is_paused ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U;
    started.reset(::virDomainCreateXML(host.connection.get(), subject.domain_xml.c_str(), start_flags));
    if (!started) throw LibvirtError(failure);
  };
  lifecycle.act(starting, subject, create, [&] { subject.domain_xml = xml_of(started.get(), 0); });
  lifecycle.after(starting, subject);
  lifecycle.finish();
  return lifecycle.ended();
}

}  // namespace

Ended start_vm(const VmHost& host, const std::string& vm, StartOptions& options) {
  const auto domain = host.find(vm);
  const auto name = name_of(domain.get());
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kStart);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), WhenLeft::refuse)) return lifecycle.ended();
  if (is_active(domain.get())) throw Error(Errc::refused, "Domain is already active");
  const auto failure = "Failed to start domain '" + on_one_line(name) + "'";
  if (!options.forces_boot && ::virDomainHasManagedSaveImage(domain.get(), 0) == 1) return restore_managed(host, lifecycle, domain.get(), options);
  return start(host, lifecycle, domain.get(), uuid_of(domain.get()), xml_of(domain.get(), VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE), options, failure);
}

Ended create_vm(const VmHost& host, const std::string& domain_xml, StartOptions& options, std::string& name) {
  // Whether or not a hook will run: the lock is of the VM that libvirt starts.
  DocumentIdentity facts;
  if (const auto why = unsound(PayloadKind::domain_xml, domain_xml, facts))
    throw Error(Errc::bad_document, "the domain XML is " + (why->starts_with("not ") ? "" : std::string("wrong: ")) + *why);
  name = facts.name;
  // libvirt would make one up, and hooks would work for a VM that nobody knows.
  if (!is_uuid(facts.uuid)) throw Error(Errc::bad_document, "the domain XML has no <uuid>: give it one, for hooks to know the VM by");
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kCreate);
  if (!lifecycle.begin(host.connection.get(), facts.uuid, WhenLeft::refuse)) return lifecycle.ended();
  const DomainHandle defined(::virDomainLookupByUUIDString(host.connection.get(), facts.uuid.c_str()));
  if (defined && is_active(defined.get())) throw Error(Errc::refused, "Failed to create domain\nthe domain '" + on_one_line(name_of(defined.get())) + "' is already active");
  return start(host, lifecycle, nullptr, facts.uuid, domain_xml, options, "Failed to create domain");
}

Ended destroy_vm(const VmHost& host, const std::string& vm, unsigned flags) {
  return on_running_vm(host, vm, vm_commands::kDestroy, "Failed to destroy domain '" + on_one_line(vm) + "'", [&](virDomain* domain, Lifecycle& lifecycle) {
    Subject subject{xml_of(domain, 0), "", reason_of(phases::kDestroy)};
    const auto ended = lifecycle.pass(phases::kDestroy, subject, [&] {
      if (::virDomainDestroyFlags(domain, flags) != 0) throw LibvirtError("Failed to destroy domain '" + on_one_line(vm) + "'");
    });
    if (ended == Ended::done) LaunchFlags::forget(host.engine.settings().paths.launchflags_dir, uuid_of(domain));  // of a start that was killed
    return ended;
  });
}

Ended suspend_vm(const VmHost& host, const std::string& vm) {
  return on_running_vm(host, vm, vm_commands::kSuspend, "Failed to suspend domain '" + on_one_line(vm) + "'", [&](virDomain* domain, Lifecycle& lifecycle) { return pause(domain, lifecycle); });
}

Ended resume_vm(const VmHost& host, const std::string& vm) {
  return on_running_vm(host, vm, vm_commands::kResume, "Failed to resume domain '" + on_one_line(vm) + "'", [&](virDomain* domain, Lifecycle& lifecycle) { return go_on(domain, lifecycle); });
}

}  // namespace vdsm_hook
