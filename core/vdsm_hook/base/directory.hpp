// An open directory, and what is done by name in it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vdsm_hook/base/open_path.hpp"

namespace vdsm_hook {

/// Names are single parts. No link is followed but by status(). What gives an int gives 0 or a value of errno.
class Directory {
 public:
  Directory() = default;
  /// FD is a directory, O_PATH or open for reading.
  explicit Directory(UniqueFd fd) : fd_(std::move(fd)) {}
  /// Throws KIND, naming PATH. O_PATH: whoever may search it may open it.
  static Directory open(const std::string& path, Links links = Links::kernel, Errc kind = Errc::engine_failure);
  /// The same, but without a descriptor when there is no such directory.
  static Directory find(const std::string& path, Links links = Links::kernel, Errc kind = Errc::engine_failure);

  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }

  Opened open_file(const std::string& name, int flags, mode_t mode = 0) const;
  /// nullopt: errno says why.
  std::optional<struct stat> status(const std::string& name, bool follows = false) const;
  std::optional<struct stat> status() const;
  /// Where the link NAME leads to; empty: it is none.
  std::string link_target(const std::string& name) const;

  /// Every name but . and .., until TAKE gives false.
  int each_name(const std::function<bool(std::string)>& take) const;
  /// All of them; none of a directory that cannot be read.
  std::vector<std::string> names() const;

  int make_directory(const std::string& name, mode_t mode) const;
  int make_link(const std::string& name, const std::string& target) const;
  int remove(const std::string& name) const;
  int remove_directory(const std::string& name) const;
  /// Replaces what is called TO; WITH_FLAGS: of renameat2(2).
  int rename(const std::string& from, const std::string& to, unsigned with_flags = 0) const;
  /// Sets the time of the last write to now.
  int touch(const std::string& name) const;

 private:
  UniqueFd fd_;
};

/// The path of what FD is, without links; it may have another by now. Throws engine_failure where /proc does not say
/// it.
std::string path_of(int fd);

/// The path of the program that this process runs; empty when /proc does not say it.
std::string this_program();

/// Makes the directory PATH with MODE and those above it with MODE_ABOVE where they are missing, and opens it. The last
/// part is no link, and those above are root's or the caller's. Throws engine_failure.
Directory make_directory(const std::string& path, mode_t mode, mode_t mode_above);

/// make_directory(PATH, 0755, 0755) that throws engine_failure, too, when the directory is not this user's or root's,
/// or others can write to it.
Directory make_own_directory(const std::string& path);

}  // namespace vdsm_hook
