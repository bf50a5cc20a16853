// What is wrong with the installed hooks.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "vdsm_hook/engine/settings.hpp"

namespace vdsm_hook::cli {

struct Finding {
  std::string path;
  std::string problem;
  std::string hint;  ///< what to do about it, one sentence
};

/// For so many names of each kind it is guessed what they mean: each guess looks at all that there are.
inline constexpr int kMaxGuesses = 10;

struct FindingsRules {
  bool compat_vdsm = false;          ///< upstream's rules: leftovers run, nobody looks at owners and modes
  bool adhoc = false;                ///< a directory that is no hook point is an event of its own
  bool needs_all_layers = false;     ///< a hooks directory that does not exist is a finding
  std::vector<std::string> domains;  ///< domain XML files whose properties are looked at, too
};

struct Findings {
  std::vector<Finding>
      all;                 ///< in the order of the hooks directories, then of the paths; those about properties behind
  std::size_t hooks = 0;   ///< that would be candidates
  std::size_t events = 0;  ///< that have any
};

/// Looks at every file of every hooks directory, their labels, the definitions of properties, and the domains. Starts
/// no hook. Does not throw for what it finds.
Findings find_faults(const Settings& settings, const FindingsRules& rules);

/// The part about SELinux, empty where it is off: files and directories of the hooks and the engine whose label is not
/// the one that the host's policy gives them. Starts matchpathcon(8), which reads the policy.
std::vector<Finding> find_wrong_labels(const Settings& settings);

/// The part about custom properties: definitions that no hook reads, patterns that no value matches, what is set in
/// vNIC profiles and the domains and nobody defines, or is wrong. What the store may define is not looked for when it
/// cannot be read.
std::vector<Finding> find_property_faults(const Settings& settings, const FindingsRules& rules);

}  // namespace vdsm_hook::cli
