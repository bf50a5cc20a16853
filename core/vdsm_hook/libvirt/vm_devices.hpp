// The commands attach-device, detach-device and update-device.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook {

/// FLAGS are VIR_DOMAIN_AFFECT_*, here and below. Hook points fire where a running VM is affected.
Ended attach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags);
/// Waits as long as WAIT for the guest to let the device go.
Ended detach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags,
                    std::chrono::milliseconds wait);
Ended update_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags);

/// The device of a running VM that WANTED is about, as it is there now.
std::optional<std::string> device_of(virDomain* domain, const DeviceIdentity& wanted);

}  // namespace vdsm_hook
