// What the subcommands of vdsm-hook share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/engine/engine.hpp"

namespace vdsm_hook::cli {

/// The exit codes of every subcommand.
enum ExitCode : int {
  done = 0,
  vetoed = 1,          ///< `check`: it found something; `props validate`: a value is wrong
  wrong_use = 2,
  engine_failure = 3,  ///< the engine could not do its work
};

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*main)(int argc, char** argv);  ///< ARGV[0] is the subcommand's name; may throw Error
};

int run_main(int argc, char** argv);
int plan_main(int argc, char** argv);
int list_main(int argc, char** argv);
int points_main(int argc, char** argv);
int check_main(int argc, char** argv);
int new_main(int argc, char** argv);
int props_main(int argc, char** argv);
int libvirt_call_main(int argc, char** argv);

int libvirt_bridge_main(int argc, char** argv);

/// The program when libvirt calls it by the link that `libvirt-bridge install` makes. Its exit codes: 0 libvirt goes on, 1 it
/// must not. Throws nothing.
inline constexpr std::string_view kBridgeName = "50-vdsm-hook";
int bridge_main(int argc, char** argv);

/// The program when it is called engine-config. Its exit codes: 0 done, 1 not. Throws nothing.
int engine_config_main(int argc, char** argv);

/// An option (or positional) with a value that --help calls TYPE; TARGET is a string or a vector of them, one value each
/// time it is given. An empty value is wrong use: it comes from a shell variable that was never set.
template <typename Target>
CLI::Option* add_value(CLI::App& app, const std::string& name, Target& target, const std::string& type,
                       const std::string& description) {
  auto* option = app.add_option(name, target, description)->type_name(type)->allow_extra_args(false);
  return option->check(CLI::Validator([](std::string& value) { return value.empty() ? "the value is empty" : std::string(); }, ""));
}
/// The same for one word of CHOICES.
CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& target,
                        const std::vector<std::string>& choices, const std::string& description);
/// `--compat vdsm`.
CLI::Option* add_compat(CLI::App& app, std::string& target);

/// Options that say where things are, for every subcommand.
struct LocationOptions {
  Settings::Moved moved;

  void add_to(CLI::App& app);
  /// Without --hooks-dir, for what has other scripts than hooks of vdsm's convention.
  void add_engines_to(CLI::App& app);
  Settings load() const { return Settings::load(Paths::of_this_program(), moved); }
};

/// NAME=VALUE words; OPTION says in errors how they were given. Throws wrong_use.
Variables read_variables(const std::vector<std::string>& words, const std::string& option);

/// The value of --timeout. Throws wrong_use.
std::chrono::milliseconds read_timeout(const std::string& text);

/// " --domxml FILE": how a document of KIND is given; empty: not at all.
std::string_view option_for(PayloadKind kind);

/// `--format text|json`.
struct FormatOption {
  std::string format = "text";

  void add_to(CLI::App& app);
  bool is_json() const { return format == "json"; }
};

/// The options of `run` and `plan` that make a request.
class RequestOptions {
 public:
  void add_to(CLI::App& app);
  /// Reads the documents. Throws wrong_use.
  Request request(const Settings& settings) const;
  const std::string& event() const { return event_; }
  /// The files that the request is read from, as they were given.
  std::vector<GivenFile> inputs() const;
  GivenFile domain_input() const;
  LocationOptions locations;

 private:
  std::string event_, domxml_, device_xml_, json_, domain_, vm_id_, on_error_, compat_, timeout_;
  std::vector<std::string> properties_, device_properties_, parameters_, skip_;
  bool adhoc_ = false;
};

/// What `--help` prints: usage, then options in aligned columns, group by group, then the footer.
std::string help_of(const CLI::App& app);

/// Parses and returns true, or returns false after `--help`. Throws misuse().
bool parse(CLI::App& app, int argc, char** argv);
/// Options that do not go together: wrong_use that says WHY, and how to get the help of APP.
Error misuse(const CLI::App& app, const std::string& why);

/// The content of the file NAME, which may be a pipe; "-" is stdin. Throws wrong_use, also for more than MAX_BYTES.
std::string read_input(const std::string& name, std::size_t max_bytes);

/// Writes TEXT to stdout. Throws engine_failure when it cannot (a full disk, a closed pipe).
void print(std::string_view text);
/// Writes "vdsm-hook: TEXT\n" to stderr, fit for a terminal.
void complain(std::string_view text);

}  // namespace vdsm_hook::cli
