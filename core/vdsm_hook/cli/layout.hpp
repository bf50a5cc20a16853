// Text for people: columns and paragraphs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vdsm_hook::cli {

using Table = std::vector<std::vector<std::string>>;

/// One line for each row of TABLE, its columns aligned, two blanks between them, INDENT in front. No blanks at line
/// ends.
std::vector<std::string> aligned(const Table& table, std::size_t indent);
/// TEXT as lines of at most 80 columns where its words let it be so, INDENT in front of all but the first.
std::string folded(std::string_view text, std::size_t indent);
/// "1 hook", "2 hooks".
std::string counted(std::size_t count, const std::string& what);

}  // namespace vdsm_hook::cli
