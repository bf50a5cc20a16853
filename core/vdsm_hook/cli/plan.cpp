// vdsm-hook plan EVENT
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/request_options.hpp"
#include "vdsm_hook/cli/telling.hpp"

namespace vdsm_hook::cli {
namespace {

std::string to_text(const Plan& plan) {
  std::string out = plan.event + ": " + std::string(to_string(plan.rules.payload)) +
                    (plan.rules.result_used ? ", changes are used" : ", changes are not used") +
                    (plan.rules.vetoes ? ", a failure vetoes\n" : ", a failure is only reported\n");
  Table table;
  for (const auto& hook : plan.hooks) {
    table.push_back({hook.runs ? "run" : "skip", on_one_line(hook.name)});
    if (hook.runs) {
      table.back().push_back(hook.deadline ? "within " + vdsm_hook::to_text(*hook.deadline) : "no deadline");
      table.back().push_back("a failure: " + std::string(to_string(hook.on_failure)));
      table.back().push_back(on_one_line(hook.path));
    } else {
      table.back().push_back(on_one_line(hook.reason));
    }
  }
  for (const auto& line : aligned(table, 2)) out += line;
  if (plan.hooks.empty()) out += "  no hooks\n";
  for (const auto& file : plan.ignored) out += "  not run: " + on_one_line(file.path) + ": " + reason_of(file) + "\n";
  for (const auto& problem : plan.problems)
    out += std::string(problem.vetoes ? "  vetoes: " : "  problem: ") + problem.what + ": " + problem.why + "\n";
  for (const auto& note : plan.notes) out += "  note: " + note + "\n";
  return printable(out);
}

}  // namespace

int plan_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook plan",
                      "Shows which hooks would run at EVENT, in which order, and why the others would not. "
                      "Starts nothing.");
  arguments.example("vdsm-hook plan before_vm_start --domxml vm.xml --property macspoof=true");
  RequestOptions options;
  FormatOption format;
  options.add_to(arguments);
  format.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;
  const Engine engine(options.locations.load());
  const auto plan = engine.plan(options.request(engine.settings()));
  print(format.is_json() ? to_line(to_json(plan)) : to_text(plan));
  return done;
}

}  // namespace vdsm_hook::cli
