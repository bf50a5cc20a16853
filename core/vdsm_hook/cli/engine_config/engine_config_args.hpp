// The words of engine-config's command line, by the rules of oVirt's tool of that name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vdsm_hook::cli {

enum class EngineConfigAction { list, all, get, set, merge, diff, help };

struct EngineConfigArgs {
  EngineConfigAction action = EngineConfigAction::help;
  std::string key;                   ///< of get, set and merge; empty: not given
  std::optional<std::string> value;  ///< of set and merge
  std::string level;                 ///< --cver; empty: not given, as the others below
  std::string properties_file, config_file, config_dir;
  bool is_only_reloadable = false;
};

/// The action comes first, KEY or KEY=VALUE second, options behind them. -h, -help and --help win wherever they stand.
/// Throws wrong_use with oVirt's text. Source: oVirt; there --admin-pass-file makes of a KEY without '=' an empty
/// value, and an option at the end without its value is nothing.
EngineConfigArgs parse_engine_config_args(std::span<const std::string_view> words);

/// What the action cannot do without; empty: nothing is missing.
std::string missing_in(const EngineConfigArgs& args);

}  // namespace vdsm_hook::cli
