// vdsm-hook vm save, managedsave, restore, migrate
#include <boost/filesystem/operations.hpp>

#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"

namespace vdsm_hook::cli {
namespace {

constexpr const char* kBypass = "do not fill the host's file cache";

unsigned bypass(bool is_set) { return is_set ? unsigned{VIR_DOMAIN_SAVE_BYPASS_CACHE} : 0U; }

struct MigrateFlag {
  const char* option;
  unsigned flag;
  const char* description;
};
constexpr MigrateFlag kMigrateFlags[] = {
    {"--live", VIR_MIGRATE_LIVE, "let the guest run while it is copied"},
    {"--p2p", VIR_MIGRATE_PEER2PEER, "let this host's libvirtd talk to the other's"},
    {"--tunnelled", VIR_MIGRATE_TUNNELLED, "through libvirt's own connection"},
    {"--persistent", VIR_MIGRATE_PERSIST_DEST, "define the VM on the other host"},
    {"--undefinesource", VIR_MIGRATE_UNDEFINE_SOURCE, "undefine it here"},
    {"--suspend", VIR_MIGRATE_PAUSED, "leave it paused there"},
    {"--copy-storage-all", VIR_MIGRATE_NON_SHARED_DISK, "copy its disks"},
    {"--copy-storage-inc", VIR_MIGRATE_NON_SHARED_INC, "copy what its disks have over their base images"},
    {"--change-protection", VIR_MIGRATE_CHANGE_PROTECTION, "let nobody change it meanwhile"},
    {"--unsafe", VIR_MIGRATE_UNSAFE, "also where its disks may come to harm"},
    {"--abort-on-error", VIR_MIGRATE_ABORT_ON_ERROR, "stop on soft errors"},
    {"--auto-converge", VIR_MIGRATE_AUTO_CONVERGE, "slow the guest down until it can be copied"},
    {"--postcopy", VIR_MIGRATE_POSTCOPY, "allow the switch to post-copy"},
    {"--tls", VIR_MIGRATE_TLS, "encrypt"},
};

int save_main(VmCommand& command, bool is_managed, int argc, char** argv) {
  std::string file;
  bool bypasses = false;
  command.add_vm();
  if (!is_managed)
    command.arguments().positional(kFile, &file, "where the memory goes; replaced if it is there").required();
  command.arguments().flag("--bypass-cache", bypasses, kBypass);
  command.uses("FILE", file);
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    success = is_managed ? "Domain " + in_quotes(command.vm()) + " state saved by libvirt\n"
                         : "Domain " + in_quotes(command.vm()) + " saved to " + file + "\n";
    return save_vm(host, command.vm(), file.empty() ? file : boost::filesystem::absolute(file).string(),
                   bypass(bypasses));
  });
}

}  // namespace

int vm_save_main(int argc, char** argv) {
  VmCommand command(vm_commands::kSave, "web-01 web-01.save");
  return save_main(command, false, argc, argv);
}

int vm_managedsave_main(int argc, char** argv) {
  VmCommand command(vm_commands::kManagedsave, "web-01");
  return save_main(command, true, argc, argv);
}

int vm_restore_main(int argc, char** argv) {
  VmCommand command(vm_commands::kRestore, "web-01.save");
  std::string file;
  RestoreOptions options;
  bool bypasses = false;
  command.arguments().positional(kFile, &file, "of save").required();
  command.uses("FILE", file);
  command.arguments().flag("--paused", options.stays_paused, "leave the VM paused");
  command.arguments().flag("--bypass-cache", bypasses, kBypass);
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    options.flags = bypass(bypasses);
    command.named() = file;
    success = "Domain restored from " + file + "\n";
    return restore_vm(host, boost::filesystem::absolute(file).string(), options);
  });
}

int vm_migrate_main(int argc, char** argv) {
  VmCommand command(vm_commands::kMigrate, "web-01 qemu+ssh://other/system --live --p2p --persistent");
  auto& arguments = command.arguments();
  MigrateOptions options;
  std::string migrate_uri, graphics_uri, listen_address, destination_name, xml, persistent_xml;
  bool is_set[std::size(kMigrateFlags)] = {};
  command.add_vm();
  arguments
      .positional("DESTURI", &options.destination,
                  "the other host's libvirt, as seen from here, with --p2p from this host's libvirtd")
      .required();
  for (std::size_t i = 0; i < std::size(kMigrateFlags); ++i)
    arguments.flag(kMigrateFlags[i].option, is_set[i], kMigrateFlags[i].description);
  arguments.option("--migrateuri", &migrate_uri, "URI", "the way of the memory");
  arguments.option("--graphicsuri", &graphics_uri, "URI", "where clients of the graphical console go");
  arguments.option("--listen-address", &listen_address, "ADDRESS", "where the other host listens");
  arguments.option("--dname", &destination_name, "NAME", "its name on the other host");
  arguments.option("--xml", &xml, kFile, "the domain XML for the other host");
  arguments.option("--persistent-xml", &persistent_xml, kFile, "the definition for the other host");
  command.uses("--xml", xml);
  command.uses("--persistent-xml", persistent_xml);
  return command.run(argc, argv, [&](const VmHost& host, std::string& success) {
    const auto max_bytes = host.engine.settings().max_payload_bytes;
    for (std::size_t i = 0; i < std::size(kMigrateFlags); ++i) options.flags |= is_set[i] ? kMigrateFlags[i].flag : 0U;
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) options.parameters.emplace_back(name, value);
    };
    add(VIR_MIGRATE_PARAM_URI, migrate_uri);
    add(VIR_MIGRATE_PARAM_GRAPHICS_URI, graphics_uri);
    add(VIR_MIGRATE_PARAM_LISTEN_ADDRESS, listen_address);
    add(VIR_MIGRATE_PARAM_DEST_NAME, destination_name);
    if (!xml.empty()) add(VIR_MIGRATE_PARAM_DEST_XML, read_input(xml, max_bytes));
    if (!persistent_xml.empty()) add(VIR_MIGRATE_PARAM_PERSIST_XML, read_input(persistent_xml, max_bytes));
    success = "Domain " + in_quotes(command.vm()) + " migrated to " + options.destination + "\n";
    return migrate_vm(host, command.vm(), options);
  });
}

}  // namespace vdsm_hook::cli
