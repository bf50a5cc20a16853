// What a hook finds in its environment.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vdsm_hook {

using Variables = std::vector<std::pair<std::string, std::string>>;  ///< in order; a later one replaces an earlier

/// The parts, weakest first; CONTRACT.md of the hook points tells authors the same.
struct EnvironmentParts {
  bool inherits_caller = false;  ///< start from this process's environment (vdsm's way) instead of from nothing
  Variables configured;          ///< [environment] of the configuration
  Variables parameters;          ///< of the call
  Variables device_properties;
  Variables vm_properties;
  std::string vm_id;        ///< empty: no vmId
  std::string python_path;  ///< directory of the module `hooking`
  Variables own;            ///< _hook_domxml, VDSM_HOOK_EVENT and the like: nothing replaces them
};

/// The NAME=VALUE list that exec takes, each name once.
std::vector<std::string> make_environment(const EnvironmentParts& parts);

}  // namespace vdsm_hook
