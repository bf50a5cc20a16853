// vdsm-hook run EVENT
#include <unistd.h>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/interrupts.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/request_options.hpp"
#include "vdsm_hook/cli/telling.hpp"

namespace vdsm_hook::cli {

int run_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook run",
                      "Runs the hooks of EVENT on a document. The document that they leave goes to stdout, "
                      "everything else to stderr.");
  arguments.example("vdsm-hook run before_vm_start --domxml vm.xml --property macspoof=true --diff --output new.xml");
  arguments.exit_codes("0 done; 1 vetoed, nothing was written; 2 wrong use; 3 the engine could not do its work.");
  RequestOptions options;
  std::string output, report_file;
  bool wants_diffs = false, is_quiet = false, is_verbose = false;
  options.add_to(arguments);
  arguments.option("--output", &output, kFile,
                   "where the resulting document goes instead of stdout; replaced atomically");
  arguments.option("--report", &report_file, kFileOrStream,
                   "where the report goes, as JSON; - is stdout and needs --output");
  arguments.flag("--diff", wants_diffs, "show what each hook changed");
  auto& quiet = arguments.flag("-q,--quiet", is_quiet, "only say what vetoes");
  arguments.flag("-v,--verbose", is_verbose, "say what each hook did").excludes(quiet);
  if (!arguments.parse(argc, argv)) return done;
  if (output == "-") output.clear();
  const GivenFile document{"--output", output.empty() ? "-" : output, STDOUT_FILENO},
      report_given{"--report", report_file, STDOUT_FILENO};
  if (report_file == "-" && output.empty())
    throw arguments.misuse("--report -: needs --output, or report and document would mix");
  auto report_spares = options.inputs();
  report_spares.push_back(document);
  refuse_same_file(arguments, report_given, report_spares);
  refuse_same_file(arguments, document, {options.domain_input()});

  const Engine engine(options.locations.load());
  for (const auto& file : {document, report_given})
    refuse_file_in_use(arguments, file, engine.settings().paths, options.event());
  auto request = options.request(engine.settings());
  request.wants_diffs = wants_diffs;
  Interrupts interrupts;
  request.before_hooks = [&interrupts] { interrupts.watch(), interrupts.waits_for(WaitsFor::hooks); };
  const auto report = engine.run(request, interrupts.token());
  interrupts.waits_for(WaitsFor::input);
  if (!report.is_cancelled) interrupts.die_if_caught();  // it came too late to stop a hook

  tell(report, is_quiet ? Verbosity::quiet : is_verbose ? Verbosity::verbose : Verbosity::normal, wants_diffs);
  if (report.vetoed) complain(report.event + " is vetoed: nothing was written");
  if (!report.vetoed && !report.is_cancelled && !report.document.empty()) {
    if (output.empty()) {
      print(report.document);
    } else {
      replace_file(output, report.document);
    }
  }
  if (report_file == "-") {
    print(to_line(to_json(report)));
  } else if (!report_file.empty()) {
    replace_file(report_file, to_line(to_json(report)));
  }
  if (report.is_cancelled) interrupts.die_if_caught();
  return report.vetoed ? vetoed : done;
}

}  // namespace vdsm_hook::cli
