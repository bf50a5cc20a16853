// save, managedsave, restore
#include "vdsm_hook/libvirt/reached.hpp"
#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

Variables not_from_snapshot() { return {{"FROM_SNAPSHOT", "False"}}; }

// libvirt's test driver takes none of the flags.
bool is_about_flags() {
  const auto* error = ::virGetLastError();
  return error != nullptr && (error->code == VIR_ERR_INVALID_ARG || error->code == VIR_ERR_ARGUMENT_UNSUPPORTED);
}

void save_to(virDomain* domain, const std::string& file, unsigned flags) {
  if (file.empty()) {
    if (::virDomainManagedSave(domain, flags) == 0 || (is_about_flags() && ::virDomainManagedSave(domain, 0) == 0)) return;
    throw LibvirtError("Failed to save domain", domain, " state");
  }
  if (::virDomainSaveFlags(domain, file.c_str(), nullptr, flags) == 0 || (is_about_flags() && ::virDomainSave(domain, file.c_str()) == 0)) return;
  throw LibvirtError("Failed to save domain", domain, " to " + file);
}

// What is restored: paused where hooks have a say in whether it goes on, else as it was saved.
struct Image {
  std::string domain_xml;
  std::function<DomainHandle(const char* changed_xml, bool is_paused)> restore;
};

Ended restore_image(const VmHost& host, Lifecycle& lifecycle, const Image& image, bool stays_paused) {
  Subject subject{image.domain_xml, "", not_from_snapshot()};
  DomainHandle domain;
  const auto refresh = [&] { subject.domain_xml = xml_of(domain.get(), 0); };
  const auto& restoring = phases::kDehibernate;
  const bool pauses = stays_paused || lifecycle.has_hooks_before(phases::kContinue);
  if (!lifecycle.before(restoring, subject)) return lifecycle.ended();
  const auto restore = [&] { domain = image.restore(subject.domain_xml == image.domain_xml ? nullptr : subject.domain_xml.c_str(), pauses); };
  lifecycle.act(restoring, subject, restore, refresh);
  lifecycle.after(restoring, subject);
  if (!stays_paused && (pauses || !is_paused(domain.get()))) {
    const auto ended = go_on(domain.get(), lifecycle, true);
    if (ended != Ended::done) {
      host.observer.on_note("the VM is restored, and paused");
      return ended;
    }
    refresh();
  }
  const auto ended = lifecycle.pass(phases::kDehibernated, subject, [] {});
  lifecycle.finish();
  return ended;
}

// A VM that was to be saved goes on, with its hooks or without.
void let_go_on(const VmHost& host, Lifecycle& lifecycle, virDomain* domain) {
  try {
    if (!is_active(domain)) return;
    lifecycle.take_back_from_here();
    if (is_paused(domain)) lifecycle.expect(phases::kContinue, false);
    try {
      go_on(domain, lifecycle, true);
      lifecycle.finish();
    } catch (const Error& error) {
      if (!is_paused(domain)) return;
      host.observer.on_note(std::string("the VM goes on without its hooks: ") + error.what());
      ::virDomainResume(domain);
    }
    if (is_paused(domain)) host.observer.on_note("the VM stays paused");
  } catch (const LibvirtError& error) {  // why it was not saved says more
    if (error.libvirt_code() != VIR_ERR_NO_DOMAIN) host.observer.on_note(std::string("the VM may be paused: ") + error.what());
  }
}

}  // namespace

