// The VMs of one libvirt, and what the commands of `vdsm-hook vm` do to them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/lifecycle.hpp"

namespace vdsm_hook {

/// A connection, and what a command needs besides. For one thread.
struct VmHost {
  ConnectionHandle connection;
  const Engine& engine;
  HookOptions hooks;
  LifecycleObserver& observer;
  std::stop_token stop;

  /// find_domain() and host_uuid_of() of the connection.
  DomainHandle find(const std::string& word) const;
  std::string uuid() const;
};

// Every function below throws LibvirtError with virsh's words for what it could not do, after hooks have been told; and
// what Lifecycle throws. Flags are libvirt's own, VIR_DOMAIN_*.

struct StartOptions {
  bool is_paused = false;
  bool forces_boot = false;   ///< discards a managed save image, once the hooks before the start have let it pass
  bool is_dry_run = false;    ///< hooks run, what would be started goes to `would_start`, and hooks take back what they did
  std::string would_start;    ///< a domain XML, without passwords
};
/// A persistent domain; with a managed save image that is restored.
Ended start_vm(const VmHost& host, const std::string& vm, StartOptions& options);
/// DOMAIN_XML, under the name that it has; NAME gets that.
Ended create_vm(const VmHost& host, const std::string& domain_xml, StartOptions& options, std::string& name);
Ended destroy_vm(const VmHost& host, const std::string& vm, unsigned flags);
/// FLAGS: VIR_DOMAIN_DEFINE_*. FAILURE: virsh's words. NAME gets the domain's, as soon as it is known.
Ended define_vm(const VmHost& host, const std::string& domain_xml, unsigned flags, const std::string& failure, std::string& name);
/// Of the guest it is only asked.
Ended shutdown_vm(const VmHost& host, const std::string& vm);
Ended reboot_vm(const VmHost& host, const std::string& vm);

Ended suspend_vm(const VmHost& host, const std::string& vm);
Ended resume_vm(const VmHost& host, const std::string& vm);

/// FILE: empty is libvirt's own place, for the next start. FLAGS: VIR_DOMAIN_SAVE_BYPASS_CACHE.
Ended save_vm(const VmHost& host, const std::string& vm, const std::string& file, unsigned flags);
struct RestoreOptions {
  bool stays_paused = false;
  unsigned flags = 0;  ///< VIR_DOMAIN_SAVE_BYPASS_CACHE
};
Ended restore_vm(const VmHost& host, const std::string& file, const RestoreOptions& options);

struct MigrateOptions {
  std::string destination;  ///< a URI
  unsigned flags = 0;       ///< VIR_MIGRATE_*
  std::vector<std::pair<std::string, std::string>> parameters;  ///< VIR_MIGRATE_PARAM_* that are texts
};
Ended migrate_vm(const VmHost& host, const std::string& vm, const MigrateOptions& options);

/// FLAGS: VIR_DOMAIN_AFFECT_*; hook points fire where a running VM is affected.
Ended attach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags);
/// WAIT: for the guest to let the device go.
Ended detach_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags, std::chrono::milliseconds wait);
Ended update_device(const VmHost& host, const std::string& vm, const std::string& device_xml, unsigned flags);

/// FLAGS: VIR_DOMAIN_VCPU_*.
Ended set_vcpus(const VmHost& host, const std::string& vm, unsigned count, unsigned flags);
/// FLAGS: VIR_DOMAIN_MEM_*.
Ended set_memory(const VmHost& host, const std::string& vm, std::uint64_t kib, unsigned flags);
struct TicketOptions {
  std::string type;      ///< of the graphical console: "vnc", "spice"; empty: the first that has a password or could have one
  std::string password;
  std::optional<std::chrono::seconds> valid_for;  ///< none: for ever
  std::string connected;  ///< "keep", "disconnect" or "fail"; empty: as it was
  Variables parameters;  ///< of the request, for hooks
};
Ended set_password(const VmHost& host, const std::string& vm, const TicketOptions& options);

/// What a killed command left is finished, or taken back by hooks. WHAT_WAS_DONE says which; empty: nothing was left.
Ended recover_vm(const VmHost& host, const std::string& vm, std::string& what_was_done);

}  // namespace vdsm_hook
