// libvirt's VMs for the actions of `vdsm-hook props`; in the program that is linked with libvirt only.
#pragma once

#include <memory>

#include "vdsm_hook/cli/props/domain_options.hpp"

namespace vdsm_hook::cli {

std::unique_ptr<LibvirtVms> make_libvirt_vms();

}  // namespace vdsm_hook::cli
