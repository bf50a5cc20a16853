// Options that several commands have, and the forms of their values.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/payload_kind.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/process/environment.hpp"

namespace vdsm_hook::cli {

/// Options that say where things are, for every subcommand.
struct LocationOptions {
  Settings::Moved moved;

  void add_to(Arguments& arguments);
  /// Without --hooks-dir, for what has other scripts than hooks of vdsm's convention.
  void add_engines_to(Arguments& arguments);
  Settings load() const { return Settings::load(Paths::of_this_program(), moved); }
};

/// `--format text|json`.
struct FormatOption {
  std::string format = "text";

  void add_to(Arguments& arguments);
  bool is_json() const { return format == "json"; }
};

/// `--compat vdsm`.
void add_compat(Arguments& arguments, std::string& target);

/// NAME=VALUE words; OPTION says in errors how they were given. Throws wrong_use.
Variables read_variables(const std::vector<std::string>& words, const std::string& option);

/// The value of --timeout. Throws wrong_use.
std::chrono::milliseconds read_timeout(const std::string& text);

/// " --domxml FILE": how a document of KIND is given; empty: not at all.
std::string_view option_for(PayloadKind kind);

}  // namespace vdsm_hook::cli
