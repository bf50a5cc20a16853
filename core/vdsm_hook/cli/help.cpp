// --help, and words that no option takes: both from the options themselves.
#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

bool takes_several(const CLI::Option& option) { return option.get_expected_max() > 1; }

// "-p, --property NAME=VALUE ..."
std::string left_column(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string text;
  for (const auto& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  for (const auto& name : option.get_lnames()) text += (text.empty() ? "--" : ", --") + name;
  if (option.get_items_expected_max() > 0) text += " " + option.get_type_name();
  return takes_several(option) ? text + " ..." : text;
}

std::string usage(const CLI::App& app) {
  std::string text = "Usage: " + app.get_name();
  for (const auto* option : app.get_options())
    if (option->get_positional())
      text += option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]";
  // What must be given is shown, whatever form it has.
  for (const auto* option : app.get_options())
    if (!option->get_positional() && option->get_required()) text += " " + left_column(*option);
  return text + " [OPTION]...\n";
}

// False: --help was asked for, and printed. Throws CLI::ParseError.
bool parsed(CLI::App& app, int argc, char** argv) {
  app.set_help_flag("-h,--help", "print this help");
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    print(help_of(app));
    return false;
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    const auto at = text.find(": At Most 1 required");
    if (at == std::string::npos) throw;
    throw CLI::ParseError(text.substr(0, at) + " is given more than once", CLI::ExitCodes::ArgumentMismatch);
  } catch (const CLI::ExtrasError&) {
    const auto words = app.remaining();
    const std::string word = words.empty() ? std::string() : words[0].substr(0, 80);
    std::vector<std::string> names;
    for (const auto* option : app.get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    const auto near = word.starts_with("-") ? did_you_mean(word, {names.begin(), names.end()}) : std::string();
    throw CLI::ParseError("'" + word + "' is not expected here" + near, CLI::ExitCodes::ExtrasError);
  }
}

}  // namespace

std::string help_of(const CLI::App& app) {
  std::vector<std::string> groups{""};  // the positionals have none
  Table table;
  for (const auto* option : app.get_options()) {
    const auto group = option->get_positional() ? "" : option->get_group();
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    table.push_back({left_column(*option), option->get_description()});
  }
  const auto lines = aligned(table, 2);
  std::string text = usage(app) + "\n" + folded(app.get_description(), 0);
  for (const auto& group : groups) {
    std::string of_group;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto* option = app.get_options()[i];
      if ((option->get_positional() ? "" : option->get_group()) == group) of_group += lines[i];
    }
    if (!of_group.empty()) text += (group.empty() ? "\n" : "\n" + group + ":\n") + of_group;
  }
  return text + "\n" + app.get_footer() + "\n";
}

Error misuse(const CLI::App& app, const std::string& why) {
  return {Errc::wrong_use, why + "\n" + app.get_name() + " --help says how it is used"};
}

bool parse(CLI::App& app, int argc, char** argv) {
  try {
    return parsed(app, argc, argv);
  } catch (const CLI::ParseError& error) {
    throw misuse(app, error.what());
  }
}

}  // namespace vdsm_hook::cli
