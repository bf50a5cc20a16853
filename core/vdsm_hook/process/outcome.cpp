#include "vdsm_hook/process/outcome.hpp"

#include <string.h>

namespace vdsm_hook {

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

}  // namespace vdsm_hook
