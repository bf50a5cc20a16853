// set-vcpus, set-memory, set-password
#include <ctime>

#include "vdsm_hook/libvirt/first_tag.hpp"
#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

class RootType final : public XmlHandler {
 public:
  void start(const XmlName&, const XmlAttributes& attributes) override {
    if (!is_done_) type = attributes.get("type").value_or("");
    is_done_ = true;
  }
  void end() override {}
  void text(std::string_view) override {}

  std::string type;

 private:
  bool is_done_ = false;
};

std::string type_of(const std::string& xml) {
  RootType reader;
  static_cast<void>(read_xml(xml, reader));
  return reader.type;
}

// "2026-11-21T10:35:54", UTC, as libvirt wants it.
std::string time_from_now(std::chrono::seconds seconds) {
  const auto then = std::time(nullptr) + static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  char text[32];
  ::gmtime_r(&then, &parts);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts)};
}

}  // namespace

Ended set_vcpus(const VmHost& host, const std::string& vm, unsigned count, unsigned flags) {
  const auto domain = host.find(vm);
  const auto set = [&] {
    if (::virDomainSetVcpusFlags(domain.get(), count, flags) != 0) throw LibvirtError("");
  };
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, vm_commands::kSetVcpus);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), WhenLeft::refuse_start)) return lifecycle.ended();
  const bool is_live = (flags & VIR_DOMAIN_VCPU_LIVE) != 0 || ((flags & VIR_DOMAIN_VCPU_CONFIG) == 0 && is_active(domain.get()));
  if (!is_live) return set(), Ended::done;
  Subject subject{xml_of(domain.get(), 0), "", {}};
  const auto ended = lifecycle.pass(phases::kSetCpus, subject, set, [&] { subject.domain_xml = xml_of(domain.get(), 0); });
  if (ended == Ended::done) lifecycle.finish();
  return ended;
}

Ended set_memory(const VmHost& host, const std::string& vm, std::uint64_t kib, unsigned flags) {
  const auto domain = host.find(vm);
  return locked(host, domain.get(), vm_commands::kSetMemory, [&] {
    if (::virDomainSetMemoryFlags(domain.get(), kib, flags) != 0) throw LibvirtError("");
  });
}

Ended set_password(const VmHost& host, const std::string& vm, const TicketOptions& options) {
  return on_running_vm(host, vm, vm_commands::kSetPassword, "Failed to set the password", [&](virDomain* domain, Lifecycle& lifecycle) {
    std::string console;
    for (const auto& device : device_elements(xml_of(domain, VIR_DOMAIN_XML_SECURE))) {
      if (device.identity.element != "graphics") continue;
      const auto type = type_of(device.xml);
      if (options.type.empty() ? type == "vnc" || type == "spice" : type == options.type) {
        console = device.xml;
        break;
      }
    }
    if (console.empty())
      throw Error(Errc::refused, "the domain has no graphical console" + (options.type.empty() ? " with a password" : " of type " + options.type));
    lifecycle.secrets().learn(console);
    lifecycle.secrets().learn_password(options.password);
    // The first tag, with the new attributes in the place of the old.
    console = with_attribute(std::move(console), "passwd", options.password);
    console = with_attribute(std::move(console), "passwdValidTo", options.valid_for ? std::optional(time_from_now(*options.valid_for)) : std::nullopt);
    if (!options.connected.empty()) console = with_attribute(std::move(console), "connected", options.connected);
    Subject subject{xml_of(domain, 0), "", options.parameters};
    return lifecycle.pass(phases::kSetTicket, subject, [&] {
      if (::virDomainUpdateDeviceFlags(domain, console.c_str(), VIR_DOMAIN_AFFECT_LIVE) != 0) throw LibvirtError("Failed to set the password");
    });
  });
}

}  // namespace vdsm_hook
