// RUNTIME_DIR/vms/UUID: where this host keeps what is known of one VM while something happens to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/directory.hpp"

namespace vdsm_hook {

/// A plain value. All of its functions throw engine_failure when the directory cannot be made or read: it must belong
/// to this user or root and not be writable by others.
class VmDirectory {
 public:
  /// Makes nothing yet. UUID is the VM's; throws wrong_use for what is none.
  VmDirectory(const std::string& runtime_dir, std::string_view uuid);

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// Names of what is in it, hidden files left out; none where there is no such directory.
  std::vector<std::string> names() const;

  /// The result has no descriptor when whoever was the last has removed the directory meanwhile: try again.
  Directory make() const;
  /// The result has no descriptor when there is no such directory.
  Directory find() const;
  void remove_if_empty() const;

 private:
  Directory all() const;

  std::string runtime_dir_, uuid_, path_;
};

/// The UUIDs of the VMs that have such a directory.
std::vector<std::string> vms_with_directory(const std::string& runtime_dir);

}  // namespace vdsm_hook
