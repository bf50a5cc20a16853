// vdsm-hook vm start, create, define, destroy, shutdown, reboot, suspend, resume
#include <unistd.h>

#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"

namespace vdsm_hook::cli {
namespace {

void add_start_options(Arguments& arguments, StartOptions& options) {
  arguments.flag("--paused", options.is_paused, "leave the VM paused");
  arguments.flag("--dry-run", options.is_dry_run,
                 "run the hooks, print what would be started, start nothing, let hooks take it back");
}

std::string done_with(const StartOptions& options, const std::string& success) {
  return options.is_dry_run ? options.would_start : success;
}

std::string read_domain(const std::string& file, const VmHost& host) {
  return read_input(file, host.engine.settings().max_payload_bytes);
}

}  // namespace

int vm_start_main(int argc, char** argv) {
  VmCommand command(vm_commands::kStart, "web-01 --diff");
  StartOptions options;
  command.add_vm();
  add_start_options(command.arguments(), options);
  command.arguments().flag("--force-boot", options.forces_boot, "discard a managed save image");
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const auto ended = start_vm(host, command.vm(), options);
    success = done_with(options, "Domain " + in_quotes(command.vm()) + " started\n");
    return ended;
  });
}

int vm_create_main(int argc, char** argv) {
  VmCommand command(vm_commands::kCreate, "vm.xml");
  StartOptions options;
  std::string file;
  command.arguments().positional(kFile, &file, "the domain XML; - is stdin").required();
  command.uses("FILE", file, STDIN_FILENO);
  add_start_options(command.arguments(), options);
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const auto ended = create_vm(host, read_domain(file, host), options, command.named());
    success = done_with(options, "Domain " + in_quotes(command.vm()) + " created from " + file + "\n");
    return ended;
  });
}

int vm_define_main(int argc, char** argv) {
  VmCommand command(vm_commands::kDefine, "vm.xml");
  std::string file;
  bool validates = false;
  command.arguments().positional(kFile, &file, "the domain XML; - is stdin").required();
  command.uses("FILE", file, STDIN_FILENO);
  command.arguments().flag("--validate", validates, "validate it against libvirt's schema");
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const auto flags = validates ? unsigned{VIR_DOMAIN_DEFINE_VALIDATE} : 0U;
    const auto ended =
        define_vm(host, read_domain(file, host), flags, "Failed to define domain from " + file, command.named());
    success = "Domain " + in_quotes(command.vm()) + " defined from " + file + "\n";
    return ended;
  });
}

int vm_destroy_main(int argc, char** argv) {
  VmCommand command(vm_commands::kDestroy, "web-01");
  bool is_graceful = false;
  command.add_vm();
  command.arguments().flag("--graceful", is_graceful, "do not kill a guest that does not end by itself");
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = "Domain " + in_quotes(command.vm()) + " destroyed\n";
    return destroy_vm(host, command.vm(), is_graceful ? unsigned{VIR_DOMAIN_DESTROY_GRACEFUL} : 0U);
  });
}

int vm_shutdown_main(int argc, char** argv) {
  VmCommand command(vm_commands::kShutdown, "web-01");
  command.add_vm();
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = "Domain " + in_quotes(command.vm()) + " is being shutdown\n";
    return shutdown_vm(host, command.vm());
  });
}

int vm_reboot_main(int argc, char** argv) {
  VmCommand command(vm_commands::kReboot, "web-01");
  command.add_vm();
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = "Domain " + in_quotes(command.vm()) + " is being rebooted\n";
    return reboot_vm(host, command.vm());
  });
}

int vm_suspend_main(int argc, char** argv) {
  VmCommand command(vm_commands::kSuspend, "web-01");
  command.add_vm();
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = "Domain " + in_quotes(command.vm()) + " suspended\n";
    return suspend_vm(host, command.vm());
  });
}

int vm_resume_main(int argc, char** argv) {
  VmCommand command(vm_commands::kResume, "web-01");
  command.add_vm();
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = "Domain " + in_quotes(command.vm()) + " resumed\n";
    return resume_vm(host, command.vm());
  });
}

}  // namespace vdsm_hook::cli
