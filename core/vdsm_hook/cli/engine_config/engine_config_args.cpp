#include "vdsm_hook/cli/engine_config/engine_config_args.hpp"

#include <algorithm>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook::cli {
namespace {

using Action = EngineConfigAction;

struct ActionWord {
  char brief;
  std::string_view full;
  Action action;
};
constexpr ActionWord kActionWords[] = {
    {'l', "--list", Action::list}, {'a', "--all", Action::all},     {'g', "--get", Action::get},
    {'s', "--set", Action::set},   {'m', "--merge", Action::merge}, {'d', "--diff", Action::diff},
};

// Options whose value says something here. --user, --admin-pass-file, --log-file and --log-level are as good as
// unknown.
struct ValueOption {
  char brief;  // 0: none
  std::string_view full;
  std::string EngineConfigArgs::*target;
  bool may_be_empty;
};
constexpr ValueOption kOptions[] = {
    {0, "--cver", &EngineConfigArgs::level, true},
    {'p', "--properties", &EngineConfigArgs::properties_file, false},
    {'c', "--config", &EngineConfigArgs::config_file, false},
    {0, "--config-dir", &EngineConfigArgs::config_dir, false},
};

bool is_help(std::string_view word) { return word == "-h" || word == "-help" || word == "--help"; }

// WORD is -BRIEF or FULL.
bool is(std::string_view word, char brief, std::string_view full) {
  return word == full || (word.size() == 2 && word[0] == '-' && word[1] == brief);
}
bool is_option(std::string_view word) { return word.starts_with('-'); }

constexpr std::string_view kGetWithKey = "--get=";  // no other action may have its key so

Action action_of(std::string_view word) {
  if (!is_option(word)) throw_wrong_use("First argument must be an action, and start with '-' or '--'");
  if (is(word, 'r', "--reload"))
    throw_wrong_use("There is nothing to reload: what is set holds from the next event on");
  if (word.starts_with(kGetWithKey)) return Action::get;
  const auto* found = std::find_if(std::begin(kActionWords), std::end(kActionWords),
                                   [word](const auto& row) { return is(word, row.brief, row.full); });
  if (found == std::end(kActionWords))
    throw_wrong_use("Action verb must come first, and '" + std::string(word) +
                    "' is not an action.\nPlease tell me what to do: list? get? set? get-all?");
  return found->action;
}

// The word behind the action, which is no option.
void take_second(std::string_view word, EngineConfigArgs& args) {
  const auto equals = word.find('=');
  if (args.action == Action::set || args.action == Action::merge) {
    if (equals == std::string_view::npos)
      throw_wrong_use("Argument for set/merge action must be in format of key=value.");
    args.key = word.substr(0, equals);
    args.value = word.substr(equals + 1);
    return;
  }
  if (args.action != Action::diff && equals != std::string_view::npos && equals + 1 < word.size())
    throw_wrong_use("Illegal second argument: " + std::string(word) + ".");
  if (args.action == Action::get && args.key.empty()) args.key = word.substr(0, equals);
}

}  // namespace

EngineConfigArgs parse_engine_config_args(std::span<const std::string_view> words) {
  EngineConfigArgs args;
  if (words.empty()) throw_wrong_use("Error: at least 1 argument needed for configuration utility to run.");
  if (std::any_of(words.begin(), words.end(), &is_help)) return args;
  args.action = action_of(words[0]);
  if (words[0].starts_with(kGetWithKey)) args.key = words[0].substr(kGetWithKey.size());

  std::size_t next = 1;
  if (words.size() > 1 && !is_option(words[1])) take_second(words[next++], args);
  while (next < words.size()) {
    const auto word = words[next++];
    if (!is_option(word)) continue;
    const auto name = word.substr(0, word.find('='));
    if (is(name, 'o', "--only-reloadable")) {
      args.is_only_reloadable = true;
      continue;
    }
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [name](const auto& row) { return is(name, row.brief, row.full); });
    const bool is_known = option != std::end(kOptions);
    const bool has_value = name.size() < word.size() || next < words.size();
    if (is_known && !has_value)
      throw_wrong_use("The option " + std::string(name) + " needs a value: " + std::string(name) + "=...");
    // An option that nobody knows takes the next word for its value, too.
    const auto value = name.size() < word.size() ? word.substr(name.size() + 1) : has_value ? words[next++] : word;
    if (!is_known) continue;
    if (value.empty() && !option->may_be_empty)
      throw_wrong_use("The value of the option " + std::string(name) + " is empty");
    args.*option->target = value;
  }
  return args;
}

std::string missing_in(const EngineConfigArgs& args) {
  if (args.action == Action::get && args.key.empty()) return "Missing key for get action.";
  const bool is_set = args.action == Action::set;
  if ((is_set || args.action == Action::merge) && (args.key.empty() || !args.value))
    return std::string("Missing key or value for ") + (is_set ? "set" : "merge") +
           " action, make sure arguments are in proper order.";
  return {};
}

}  // namespace vdsm_hook::cli
