// What our programs have in common before and after their work.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>

namespace vdsm_hook::cli {

/// Makes the process ready (descriptors 0 to 2, signals), does WORK and returns its exit code, or that of what it throws
/// once that has been told.
int run_program(const std::function<int()>& work);

/// Whether the program was called by this NAME, whatever the directory.
bool is_called(std::string_view name, int argc, char** argv);

/// Does COMMAND ("props", "set") with the words behind ARGV[0] in the program that is linked with libvirt: returns only when that
/// cannot be started. Throws engine_failure.
[[noreturn]] void continue_with_libvirt(std::initializer_list<std::string_view> command, int argc, char** argv);

}  // namespace vdsm_hook::cli
