// What several commands do. Inside core/vdsm_hook/libvirt only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/vm.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook {

/// The parameters of the hook points of a VM's end, when ENDING ends it.
Variables reason_of(const Phase& ending);

/// Throws LibvirtError.
bool is_active(virDomain* domain);
bool is_paused(virDomain* domain);

/// Finds VM, locks it for COMMAND, and has WORK done. What WORK leaves open is closed. Throws refused when it is not active: FAILURE are
/// virsh's words for what was not done.
Ended on_running_vm(const VmHost& host, const std::string& vm, const VmCommandFacts& command, const std::string& failure,
                    const std::function<Ended(virDomain* domain, Lifecycle& lifecycle)>& work);

/// Locks DOMAIN for COMMAND, which has no hook points, and has WORK done. What a command that was killed left stays as it is.
Ended locked(const VmHost& host, virDomain* domain, const VmCommandFacts& command, const std::function<void()>& work);

/// Has WORK done, whose LibvirtError is thrown on without SECRETS.
void hiding(const Secrets& secrets, const std::function<void()>& work);

/// While it lives, a request of STOP aborts the job that libvirt does on DOMAIN, also one that begins only then.
class AbortOnStop {
 public:
  AbortOnStop(virDomain* domain, const std::stop_token& stop);
  ~AbortOnStop();
  AbortOnStop(const AbortOnStop&) = delete;
  AbortOnStop& operator=(const AbortOnStop&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What WORK gives; cancelled where it throws because its job was aborted.
Ended unless_aborted(const VmHost& host, const std::function<Ended()>& work);

/// Throws refused when hooks undefined it: it would run and then be gone.
void check_still_defined(const VmHost& host, virDomain* domain, const std::string& failure);

/// The phases in which it is paused, or goes on. MAY_RUN: libvirt may have let it go on already, when it could not save it, or could not
/// restore it paused.
Ended pause(virDomain* domain, Lifecycle& lifecycle);
Ended go_on(virDomain* domain, Lifecycle& lifecycle, bool may_run = false);

/// The device of a running VM that WANTED is about, as it is there now.
std::optional<std::string> device_of(virDomain* domain, const DeviceIdentity& wanted);

/// What start does to a domain with a managed save image.
Ended restore_managed(const VmHost& host, Lifecycle& lifecycle, virDomain* domain, StartOptions& options);

}  // namespace vdsm_hook
