// Commands below one word, and how the one is found that is asked for.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vdsm_hook::cli {

/// What a command does. ARGV[0] is its name; gives the exit code, may throw Error.
using CommandMain = int(int argc, char** argv);

struct Command {
  std::string_view name;
  std::string_view summary;
  CommandMain* main;
};

struct CommandGroup {
  std::string_view name;     ///< "vdsm-hook props"
  std::string_view summary;  ///< sentences
  std::string_view metavar;  ///< what help texts call one of them
  std::span<const Command> commands;
  std::string_view example = {};
};

/// Runs the command of ACTIONS that ARGV[1] names, and gives its exit code. Throws wrong_use when there is none.
int run_action(std::span<const Command> actions, const std::string& of, const std::string& summary, int argc,
               char** argv);

}  // namespace vdsm_hook::cli
