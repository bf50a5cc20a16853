// What our programs have in common before and after their work.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>

namespace vdsm_hook::cli {

/// Makes the process ready (descriptors 0 to 2, signals), does WORK and returns its exit code, or that of what it
/// throws once that has been told.
int run_program(const std::function<int()>& work);

/// Whether the program was called by this NAME, whatever the directory.
bool is_called(std::string_view name, int argc, char** argv);

/// A program in libexec that has some of the commands, and the package that it comes with.
struct OtherProgram {
  std::string_view name;
  std::string_view package;
  std::string_view purpose;
};
inline constexpr OtherProgram kWithLibvirt{"vdsm-hook-libvirt", "vdsm-hook-libvirt", "commands that talk to libvirt"};
inline constexpr OtherProgram kImporter{"vdsm-hook-import", "vdsm-hook-sdk", "importing hooks"};

/// Does COMMAND ("props", "set"; nothing where PROGRAM has only one) with the words behind ARGV[0] in PROGRAM: returns
/// only when that cannot be started. Throws engine_failure.
[[noreturn]] void continue_with(const OtherProgram& program, std::initializer_list<std::string_view> command, int argc,
                                char** argv);

}  // namespace vdsm_hook::cli
