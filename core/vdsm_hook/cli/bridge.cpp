// vdsm-hook when libvirt calls it: DIR/DRIVER.d/50-vdsm-hook OBJECT OPERATION SUB_OPERATION EXTRA
#include <syslog.h>
#include <unistd.h>

#include <exception>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/bridge.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/interrupts.hpp"
#include "vdsm_hook/libvirt_hooks/bridge.hpp"
#include "vdsm_hook/libvirt_hooks/hidden_libvirt.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook::cli {
namespace {

using Level = BridgeResult::Level;

// libvirt shows stderr when the call fails; when it goes on, what hooks say is found in the journal only.
void tell(const LibvirtCall& call, Level level, const std::string& text) {
  const auto priority = level == Level::error ? LOG_ERR : level == Level::warning ? LOG_WARNING : LOG_INFO;
  const auto line = printable(call.driver + " " + call.object + " " + call.operation + ": " + text);
  ::syslog(priority, "%s", line.c_str());
  if (level != Level::info) complain(text);
}

// /etc/libvirt/hooks/qemu.d/50-vdsm-hook -> /etc/libvirt/hooks, qemu. Throws wrong_use.
std::pair<std::string, std::string> called_as(const std::string& program) {
  const auto directory = program.substr(0, std::min(program.rfind('/'), program.size()));
  const auto slash = directory.rfind('/');
  if (!program.starts_with('/') || slash == std::string::npos || !directory.ends_with(".d"))
    throw Error(Errc::wrong_use, "called as " + printable(program) +
                                     ", it does not know which driver of libvirt's calls it: it belongs into "
                                     "/etc/libvirt/hooks/DRIVER.d, where vdsm-hook libvirt-bridge install puts it");
  return {directory.substr(0, slash), directory.substr(slash + 1, directory.size() - slash - 3)};
}

int serve(const std::string& hooks_dir, LibvirtCall& call) {
  // libvirt ends a guest when its script for it fails.
  Interrupts interrupts([&call](WaitsFor) {
    tell(call, Level::warning, "warning: told to end before its work was done");
    if (never_fails(call)) ::_exit(done);
  });
  interrupts.watch();
  const auto paths = Paths::of_this_program();
  Settings settings;
  settings.paths = paths;
  bool is_configured = true;
  try {
    settings = Settings::load(paths, {});
  } catch (const Error& error) {
    if (!never_fails(call)) throw;
    is_configured = false;
    tell(call, Level::warning,
         std::string("warning: no hooks run, only the VM's own scripts, with the default settings: ") + error.what());
  }
  if (call.driver != "daemon") call.input = read_input("-", settings.max_payload_bytes);
  HiddenLibvirt libvirt;
  const auto waits_for_hooks = [&interrupts] { interrupts.waits_for(WaitsFor::hooks); };
  const Engine engine(std::move(settings),
                      {.runner = [&](int kept) { return waits_for_hooks(), make_helper_runner(paths.helper, kept); }});
  const auto hide_libvirt = [&] { waits_for_hooks(), libvirt.hide(::getppid()); };
  const BridgeHost host{hooks_dir, "/run/libvirt", hide_libvirt, [&libvirt] { libvirt.show(); }};
  const auto result =
      (is_configured ? &run_bridge : &run_bridge_without_events)(call, engine, host, interrupts.token());
  interrupts.waits_for(WaitsFor::input);
  for (const auto& line : result.lines) tell(call, line.level, line.text);
  print(result.output);
  return result.exit_code;
}

}  // namespace

int bridge_main(int argc, char** argv) {
  ::openlog("vdsm-hook", LOG_PID, LOG_DAEMON);
  LibvirtCall call;
  try {
    const auto [hooks_dir, driver] = called_as(argv[0]);
    if (argc != 5)
      throw Error(Errc::wrong_use,
                  "libvirt calls its hook scripts with four arguments, and these are " + std::to_string(argc - 1));
    call = {driver, argv[1], argv[2], argv[3], argv[4], {}};
    return serve(hooks_dir, call);
  } catch (const std::exception& error) {
    const bool is_refused = call.driver.empty() || must_refuse(call);
    tell(call, is_refused ? Level::error : Level::warning,
         (is_refused ? "error: " : "warning: ") + std::string(error.what()));
    return is_refused ? vetoed : done;
  }
}

}  // namespace vdsm_hook::cli
