// The command restore, also as what start does to a VM with a managed save image.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

struct RestoreOptions {
  bool stays_paused = false;
  unsigned flags = 0;  ///< VIR_DOMAIN_SAVE_BYPASS_CACHE
};
Ended restore_vm(const VmHost& host, const std::string& file, const RestoreOptions& options);

/// What start does to a domain with a managed save image.
Ended restore_managed(const VmHost& host, Lifecycle& lifecycle, virDomain* domain, bool stays_paused);
/// The domain XML that is restored then.
std::string xml_of_managed_image(virDomain* domain);

}  // namespace vdsm_hook
