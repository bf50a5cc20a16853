// The program when libvirt calls it.
#pragma once

#include <string_view>

namespace vdsm_hook::cli {

/// The link that `libvirt-bridge install` makes among libvirt's hook scripts.
inline constexpr std::string_view kBridgeName = "50-vdsm-hook";

/// The program when it is called by that link. Its exit codes: 0 libvirt goes on, 1 it must not. Throws nothing.
int bridge_main(int argc, char** argv);

}  // namespace vdsm_hook::cli
