#include "vdsm_hook/process/first_line.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The first word of REST, which is left with what stands behind it and the blanks there.
std::string_view take_word(std::string_view& rest) {
  const auto word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks, word.size()), rest.size()));
  return word;
}

// What stands in one word with env's option -S, maybe behind others of one letter, or --split-string.
std::string_view split_string(std::string_view word) {
  constexpr std::string_view long_name = "--split-string=";
  if (word.starts_with(long_name)) return word.substr(long_name.size());
  if (!word.starts_with('-') || word.starts_with("--")) return "";
  const auto option = word.find_first_not_of("0iv", 1);
  return option != std::string_view::npos && word[option] == 'S' ? word.substr(option + 1) : "";
}

}  // namespace

// It runs in a child that has its parent's memory, where no sanitizer may keep books; so it calls nothing.
__attribute__((no_sanitize("address", "thread", "undefined"))) bool is_shell_text(const char* head,
                                                                                  std::size_t count) noexcept {
  const auto at = [&](std::size_t index) { return index < count ? static_cast<unsigned char>(head[index]) : 0U; };
  if (count == 0) return false;
  if ((at(0) == 0xff && at(1) == 0xfe) || (at(0) == 0xfe && at(1) == 0xff)) return false;  // UTF-16
  const std::size_t mark = at(0) == 0xef && at(1) == 0xbb && at(2) == 0xbf ? 3 : 0;
  if (at(mark) == '#' && at(mark + 1) == '!') return false;
  for (std::size_t index = 0; index < count && head[index] != '\n'; ++index)
    if (head[index] == '\0') return false;
  return true;
}

FirstLine first_line(const std::string& program) {
  FirstLine found;
  const UniqueFd fd = open_path(program, O_RDONLY | O_NONBLOCK).fd;
  char head[kFirstLineBytes];
  const auto count = fd ? ::read(fd.get(), head, sizeof head) : 0;
  std::string_view text(head, count > 0 ? static_cast<std::size_t>(count) : 0);
  found.is_elf = text.starts_with(
      "\x7f"
      "ELF");
  found.is_plain_text = !found.is_elf && is_shell_text(text.data(), text.size());
  found.is_utf16 = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
                   text.starts_with(std::string_view("#\0!", 3)) || text.starts_with(std::string_view("\0#\0!", 4));
  found.has_byte_order_mark = text.starts_with(kByteOrderMark) && text.substr(kByteOrderMark.size()).starts_with("#!");
  if (found.has_byte_order_mark) text.remove_prefix(kByteOrderMark.size());
  found.names_interpreter = text.starts_with("#!");
  if (!found.names_interpreter) return found;
  found.is_cut = static_cast<std::size_t>(count) == sizeof head && text.find('\n') == std::string_view::npos;
  text = text.substr(2, text.find('\n') - 2);
  found.ends_with_carriage_return = text.ends_with('\r');
  if (found.ends_with_carriage_return) text.remove_suffix(1);
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  found.interpreter = take_word(text);
  found.arguments = text;
  return found;
}

std::optional<std::string> program_for_env(const FirstLine& line) {
  if (!line.interpreter.ends_with("/env")) return std::nullopt;
  for (std::string_view rest = line.arguments; !rest.empty();) {
    auto word = take_word(rest);
    if (word == "-u" || word == "--unset" || word == "-C" || word == "--chdir") take_word(rest);
    if (const auto split = split_string(word); !split.empty()) word = split;
    if (word.starts_with('"') || word.starts_with('\'')) word = word.substr(1, word.find(word[0], 1) - 1);
    if (!word.empty() && !word.starts_with('-') && word.find('=') == std::string_view::npos) return std::string(word);
  }
  return std::nullopt;
}

}  // namespace vdsm_hook
