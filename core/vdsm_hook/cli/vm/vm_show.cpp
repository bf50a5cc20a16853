// vdsm-hook vm list, show, recover
#include <algorithm>
#include <boost/json/array.hpp>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"
#include "vdsm_hook/properties/devices.hpp"

namespace vdsm_hook::cli {
namespace {

std::string state_of(virDomain* domain) {
  int state = 0, why = 0;
  if (::virDomainGetState(domain, &state, &why, 0) != 0) throw LibvirtError("cannot tell the state of a domain");
  switch (state) {  // virsh's words
    case VIR_DOMAIN_RUNNING: return "running";
    case VIR_DOMAIN_BLOCKED: return "idle";
    case VIR_DOMAIN_PAUSED: return "paused";
    case VIR_DOMAIN_SHUTDOWN: return "in shutdown";
    case VIR_DOMAIN_SHUTOFF: return "shut off";
    case VIR_DOMAIN_CRASHED: return "crashed";
    case VIR_DOMAIN_PMSUSPENDED: return "pmsuspended";
    default: return "no state";
  }
}

}  // namespace

int vm_list_main(int argc, char** argv) {
  VmCommand command(vm_commands::kList, "--all");
  bool is_all = false, is_inactive = false, is_names = false;
  FormatOption format;
  command.arguments().flag("--all", is_all, "also those that do not run");
  command.arguments().flag("--inactive", is_inactive, "only those that do not run");
  command.arguments().flag("--name", is_names, "only the names, one a line");
  format.add_to(command.arguments());
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const unsigned flags = is_inactive ? unsigned{VIR_CONNECT_LIST_DOMAINS_INACTIVE}
                           : is_all    ? 0U
                                       : unsigned{VIR_CONNECT_LIST_DOMAINS_ACTIVE};
    Table table;
    boost::json::array json;
    if (!is_names) table.push_back({"NAME", "STATE", "UUID"});
    for (const auto& domain : domains_of(host.connection.get(), flags)) {
      const auto name = name_of(domain.get()), uuid = uuid_of(domain.get()), state = state_of(domain.get());
      table.push_back(is_names ? std::vector<std::string>{on_one_line(name)}
                               : std::vector<std::string>{on_one_line(name), state, uuid});
      json.push_back({{"name", printable(name)}, {"state", state}, {"uuid", uuid}});
    }
    if (format.is_json()) {
      success = to_line({{"vms", json}});
    } else {
      for (const auto& line : aligned(table, 0)) success += line;
    }
    return Ended::done;
  });
}

int vm_show_main(int argc, char** argv) {
  VmCommand command(vm_commands::kShow, "web-01");
  FormatOption format;
  command.add_vm();
  format.add_to(command.arguments());
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const auto domain = host.find(command.vm());
    const auto xml = xml_of(domain.get(), 0);
    const auto facts = read_domain_facts(xml);
    const auto uuid = uuid_of(domain.get());
    const VmDirectory directory(host.engine.settings().paths.runtime_dir, uuid);
    const auto run = VmJournal(directory).run_of(host.uuid());
    const bool is_held = run && VmLock::is_held(directory, host.uuid());
    boost::json::array properties, devices;
    for (const auto& [name, value] : facts.custom_properties)
      properties.push_back({{"name", printable(name)}, {"value", printable(value)}});
    for (const auto& device : device_elements(xml))
      if (has_properties(facts, device.identity)) devices.emplace_back(device.identity.to_text());
    const auto text = [&](const boost::json::value& value) {
      return value.is_null() ? std::string("-") : std::string(value.as_string());
    };
    const boost::json::value busy = is_held ? boost::json::value("vm " + run->command + ", process " +
                                                                 std::to_string(run->pid) + ", since " + run->since)
                                            : nullptr;
    const boost::json::value left =
        run && !is_held
            ? boost::json::value("vm " + run->command + ", since " + run->since + ": see vdsm-hook vm recover")
            : nullptr;
    const bool has_image = ::virDomainHasManagedSaveImage(domain.get(), 0) == 1;
    if (format.is_json()) {
      success = to_line({{"name", printable(name_of(domain.get()))},
                         {"uuid", uuid},
                         {"state", state_of(domain.get())},
                         {"is_persistent", ::virDomainIsPersistent(domain.get()) == 1},
                         {"has_managed_save", has_image},
                         {"properties", properties},
                         {"devices_with_properties", devices},
                         {"busy", busy},
                         {"left", left}});
      return Ended::done;
    }
    Table table{{"Name:", on_one_line(name_of(domain.get()))},
                {"UUID:", uuid},
                {"State:", state_of(domain.get())},
                {"Persistent:", ::virDomainIsPersistent(domain.get()) == 1 ? "yes" : "no"},
                {"Managed save:", has_image ? "yes" : "no"},
                {"Busy with:", text(busy)},
                {"Left behind:", text(left)}};
    for (const auto& property : properties)
      table.push_back({"Property:", std::string(property.at("name").as_string()) + " = " +
                                        std::string(property.at("value").as_string())});
    for (const auto& device : devices) table.push_back({"Properties of:", std::string(device.as_string())});
    for (const auto& line : aligned(table, 0)) success += line;
    return Ended::done;
  });
}

int vm_recover_main(int argc, char** argv) {
  VmCommand command(vm_commands::kRecover, "web-01");
  command.add_vm();
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    std::string what;
    const auto ended = recover_vm(host, command.vm(), what);
    success = what.empty() ? "Nothing was left of domain " + in_quotes(command.vm()) + "\n" : what + "\n";
    return ended;
  });
}

}  // namespace vdsm_hook::cli
