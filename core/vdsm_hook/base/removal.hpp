// Removing a directory with all that is in it.
#pragma once

#include <string>

#include "vdsm_hook/base/directory.hpp"

namespace vdsm_hook {

/// Removes what is in DIRECTORY, which is the caller's alone. Neither links nor mount points are gone into; what cannot
/// be removed stays. Any depth takes at most four descriptors and work that grows linearly with the number of entries.
/// Returns: nothing is left.
bool remove_contents(const Directory& directory);

/// remove_contents() of the directory NAME in PARENT when it belongs to the caller, then removes it. Returns: it is
/// gone.
bool remove_tree(const Directory& parent, const std::string& name);

}  // namespace vdsm_hook
