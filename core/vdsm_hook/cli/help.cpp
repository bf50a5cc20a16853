#include "vdsm_hook/cli/help.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

// "-p, --property NAME=VALUE ..."
std::string left_column(const Argument& argument) {
  if (argument.is_positional()) return argument.name();
  auto text = joined(argument.names(), ", ");
  if (!argument.is_flag()) text += " " + argument.metavar();
  return argument.is_repeated() ? text + " ..." : text;
}

std::string usage_of(const Arguments& arguments) {
  std::string text = "Usage: " + arguments.name();
  for (const auto& argument : arguments.all())
    if (argument.is_positional()) text += argument.is_required() ? " " + argument.name() : " [" + argument.name() + "]";
  // What must be given is shown, whatever form it has.
  for (const auto& argument : arguments.all())
    if (!argument.is_positional() && argument.is_required()) text += " " + left_column(argument);
  return text + " [OPTION]...\n";
}

// The arguments in the order of their groups, positionals first.
std::vector<std::vector<const Argument*>> groups_of(const Arguments& arguments) {
  std::vector<std::vector<const Argument*>> groups(1);
  for (const auto& argument : arguments.all()) {
    auto group = groups.begin();
    if (!argument.is_positional())
      group = std::find_if(groups.begin() + 1, groups.end(),
                           [&](const auto& members) { return members[0]->group() == argument.group(); });
    if (group == groups.end()) group = groups.emplace(groups.end());
    group->push_back(&argument);
  }
  return groups;
}

std::string paragraphs_of(const Arguments::Note& note) {
  return note.title + (note.lines.empty() ? "" : "\n") + note.lines;
}

std::string indented(std::string text) {
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) text.insert(at + 1, "  ");
  return text;
}

template <typename Words>
boost::json::array array_of(const Words& words) {
  boost::json::array out;
  for (const auto& word : words) out.emplace_back(word);
  return out;
}

boost::json::value described(const Argument& argument) {
  return {{"names", array_of(argument.names())},
          {"is_positional", argument.is_positional()},
          {"is_required", argument.is_required()},
          {"is_repeated", argument.is_repeated()},
          {"metavar", argument.is_flag() ? boost::json::value(nullptr) : boost::json::value(argument.metavar())},
          {"kind", argument.kind()},
          {"choices", array_of(argument.choices())},
          {"about", argument.about()},
          {"group", argument.group()}};
}

std::string or_star(std::string_view word) { return word.empty() ? "*" : std::string(word); }

std::string line_of(const Argument& argument) {
  if (argument.is_flag()) return "flag " + joined(argument.names(), ",") + "\n";
  std::string text = argument.is_positional() ? "positional " : "option " + joined(argument.names(), ",") + " ";
  text += or_star(argument.kind());
  if (argument.is_positional()) {
    const auto* other = argument.gives_way_to();
    text += " " + argument.name() + " " + (other != nullptr ? other->name() : argument.is_repeated() ? "many" : "one");
  }
  for (const auto& choice : argument.choices()) text += " " + choice;
  return text + "\n";
}

std::string line_of(const std::vector<std::string>& combination) {
  std::string text = "combination";
  for (const auto& word : combination) text += " " + or_star(word);
  return text + "\n";
}

}  // namespace

std::string help_of(const Arguments& arguments) {
  const auto groups = groups_of(arguments);
  Table table;
  for (const auto& group : groups)
    for (const auto* argument : group) table.push_back({left_column(*argument), argument->about()});
  const auto lines = aligned(table, 2);
  std::string text = usage_of(arguments) + "\n" + folded(arguments.summary(), 0);
  auto line = lines.begin();
  for (const auto& group : groups) {
    if (group.empty()) continue;
    text += group[0]->group().empty() ? "\n" : "\n" + std::string(group[0]->group()) + ":\n";
    for (std::size_t i = 0; i < group.size(); ++i) text += *line++;
  }
  for (const auto& note : arguments.notes()) text += "\n" + paragraphs_of(note) + (note.lines.empty() ? "\n" : "");
  if (!arguments.examples().empty()) text += "\nExample:\n";
  for (const auto& example : arguments.examples()) text += "  " + indented(example) + "\n";
  if (!arguments.exit_codes().empty()) text += "\nExit code: " + arguments.exit_codes() + "\n";
  return text;
}

std::string help_of(const CommandGroup& group) {
  Table table;
  for (const auto& command : group.commands) table.push_back({std::string(command.name), std::string(command.summary)});
  const auto usage = std::string(group.name) + " " + std::string(group.metavar);
  std::string text = "Usage: " + usage + " [OPTION]...\n\n" + std::string(group.summary) + "\n\n";
  for (const auto& line : aligned(table, 2)) text += line;
  return text + "\n" + usage + " --help says more.\n";
}

std::optional<DescriptionForm> description_form(std::string_view word) {
  if (word == "--help=json") return DescriptionForm::json;
  if (word == "--help=lines") return DescriptionForm::lines;
  return std::nullopt;
}

std::string description_of(const Arguments& arguments, DescriptionForm form) {
  if (form == DescriptionForm::lines) {
    std::string text;
    for (const auto& argument : arguments.all()) text += line_of(argument);
    for (const auto& combination : arguments.combinations()) text += line_of(combination);
    return text;
  }
  boost::json::array all, notes;
  for (const auto& group : groups_of(arguments))
    for (const auto* argument : group) all.push_back(described(*argument));
  for (const auto& note : arguments.notes()) notes.push_back({{"title", note.title}, {"lines", note.lines}});
  return boost::json::serialize(boost::json::value{{"name", arguments.name()},
                                                   {"summary", arguments.summary()},
                                                   {"arguments", std::move(all)},
                                                   {"notes", std::move(notes)},
                                                   {"examples", array_of(arguments.examples())},
                                                   {"exit_codes", arguments.exit_codes()}}) +
         "\n";
}

std::string description_of(const CommandGroup& group, DescriptionForm form) {
  std::string lines;
  boost::json::array commands;
  for (const auto& command : group.commands) {
    lines += "command " + std::string(command.name) + "\n";
    commands.push_back({{"name", command.name}, {"summary", command.summary}});
  }
  if (form == DescriptionForm::lines) return lines;
  return boost::json::serialize(boost::json::value{{"name", group.name},
                                                   {"summary", group.summary},
                                                   {"metavar", group.metavar},
                                                   {"commands", std::move(commands)},
                                                   {"example", group.example}}) +
         "\n";
}

}  // namespace vdsm_hook::cli
