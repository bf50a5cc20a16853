// The file through which one event's hooks get and give the document.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/watched_file.hpp"

namespace vdsm_hook {

/// A private directory (0700) with one file (0600) in it. The directory is locked by the kernel as long as this object
/// lives, and removed with everything in it at the end, as far as it can be; a later run removes the directory of a
/// process that was killed. For one thread.
class PrivateFile {
 public:
  /// Makes RUNTIME_DIR (0755; it must belong to this user or root and not be writable by others), removes from it what
  /// killed processes of this user's left, and makes RUNTIME_DIR/vdsm-hook-run-RUN_ID with DOCUMENT in its file. Throws
  /// engine_failure.
  PrivateFile(const std::string& runtime_dir, const std::string& run_id, std::string document);
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  ~PrivateFile();

  /// Until renew().
  const std::string& path() const noexcept { return path_; }
  /// What put() or renew() wrote last.
  const std::string& document() const noexcept { return document_; }
  /// For whoever waits for a hook. Until put() or renew().
  WatchedFile watched() const { return {path_, place_, document_}; }

  enum class State {
    untouched,  ///< the same file, in the same place, with the same bytes
    rewritten,  ///< `document` is what stands there now, possibly the same as before
    broken,     ///< `problem` says why it cannot be taken: deleted, a link, too large, its directory moved or mounted
                ///< over, ...
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
  /// Returns why it cannot be done (renew() is the way out), or nullopt.
  std::optional<std::string> put(std::string document);

  /// Puts DOCUMENT into a new directory, under another path(): whoever knows the old one reaches nothing any more. The
  /// old directory stays until the end, so that what still runs there finds its files, unless there is no room for
  /// both, or there are many. Throws engine_failure.
  void renew(std::string document);

 private:
  struct Place {
    Place(const Directory& above, std::string its_name, std::string its_path, Directory locked)
        : runtime_dir(above), name(std::move(its_name)), path(std::move(its_path)), directory(std::move(locked)) {}
    ~Place();
    const Directory& runtime_dir;
    std::string name, path;
    Directory directory;
  };
  void make_directory(const std::string& id);
  void write(std::string_view document);
  int write_new(std::string_view document) const;
  std::optional<std::string> misplaced() const;

  std::string runtime_path_;
  Directory runtime_dir_;
  std::deque<Place> places_;  // the last one is in use
  std::string path_;
  std::string document_;
  FilePlace place_;
};

}  // namespace vdsm_hook
