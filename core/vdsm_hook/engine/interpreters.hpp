// What runs a hook that is a script: its interpreter, judged as the hook itself is.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "vdsm_hook/engine/settings.hpp"

namespace vdsm_hook {

/// The PATH that hooks get; INHERITS_CALLER: as under upstream's rules, where it is this process's.
std::string hooks_search_path(const Settings& settings, bool inherits_caller);

/// Looks at interpreters, each once: so it is made anew for each event. Not for two threads at once.
class Interpreters {
 public:
  Interpreters(const Trust& trust, std::string search_path) : trust_(trust), search_path_(std::move(search_path)) {}

  /// Why others could change what runs when the file PROGRAM is started: its interpreter (`/bin/sh` of a text without
  /// `#!`), that one's interpreter, and where env(1) looks for it, the directories of the search path up to the one
  /// that has it. A program itself is not judged. nullopt: they cannot. What is missing is no doubt.
  std::optional<std::string> doubt(const std::string& program);

  /// Why PROGRAM would not start although its interpreter is there: env(1) is to look for a program that the search
  /// path does not have. nullopt: nothing of the kind.
  std::optional<std::string> env_obstacle(const std::string& program) const;

 private:
  std::optional<std::string> doubt_of(const std::string& interpreter);

  const Trust& trust_;
  const std::string search_path_;
  std::map<std::string, std::optional<std::string>> known_;
};

}  // namespace vdsm_hook
