#include "vdsm_hook/payload/diff.hpp"

#include <dtl/dtl.hpp>
#include <sstream>
#include <vector>

#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook {
namespace {

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    found.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  if (before == after) return {};
  if (before.size() > kMaxDiffBytes || after.size() > kMaxDiffBytes)
    return "(too large to compare line by line: " + std::to_string(before.size()) + " bytes before, " +
           std::to_string(after.size()) + " after)\n";
  dtl::Diff<std::string> diff(lines(before), lines(after));
  diff.compose();
  diff.composeUnifiedHunks();
  std::ostringstream out;
  diff.printUnifiedFormat(out);
  if (out.str().empty()) return "(only the line end at the end of the document changed)\n";
  return out.str();
}

}  // namespace vdsm_hook
