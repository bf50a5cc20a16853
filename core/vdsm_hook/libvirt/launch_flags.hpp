// The flags that a VM is started with, where vdsm's hooks find and change them: DIR/VMID/launchflags, a decimal number.
#pragma once

#include <string>
#include <string_view>

#include "vdsm_hook/base/directory.hpp"

namespace vdsm_hook {

/// The flags of one start. The file is removed, with the VM's directory when nothing else is in it, at the end.
class LaunchFlags {
 public:
  /// Writes FLAGS. DIR is made where it is missing; it must be this user's or root's and not writable by others. Throws
  /// engine_failure.
  LaunchFlags(const std::string& dir, std::string_view vm_id, unsigned flags);
  LaunchFlags(const LaunchFlags&) = delete;
  LaunchFlags& operator=(const LaunchFlags&) = delete;
  ~LaunchFlags();

  /// Removes what a start that was killed left.
  static void forget(const std::string& dir, std::string_view vm_id);

  /// The flags that were read last.
  unsigned flags() const { return flags_; }

  /// Takes what stands in the file now. Flags that virDomainCreateXML() has not, AUTODESTROY (the VM would end with
  /// this command), or no number: the file is written anew as it was, and the result says why. So it is where they are
  /// not WANTED: a failed hook's.
  std::string read_back(bool is_wanted = true);

 private:
  void write() const;

  std::string dir_, vm_id_, file_;
  Directory directory_;  // the VM's
  unsigned flags_;
};

}  // namespace vdsm_hook
