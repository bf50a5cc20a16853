// Whole files: read within a bound, replaced atomically.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/base/directory.hpp"

namespace vdsm_hook {

/// The rest of FD to its end. nullopt: more than MAX_BYTES. Throws engine_failure, naming NAME, when reading fails.
std::optional<std::string> read_to_end(int fd, std::size_t max_bytes, const std::string& name);

/// The content of the file NAME. Throws wrong_use when it cannot be opened or is larger than MAX_BYTES.
std::string read_file(const std::string& name, std::size_t max_bytes);
/// The same, but wrong_use too for what is no regular file: a pipe would be waited for.
std::string read_regular_file(const std::string& name, std::size_t max_bytes);
std::string read_regular_file(int fd, const std::string& name, std::size_t max_bytes);

/// Everything of DATA to FD; EINTR and short writes are dealt with. Throws engine_failure, naming NAME.
void write_all(int fd, std::string_view data, const std::string& name);

/// A file that is to be replaced as a whole. Links in NAME are followed once, when this is made, and only those of root
/// and the caller: from then on it is one name in one directory, and a link that somebody puts there later is not
/// followed.
class ReplaceableFile {
 public:
  /// Throws IF_WRONG when the way to it cannot be gone, or ends in a link that leads nowhere.
  explicit ReplaceableFile(const std::string& name, Errc if_wrong = Errc::wrong_use);

  /// As it was given.
  const std::string& name() const { return name_; }

  /// As lock_file() does, for a file that is there. Until this ends.
  void lock();

  /// The content, of the file that lock() locked where it did. nullopt: there is no file. Throws wrong_use for what is
  /// no regular file, or larger than MAX_BYTES.
  std::optional<std::string> read(std::size_t max_bytes);

  /// The name has DATA or what it had before, also after a crash: written without a name, synced, linked as
  /// .LAST.vdsm-hook-new beside it and renamed over it. What a killed process left under that name the next replace()
  /// removes; one that lives is waited for, as by lock(). A new file has NEW_MODE. The owner, group and mode of the old
  /// one are kept when it was read or locked before, so that DATA are what became of its content; otherwise only those
  /// of a file of the caller's or root's, in a directory of theirs and without a second name: whoever made another one
  /// may have made it to read DATA, and what replaces it is as a new file. Where the caller may not keep the owner the
  /// file becomes the caller's, without set-ID bits, in the group that it had. When even the group cannot be kept, that
  /// is refused where the mode gives the group other access than everybody: some would lose it, others get it. After
  /// lock() or read() it is refused as well when the name is another file's by now. Throws engine_failure.
  void replace(std::string_view data, mode_t new_mode = 0600) const;

 private:
  friend void replace_file(const std::string& name, std::string_view data, mode_t new_mode);
  ReplaceableFile(const std::string& name, Place place, Errc if_wrong);
  UniqueFd open_to_read() const;
  void check_still_the_same() const;
  bool keeps_rights_of(const struct stat& old) const;
  void set_rights(int fd, mode_t new_mode) const;

  std::string name_;
  std::string last_;  // in directory_
  Directory directory_;
  UniqueFd file_;          // what was locked or read; held, so that no other file gets its inode number
  bool is_known_ = false;  // what must have the name: file_, or without one nothing
};

/// ReplaceableFile(NAME).replace(), for data that do not depend on what the file had. What a link of root's or the
/// caller's points to is replaced, not the link. Something else than a regular file there (a pipe, a device), and what
/// has no name but in /proc (/dev/stdout), is written to as it stands. Throws engine_failure.
void replace_file(const std::string& name, std::string_view data, mode_t new_mode = 0600);

/// Keeps everybody else who locks the file NAME waiting until the descriptor is closed or this process ends. What is
/// called NAME afterwards is what is locked, also when it was replaced in the meantime. IS_NEW_OK: a file that is not
/// there is made, empty and 0600, and a link of that name is not followed. Throws engine_failure when another process
/// holds it for kMaxLockWait, wrong_use when it cannot be opened.
UniqueFd lock_file(const std::string& name, bool is_new_ok);

}  // namespace vdsm_hook
