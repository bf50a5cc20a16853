// Which files are scripts of a driver of libvirt's, or of one VM.
#pragma once

#include <string>

#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/libvirt_hooks/calls.hpp"

namespace vdsm_hook {

/// Where libvirtd looks: /etc/libvirt/hooks, for another user than root libvirt/hooks in $XDG_CONFIG_HOME.
std::string default_libvirt_hooks_dir();

/// The scripts of DRIVER as they are now: HOOKS_DIR/DRIVER, then what HOOKS_DIR/DRIVER.d holds in byte order. Its
/// sub-directories get no verdict: they are trees of single VMs. Does not throw for what it finds.
Discovery find_driver_scripts(const std::string& hooks_dir, const std::string& driver, const Trust& trust);

/// The scripts of the one VM that CALL is about: HOOKS_DIR/DRIVER.d/OBJECT/OPERATION/SUB_OPERATION, a file or a
/// directory of files. The name may hold anything; one that no directory can have (empty, `.`, `..`, with a slash) has
/// no scripts. Every directory from HOOKS_DIR on must be trusted, and each link and what it leads to. Does not throw
/// for what it finds.
Discovery find_vm_scripts(const std::string& hooks_dir, const LibvirtCall& call, const Trust& trust);

}  // namespace vdsm_hook
