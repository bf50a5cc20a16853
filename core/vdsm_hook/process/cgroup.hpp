// A control group for a hook's processes. Inside core/vdsm_hook/process only.
#pragma once

#include <memory>
#include <string>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

/// A control group v2 below the one that this process is in, for processes that begin in it.
class Cgroup {
 public:
  /// nullptr where there is none to be made: no cgroup v2, none that was delegated to this process's service (systemd
  /// says so in the attribute trusted.delegate or user.delegate of the directory), or a kernel that cannot end one at
  /// once (before 5.14). NAME is part of its name. Removes such groups that processes which have ended left, once they
  /// are empty.
  static std::unique_ptr<Cgroup> make(const std::string& name);
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  /// Removes it, unless something is left in it: then a later make() does.
  ~Cgroup();

  /// Its directory.
  int fd() const noexcept { return directory_.fd(); }
  /// Kills everything in it and below it; no fork escapes.
  void kill() const;

 private:
  Cgroup(Directory parent, std::string name) : parent_(std::move(parent)), name_(std::move(name)) {}
  Directory parent_, directory_;
  std::string name_;
};

}  // namespace vdsm_hook
