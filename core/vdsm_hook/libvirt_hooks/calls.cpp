#include "vdsm_hook/libvirt_hooks/calls.hpp"

#include <algorithm>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr LibvirtOperation kDaemon[] = {{"start", "-"}, {"reload", "begin"}, {"shutdown", "-"}};

constexpr LibvirtOperation kQemu[] = {{"prepare", "begin"},       {"start", "begin"},     {"started", "begin"},
                                      {"stopped", "end"},         {"release", "end"},     {"migrate", "begin", true},
                                      {"restore", "begin", true}, {"reconnect", "begin"}, {"attach", "begin"}};

constexpr LibvirtOperation kLxc[] = {{"prepare", "begin"}, {"start", "begin"}, {"started", "begin"},
                                     {"stopped", "end"},   {"release", "end"}, {"reconnect", "begin"}};

constexpr LibvirtOperation kLibxl[] = {{"prepare", "begin"},  {"start", "begin"}, {"started", "begin"},
                                       {"stopped", "end"},    {"release", "end"}, {"migrate", "begin", true},
                                       {"reconnect", "begin"}};

constexpr LibvirtOperation kBhyve[] = {
    {"prepare", "begin"}, {"start", "begin"}, {"started", "begin"}, {"stopped", "end"}, {"release", "end"}};

// plugged and unplugged are what the ports' operations were called before libvirt 6.
constexpr LibvirtOperation kNetwork[] = {{"start", "begin"},        {"started", "begin"},  {"stopped", "end"},
                                         {"port-created", "begin"}, {"updated", "begin"},  {"port-deleted", "begin"},
                                         {"plugged", "begin"},      {"unplugged", "begin"}};

constexpr LibvirtDriver kDrivers[] = {{"daemon", kDaemon}, {"qemu", kQemu},   {"lxc", kLxc},
                                      {"libxl", kLibxl},   {"bhyve", kBhyve}, {"network", kNetwork}};

// The element of TABLE with this NAME. Throws wrong_use: there is no WHAT of this name.
template <typename Table>
const auto& named(const Table& table, const std::string& name, const std::string& what) {
  std::vector<std::string_view> names;
  for (const auto& each : table) {
    if (each.name == name) return each;
    names.push_back(each.name);
  }
  throw Error(Errc::wrong_use, "libvirt has no " + what + " '" + printable(name.substr(0, 80)) + "'" +
                                   did_you_mean(name, names) + ", but " + joined(names, ", "));
}

}  // namespace

std::span<const LibvirtDriver> libvirt_drivers() { return kDrivers; }

const LibvirtOperation& operation_of(const LibvirtCall& call) {
  const auto& driver = named(kDrivers, call.driver, "driver");
  const auto& operation = named(driver.operations, call.operation, "operation of " + call.driver);
  if (operation.sub_operation != call.sub_operation)
    throw Error(Errc::wrong_use, "the operation " + call.operation + " of " + call.driver + " has the sub-operation '" +
                                     std::string(operation.sub_operation) + "', not '" +
                                     printable(call.sub_operation.substr(0, 80)) + "'");
  for (const auto* word : {&call.object, &call.extra})
    if (word->empty() || word->find('\0') != std::string::npos)
      throw Error(Errc::wrong_use,
                  "an argument of a call is empty or has a NUL in it: '-' stands for what there is not");
  return operation;
}

bool filters(const LibvirtCall& call) noexcept {
  for (const auto& driver : kDrivers)
    for (const auto& operation : driver.operations)
      if (driver.name == call.driver && operation.name == call.operation &&
          operation.sub_operation == call.sub_operation)
        return operation.filters;
  return false;
}

}  // namespace vdsm_hook
