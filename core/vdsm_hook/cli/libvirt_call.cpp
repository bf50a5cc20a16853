// vdsm-hook libvirt-call DRIVER OBJECT OPERATION SUB_OPERATION EXTRA
#include <unistd.h>

#include <boost/filesystem/operations.hpp>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/interrupts.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/telling.hpp"
#include "vdsm_hook/libvirt_hooks/find_scripts.hpp"
#include "vdsm_hook/libvirt_hooks/scripts.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook::cli {
namespace {

// "  lxc  begin: prepare start started reconnect; end: stopped release".
std::string calls_in_words() {
  Table table;
  for (const auto& driver : libvirt_drivers()) {
    std::string text;
    std::vector<std::string_view> subs;
    for (const auto& operation : driver.operations)
      if (std::find(subs.begin(), subs.end(), operation.sub_operation) == subs.end())
        subs.push_back(operation.sub_operation);
    for (const auto sub : subs) {
      text += (text.empty() ? "" : "; ") + std::string(sub) + ":";
      for (const auto& operation : driver.operations)
        if (operation.sub_operation == sub) text += " " + std::string(operation.name);
    }
    table.push_back({std::string(driver.name), text});
  }
  std::string lines;
  for (const auto& line : aligned(table, 2)) lines += line;
  return lines;
}

void tell(const CallReport& report, bool is_verbose) {
  for (const auto& file : report.ignored)
    if (!file.is_problem()) complain("note: " + file.path + " does not run: " + reason_of(file));
  if (is_verbose) {
    for (const auto& script : report.scripts) {
      std::string line = script.path + ": ";
      if (script.ran) {
        line += "ran " + std::to_string(script.process.duration.count() / 1000) + " ms";
        line += script.changed ? ", changed the document" : "";
        if (script.failed) line += ", " + script.reason;
        if (const auto said = last_lines(script.process.err); !said.empty() && !script.failed) line += "\n" + said;
      } else {
        line += "skipped: " + script.reason;
      }
      complain(line);
    }
    if (report.scripts.empty()) complain("note: there is no script to run");
    if (report.survivors > 0)
      complain("note: scripts left " + std::to_string(report.survivors) + " process(es) running");
  }
  if (!report.error.empty()) complain(report.error);
}

}  // namespace

int libvirt_call_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook libvirt-call",
                      "Runs the scripts that libvirtd would run: DIR/DRIVER, then the executables of "
                      "DIR/DRIVER.d, with the four other words as their arguments and the document of "
                      "standard input as theirs. All run, even after one has failed. What they print is "
                      "used at migrate and restore alone: then the resulting domain XML goes to stdout.");
  arguments.note("Operations of each driver, by sub-operation:", calls_in_words());
  arguments.example("vdsm-hook libvirt-call qemu web-01 start begin - < tests/data/web-01.xml");
  arguments.exit_codes("0 done; 1 a script failed; 2 wrong use; 3 the engine could not do its work.");
  for (const auto& driver : libvirt_drivers())
    for (const auto& operation : driver.operations)
      arguments.combination(
          {std::string(driver.name), "", std::string(operation.name), std::string(operation.sub_operation)});
  LibvirtCall call;
  std::string hooks_dir, timeout;
  bool is_verbose = false;
  LocationOptions locations;
  arguments.positional("DRIVER", &call.driver, "daemon, qemu, lxc, libxl, bhyve or network").required();
  arguments.positional("OBJECT", &call.object, "name of the VM or network; - for the daemon").required();
  arguments.positional("OPERATION", &call.operation, "such as start").required();
  arguments.positional("SUB_OPERATION", &call.sub_operation, "begin, end or -").required();
  arguments.positional("EXTRA", &call.extra, "- where libvirt gives nothing").required();
  arguments.option("--timeout", &timeout, "DURATION", "deadline of each script: 500ms, 30s, 10min, 1h");
  arguments.flag("-v,--verbose", is_verbose, "say what each script did");
  arguments.option("--libvirt-hooks-dir", &hooks_dir, kDirectory, "instead of /etc/libvirt/hooks")
      .in_group("Locations");
  locations.add_engines_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto& operation = operation_of(call);
  auto settings = locations.load();
  if (!timeout.empty()) settings.deadline = read_timeout(timeout);
  hooks_dir = hooks_dir.empty() ? default_libvirt_hooks_dir() : boost::filesystem::absolute(hooks_dir).string();
  if (call.driver != "daemon") call.input = read_input("-", settings.max_payload_bytes);

  Interrupts interrupts;
  interrupts.watch();
  interrupts.waits_for(WaitsFor::hooks);
  const auto runner = make_helper_runner(settings.paths.helper);
  const auto report = call_libvirt_scripts(call, hooks_dir, settings, *runner, interrupts.token());
  interrupts.waits_for(WaitsFor::input);
  if (!report.is_cancelled) interrupts.die_if_caught();  // it came too late to stop a script

  tell(report, is_verbose);
  if (operation.filters && !report.failed) print(report.document);
  if (report.is_cancelled) interrupts.die_if_caught();
  return report.failed ? vetoed : done;
}

}  // namespace vdsm_hook::cli
