// vdsm-hook props validate
#include <utility>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/props.hpp"

namespace vdsm_hook::cli {
namespace {

using Problems = std::vector<PropertyProblem>;

std::string to_text(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem.text + "\n";
  return problems.empty() ? "all values are valid\n" : text;
}

}  // namespace

int props_validate_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props validate",
                      "Says whether values of custom properties, NAME=VALUE;NAME=VALUE, are what their "
                      "definitions allow, and if not, what was expected. Definitions that are given replace "
                      "all others.");
  arguments.example("vdsm-hook props validate --vm sap_agent=true");
  arguments.example(
      "vdsm-hook props validate --device interface 'speed=1000;duplex=full' \\\n  --device-definitions "
      "'{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}'");
  arguments.exit_codes("0 the values are valid; 1 they are not; 2 the definitions are refused, or wrong use.");
  std::string vm, vm_definitions, device_definitions;
  std::pair<std::string, std::string> device;  // type, values
  FormatOption format;
  LocationOptions locations;
  auto& of_vm = arguments.option("--vm", &vm, "TEXT", "the values of a VM").may_be_empty();  // no values
  auto& of_device = arguments.option("--device", &device, "TYPE TEXT", "the values of a device: interface, disk, ...")
                        .may_be_empty()
                        .excludes(of_vm);
  auto& for_vm = arguments.option("--vm-definitions", &vm_definitions, "TEXT",
                                  "NAME=REGEX;NAME=REGEX, as UserDefinedVMProperties");
  for_vm.may_be_empty().needs(of_vm);
  auto& for_device = arguments.option("--device-definitions", &device_definitions, "TEXT",
                                      "{type=TYPE;prop={NAME=REGEX}};..., as CustomDeviceProperties");
  for_device.may_be_empty().needs(of_device);
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  if (!of_vm.is_given() && !of_device.is_given())
    throw Error(Errc::wrong_use, "no values are given: --vm 'NAME=VALUE;...' or --device TYPE 'NAME=VALUE;...'");
  HostProperties host;
  if (for_vm.is_given()) {
    host.vm = parse_vm_definitions(vm_definitions, "--vm-definitions");
  } else if (for_device.is_given()) {
    host.device = parse_device_definitions(device_definitions, "--device-definitions");
  } else {
    const auto settings = locations.load();
    SidecarCache sidecars;
    host = find_host_properties(settings, read_store(settings), sidecars);
  }
  const auto problems =
      of_vm.is_given() ? validate(vm, host.vm) : validate_device(device.first, device.second, host.device);
  print(format.is_json() ? to_line({{"problems", to_json(problems)}}) : to_text(problems));
  return problems.empty() ? done : vetoed;
}

}  // namespace vdsm_hook::cli
