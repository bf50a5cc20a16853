#include "vdsm_hook/libvirt/vm_start.hpp"

#include <memory>
#include <utility>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/launch_flags.hpp"
#include "vdsm_hook/libvirt/vm_restore.hpp"
#include "vdsm_hook/payload/soundness.hpp"

namespace vdsm_hook {
namespace {

// Throws refused when hooks undefined it: it would run and then be gone.
void check_still_defined(const VmHost& host, virDomain* domain, const std::string& failure) {
  const auto uuid = uuid_of(domain);
  const DomainHandle now(::virDomainLookupByUUIDString(host.connection.get(), uuid.c_str()));
  const auto* error = ::virGetLastError();
  if (!now && (error == nullptr || error->code != VIR_ERR_NO_DOMAIN)) throw LibvirtError(failure);
  if (!now || ::virDomainIsPersistent(now.get()) == 0)
    throw Error(Errc::refused,
                failure + "\nthe domain was undefined while its hooks ran: define it again, and see what the hooks do");
}

struct Start {
  virDomain* persistent;  // the definition that must still be there afterwards; null: none
  std::string uuid, domain_xml;
  std::string failure;  // virsh's words for it
};

// From the domain XML to the running VM.
Ended start(const VmHost& host, Lifecycle& lifecycle, Start what, StartOptions& options) {
  Subject subject{std::move(what.domain_xml), "", {}};
  const auto& starting = phases::kStart;
  const unsigned flags_asked_for = options.is_paused ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U;
  std::unique_ptr<LaunchFlags> flags;
  if (lifecycle.has_hooks_before(starting)) {
    flags = std::make_unique<LaunchFlags>(host.engine.settings().paths.launchflags_dir, what.uuid, flags_asked_for);
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
    if (what.persistent != nullptr) check_still_defined(host, what.persistent, what.failure);
    if (what.persistent != nullptr && options.forces_boot && ::virDomainHasManagedSaveImage(what.persistent, 0) == 1 &&
        ::virDomainManagedSaveRemove(what.persistent, 0) != 0)
      throw LibvirtError(what.failure);
    started.reset(::virDomainCreateXML(host.connection.get(), subject.domain_xml.c_str(),
                                       flags ? flags->flags() : flags_asked_for));
    if (!started) throw LibvirtError(what.failure);
  };
  lifecycle.act(starting, subject, {.ask = create, .refresh = [&] { subject.domain_xml = xml_of(started.get(), 0); }});
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
  if (!options.forces_boot && ::virDomainHasManagedSaveImage(domain.get(), 0) == 1) {
    if (!options.is_dry_run) return restore_managed(host, lifecycle, domain.get(), options.is_paused);
    host.observer.on_note(
        "the VM has a managed save image, which would be restored: --force-boot starts it from its definition");
    options.would_start = without_passwords(xml_of_managed_image(domain.get()));
    return Ended::done;
  }
  return start(host, lifecycle,
               {.persistent = domain.get(),
                .uuid = uuid_of(domain.get()),
                .domain_xml = xml_of(domain.get(), VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE),
                .failure = failure},
               options);
}

Ended create_vm(const VmHost& host, const std::string& domain_xml, StartOptions& options, std::string& name) {
  // Whether or not a hook will run: the lock is of the VM that libvirt starts.
  DocumentIdentity facts;
  if (const auto why = unsound(PayloadKind::domain_xml, domain_xml, facts))
    throw Error(Errc::bad_document, "the domain XML is " + *why);
  name = facts.name;
  // libvirt would make one up, and hooks would work for a VM that nobody knows.
  if (!is_uuid(facts.uuid))
    throw Error(Errc::bad_document, "the domain XML has no <uuid>: give it one, for hooks to know the VM by");
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kCreate);
  if (!lifecycle.begin(host.connection.get(), facts.uuid, WhenLeft::refuse)) return lifecycle.ended();
  const DomainHandle defined(::virDomainLookupByUUIDString(host.connection.get(), facts.uuid.c_str()));
  if (defined && is_active(defined.get()))
    throw Error(Errc::refused,
                "Failed to create domain\nthe domain '" + on_one_line(name_of(defined.get())) + "' is already active");
  return start(
      host, lifecycle,
      {.persistent = nullptr, .uuid = facts.uuid, .domain_xml = domain_xml, .failure = "Failed to create domain"},
      options);
}

}  // namespace vdsm_hook
