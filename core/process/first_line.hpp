// The first line of a program, in which a script names what runs it.
#pragma once

#include <optional>
#include <string>

namespace vdsm_hook {

struct FirstLine {
  bool is_elf = false;
  bool is_plain_text = false;  ///< what sh is given to run: neither machine code nor a script that names its interpreter
  bool ends_with_carriage_return = false;
  std::string interpreter;  ///< of "#!INTERPRETER ARGUMENTS"
  std::string arguments;    ///< the kernel hands them over as one
};

/// Of the file PROGRAM. One that cannot be read is as an empty one.
FirstLine first_line(const std::string& program);

/// Where the interpreter is env(1): the program that its arguments name. nullopt: it is not, or they name none.
std::optional<std::string> program_for_env(const FirstLine& line);

}  // namespace vdsm_hook
