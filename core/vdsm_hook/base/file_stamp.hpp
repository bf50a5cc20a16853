// Whether a file is still the one that was looked at.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace vdsm_hook {

/// What one stat tells about a file's identity and content: two equal stamps mean that nobody wrote it in between
/// (a hook can set the time of its last write back, but not the time of the last change).
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  long long written_s = 0, written_ns = 0, changed_s = 0, changed_ns = 0;

  FileStamp() = default;
  explicit FileStamp(const struct stat& st)
      : device(st.st_dev),
        inode(st.st_ino),
        size(st.st_size),
        written_s(st.st_mtim.tv_sec),
        written_ns(st.st_mtim.tv_nsec),
        changed_s(st.st_ctim.tv_sec),
        changed_ns(st.st_ctim.tv_nsec) {}
  /// Of what is called PATH (a link itself); nullopt: nothing is.
  static std::optional<FileStamp> of(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return std::nullopt;
    return FileStamp(st);
  }
  bool operator==(const FileStamp&) const = default;
};

}  // namespace vdsm_hook
