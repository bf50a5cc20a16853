// Hooks started by hand: every kind of Runner, and the fault hook in it.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "host.hpp"
#include "vdsm_hook/process/hook_process.hpp"
#include "vdsm_hook/process/local_runner.hpp"

namespace vdsm_hook::test {

/// "local" makes this process a subreaper for as long as the host lives.
inline const std::vector<std::string> kRunners{"local", "helper"};

inline std::unique_ptr<Runner> make_runner(const std::string& kind) {
  if (kind == "helper") return make_helper_runner(VDSM_HOOK_HELPER);
  return make_local_runner();
}

inline ProcessSpec spec(const Host& host, const std::string& name,
                        std::chrono::milliseconds deadline = std::chrono::seconds(30)) {
  return {host.hook("event", name), {"FAULT_DIR=" + host.root()}, deadline, std::chrono::milliseconds(200)};
}

inline std::vector<pid_t> pids_of(const std::vector<LeftProcess>& processes) {
  std::vector<pid_t> pids;
  for (const auto& process : processes) pids.push_back(process.pid);
  return pids;
}

inline ProcessOutcome run(Runner& runner, const Host& host, const std::string& name,
                          std::chrono::milliseconds deadline = std::chrono::seconds(30), std::stop_token stop = {}) {
  return runner.run(spec(host, name, deadline), std::move(stop));
}

}  // namespace vdsm_hook::test
