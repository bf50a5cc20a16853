#include "vdsm_hook/libvirt/blame.hpp"

#include <algorithm>
#include <set>

namespace vdsm_hook {

std::string blame(const std::string& error, const std::vector<Edit>& edits) {
  if (edits.empty()) return "";
  // The words of the error that stand in what a hook put in.
  std::set<std::string> suspects, all;
  for (const auto& edit : edits) {
    all.insert(edit.hook);
    std::string added;
    for (std::size_t at = 0; at < edit.diff.size();) {
      const auto end = std::min(edit.diff.find('\n', at), edit.diff.size());
      if (edit.diff[at] == '+') added += edit.diff.substr(at, end - at) + "\n";
      at = end + 1;
    }
    for (std::size_t at = error.find('\''); at != std::string::npos;) {
      const auto end = error.find('\'', at + 1);
      if (end == std::string::npos) break;
      if (end > at + 2 && added.find(error.substr(at + 1, end - at - 1)) != std::string::npos) suspects.insert(edit.hook);
      at = error.find('\'', end + 1);
    }
  }
  std::string names;
  for (const auto& name : suspects.empty() ? all : suspects) names += (names.empty() ? "" : ", ") + name;
  return suspects.empty() ? "the domain XML that libvirt refused was changed by " + names : "what libvirt refuses was put into the domain XML by " + names;
}

}  // namespace vdsm_hook
