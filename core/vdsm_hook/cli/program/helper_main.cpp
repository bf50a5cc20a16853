// run-helper: one event's hooks for the library, told over stdin. Not for people.
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "vdsm_hook/process/local_runner.hpp"

int main() {
  try {
    return vdsm_hook::serve_helper(STDIN_FILENO);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vdsm-hook run-helper: %s\n", error.what());
    return 3;
  }
}