Ended save_vm(const VmHost& host, const std::string& vm, const std::string& file, unsigned flags) {
  const auto failure = "Failed to save domain '" + on_one_line(vm) + "'" + (file.empty() ? " state" : " to " + file);
  const auto save = [&](virDomain* domain, Lifecycle& lifecycle) {
    const bool was_paused = is_paused(domain);
    const auto do_save = [&] {
      if (!was_paused)
        if (const auto ended = pause(domain, lifecycle); ended != Ended::done) return ended;
      Subject subject{xml_of(domain, 0), "", {}};
      lifecycle.act_hears_stop();
      const auto ended = lifecycle.pass(phases::kHibernate, subject, [&] {
        // A VM that it cannot save libvirt lets go on by itself; what belongs to that is fired here, in its turn.
        if (!was_paused) lifecycle.expect(phases::kContinue, true);
        const AbortOnStop aborts(domain, host.stop);
        save_to(domain, file, flags | (was_paused ? VIR_DOMAIN_SAVE_PAUSED : VIR_DOMAIN_SAVE_RUNNING));
        if (!was_paused) lifecycle.expect(phases::kContinue, false);
      });
      if (ended != Ended::done) return ended;
      subject.parameters = reason_of(phases::kHibernate);
      return lifecycle.pass(phases::kRelease, subject, [] {});
    };
    try {
      const auto ended = do_save();
      if (ended != Ended::done && !was_paused) let_go_on(host, lifecycle, domain);
      return ended;
    } catch (const Error&) {
      if (!was_paused) let_go_on(host, lifecycle, domain);
      throw;
    }
  };
  return unless_aborted(host, [&] { return on_running_vm(host, vm, file.empty() ? vm_commands::kManagedsave : vm_commands::kSave, failure, save); });
}

Ended restore_vm(const VmHost& host, const std::string& file, const RestoreOptions& options) {
  auto* connection = host.connection.get();
  const auto failure = "Failed to restore domain from " + file;
  const auto xml = take_text(::virDomainSaveImageGetXMLDesc(connection, file.c_str(), VIR_DOMAIN_SAVE_IMAGE_XML_SECURE), failure);
  const auto uuid = read_domain_facts(xml).uuid;
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kRestore);
  if (!lifecycle.begin(host.connection.get(), uuid, WhenLeft::refuse)) return lifecycle.ended();
  const DomainHandle defined(::virDomainLookupByUUIDString(connection, uuid.c_str()));
  if (defined && is_active(defined.get())) throw Error(Errc::refused, failure + "\nthe domain '" + on_one_line(name_of(defined.get())) + "' is already active");
  const auto restore = [&](const char* changed, bool pauses) {
    if (::virDomainRestoreFlags(connection, file.c_str(), changed, options.flags | (pauses ? unsigned{VIR_DOMAIN_SAVE_PAUSED} : 0U)) != 0 &&
        (options.stays_paused || changed != nullptr || !is_about_flags() || ::virDomainRestore(connection, file.c_str()) != 0))
      throw LibvirtError(failure);
    DomainHandle domain(::virDomainLookupByUUIDString(connection, uuid.c_str()));
    if (!domain) throw LibvirtError(failure);
    return domain;
  };
  return restore_image(host, lifecycle, {xml, restore}, options.stays_paused);
}

Ended restore_managed(const VmHost& host, Lifecycle& lifecycle, virDomain* domain, StartOptions& options) {
  const auto failure = "Failed to start domain '" + name_of(domain) + "'";
  lifecycle.follow(vm_commands::kRestore);
  LibvirtText text(::virDomainManagedSaveGetXMLDesc(domain, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE));
  const auto xml = text ? std::string(text.get()) : xml_of(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
  if (options.is_dry_run) {
    host.observer.on_note("the VM has a managed save image, which would be restored: --force-boot starts it from its definition");
    options.would_start = without_passwords(xml);
    return Ended::done;
  }
  const auto restore = [&](const char* changed, bool pauses) {
    if (changed != nullptr && ::virDomainManagedSaveDefineXML(domain, changed, 0) != 0) throw LibvirtError(failure);
    if (changed != nullptr) reached("changed", "the managed save image");
    if (::virDomainCreateWithFlags(domain, pauses ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U) != 0 &&
        (options.is_paused || !is_about_flags() || ::virDomainCreate(domain) != 0)) {
      const LibvirtError error(failure);
      if (changed != nullptr) ::virDomainManagedSaveDefineXML(domain, xml.c_str(), 0);  // what hooks put into the image is taken out
      throw error;
    }
    ::virDomainRef(domain);
    return DomainHandle(domain);
  };
  return restore_image(host, lifecycle, {xml, restore}, options.is_paused);
}

}  // namespace vdsm_hook
