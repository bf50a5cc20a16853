// How a command line is read: CLI11 says which words belong to which argument, what they may be is judged here.
#include "vdsm_hook/cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/help.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

constexpr std::size_t kShownBytes = 80;  // of a word that is wrong

std::vector<std::string> split(std::string_view names) {
  const auto comma = names.find(',');
  if (comma == std::string_view::npos) return {std::string(names)};
  return {std::string(names.substr(0, comma)), std::string(names.substr(comma + 1))};
}

CLI::Option* add_to(CLI::App& app, const Argument& argument) {
  const auto names = joined(argument.names(), ",");
  if (argument.is_flag()) return app.add_flag(names);
  auto* option = app.add_option(names)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  if (argument.is_positional() && argument.is_repeated())
    return option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args();
  return option->type_size(argument.takes_two() ? 2 : 1);
}

}  // namespace

// ---- one argument

Argument::Argument(std::vector<std::string> names, Target target, Value value, std::string about)
    : names_(std::move(names)),
      target_(target),
      value_(value),
      about_(std::move(about)),
      group_(is_positional() ? "" : "Options") {}

Argument& Argument::required() { return is_required_ = true, *this; }
Argument& Argument::excludes(const Argument& other) { return excluded_.push_back(&other), *this; }
Argument& Argument::needs(const Argument& other) { return needed_.push_back(&other), *this; }
Argument& Argument::gives_way_to(const Argument& other) { return gives_way_to_ = &other, *this; }
Argument& Argument::in_group(std::string_view group) { return group_ = group, *this; }
Argument& Argument::may_be_empty() { return may_be_empty_ = true, *this; }
Argument& Argument::one_of(std::vector<std::string> choices) { return choices_ = std::move(choices), *this; }

std::string Argument::metavar() const {
  return choices_.empty() || is_positional() ? std::string(value_.metavar) : joined(choices_, "|");
}

void Argument::take(const std::vector<std::string>& words) {
  is_given_ = !words.empty();
  if (!is_given_) return;
  if (auto* const* flag = std::get_if<bool*>(&target_)) {
    if (!CLI::detail::lexical_cast(words.back(), **flag))
      throw_wrong_use(name() + " is given or not, and takes no '" + words.back().substr(0, kShownBytes) + "'");
    return;
  }
  for (const auto& word : words) {
    if (!choices_.empty() && std::find(choices_.begin(), choices_.end(), word) == choices_.end())
      throw_wrong_use(name() + ": '" + word.substr(0, kShownBytes) + "' is none of " + joined(choices_, "|") +
                      did_you_mean(word, {choices_.begin(), choices_.end()}));
    if (word.empty() && !may_be_empty_) throw_wrong_use(name() + ": the value is empty");
  }
  if (!is_repeated() && words.size() > (takes_two() ? 2 : 1)) throw_wrong_use(name() + " is given more than once");
  if (auto* const* text = std::get_if<std::string*>(&target_)) **text = words[0];
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&target_)) **list = words;
  if (auto* const* both = std::get_if<std::pair<std::string, std::string>*>(&target_)) **both = {words[0], words[1]};
}

void Argument::check_others() const {
  if (is_required_ && !is_given_) throw_wrong_use(name() + " is required");
  if (!is_given_) return;
  for (const auto* other : needed_)
    if (!other->is_given_) throw_wrong_use(name() + " requires " + other->name());
  for (const auto* other : excluded_)
    if (other->is_given_) throw_wrong_use(other->name() + " excludes " + name());
}

// ---- all of a command

Arguments::Arguments(std::string name, std::string summary) : name_(std::move(name)), summary_(std::move(summary)) {}

Argument& Arguments::add(std::vector<std::string> names, Argument::Target target, Value value, std::string about) {
  all_.push_back(Argument(std::move(names), target, value, std::move(about)));
  return all_.back();
}

Argument& Arguments::option(std::string_view names, Argument::Target target, Value value, std::string about) {
  return add(split(names), target, value, std::move(about));
}

Argument& Arguments::flag(std::string_view names, bool& target, std::string about) {
  return add(split(names), &target, "", std::move(about));
}

Argument& Arguments::positional(Value value, Argument::Target target, std::string about) {
  return add({std::string(value.metavar)}, target, value, std::move(about));
}

bool Arguments::parse(int argc, char** argv) {
  flag("-h,--help", wants_help_, "print this help");
  if (const auto form = argc > 1 ? description_form(argv[1]) : std::nullopt)
    return print(description_of(*this, *form)), false;
  try {
    read(argc, argv);
  } catch (const Error& error) {
    throw misuse(error.what());
  }
  if (wants_help_) print(help_of(*this));
  return !wants_help_;
}

void Arguments::read(int argc, char** argv) {
  CLI::App app;
  app.set_help_flag();  // ours is one of the arguments
  app.allow_extras();   // which are told after what is wrong with the others
  std::vector<CLI::Option*> options;
  for (const auto& argument : all_) options.push_back(add_to(app, argument));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ArgumentMismatch&) {
    throw_wrong_use(without_value(argc, argv));
  } catch (const CLI::ParseError& error) {
    throw_wrong_use(error.what());
  }
  for (std::size_t i = 0; i < options.size(); ++i) all_[i].take(options[i]->results());
  if (wants_help_) return;
  for (const auto& argument : all_) argument.check_others();
  auto extras = app.remaining();
  if (const auto mark = std::find(extras.begin(), extras.end(), "--"); mark != extras.end())
    extras.erase(mark);  // behind it are positionals
  if (!extras.empty()) throw_wrong_use(unexpected(extras[0]));
}

std::string Arguments::unexpected(const std::string& word) const {
  std::vector<std::string_view> names;
  for (const auto& argument : all_)
    if (argument.name().starts_with("--")) names.emplace_back(argument.name());
  return "'" + word.substr(0, kShownBytes) + "' is not expected here" +
         (word.starts_with('-') ? did_you_mean(word.substr(0, kShownBytes), names) : "");
}

// The command line ended behind the option that wants another word, of -vp the last.
std::string Arguments::without_value(int argc, char** argv) const {
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view word(argv[i]);
    const std::string name(word.starts_with("--")  ? word.substr(0, word.find('='))
                           : word.starts_with('-') ? "-" + std::string(1, word.back())
                                                   : "");
    for (const auto& argument : all_)
      if (!argument.is_flag() &&
          std::find(argument.names().begin(), argument.names().end(), name) != argument.names().end())
        return argument.name() + ": the value " + argument.metavar() + " is missing";
  }
  return "a value is missing";
}

Error Arguments::misuse(const std::string& why) const {
  return {Errc::wrong_use, why + "\n" + name_ + " --help says how it is used"};
}

}  // namespace vdsm_hook::cli
