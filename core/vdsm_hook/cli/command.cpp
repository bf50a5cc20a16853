#include "vdsm_hook/cli/command.hpp"

#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/help.hpp"

namespace vdsm_hook::cli {

int run_action(std::span<const Command> actions, const std::string& of, const std::string& summary, int argc,
               char** argv) {
  const CommandGroup group{of, summary, "ACTION", actions};
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h") return print(help_of(group)), done;
  if (const auto form = description_form(word)) return print(description_of(group, *form)), done;
  std::vector<std::string_view> names;
  for (const auto& action : actions) {
    if (word == action.name) return action.main(argc - 1, argv + 1);
    names.push_back(action.name);
  }
  throw Error(Errc::wrong_use, (word.empty() ? "no action was given"
                                             : "there is no action '" + printable(word.substr(0, 80)) + "'" +
                                                   did_you_mean(word, names)) +
                                   "; " + of + " --help lists them");
}

}  // namespace vdsm_hook::cli
