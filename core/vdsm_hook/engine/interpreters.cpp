#include "vdsm_hook/engine/interpreters.hpp"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/process/environment.hpp"
#include "vdsm_hook/process/first_line.hpp"

namespace vdsm_hook {
namespace {

// PATH as from the working directory of hooks.
std::string absolute_name(const std::string& path) { return path.starts_with('/') ? path : "/" + path; }

// Calls LOOK for each directory of SEARCH_PATH until it returns true.
template <typename Look>
bool any_directory(std::string_view search_path, const Look& look) {
  for (std::size_t start = 0; start <= search_path.size();) {
    const auto end = std::min(search_path.find(':', start), search_path.size());
    if (look(absolute_name(std::string(search_path.substr(start, end - start))))) return true;
    start = end + 1;
  }
  return false;
}

}  // namespace

std::string hooks_search_path(const Settings& settings, bool inherits_caller) {
  EnvironmentParts parts;
  parts.inherits_caller = inherits_caller;
  parts.configured = settings.environment;
  for (const auto& entry : make_environment(parts))
    if (entry.starts_with("PATH=")) return entry.substr(5);
  return "";
}

std::optional<std::string> Interpreters::doubt(const std::string& program) {
  const auto line = first_line(program);
  if (line.is_plain_text) return doubt_of("/bin/sh");
  if (line.interpreter.empty()) return std::nullopt;
  if (auto why = doubt_of(absolute_name(line.interpreter))) return why;
  const auto wanted = program_for_env(line);
  if (!wanted) return std::nullopt;
  if (wanted->find('/') != std::string::npos) return doubt_of(absolute_name(*wanted));
  std::optional<std::string> why;
  any_directory(search_path_, [&](const std::string& directory) {
    const auto path = directory + "/" + *wanted;
    const bool is_found = may_execute(path);
    const auto [known, is_new] = known_.try_emplace(directory);
    if (is_new) known->second = trust_.doubt_way(directory, directory);
    why = known->second;
    if (!why && is_found) why = doubt_of(path);
    return is_found || why;
  });
  return why;
}

std::optional<std::string> Interpreters::doubt_of(const std::string& interpreter) {
  const auto [known, is_new] = known_.try_emplace(interpreter);
  if (!is_new) return known->second;
  // References to a map's elements stay when others come.
  auto& why = known->second;
  why = trust_.doubt_way(interpreter, interpreter);
  if (!why) why = doubt(interpreter);
  return why;
}

std::optional<std::string> Interpreters::env_obstacle(const std::string& program) const {
  const auto wanted = program_for_env(first_line(program));
  if (!wanted || wanted->find('/') != std::string::npos) return std::nullopt;
  if (any_directory(search_path_, [&](const std::string& directory) { return may_execute(directory + "/" + *wanted); }))
    return std::nullopt;
  return "the program " + printable(*wanted) + " that its first line asks env for is not in the hooks' PATH";
}

}  // namespace vdsm_hook
