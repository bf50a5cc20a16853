#include "vdsm_hook/libvirt/vm_password.hpp"

#include <utility>

#include "vdsm_hook/base/time.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"
#include "vdsm_hook/libvirt/with_attribute.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/xml/lookup.hpp"

namespace vdsm_hook {
namespace {

// As libvirt wants it: "2026-11-21T10:35:54", UTC.
std::string time_from_now(std::chrono::seconds seconds) {
  auto text = utc_text(std::chrono::system_clock::now() + seconds);
  if (text.ends_with('Z')) text.pop_back();
  return text;
}

}  // namespace

Ended set_password(const VmHost& host, const std::string& vm, const TicketOptions& options) {
  return on_running_vm(
      host, vm, vm_commands::kSetPassword, "Failed to set the password", [&](virDomain* domain, Lifecycle& lifecycle) {
        std::string console;
        for (const auto& device : device_elements(xml_of(domain, VIR_DOMAIN_XML_SECURE))) {
          if (device.identity.element != "graphics") continue;
          const auto type = root_attribute(device.xml, "type").value_or("");
          if (options.type.empty() ? type == "vnc" || type == "spice" : type == options.type) {
            console = device.xml;
            break;
          }
        }
        if (console.empty())
          throw Error(Errc::refused, "the domain has no graphical console" +
                                         (options.type.empty() ? " with a password" : " of type " + options.type));
        lifecycle.secrets().learn(console);
        lifecycle.secrets().learn_password(options.password);
        // The first tag, with the new attributes in the place of the old.
        console = with_attribute(std::move(console), "passwd", options.password);
        console = with_attribute(std::move(console), "passwdValidTo",
                                 options.valid_for ? std::optional(time_from_now(*options.valid_for)) : std::nullopt);
        if (!options.connected.empty()) console = with_attribute(std::move(console), "connected", options.connected);
        Subject subject{xml_of(domain, 0), "", options.parameters};
        const auto set = [&] {
          if (::virDomainUpdateDeviceFlags(domain, console.c_str(), VIR_DOMAIN_AFFECT_LIVE) != 0)
            throw LibvirtError("Failed to set the password");
        };
        return lifecycle.pass(phases::kSetTicket, subject, {.ask = set});
      });
}

}  // namespace vdsm_hook
