// The commands start and create.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

struct StartOptions {
  bool is_paused = false;
  bool forces_boot = false;  ///< discards a managed save image, once the hooks before the start have let it pass
  bool is_dry_run =
      false;  ///< hooks run, what would be started goes to `would_start`, and hooks take back what they did
  std::string would_start;  ///< a domain XML, without passwords
};
/// Starts a domain that is defined; one with a managed save image is restored.
Ended start_vm(const VmHost& host, const std::string& vm, StartOptions& options);
/// Starts what DOMAIN_XML says. NAME gets the name that it has.
Ended create_vm(const VmHost& host, const std::string& domain_xml, StartOptions& options, std::string& name);

}  // namespace vdsm_hook
