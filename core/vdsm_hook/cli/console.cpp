#include "vdsm_hook/cli/console.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook::cli {
namespace {

// A name or a hook's words with a line end in it must not make up another message.
std::string with_own_mark(std::string_view text) {
  constexpr std::string_view kMark = "vdsm-hook: ";
  std::string lines(kMark);
  for (;;) {
    const auto end = std::min(text.find('\n'), text.size());
    lines += text.substr(0, end);
    if (end == text.size()) return lines;
    text.remove_prefix(end + 1);
    lines += text.starts_with(kMark) ? "\n  " : "\n";
  }
}

}  // namespace

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "standard output"); }

void complain(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  try {
    write_all(STDERR_FILENO, with_own_mark(printable(text)) + "\n", "standard error");
  } catch (const Error&) {  // nobody is left to tell
  }
}

}  // namespace vdsm_hook::cli
