// The libvirt that the commands of `vdsm-hook vm` work with.
#pragma once

#include <stop_token>
#include <string>

#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/lifecycle.hpp"

namespace vdsm_hook {

/// A connection, and what a command needs besides. One thread uses it.
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

}  // namespace vdsm_hook
