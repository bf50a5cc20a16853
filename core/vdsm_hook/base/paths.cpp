#include "vdsm_hook/base/paths.hpp"

#include <unistd.h>

#include <algorithm>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/own_variable.hpp"

namespace vdsm_hook {
namespace {

std::string environment(const char* name) { return own_variable(name).value_or(""); }

}  // namespace

std::string Paths::system_config_dir() { return VDSM_HOOK_SYSCONFDIR "/vdsm-hook"; }
std::string Paths::system_hooks_dir() { return VDSM_HOOK_SYSCONFDIR "/vdsm/hooks"; }

Paths Paths::installed() {
  Paths paths;
  paths.hooks_dirs = {VDSM_HOOK_VENDOR_HOOKS_DIR, system_hooks_dir()};
  paths.config_dir = system_config_dir();
  paths.runtime_dir = VDSM_HOOK_RUNSTATEDIR "/vdsm-hook";
  paths.launchflags_dir = VDSM_HOOK_RUNSTATEDIR "/vdsm";
  paths.sdk_python_dir = VDSM_HOOK_DATADIR "/python";
  paths.sdk_shell_dir = VDSM_HOOK_DATADIR "/shell";
  paths.sdk_new_dir = VDSM_HOOK_DATADIR "/new";
  paths.libexec_dir = VDSM_HOOK_LIBEXECDIR;
  paths.helper = paths.libexec_dir + "/run-helper";
  if (const auto uid = ::geteuid(); uid != 0) {
    if (std::string home = environment("XDG_CONFIG_HOME"); !home.empty() || !environment("HOME").empty()) {
      if (home.empty()) home = environment("HOME") + "/.config";
      paths.hooks_dirs.push_back(home + "/vdsm-hook/hooks");
      paths.config_dir = home + "/vdsm-hook";
    }
    const std::string runtime = environment("XDG_RUNTIME_DIR");
    paths.runtime_dir = runtime.empty() ? "/tmp/vdsm-hook-" + std::to_string(uid) : runtime + "/vdsm-hook";
    paths.launchflags_dir = paths.runtime_dir + "/launchflags";
  }
  return paths;
}

Paths Paths::of_this_program() {
  Paths paths = installed();
  std::string prefix = this_program();
  const auto go_up = [&prefix] { prefix.resize(std::min(prefix.rfind('/'), prefix.size())); };
  go_up();
  if (prefix.ends_with("/libexec/vdsm-hook")) go_up();
  go_up();
  if (prefix == VDSM_HOOK_PREFIX || !status_of(prefix + "/share/vdsm-hook/python")) return paths;
  paths.hooks_dirs[0] = prefix + "/libexec/vdsm/hooks";
  paths.sdk_python_dir = prefix + "/share/vdsm-hook/python";
  paths.sdk_shell_dir = prefix + "/share/vdsm-hook/shell";
  paths.sdk_new_dir = prefix + "/share/vdsm-hook/new";
  paths.libexec_dir = prefix + "/libexec/vdsm-hook";
  paths.helper = paths.libexec_dir + "/run-helper";
  return paths;
}

void Paths::apply_environment() {
  if (const auto dirs = environment("VDSM_HOOK_HOOKS_DIR"); !dirs.empty()) {
    std::vector<std::string> named;
    for (std::size_t start = 0; start <= dirs.size();) {
      const auto end = std::min(dirs.find(':', start), dirs.size());
      if (end > start) named.push_back(dirs.substr(start, end - start));
      start = end + 1;
    }
    if (!named.empty()) hooks_dirs = std::move(named);
  }
  if (auto dir = environment("VDSM_HOOK_CONFIG_DIR"); !dir.empty()) config_dir = dir;
  if (auto dir = environment("VDSM_HOOK_RUNTIME_DIR"); !dir.empty()) runtime_dir = dir;
  if (auto dir = environment("VDSM_HOOK_LAUNCHFLAGS_DIR"); !dir.empty()) launchflags_dir = dir;
  if (const auto dir = environment("VDSM_HOOK_LIBEXEC_DIR"); !dir.empty()) {
    libexec_dir = dir;
    helper = dir + "/run-helper";
  }
  if (auto dir = environment("VDSM_HOOK_SDK_DIR"); !dir.empty()) {
    sdk_python_dir = dir + "/python";
    sdk_shell_dir = dir + "/shell";
    sdk_new_dir = dir + "/new";
  }
}

}  // namespace vdsm_hook
