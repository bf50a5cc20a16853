// What a hook changed, for people.
#pragma once

#include <string>
#include <string_view>

namespace vdsm_hook {

/// The change from BEFORE to AFTER as a unified diff of lines, three lines of context, each line ended; empty when the
/// two are equal. Where either is longer than kMaxDiffBytes or kMaxDiffLines: one line that says so with both sizes.
/// Time and memory are bounded: of documents that have little in common the diff is right, but not the shortest.
std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace vdsm_hook
