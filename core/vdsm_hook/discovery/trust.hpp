// Whose files may run as this engine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

struct stat;

namespace vdsm_hook {

/// Judges files and directories: they must belong to root, to the engine's own user or to one of the configured users,
/// and neither group nor others may write. A path is judged with every directory above it; a symbolic link by its own
/// owner and by its target's path; a device, pipe or socket by its owner, since nothing of theirs is ever run or read.
///
/// In a user namespace every user without a mapping is shown under the kernel's overflow id. That id is nobody's: it is
/// never trusted there, be it the engine's own or a configured one.
class Trust {
 public:
  explicit Trust(std::vector<uid_t> also = {});

  /// nullopt: trusted; else the reason, naming the file or directory it is about. PATH must be absolute. SHELTER: the
  /// directory that PATH begins with; sticky directories (such as /tmp) above it are let pass, itself and elsewhere
  /// they count as writable by others.
  std::optional<std::string> doubt(const std::string& path, const std::string& shelter) const;
  /// The same, but what is missing at the end of the way, or behind its last link, is no doubt: whoever could have
  /// taken it away or could put it there is trusted.
  std::optional<std::string> doubt_way(const std::string& path, const std::string& shelter) const;
  /// Whether doubt_itself() has none.
  bool accepts(const struct stat& st) const;
  /// The same for what one stat tells about a file or directory itself; NAME is for the text.
  std::optional<std::string> doubt_itself(const struct stat& st, const std::string& name) const;
  /// A link's own owner (its mode says nothing).
  std::optional<std::string> doubt_owner(const struct stat& st, const std::string& name) const;

 private:
  bool is_trusted(uid_t uid) const;
  std::optional<std::string> walk(const std::string& path, const std::string& shelter, bool must_exist) const;
  std::vector<uid_t> uids_;
  std::optional<uid_t> unmapped_;  // nobody's
};

}  // namespace vdsm_hook
