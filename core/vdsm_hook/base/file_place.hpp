// Whether two names lead to the same file.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace vdsm_hook {

/// A file; or, where there is none yet, the directory and the name that it will have.
struct FileTarget {
  dev_t device = 0;
  ino_t inode = 0;
  std::string new_name;
  bool replaces_nothing =
      false;  ///< a terminal, socket or the like: what is written there takes the place of nothing else

  bool operator==(const FileTarget& other) const {
    return device == other.device && inode == other.inode && new_name == other.new_name;
  }
};

/// What NAME leads to, links followed; of the open descriptor FD. nullopt: that cannot be known, such as in a directory
/// that is not there.
std::optional<FileTarget> place_of(const std::string& name);
std::optional<FileTarget> place_of(int fd);

}  // namespace vdsm_hook
