// Opening by path. Everything of ours that opens, looks at, makes, replaces or removes by path does it here, in
// directory.hpp, file.hpp or removal.hpp.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <string>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

/// Whose symbolic links are followed, in every part of a path. Links of root and of the caller always are.
enum class Links {
  kernel,  ///< everybody's, but for those of others in a directory that everybody can write to and that is not theirs:
           ///< the rule of fs.protected_symlinks, wherever the target belongs to and whatever the host has set
  own,     ///< nobody else's: where something is made, replaced or removed
};

/// What a path led to. Without FD: why it led nowhere.
struct Opened {
  UniqueFd fd;
  int error = 0;    ///< a value of errno; ENOENT alone means that there is no such file
  std::string why;  ///< the reason in words, with the part of the path where it is not the last and with the way out
                    ///< where there is one

  explicit operator bool() const { return static_cast<bool>(fd); }
  /// "cannot DO_WHAT PATH: WHY".
  [[noreturn]] void fail(const std::string& do_what, const std::string& path, Errc kind = Errc::engine_failure) const;
};

/// open(2) with FLAGS, and O_CLOEXEC and O_NOCTTY. Never throws for what the file system says; errno has it, too.
/// A path without links costs one call where the kernel has openat2(2); otherwise each part is opened relative to the
/// one before it.
Opened open_path(const std::string& path, int flags, Links links = Links::kernel, mode_t mode = 0);

/// stat(2), or lstat(2) where the last part is not followed. nullopt: errno says why.
std::optional<struct stat> status_of(const std::string& path, bool follows_last = true);

/// PATH is there and this process may execute it (search it, for a directory).
bool may_execute(const std::string& path);

/// Where a path ends: the name LAST in DIRECTORY.
struct Place {
  UniqueFd directory;       ///< O_PATH; empty: `error` and `why` say what is wrong with the way to it
  std::string last;         ///< "." where the path ends in no name
  UniqueFd found;           ///< O_PATH, of what is there; empty: nothing is
  bool is_of_proc = false;  ///< LAST is a link in /proc, behind which there may be a file without a name
  int error = 0;
  std::string why;
};
/// FOLLOWS_LAST: where links that have the last name lead to, too.
Place find_place(const std::string& path, Links links, bool follows_last = true);

}  // namespace vdsm_hook
