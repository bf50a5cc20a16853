// vdsm-hook vm attach-device, detach-device, update-device, set-vcpus, set-memory, set-password
#include <unistd.h>

#include <charconv>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"

namespace vdsm_hook::cli {
namespace {

int device_main(VmCommand& command, const std::string& success_text, int argc, char** argv,
                const std::function<Ended(const VmHost&, const std::string&, unsigned)>& work) {
  std::string file;
  AffectOptions affect;
  bool is_persistent = false;
  command.add_vm();
  command.arguments().positional(kFile, &file, "the XML of the device; - is stdin").required();
  command.uses("FILE", file, STDIN_FILENO);
  affect.add_to(command.arguments());
  command.arguments().flag("--persistent", is_persistent, "affect the definition, and a running VM, too");
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    auto flags = affect.flags();
    if (is_persistent) {
      const auto domain = host.find(command.vm());
      flags |= unsigned{VIR_DOMAIN_AFFECT_CONFIG} |
               (::virDomainIsActive(domain.get()) == 1 ? unsigned{VIR_DOMAIN_AFFECT_LIVE} : 0U);
    }
    success = success_text + "\n";
    return work(host, read_input(file, host.engine.settings().max_payload_bytes), flags);
  });
}

// "1048576" (KiB, as virsh has it), "1GiB", "512M".
std::uint64_t read_kib(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  struct Unit {
    std::string_view name;
    unsigned shift;  // from KiB
  };
  constexpr Unit kUnits[] = {{"", 0},   {"k", 0},    {"KiB", 0}, {"M", 10},  {"MiB", 10},
                             {"G", 20}, {"GiB", 20}, {"T", 30},  {"TiB", 30}};
  for (const auto& one : kUnits)
    if (error == std::errc() && number > 0 && unit == one.name && number <= (UINT64_MAX >> 10 >> one.shift))
      return number << one.shift;
  throw Error(Errc::wrong_use,
              "'" + printable(text.substr(0, 40)) + "' is no size of memory such as 1048576 (KiB), 512MiB or 4GiB");
}

unsigned read_count(const std::string& text) {
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0)
    throw Error(Errc::wrong_use, "'" + printable(text.substr(0, 40)) + "' is no number of virtual CPUs");
  return count;
}

}  // namespace

int vm_attach_device_main(int argc, char** argv) {
  VmCommand command(vm_commands::kAttachDevice, "web-01 nic.xml --live");
  return device_main(command, "Device attached successfully", argc, argv,
                     [&](const VmHost& host, const std::string& xml, unsigned flags) {
                       return attach_device(host, command.vm(), xml, flags);
                     });
}

int vm_detach_device_main(int argc, char** argv) {
  VmCommand command(vm_commands::kDetachDevice, "web-01 nic.xml --live");
  std::string wait = "20s";
  command.arguments().option("--wait", &wait, "DURATION", "for the guest to let the device go; 20s unless given");
  return device_main(command, "Device detached successfully", argc, argv,
                     [&](const VmHost& host, const std::string& xml, unsigned flags) {
                       const auto duration = parse_duration(wait);
                       if (!duration)
                         throw Error(Errc::wrong_use,
                                     "--wait '" + printable(wait) + "' is not a duration such as 500ms or 30s");
                       return detach_device(host, command.vm(), xml, flags, *duration);
                     });
}

int vm_update_device_main(int argc, char** argv) {
  VmCommand command(vm_commands::kUpdateDevice, "web-01 nic.xml --live");
  return device_main(command, "Device updated successfully", argc, argv,
                     [&](const VmHost& host, const std::string& xml, unsigned flags) {
                       return update_device(host, command.vm(), xml, flags);
                     });
}

int vm_set_vcpus_main(int argc, char** argv) {
  VmCommand command(vm_commands::kSetVcpus, "web-01 4 --live");
  std::string count;
  AffectOptions affect;
  bool is_maximum = false;
  command.add_vm();
  command.arguments().positional("COUNT", &count, "of virtual CPUs").required();
  affect.add_to(command.arguments());
  command.arguments().flag("--maximum", is_maximum, "set how many it may have at most, in its definition");
  return command.run(argc, argv, [&](const VmHost& host, std::string&) {
    static_assert(unsigned{VIR_DOMAIN_VCPU_LIVE} == unsigned{VIR_DOMAIN_AFFECT_LIVE});
    static_assert(unsigned{VIR_DOMAIN_VCPU_CONFIG} == unsigned{VIR_DOMAIN_AFFECT_CONFIG});
    return set_vcpus(host, command.vm(), read_count(count),
                     affect.flags() | (is_maximum ? unsigned{VIR_DOMAIN_VCPU_MAXIMUM} : 0U));
  });
}

int vm_set_memory_main(int argc, char** argv) {
  VmCommand command(vm_commands::kSetMemory, "web-01 2GiB --live");
  std::string size;
  AffectOptions affect;
  bool is_maximum = false;
  command.add_vm();
  command.arguments().positional("SIZE", &size, "in KiB, or with a unit: 512MiB, 4GiB").required();
  affect.add_to(command.arguments());
  command.arguments().flag("--maximum", is_maximum, "set how much it may have at most, in its definition");
  return command.run(argc, argv, [&](const VmHost& host, std::string&) {
    return set_memory(host, command.vm(), read_kib(size),
                      affect.flags() | (is_maximum ? unsigned{VIR_DOMAIN_MEM_MAXIMUM} : 0U));
  });
}

int vm_set_password_main(int argc, char** argv) {
  VmCommand command(vm_commands::kSetPassword, "web-01 --password-file secret --valid-for 2min --param userName=jane");
  auto& arguments = command.arguments();
  TicketOptions options;
  std::string file = "-", valid_for;
  std::vector<std::string> parameters;
  command.add_vm();
  command.uses("--password-file", file, STDIN_FILENO);
  arguments.option("--password-file", &file, kFileOrStream, "its first line is the password; stdin unless given");
  arguments.option("--type", &options.type, "", "of the console; the first unless given").one_of({"vnc", "spice"});
  arguments.option("--valid-for", &valid_for, "DURATION", "how long it opens the console; for ever unless given");
  arguments.option("--connected", &options.connected, "", "what becomes of a client that is connected")
      .one_of({"keep", "disconnect", "fail"});
  arguments.option("--param", &parameters, "NAME=VALUE", "parameter of the request, for hooks");
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    options.password = read_input(file, kMaxPasswordBytes);
    options.password.resize(std::min(options.password.find('\n'), options.password.size()));
    if (options.password.empty()) throw Error(Errc::wrong_use, "the password is empty");
    options.parameters = read_variables(parameters, "--param");
    if (!valid_for.empty()) {
      const auto duration = parse_duration(valid_for);
      if (!duration)
        throw Error(Errc::wrong_use,
                    "--valid-for '" + printable(valid_for) + "' is not a duration such as 30s or 2min");
      options.valid_for = std::chrono::ceil<std::chrono::seconds>(*duration);
    }
    success = "Password of domain " + in_quotes(command.vm()) + " set\n";
    return set_password(host, command.vm(), options);
  });
}

}  // namespace vdsm_hook::cli
