#include "vdsm_hook/base/watched_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

constexpr std::uint64_t kLocks = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;

FileStamp stamp_of(const struct statx& found) {
  FileStamp stamp;
  stamp.device = ::makedev(found.stx_dev_major, found.stx_dev_minor);
  stamp.inode = static_cast<ino_t>(found.stx_ino);
  stamp.size = static_cast<off_t>(found.stx_size);
  stamp.written_s = found.stx_mtime.tv_sec;
  stamp.written_ns = found.stx_mtime.tv_nsec;
  stamp.changed_s = found.stx_ctime.tv_sec;
  stamp.changed_ns = found.stx_ctime.tv_nsec;
  return stamp;
}

bool has_content(int fd, std::string_view content) {
  char piece[16384];
  while (true) {
    const auto count = ::read(fd, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0 && content.empty();
    const auto size = static_cast<std::size_t>(count);
    if (size > content.size() || std::memcmp(piece, content.data(), size) != 0) return false;
    content.remove_prefix(size);
  }
}

}  // namespace

FilePlace FilePlace::of(const std::string& path) {
  struct statx file {
  }, directory{};
  const auto parent = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &file) != 0 ||
      ::statx(AT_FDCWD, parent.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &directory) != 0)
    return {};
  const std::uint64_t mount = (file.stx_mask & STATX_MNT_ID) != 0 ? file.stx_mnt_id : 0;
  return {stamp_of(file), stamp_of(directory), mount, file.stx_attributes & kLocks, directory.stx_attributes & kLocks};
}

bool WatchedFile::is_untouched() const {
  if (FilePlace::of(path) != place) return false;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && has_content(fd.get(), content);
}

}  // namespace vdsm_hook
