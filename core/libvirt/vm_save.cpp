// save, managedsave, restore
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

// What is restored, paused where libvirt can do that: it goes on when its hooks let it.
struct Image {
  std::string domain_xml, failure;
  std::function<DomainHandle(const char* changed_xml)> restore;
};

Ended restore_image(const VmHost& host, Lifecycle& lifecycle, const Image& image, bool stays_paused) {
  Subject subject{image.domain_xml, "", not_from_snapshot()};
  DomainHandle domain;
  const auto& restoring = phase("dehibernate");
  if (!lifecycle.before(restoring, subject)) return lifecycle.ended();
  lifecycle.act(restoring, subject, [&] {
    domain = image.restore(subject.domain_xml == image.domain_xml ? nullptr : subject.domain_xml.c_str());
    subject.domain_xml = xml_of(domain.get(), 0);
  });
  lifecycle.after(restoring, subject);
  if (!stays_paused) {
    const auto ended = go_on(domain.get(), lifecycle, true);
    if (ended != Ended::done) {
      host.observer.on_note("the VM is restored, and paused");
      return ended;
    }
    subject.domain_xml = xml_of(domain.get(), 0);
  }
  const auto ended = lifecycle.pass("dehibernated", subject, [] {});
  lifecycle.finish();
  return ended;
}

}  // namespace

Ended save_vm(const VmHost& host, const std::string& vm, const std::string& file, unsigned flags) {
  const auto failure = "Failed to save domain '" + vm + "'" + (file.empty() ? " state" : " to " + file);
  return on_running_vm(host, vm, file.empty() ? "managedsave" : "save", failure, [&](virDomain* domain, Lifecycle& lifecycle) {
    const bool was_paused = is_paused(domain);
    if (!was_paused) {
      if (const auto ended = pause(domain, lifecycle); ended != Ended::done) return ended;
    } else {
      host.observer.on_note("the VM is saved as one that is paused: `vdsm-hook vm restore --paused` leaves it so");
    }
    const auto was_saved = [&] {
      Subject subject{xml_of(domain, 0), "", {}};
      const auto ended = lifecycle.pass("hibernate", subject, [&] {
        save_to(domain, file, flags | (was_paused ? VIR_DOMAIN_SAVE_PAUSED : VIR_DOMAIN_SAVE_RUNNING));
      });
      if (ended != Ended::done) return ended;
      subject.parameters = reason("saved");
      return lifecycle.pass("release", subject, [] {});
    };
    const auto let_go_on = [&] {
      try {
        if (was_paused || !is_active(domain)) return;
        lifecycle.take_back_from_here();
        go_on(domain, lifecycle, true);
        lifecycle.finish();
        if (is_paused(domain)) host.observer.on_note("the VM stays paused");
      } catch (const Error& error) {  // why it was not saved says more
        host.observer.on_note(std::string("the VM may be paused: ") + error.what());
      }
    };
    try {
      const auto ended = was_saved();
      if (ended != Ended::done) let_go_on();
      return ended;
    } catch (const Error&) {
      let_go_on();
      throw;
    }
  });
}

Ended restore_vm(const VmHost& host, const std::string& file, const RestoreOptions& options) {
  auto* connection = host.connection.get();
  const auto failure = "Failed to restore domain from " + file;
  const auto xml = take_text(::virDomainSaveImageGetXMLDesc(connection, file.c_str(), VIR_DOMAIN_SAVE_IMAGE_XML_SECURE), failure);
  const auto uuid = read_domain_facts(xml).uuid;
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, "restore");
  if (!lifecycle.begin(host.uuid(), uuid, WhenLeft::refuse)) return lifecycle.ended();
  const auto restore = [&](const char* changed) {
    if (::virDomainRestoreFlags(connection, file.c_str(), changed, options.flags | VIR_DOMAIN_SAVE_PAUSED) != 0 &&
        (options.stays_paused || changed != nullptr || !is_about_flags() || ::virDomainRestore(connection, file.c_str()) != 0))
      throw LibvirtError(failure);
    DomainHandle domain(::virDomainLookupByUUIDString(connection, uuid.c_str()));
    if (!domain) throw LibvirtError(failure);
    return domain;
  };
  return restore_image(host, lifecycle, {xml, failure, restore}, options.stays_paused);
}

Ended restore_managed(const VmHost& host, Lifecycle& lifecycle, virDomain* domain, StartOptions& options) {
  const auto failure = "Failed to start domain '" + name_of(domain) + "'";
  lifecycle.follow("restore");
  LibvirtText text(::virDomainManagedSaveGetXMLDesc(domain, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE));
  const auto xml = text ? std::string(text.get()) : xml_of(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
  if (options.is_dry_run) {
    host.observer.on_note("the VM has a managed save image, which would be restored: --force-boot starts it from its definition");
    options.would_start = without_passwords(xml);
    return Ended::done;
  }
  const auto restore = [&](const char* changed) {
    if (changed != nullptr && ::virDomainManagedSaveDefineXML(domain, changed, VIR_DOMAIN_SAVE_PAUSED) != 0) throw LibvirtError(failure);
    if (::virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) != 0 &&
        (options.is_paused || !is_about_flags() || ::virDomainCreate(domain) != 0))
      throw LibvirtError(failure);
    ::virDomainRef(domain);
    return DomainHandle(domain);
  };
  return restore_image(host, lifecycle, {xml, failure, restore}, options.is_paused);
}

}  // namespace vdsm_hook
