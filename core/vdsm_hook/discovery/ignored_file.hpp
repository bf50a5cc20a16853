// A file in a hooks directory that is not run, and why.
#pragma once

#include <string>
#include <string_view>

namespace vdsm_hook {

struct IgnoredFile {
  enum class Reason {
    not_executable,
    leftover,  ///< a name that editors and package managers leave behind, or a dot file
    subdirectory,
    not_regular,  ///< a pipe, a device, a link that leads nowhere
    masked,       ///< by an empty file or a link to /dev/null; the mask itself too
    overridden,   ///< by the same name in a stronger layer
    untrusted,    ///< others could write it: the event must not do as if it were not there
    unreadable,   ///< a directory that cannot be listed, a file that cannot be looked at: likewise
    in_doubt,     ///< a stronger layer cannot be taken, and may have a mask or a sidecar for it: likewise
  };
  std::string path;
  Reason reason;
  std::string text;  ///< more about it, such as which directory others can write

  /// Whether something is missing that the administrator wanted to run.
  bool is_problem() const {
    return reason == Reason::untrusted || reason == Reason::unreadable || reason == Reason::in_doubt;
  }
  /// Whether somebody did this on purpose.
  bool is_deliberate() const { return reason == Reason::masked || reason == Reason::overridden; }
};

/// "not executable", "leftover name", ...
std::string_view to_string(IgnoredFile::Reason reason);

/// The reason with what is known besides: "untrusted: /x is writable by its group".
std::string reason_of(const IgnoredFile& file);

}  // namespace vdsm_hook
