// vdsm-hook check
#include <boost/json/value.hpp>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/check/findings.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"

namespace vdsm_hook::cli {
namespace {

std::string to_text(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings.all) {
    // Faults in a sidecar begin with the file, for its line.
    const bool names_itself = finding.problem.starts_with(finding.path);
    text += (names_itself ? "" : finding.path + ": ") + finding.problem + "\n    " + finding.hint + "\n";
  }
  text += findings.all.empty() ? "nothing is wrong" : counted(findings.all.size(), "finding");
  return printable(text + ": looked at " + counted(findings.hooks, "hook") + " of " +
                   counted(findings.events, "event") + "\n");
}

boost::json::value to_json(const Findings& findings) {
  boost::json::array out;
  for (const auto& finding : findings.all)
    out.push_back({{"path", printable(finding.path)},
                   {"problem", printable(finding.problem)},
                   {"hint", printable(finding.hint)}});
  return {{"findings", std::move(out)}};
}

}  // namespace

int check_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook check",
                      "Looks at every file of every hooks directory and says what is wrong: files that do "
                      "not run, untrusted ones, faults in sidecars, missing or untrusted interpreters, "
                      "directories that are no hook point, wrong labels where SELinux is on. Then at custom "
                      "properties: definitions that no hook reads, patterns that no value matches and, in "
                      "vNIC profiles and the domains that are given, properties that nobody defines or "
                      "whose values are wrong. Starts no hook. Masked and overridden hooks are meant to be "
                      "so.");
  arguments.example("vdsm-hook check --hooks-dir " + Paths::system_hooks_dir());
  arguments.example("vdsm-hook check --domxml vm.xml");
  arguments.exit_codes("0 nothing is wrong; 1 there are findings; 2 wrong use; 3 the engine could not do its work.");
  FormatOption format;
  LocationOptions locations;
  std::string compat;
  FindingsRules rules;
  format.add_to(arguments);
  add_compat(arguments, compat);
  arguments.option("--domxml", &rules.domains, kFile, "a domain XML whose properties are looked at, too");
  arguments.flag("--adhoc", rules.adhoc, "a directory that is no hook point is an event, too");
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  rules.compat_vdsm = !compat.empty();
  rules.needs_all_layers = !locations.moved.hooks_dirs.empty();
  const auto findings = find_faults(locations.load(), rules);
  print(format.is_json() ? to_line(to_json(findings)) : to_text(findings));
  return findings.all.empty() ? done : vetoed;
}

}  // namespace vdsm_hook::cli
