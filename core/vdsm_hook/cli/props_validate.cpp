// vdsm-hook props validate
#include <utility>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/props.hpp"

namespace vdsm_hook::cli {
namespace {

using Problems = std::vector<PropertyProblem>;

std::string to_text(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem.text + "\n";
  return problems.empty() ? "all values are valid\n" : text;
}

// An option whose value may be empty: no values, no definitions.
template <typename Target>
CLI::Option* add_text(CLI::App& app, const std::string& name, Target& target, const std::string& type,
                      const std::string& description) {
  return app.add_option(name, target, description)->type_name(type)->allow_extra_args(false);
}

}  // namespace

int props_validate_main(int argc, char** argv) {
  CLI::App app("Says whether values of custom properties, NAME=VALUE;NAME=VALUE, are what their definitions allow, and if "
               "not, what was expected. Definitions that are given replace all others.", "vdsm-hook props validate");
  app.footer("Example:\n  vdsm-hook props validate --vm sap_agent=true\n"
             "  vdsm-hook props validate --device interface 'speed=1000;duplex=full' \\\n"
             "    --device-definitions '{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}'\n\n"
             "Exit code: 0 the values are valid; 1 they are not; 2 the definitions are refused, or wrong use.");
  std::string vm, vm_definitions, device_definitions;
  std::pair<std::string, std::string> device;  // type, values
  FormatOption format;
  LocationOptions locations;
  auto* of_vm = add_text(app, "--vm", vm, "TEXT", "the values of a VM");
  auto* of_device = add_text(app, "--device", device, "TYPE TEXT", "the values of a device: interface, disk, ...")->excludes(of_vm);
  auto* for_vm = add_text(app, "--vm-definitions", vm_definitions, "TEXT", "NAME=REGEX;NAME=REGEX, as UserDefinedVMProperties")->needs(of_vm);
  auto* for_device = add_text(app, "--device-definitions", device_definitions, "TEXT",
                              "{type=TYPE;prop={NAME=REGEX}};..., as CustomDeviceProperties")->needs(of_device);
  format.add_to(app);
  locations.add_to(app);
  if (!parse(app, argc, argv)) return done;

  if (of_vm->count() + of_device->count() == 0)
    throw Error(Errc::wrong_use, "no values are given: --vm 'NAME=VALUE;...' or --device TYPE 'NAME=VALUE;...'");
  HostProperties host;
  if (for_vm->count() > 0) {
    host.vm = parse_vm_definitions(vm_definitions, "--vm-definitions");
  } else if (for_device->count() > 0) {
    host.device = parse_device_definitions(device_definitions, "--device-definitions");
  } else {
    const auto settings = locations.load();
    SidecarCache sidecars;
    host = find_host_properties(settings, read_store(settings), sidecars);
  }
  const auto problems = of_vm->count() > 0 ? validate(vm, host.vm) : validate_device(device.first, device.second, host.device);
  print(format.is_json() ? to_line({{"problems", to_json(problems)}}) : to_text(problems));
  return problems.empty() ? done : vetoed;
}

}  // namespace vdsm_hook::cli
