#include "vdsm_hook/libvirt/refused_flags.hpp"

#include <libvirt/virterror.h>

namespace vdsm_hook {

bool is_about_flags() {
  const auto* error = ::virGetLastError();
  return error != nullptr && (error->code == VIR_ERR_INVALID_ARG || error->code == VIR_ERR_ARGUMENT_UNSUPPORTED);
}

}  // namespace vdsm_hook
