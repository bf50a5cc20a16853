#include "vdsm_hook/process/first_line.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kBlanks = " \t";

// The first word of REST, which is left with what stands behind it and the blanks there.
std::string_view take_word(std::string_view& rest) {
  const auto word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks, word.size()), rest.size()));
  return word;
}

}  // namespace

FirstLine first_line(const std::string& program) {
  FirstLine found;
  const UniqueFd fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char head[256];
  const auto count = fd ? ::read(fd.get(), head, sizeof head) : 0;
  std::string_view text(head, count > 0 ? static_cast<std::size_t>(count) : 0);
  found.is_elf = text.starts_with("\x7f" "ELF");
  found.is_plain_text = !text.empty() && !found.is_elf && !text.starts_with("#!");
  if (!text.starts_with("#!")) return found;
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
    const auto word = take_word(rest);
    if (!word.starts_with('-') && word.find('=') == std::string_view::npos) return std::string(word);
  }
  return std::nullopt;
}

}  // namespace vdsm_hook
