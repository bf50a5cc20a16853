// The directories of the outside contract, and where they were moved to.
#pragma once

#include <string>
#include <vector>

namespace vdsm_hook {

/// Where everything is. Every member can be moved by an option of the command, an environment variable (named behind
/// each) or the configuration, in that order of strength.
struct Paths {
  std::vector<std::string> hooks_dirs;  ///< layers, the later wins; VDSM_HOOK_HOOKS_DIR (separated by colons)
  std::string config_dir;               ///< VDSM_HOOK_CONFIG_DIR
  std::string runtime_dir;              ///< private payload directories live below; VDSM_HOOK_RUNTIME_DIR
  std::string launchflags_dir;          ///< DIR/VMID/launchflags, as vdsm's hooks know them; VDSM_HOOK_LAUNCHFLAGS_DIR
  std::string sdk_python_dir;           ///< holds hooking.py; VDSM_HOOK_SDK_DIR
  std::string sdk_shell_dir;            ///< holds hooking.sh
  std::string sdk_new_dir;              ///< holds the first versions of new hooks
  std::string libexec_dir;              ///< holds the programs that the command starts; VDSM_HOOK_LIBEXEC_DIR
  std::string helper;                   ///< runs one event's hooks for the library; in libexec_dir

  /// The installed places; for another user than root the hooks and the run-time files are that user's own
  /// ($XDG_CONFIG_HOME, $XDG_RUNTIME_DIR). Environment variables are not looked at but for these two.
  static Paths installed();
  /// The administrator's, whoever asks.
  static std::string system_config_dir();
  static std::string system_hooks_dir();
  /// As installed(), but where this program lies in a build tree or a staged installation (its bin/ has share/vdsm-hook
  /// beside it) what belongs to the program is taken from there.
  static Paths of_this_program();
  /// Lets the environment variables named above replace what they name.
  void apply_environment();
};

}  // namespace vdsm_hook
