#include "vdsm_hook/libvirt/vm_restore.hpp"

#include <functional>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/reached.hpp"
#include "vdsm_hook/libvirt/refused_flags.hpp"
#include "vdsm_hook/libvirt/vm_pause.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

Variables not_from_snapshot() { return {{"FROM_SNAPSHOT", "False"}}; }

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
  const auto restore = [&] {
    domain = image.restore(subject.domain_xml == image.domain_xml ? nullptr : subject.domain_xml.c_str(), pauses);
  };
  lifecycle.act(restoring, subject, {.ask = restore, .refresh = refresh});
  lifecycle.after(restoring, subject);
  if (!stays_paused && (pauses || !is_paused(domain.get()))) {
    const auto ended = go_on(domain.get(), lifecycle, true);
    if (ended != Ended::done) {
      host.observer.on_note("the VM is restored, and paused");
      return ended;
    }
    refresh();
  }
  const auto ended = lifecycle.pass(phases::kDehibernated, subject);
  lifecycle.finish();
  return ended;
}

}  // namespace

Ended restore_vm(const VmHost& host, const std::string& file, const RestoreOptions& options) {
  auto* connection = host.connection.get();
  const auto failure = "Failed to restore domain from " + file;
  const auto xml =
      take_text(::virDomainSaveImageGetXMLDesc(connection, file.c_str(), VIR_DOMAIN_SAVE_IMAGE_XML_SECURE), failure);
  const auto uuid = read_domain_facts(xml).uuid;
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kRestore);
  if (!lifecycle.begin(host.connection.get(), uuid, WhenLeft::refuse)) return lifecycle.ended();
  const DomainHandle defined(::virDomainLookupByUUIDString(connection, uuid.c_str()));
  if (defined && is_active(defined.get()))
    throw Error(Errc::refused,
                failure + "\nthe domain '" + on_one_line(name_of(defined.get())) + "' is already active");
  const auto restore = [&](const char* changed, bool pauses) {
    if (::virDomainRestoreFlags(connection, file.c_str(), changed,
                                options.flags | (pauses ? unsigned{VIR_DOMAIN_SAVE_PAUSED} : 0U)) != 0 &&
        (options.stays_paused || changed != nullptr || !is_about_flags() ||
         ::virDomainRestore(connection, file.c_str()) != 0))
      throw LibvirtError(failure);
    DomainHandle domain(::virDomainLookupByUUIDString(connection, uuid.c_str()));
    if (!domain) throw LibvirtError(failure);
    return domain;
  };
  return restore_image(host, lifecycle, {xml, restore}, options.stays_paused);
}

std::string xml_of_managed_image(virDomain* domain) {
  const LibvirtText text(::virDomainManagedSaveGetXMLDesc(domain, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE));
  return text ? std::string(text.get()) : xml_of(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
}

Ended restore_managed(const VmHost& host, Lifecycle& lifecycle, virDomain* domain, bool stays_paused) {
  const auto failure = "Failed to start domain '" + name_of(domain) + "'";
  lifecycle.follow(vm_commands::kRestore);
  const auto xml = xml_of_managed_image(domain);
  const auto restore = [&](const char* changed, bool pauses) {
    if (changed != nullptr && ::virDomainManagedSaveDefineXML(domain, changed, 0) != 0) throw LibvirtError(failure);
    if (changed != nullptr) reached("changed", "the managed save image");
    if (::virDomainCreateWithFlags(domain, pauses ? unsigned{VIR_DOMAIN_START_PAUSED} : 0U) != 0 &&
        (stays_paused || !is_about_flags() || ::virDomainCreate(domain) != 0)) {
      const LibvirtError error(failure);
      if (changed != nullptr)
        ::virDomainManagedSaveDefineXML(domain, xml.c_str(), 0);  // what hooks put into the image is taken out
      throw error;
    }
    ::virDomainRef(domain);
    return DomainHandle(domain);
  };
  return restore_image(host, lifecycle, {xml, restore}, stays_paused);
}

}  // namespace vdsm_hook
