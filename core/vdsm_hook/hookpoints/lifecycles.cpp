#include "vdsm_hook/hookpoints/lifecycles.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook {
namespace {

#include "lifecycles.inc"

bool has(EventNames words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

}  // namespace

const Phase* find_phase(std::string_view name) noexcept {
  for (const auto& one : kPhases)
    if (one.name == name) return &one;
  return nullptr;
}

const Phase& phase(std::string_view name) {
  if (const auto* found = find_phase(name)) return *found;
  throw Error(Errc::engine_failure, "lifecycles.toml has no phase " + std::string(name));
}

const Phase* phase_for_device(std::string_view command, std::string_view type) {
  for (const auto& facts : kVmCommands)
    for (const auto name : facts.name == command ? facts.phases : EventNames())
      if (const auto& one = phase(name); has(one.devices, type)) return &one;
  return nullptr;
}

std::span<const VmCommandFacts> vm_command_facts() noexcept { return kVmCommands; }

const BridgeRow* bridge_row(std::string_view driver, std::string_view operation, std::string_view sub_operation, std::string_view seen) noexcept {
  for (const auto& row : kBridgeRows)
    if (has(row.drivers, driver) && row.operation == operation && (row.sub_operation == "*" || row.sub_operation == sub_operation) &&
        row.seen.value_or(seen) == seen)
      return &row;
  return nullptr;
}

}  // namespace vdsm_hook
