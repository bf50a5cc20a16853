// The first line of a program, in which a script names what runs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace vdsm_hook {

/// Of a file Linux looks for the #! line and its end in so many bytes.
inline constexpr std::size_t kFirstLineBytes = 256;

struct FirstLine {
  bool is_elf = false;
  bool is_plain_text =
      false;  ///< what sh is given to run: neither machine code nor a script that names its interpreter
  bool is_utf16 = false;
  bool names_interpreter = false;    ///< it begins with #!, or with a byte order mark and #!
  bool has_byte_order_mark = false;  ///< in front of the #!, which hides it from the kernel
  bool is_cut = false;               ///< it is longer than what the kernel looks at
  bool ends_with_carriage_return = false;
  std::string interpreter;  ///< of "#!INTERPRETER ARGUMENTS"
  std::string arguments;    ///< the kernel hands them over as one
};

/// Of the file PROGRAM. One that cannot be read is as an empty one.
FirstLine first_line(const std::string& program);

/// Whether a file that begins with the COUNT bytes HEAD, and that the kernel does not know how to run, is a text for
/// sh: as shells decide, there is no NUL in its first line; and it does not try to name another interpreter. Touches
/// nothing else.
bool is_shell_text(const char* head, std::size_t count) noexcept;

/// Where the interpreter is env(1): the program that its arguments name. nullopt: it is not, or they name none.
std::optional<std::string> program_for_env(const FirstLine& line);

}  // namespace vdsm_hook
