// libvirt's own hook convention: which driver makes which calls.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// One call of a driver's scripts, as libvirt makes it: four arguments, and the document on standard input.
struct LibvirtCall {
  std::string driver;  ///< daemon, qemu, lxc, libxl, bhyve or network
  std::string object;  ///< name of the VM or network; "-": the daemon itself
  std::string operation;
  std::string sub_operation = "-";
  std::string extra = "-";
  std::string input;  ///< domain XML, <hookData> of a network; empty for the daemon
};

struct LibvirtOperation {
  std::string_view name, sub_operation;
  bool filters = false;  ///< what a script prints is the domain XML to go on with
};

struct LibvirtDriver {
  std::string_view name;
  std::span<const LibvirtOperation> operations;
};

/// The table of them all.
std::span<const LibvirtDriver> libvirt_drivers();

/// The operation that CALL is. Throws wrong_use, with what was probably meant, for a call that libvirt does not make.
const LibvirtOperation& operation_of(const LibvirtCall& call);

/// Whether CALL is one that filters. False for one that a newer libvirt makes and the table has not.
bool filters(const LibvirtCall& call) noexcept;

}  // namespace vdsm_hook
