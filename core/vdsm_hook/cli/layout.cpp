#include "vdsm_hook/cli/layout.hpp"

#include <algorithm>

namespace vdsm_hook::cli {
namespace {

constexpr std::size_t kLineWidth = 80;
constexpr std::size_t kWidestColumn = 64;  // a longer entry pushes the rest of its own line only

// Characters of TEXT, which is UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::vector<std::string> aligned(const Table& table, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : table)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      if (i + 1 == row.size()) continue;  // nothing follows that could be aligned
      if (const auto width = width_of(row[i]); width <= kWidestColumn) widths[i] = std::max(widths[i], width);
    }
  std::vector<std::string> lines;
  for (const auto& row : table) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      const auto width = width_of(row[i]);
      line.append(widths[i] > width ? widths[i] - width : 0, ' ');
      line += "  ";
    }
    line.resize(line.find_last_not_of(' ') + 1);
    lines.push_back(line + "\n");
  }
  return lines;
}

std::string folded(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto width = width_of(word);
    if (column > indent && column + 1 + width > kLineWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
  }
  return out + "\n";
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace vdsm_hook::cli
