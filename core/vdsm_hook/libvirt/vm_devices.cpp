#include "vdsm_hook/libvirt/vm_devices.hpp"

#include <functional>
#include <thread>
#include <utility>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"

namespace vdsm_hook {
namespace {

bool affects_running(virDomain* domain, unsigned flags) {
  const bool is_current = (flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)) == VIR_DOMAIN_AFFECT_CURRENT;
  return (flags & VIR_DOMAIN_AFFECT_LIVE) != 0 || (is_current && is_active(domain));
}

struct Change {
  int (*make)(virDomain*, const char* xml, unsigned flags);
  // Takes out of the definition what was put there before the running VM refused; null: that cannot be done, it comes
  // last.
  int (*undo)(virDomain*, const char* xml, unsigned flags);
  std::string failure;  // virsh's words for it
};

// The running VM gets what hooks LEFT; its definition what was ASKED_FOR, since hooks see that again at the next start.
void apply(const Change& change, virDomain* domain, const std::string& asked_for, const std::string& left,
           unsigned flags) {
  const bool is_both = (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0 && left != asked_for;
  const auto to_definition = [&] { return change.make(domain, asked_for.c_str(), VIR_DOMAIN_AFFECT_CONFIG) == 0; };
  if (is_both && change.undo != nullptr && !to_definition()) throw LibvirtError(change.failure + " in the definition");
  if (change.make(domain, left.c_str(), is_both ? flags & ~unsigned{VIR_DOMAIN_AFFECT_CONFIG} : flags) != 0) {
    const LibvirtError error(change.failure);
    if (is_both && change.undo != nullptr) change.undo(domain, asked_for.c_str(), VIR_DOMAIN_AFFECT_CONFIG);
    throw error;
  }
  if (is_both && change.undo == nullptr && !to_definition())
    throw LibvirtError("the running VM was changed, its definition was not");
}

// One device of one VM, and what a command does to it.
struct DeviceWork {
  const VmCommandFacts& command;
  std::string device_xml;
  unsigned flags;
  std::function<void(virDomain*, const std::string& left)> ask;
  bool hears_stop = false;
};

Ended with_hooks(const VmHost& host, const std::string& vm, const DeviceWork& work) {
  const auto domain = host.find(vm);
  const auto* around = phase_for_device(work.command, read_device_identity(work.device_xml).type);
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, work.command);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), WhenLeft::refuse_start)) return lifecycle.ended();
  lifecycle.secrets().learn(work.device_xml);
  if (around == nullptr || !affects_running(domain.get(), work.flags)) {
    hiding(lifecycle.secrets(), [&] { work.ask(domain.get(), work.device_xml); });
    return Ended::done;
  }
  Subject subject{xml_of(domain.get(), 0), work.device_xml, {}};
  const auto ask = [&] { work.ask(domain.get(), subject.device_xml); };
  const auto ended = lifecycle.pass(*around, subject, {.ask = ask, .hears_stop = work.hears_stop});
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
                            : is_same(wanted.alias, has.alias) || is_same(wanted.target, has.target) ||
                                  is_same(wanted.address, has.address))
      return std::move(device.xml);
  }
  return std::nullopt;
}

Ended attach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags) {
  const Change attach{&::virDomainAttachDeviceFlags, &::virDomainDetachDeviceFlags, "Failed to attach device"};
  const auto ask = [&](virDomain* domain, const std::string& left) { apply(attach, domain, device_xml, left, flags); };
  return with_hooks(host, vm, {vm_commands::kAttachDevice, device_xml, flags, ask});
}

Ended detach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags,
                    std::chrono::milliseconds wait) {
  const auto wanted = read_device_identity(device_xml);
  // Hooks get the device as it is in the VM; libvirt what the caller said.
  const auto current = [&] {
    const auto domain = host.find(vm);
    return is_active(domain.get()) ? device_of(domain.get(), wanted).value_or(device_xml) : device_xml;
  }();
  bool is_cancelled = false;
  const auto detach = [&](virDomain* domain, const std::string&) {
    if (::virDomainDetachDeviceFlags(domain, device_xml.c_str(), flags) != 0)
      throw LibvirtError("Failed to detach device");
    if (!affects_running(domain, flags)) return;
    // libvirt has only asked the guest.
    const auto end = std::chrono::steady_clock::now() + wait;
    while (is_active(domain) && device_of(domain, read_device_identity(current)).has_value()) {
      is_cancelled = host.stop.stop_requested();
      if (is_cancelled || std::chrono::steady_clock::now() >= end)
        throw Error(Errc::refused, "Failed to detach device\nthe guest has not let go of " + wanted.to_text() +
                                       " within " + to_text(wait));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  };
  try {
    return with_hooks(host, vm, {vm_commands::kDetachDevice, current, flags, detach, true});
  } catch (const Error&) {
    if (!is_cancelled) throw;
    host.observer.on_note("the guest has been asked for " + wanted.to_text() + ", and may let go of it yet");
    return Ended::cancelled;
  }
}

Ended update_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags) {
  const Change update{&::virDomainUpdateDeviceFlags, nullptr, "Failed to update device"};
  const auto ask = [&](virDomain* domain, const std::string& left) { apply(update, domain, device_xml, left, flags); };
  return with_hooks(host, vm, {vm_commands::kUpdateDevice, device_xml, flags, ask});
}

}  // namespace vdsm_hook
