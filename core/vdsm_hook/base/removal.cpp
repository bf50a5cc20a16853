#include "vdsm_hook/base/removal.hpp"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr std::size_t kMaxFdInfoBytes = 65536;

/// Which mount FD is on, as /proc says; empty: it says nothing.
std::string mount_of(int fd) {
  const auto info = open_path("/proc/self/fdinfo/" + std::to_string(fd), O_RDONLY);
  const auto text = info ? read_to_end(info.fd.get(), kMaxFdInfoBytes, "/proc/self/fdinfo").value_or("") : "";
  const auto begin = text.find("mnt_id:");
  return begin == std::string::npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

/// The directory NAME of PARENT, O_PATH. Empty: it is none, a link, or a mount point.
Directory open_within_mount(const Directory& parent, const std::string& name) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, parent.fd(), name.c_str(), &how, sizeof how)));
  if (fd || (errno != ENOSYS && errno != EPERM)) return Directory(std::move(fd));
  auto opened = parent.open_file(name, O_PATH | O_DIRECTORY);
  const auto mount = opened ? mount_of(opened.fd.get()) : "";
  return !mount.empty() && mount == mount_of(parent.fd()) ? Directory(std::move(opened.fd)) : Directory();
}

/// A hook may have taken its own rights away. chmod(2) knows no descriptor that is O_PATH but through /proc.
void take_rights(const Directory& directory) {
  const auto st = directory.status();
  if (st && (st->st_mode & 0700) != 0700) ::chmod(("/proc/self/fd/" + std::to_string(directory.fd())).c_str(), 0700);
}

/// Flattens the tree: each directory inside is moved to the top, under a name that counts them, before what it has is
/// looked at. So nothing is ever deeper than one level when it is opened, no path grows, and the names to come are two
/// numbers.
class Removal {
 public:
  explicit Removal(const Directory& top) : top_(top) {}

  bool run() {
    take_rights(top_);
    bool is_empty = clear(top_);
    for (; next_ < made_; ++next_) {
      const auto name = name_of(next_);
      if (top_.remove_directory(name) == 0) continue;
      const auto directory = open_within_mount(top_, name);
      if (directory) clear(directory);
      is_empty = top_.remove_directory(name) == 0 && is_empty;
    }
    return is_empty;
  }

 private:
  std::string name_of(std::uint64_t number) const { return prefix_ + std::to_string(number); }

  /// Removes or moves every entry of DIRECTORY. False: some stay.
  bool clear(const Directory& directory) {
    // Some file systems skip entries while others go: again, as long as that helps.
    for (;;) {
      bool has_helped = false, is_empty = true;
      directory.each_name([&](const std::string& name) {
        if (&directory == &top_ && name.starts_with(prefix_)) return true;
        const bool is_gone =
            directory.remove(name) == 0 || directory.remove_directory(name) == 0 || move_to_top(directory, name);
        has_helped = has_helped || is_gone;
        is_empty = is_empty && is_gone;
        return true;
      });
      if (!has_helped) return is_empty;
    }
  }

  bool move_to_top(const Directory& from, const std::string& name) {
    // Its own rights count as well: its entry `..` changes.
    const auto moved = open_within_mount(from, name);
    if (!moved) return false;
    take_rights(moved);
    if (::renameat(from.fd(), name.c_str(), top_.fd(), name_of(made_).c_str()) != 0) return false;
    ++made_;
    return true;
  }

  const Directory& top_;
  const std::string prefix_ = ".vdsm-hook-gone-" + random_uuid() + "-";
  std::uint64_t next_ = 0, made_ = 0;
};

}  // namespace

bool remove_contents(const Directory& directory) { return Removal(directory).run(); }

bool remove_tree(const Directory& parent, const std::string& name) {
  if (const auto directory = open_within_mount(parent, name)) {
    const auto st = directory.status();
    if (!st || st->st_uid != ::geteuid()) return false;
    remove_contents(directory);
  }
  return parent.remove_directory(name) == 0;
}

}  // namespace vdsm_hook
