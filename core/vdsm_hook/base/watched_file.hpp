// Whether a file that was handed to others is still what it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vdsm_hook/base/file_stamp.hpp"

namespace vdsm_hook {

/// Where a path leads: to which file, in which directory, on which mount, with which flags that forbid changes. Two
/// equal places mean that nobody put another file, directory or mount there.
struct FilePlace {
  FileStamp file, directory;
  std::uint64_t mount = 0;                            ///< the file's; 0: the kernel does not say it
  std::uint64_t file_locks = 0, directory_locks = 0;  ///< immutable, append-only: STATX_ATTR_*

  /// Of what is called PATH (absolute), a link itself. Everything is 0 when nothing is.
  static FilePlace of(const std::string& path);
  bool operator==(const FilePlace&) const = default;
};

/// A file with what was written to it. The bytes decide, never the time stamps alone: on tmpfs a write through a memory
/// mapping moves none.
struct WatchedFile {
  std::string path;
  FilePlace place;
  std::string_view content;  ///< must outlive this

  /// Whether it is the same file in the same place with the same bytes. Costs one reading of it.
  bool is_untouched() const;
};

}  // namespace vdsm_hook
