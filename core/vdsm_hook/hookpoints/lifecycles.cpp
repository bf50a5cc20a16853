#include "vdsm_hook/hookpoints/lifecycles.hpp"

#include <algorithm>

namespace vdsm_hook {

#include "lifecycles.inc"

namespace {

bool has(EventNames words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

}  // namespace

const Phase* find_phase(std::string_view name) noexcept {
  for (const auto* one : kPhases)
    if (one->name == name) return one;
  return nullptr;
}

const Phase* phase_for_device(const VmCommandFacts& command, std::string_view type) noexcept {
  for (const auto* one : command.phases)
    if (has(one->devices, type)) return one;
  return nullptr;
}

std::span<const VmCommandFacts* const> vm_commands_in_order() noexcept { return kVmCommands; }

const BridgeRow* bridge_row(std::string_view driver, std::string_view operation, std::string_view sub_operation,
                            std::string_view seen) noexcept {
  for (const auto& row : kBridgeRows)
    if (has(row.drivers, driver) && row.operation == operation &&
        (row.sub_operation == "*" || row.sub_operation == sub_operation) && row.seen.value_or(seen) == seen)
      return &row;
  return nullptr;
}

}  // namespace vdsm_hook
