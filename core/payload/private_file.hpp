// The file through which one event's hooks get and give the document.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vdsm_hook/base/file_stamp.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

/// A private directory (0700) with one file (0600) in it. The directory is locked by the kernel as long as this object
/// lives, and removed with everything in it at the end; a later run removes the directory of a process that was killed.
/// For one thread.
class PrivateFile {
 public:
  /// Makes RUNTIME_DIR (0755; it must belong to this user or root and not be writable by others), removes from it what
  /// killed processes left, and makes RUNTIME_DIR/RUN_ID with DOCUMENT in its file. Throws engine_failure.
  PrivateFile(std::string runtime_dir, std::string run_id, std::string_view document);
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  ~PrivateFile();

  const std::string& path() const noexcept { return path_; }
  /// Of the file as put() left it: while it has this stamp, nobody wrote.
  const FileStamp& stamp() const noexcept { return stamp_; }

  enum class State {
    untouched,  ///< nobody wrote: one stat tells
    rewritten,  ///< `document` is what stands there now, possibly the same as before
    broken,     ///< `problem` says why it cannot be taken: deleted, a link, a directory, too large, another's
  };
  struct Content {
    State state;
    std::string document;
    std::string problem;
  };
  /// What a hook left, found by name and without following links. Throws engine_failure when reading fails.
  Content read_back(std::size_t max_bytes) const;

  /// Puts DOCUMENT there whatever stands there now: a new file renamed into place, so that a process that still has
  /// the old one open changes nothing. Where that fails, a second time without what else a hook left in the directory.
  /// Throws engine_failure.
  void put(std::string_view document);

 private:
  void make_directory();
  UniqueFd write_new(std::string_view document) const;
  void clear_directory() const;

  std::string runtime_dir_;
  std::string directory_;
  std::string path_;
  UniqueFd directory_fd_;
  FileStamp stamp_;
};

}  // namespace vdsm_hook
