// attach-device, detach-device, update-device
#include <algorithm>
#include <thread>

#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook {
namespace {

using Change = int (*)(virDomain*, const char*, unsigned);

bool affects_running(virDomain* domain, unsigned flags) {
  const bool is_current = (flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)) == VIR_DOMAIN_AFFECT_CURRENT;
  return (flags & VIR_DOMAIN_AFFECT_LIVE) != 0 || (is_current && is_active(domain));
}

// The running VM gets what hooks left; its definition what was asked for, since hooks see that again at the next start.
// UNDO takes out of the definition what was put there before the running VM refused; null: that cannot be done, it comes last.
void change(virDomain* domain, Change function, Change undo, const std::string& asked_for, const std::string& left, unsigned flags, const std::string& failure) {
  const bool is_both = (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0 && left != asked_for;
  const auto to_definition = [&] { return function(domain, asked_for.c_str(), VIR_DOMAIN_AFFECT_CONFIG) == 0; };
  if (is_both && undo != nullptr && !to_definition()) throw LibvirtError(failure + " in the definition");
  if (function(domain, left.c_str(), is_both ? flags & ~unsigned{VIR_DOMAIN_AFFECT_CONFIG} : flags) != 0) {
    const LibvirtError error(failure);
    if (is_both && undo != nullptr) undo(domain, asked_for.c_str(), VIR_DOMAIN_AFFECT_CONFIG);
    throw error;
  }
  if (is_both && undo == nullptr && !to_definition()) throw LibvirtError("the running VM was changed, its definition was not");
}

Ended with_hooks(const VmHost& host, const std::string& vm, const VmCommandFacts& command, const std::string& device_xml, unsigned flags,
                 const std::function<void(virDomain*, const std::string& left)>& work, bool hears_stop = false) {
  const auto domain = host.find(vm);
  const auto* around = phase_for_device(command, read_device_identity(device_xml).type);
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, command);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), WhenLeft::refuse_start)) return lifecycle.ended();
  lifecycle.secrets().learn(device_xml);
  if (around == nullptr || !affects_running(domain.get(), flags)) {
    hiding(lifecycle.secrets(), [&] { work(domain.get(), device_xml); });
    return Ended::done;
  }
  Subject subject{xml_of(domain.get(), 0), device_xml, {}};
  if (hears_stop) lifecycle.act_hears_stop();
  const auto ended = lifecycle.pass(*around, subject, [&] { work(domain.get(), subject.device_xml); });
  if (ended == Ended::done) lifecycle.finish();
  return ended;
}

}  // namespace

std::optional<std::string> device_of(virDomain* domain, const DeviceIdentity& wanted) {
  for (auto& device : device_elements(xml_of(domain, 0))) {
    const auto& has = device.identity;
    if (has.element != wanted.element) continue;
    const auto is_same = [](const std::string& a, const std::string& b) { return !a.empty() && a == b; };
    if (!wanted.mac.empty() ? wanted.mac == has.mac
                            : is_same(wanted.alias, has.alias) || is_same(wanted.target, has.target) || is_same(wanted.address, has.address))
      return std::move(device.xml);
  }
  return std::nullopt;
}

Ended attach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags) {
  return with_hooks(host, vm, vm_commands::kAttachDevice, device_xml, flags, [&](virDomain* domain, const std::string& left) {
    change(domain, &::virDomainAttachDeviceFlags, &::virDomainDetachDeviceFlags, device_xml, left, flags, "Failed to attach device");
  });
}

Ended detach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags, std::chrono::milliseconds wait) {
  const auto wanted = read_device_identity(device_xml);
  // Hooks get the device as it is in the VM; libvirt what the caller said.
  const auto current = [&] {
    const auto domain = host.find(vm);
    return is_active(domain.get()) ? device_of(domain.get(), wanted).value_or(device_xml) : device_xml;
  }();
  bool is_cancelled = false;
  const auto detach = [&](virDomain* domain, const std::string&) {
    if (::virDomainDetachDeviceFlags(domain, device_xml.c_str(), flags) != 0) throw LibvirtError("Failed to detach device");
    if (!affects_running(domain, flags)) return;
    // libvirt has only asked the guest.
    const auto end = std::chrono::steady_clock::now() + wait;
    while (is_active(domain) && device_of(domain, read_device_identity(current)).has_value()) {
      is_cancelled = host.stop.stop_requested();
      if (is_cancelled || std::chrono::steady_clock::now() >= end)
        throw Error(Errc::refused, "Failed to detach device\nthe guest has not let go of " + wanted.to_text() + " within " + to_text(wait));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  };
  try {
    return with_hooks(host, vm, vm_commands::kDetachDevice, current, flags, detach, true);
  } catch (const Error&) {
    if (!is_cancelled) throw;
    host.observer.on_note("the guest has been asked for " + wanted.to_text() + ", and may let go of it yet");
    return Ended::cancelled;
  }
}

Ended update_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags) {
  return with_hooks(host, vm, vm_commands::kUpdateDevice, device_xml, flags, [&](virDomain* domain, const std::string& left) {
    change(domain, &::virDomainUpdateDeviceFlags, nullptr, device_xml, left, flags, "Failed to update device");
  });
}

}  // namespace vdsm_hook
