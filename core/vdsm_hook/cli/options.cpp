#include "vdsm_hook/cli/options.hpp"

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"

namespace vdsm_hook::cli {

std::chrono::milliseconds read_timeout(const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration)
    throw_wrong_use("--timeout '" + printable(text) +
                    "' is not a duration such as 500ms, 30s, 10min or 1h (at most a week)");
  return *duration;
}

Variables read_variables(const std::vector<std::string>& words, const std::string& option) {
  Variables variables;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw_wrong_use(option + " '" + printable(word.substr(0, 80)) + "' is not NAME=VALUE");
    variables.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return variables;
}

void add_compat(Arguments& arguments, std::string& target) {
  arguments.option("--compat", &target, "", "do as oVirt's vdsm does").one_of({"vdsm"});
}

std::string_view option_for(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::none: return "";
    case PayloadKind::domain_xml: return " --domxml FILE";
    case PayloadKind::device_xml: return " --device-xml FILE";
    case PayloadKind::json: return " --json FILE";
  }
  return "";
}

void LocationOptions::add_to(Arguments& arguments) {
  arguments
      .option("--hooks-dir", &moved.hooks_dirs, kPlace,
              "hooks directory instead of the installed ones; of several the later wins")
      .in_group("Locations");
  add_engines_to(arguments);
}

void LocationOptions::add_engines_to(Arguments& arguments) {
  arguments.option("--config-dir", &moved.config_dir, kPlace, "instead of " + Paths::system_config_dir())
      .in_group("Locations");
  arguments.option("--runtime-dir", &moved.runtime_dir, kPlace, "instead of /run/vdsm-hook").in_group("Locations");
}

void FormatOption::add_to(Arguments& arguments) {
  arguments.option("--format", &format, "", "text unless given").one_of({"text", "json"});
}

}  // namespace vdsm_hook::cli
