// Whose change it is that libvirt refuses.
#pragma once

#include <string>
#include <vector>

namespace vdsm_hook {

/// A change that a hook made to the domain XML.
struct Edit {
  std::string hook;  ///< "before_vm_start/50_a"
  std::string diff;  ///< unified
};

/// A line that names the hooks which put in what the ERROR of libvirt's quotes; where it quotes nothing of theirs, all
/// of them. Empty: no EDITS, or nothing is quoted and CODE (virErrorNumber) is never about a document.
std::string hooks_behind(const std::string& error, int code, const std::vector<Edit>& edits);

}  // namespace vdsm_hook
