// The front of the command: finds the subcommand, turns errors into exit codes.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

constexpr Command kCommands[] = {
    {"run", "run the hooks of one event on a document", &run_main},
    {"plan", "show what run would do, and why", &plan_main},
    {"list", "show the installed hooks with their checksums", &list_main},
    {"points", "show the hook points: when they fire and what they carry", &points_main},
    {"check", "find what is wrong with the installed hooks", &check_main},
    {"props", "custom properties: define, show, set and check them", &props_main},
    {"new", "make the folder of a new hook", &new_main},
    {"libvirt-call", "run libvirt's own hook scripts as libvirtd does", &libvirt_call_main},
    {"libvirt-bridge", "make vdsm-hook one of libvirt's hook scripts", &libvirt_bridge_main},
};

std::string usage() {
  std::string text = "vdsm-hook: runs the hooks of virtualization events.\n\nUsage: vdsm-hook COMMAND [OPTION]...\n\n";
  Table table;
  for (const auto& command : kCommands) table.push_back({std::string(command.name), std::string(command.summary)});
  for (const auto& line : aligned(table, 2)) text += line;
  return text +
         "\nvdsm-hook COMMAND --help says more. Example:\n"
         "  vdsm-hook run before_vm_start --domxml vm.xml --property macspoof=true --diff\n";
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
  if (word == "--version") return print("vdsm-hook " VDSM_HOOK_VERSION "\n"), done;
  std::vector<std::string_view> names;
  for (const auto& command : kCommands) {
    if (word == command.name) return command.main(argc - 1, argv + 1);
    names.push_back(command.name);
  }
  if (word.empty()) {
    complain("no command was given; vdsm-hook --help lists them");
  } else {
    complain("there is no command '" + printable(word) + "'" + did_you_mean(word, names) + "; vdsm-hook --help lists them");
  }
  return wrong_use;
}

bool is_called(std::string_view name, int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "";
  return path.substr(path.rfind('/') + 1) == name;
}

// A descriptor that we open must never land on 0 to 2, where it would be taken for the caller's. To use one that the
// caller closed fails, as if it were closed still: a document must not vanish.
void fill_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

}  // namespace
}  // namespace vdsm_hook::cli

int main(int argc, char** argv) {
  using namespace vdsm_hook;
  using namespace vdsm_hook::cli;
  fill_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write() that print() names
  ::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not grow
  ::signal(SIGCHLD, SIG_DFL);  // ignored by the caller, it would take the hooks' exit codes away
  if (is_called(kBridgeName, argc, argv)) return bridge_main(argc, argv);
  if (is_called("engine-config", argc, argv)) return engine_config_main(argc, argv);
  try {
    return dispatch(argc, argv);
  } catch (const Error& error) {
    complain(error.what());
    const bool is_callers = error.code() == Errc::wrong_use || error.code() == Errc::bad_document;
    return is_callers ? wrong_use : engine_failure;
  } catch (const std::exception& error) {
    complain(std::string("internal error: ") + error.what());
    return engine_failure;
  }
}
