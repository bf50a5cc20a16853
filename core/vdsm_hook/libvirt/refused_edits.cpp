#include "vdsm_hook/libvirt/refused_edits.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <set>

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

// The connection, the host, who may do what, and scripts. All others may be: libvirt says "internal error" of much.
bool may_be_about_a_document(int code) {
  constexpr int kOthers[] = {VIR_ERR_RPC,
                             VIR_ERR_SYSTEM_ERROR,
                             VIR_ERR_HOOK_SCRIPT_FAILED,
                             VIR_ERR_NO_MEMORY,
                             VIR_ERR_NO_CONNECT,
                             VIR_ERR_INVALID_CONN,
                             VIR_ERR_NO_DOMAIN,
                             VIR_ERR_AUTH_FAILED,
                             VIR_ERR_AUTH_CANCELLED,
                             VIR_ERR_AUTH_UNAVAILABLE,
                             VIR_ERR_ACCESS_DENIED,
                             VIR_ERR_OPERATION_DENIED,
                             VIR_ERR_OPERATION_TIMEOUT,
                             VIR_ERR_OPERATION_ABORTED};
  return std::find(std::begin(kOthers), std::end(kOthers), code) == std::end(kOthers);
}

}  // namespace

std::string hooks_behind(const std::string& error, int code, const std::vector<Edit>& edits) {
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
      if (end > at + 2 && added.find(error.substr(at + 1, end - at - 1)) != std::string::npos)
        suspects.insert(edit.hook);
      at = error.find('\'', end + 1);
    }
  }
  if (suspects.empty() && !may_be_about_a_document(code)) return "";
  const auto names = joined(suspects.empty() ? all : suspects, ", ");
  return suspects.empty() ? "the domain XML that libvirt refused was changed by " + names
                          : "what libvirt refuses was put into the domain XML by " + names;
}

}  // namespace vdsm_hook
