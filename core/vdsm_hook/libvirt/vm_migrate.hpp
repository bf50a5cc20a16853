// The command migrate.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

struct MigrateOptions {
  std::string destination;                                      ///< a URI
  unsigned flags = 0;                                           ///< VIR_MIGRATE_*
  std::vector<std::pair<std::string, std::string>> parameters;  ///< VIR_MIGRATE_PARAM_* that are texts
};
Ended migrate_vm(const VmHost& host, const std::string& vm, const MigrateOptions& options);

}  // namespace vdsm_hook
