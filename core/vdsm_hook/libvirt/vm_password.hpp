// The command set-password.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

struct TicketOptions {
  std::string
      type;  ///< of the graphical console: "vnc", "spice"; empty: the first that has a password or could have one
  std::string password;
  std::optional<std::chrono::seconds> valid_for;  ///< none: for ever
  std::string connected;                          ///< "keep", "disconnect" or "fail"; empty: as it was
  Variables parameters;                           ///< of the request, for hooks
};
Ended set_password(const VmHost& host, const std::string& vm, const TicketOptions& options);

}  // namespace vdsm_hook
