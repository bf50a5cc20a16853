// The front of the command: finds the subcommand, turns errors into exit codes.
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/bridge.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/engine_config/engine_config.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/front.hpp"
#include "vdsm_hook/cli/help.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {

// Each is in its own file, and declared here, beside its row.
CommandMain run_main, plan_main, list_main, points_main, check_main, new_main, props_main, libvirt_call_main,
    libvirt_bridge_main;

namespace {

int vm_main(int argc, char** argv) { continue_with(kWithLibvirt, {"vm"}, argc, argv); }
int import_main(int argc, char** argv) { continue_with(kImporter, {}, argc, argv); }

constexpr Command kCommands[] = {
    {"run", "run the hooks of one event on a document", &run_main},
    {"plan", "show what run would do, and why", &plan_main},
    {"list", "show the installed hooks with their checksums", &list_main},
    {"points", "show the hook points: when they fire and what they carry", &points_main},
    {"check", "find what is wrong with the installed hooks", &check_main},
    {"vm", "start, stop, save, move and change VMs with their hooks", &vm_main},
    {"props", "custom properties: define, show, set and check them", &props_main},
    {"new", "make the folder of a new hook", &new_main},
    {"import", "make the folder of a hook from one of vdsm's tree", &import_main},
    {"libvirt-call", "run libvirt's own hook scripts as libvirtd does", &libvirt_call_main},
    {"libvirt-bridge", "make vdsm-hook one of libvirt's hook scripts", &libvirt_bridge_main},
};

constexpr CommandGroup kFront{"vdsm-hook", "runs the hooks of virtualization events.", "COMMAND", kCommands,
                              "vdsm-hook run before_vm_start --domxml vm.xml --property macspoof=true --diff"};

std::string usage() {
  std::string text =
      std::string(kFront.name) + ": " + std::string(kFront.summary) + "\n\nUsage: vdsm-hook COMMAND [OPTION]...\n\n";
  Table table;
  for (const auto& command : kCommands) table.push_back({std::string(command.name), std::string(command.summary)});
  for (const auto& line : aligned(table, 2)) text += line;
  return text + "\nvdsm-hook COMMAND --help says more. Example:\n  " + std::string(kFront.example) + "\n";
}

int dispatch(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "help" && argc > 2) {  // help A B: A B --help
    char help[] = "--help";
    std::vector<char*> asked{argv[0]};
    asked.insert(asked.end(), argv + 2, argv + argc);
    asked.push_back(help);
    asked.push_back(nullptr);
    return dispatch(argc, asked.data());
  }
  if (word == "--help" || word == "-h" || word == "help") return print(usage()), done;
  if (const auto form = description_form(word)) return print(description_of(kFront, *form)), done;
  if (word == "--version") return print("vdsm-hook " VDSM_HOOK_VERSION "\n"), done;
  std::vector<std::string_view> names;
  for (const auto& command : kCommands) {
    if (word == command.name) return command.main(argc - 1, argv + 1);
    names.push_back(command.name);
  }
  if (word.empty()) {
    complain("no command was given; vdsm-hook --help lists them");
  } else {
    complain("there is no command '" + printable(word) + "'" + did_you_mean(word, names) +
             "; vdsm-hook --help lists them");
  }
  return wrong_use;
}

}  // namespace
}  // namespace vdsm_hook::cli

int main(int argc, char** argv) {
  using namespace vdsm_hook;
  using namespace vdsm_hook::cli;
  if (is_called(kBridgeName, argc, argv)) return run_program([&] { return bridge_main(argc, argv); });
  if (is_called("engine-config", argc, argv)) return run_program([&] { return engine_config_main(argc, argv); });
  return run_program([&] { return dispatch(argc, argv); });
}
