#include "vdsm_hook/base/directory.hpp"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>
#include <string_view>

namespace vdsm_hook {
namespace {

int result_of(int call) { return call == 0 ? 0 : errno; }

}  // namespace

Directory Directory::open(const std::string& path, Links links, Errc kind) {
  auto opened = open_path(path, O_PATH | O_DIRECTORY, links);
  if (!opened) opened.fail("open the directory", path, kind);
  return Directory(std::move(opened.fd));
}

Directory Directory::find(const std::string& path, Links links, Errc kind) {
  auto opened = open_path(path, O_PATH | O_DIRECTORY, links);
  if (!opened && opened.error != ENOENT) opened.fail("open the directory", path, kind);
  return Directory(std::move(opened.fd));
}

Opened Directory::open_file(const std::string& name, int flags, mode_t mode) const {
  Opened opened;
  opened.fd.reset(::openat(fd_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode));
  if (!opened.fd) {
    opened.error = errno;
    opened.why = opened.error == ELOOP ? "it is a link" : boost::system::generic_category().message(opened.error);
  }
  return opened;
}

std::optional<struct stat> Directory::status(const std::string& name, bool follows) const {
  struct stat st {};
  if (::fstatat(fd_.get(), name.c_str(), &st, follows ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return st;
}

std::optional<struct stat> Directory::status() const {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) return std::nullopt;
  return st;
}

std::string Directory::link_target(const std::string& name) const {
  char target[PATH_MAX];
  const auto length = ::readlinkat(fd_.get(), name.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

int Directory::each_name(const std::function<bool(std::string)>& take) const {
  UniqueFd readable(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // What may not be searched may still be listed by whoever has opened it to read.
  if (!readable && errno == EACCES && (::fcntl(fd_.get(), F_GETFL) & O_PATH) == 0)
    readable.reset(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 3));
  if (!readable) return errno;
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(readable.get()));
  if (!stream) return errno;
  readable.release();
  ::rewinddir(stream.get());
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) return errno;
    const std::string_view name(entry->d_name);
    if (name != "." && name != ".." && !take(std::string(name))) return 0;
  }
}

std::vector<std::string> Directory::names() const {
  std::vector<std::string> names;
  if (*this) each_name([&names](std::string name) { return names.push_back(std::move(name)), true; });
  return names;
}

int Directory::make_directory(const std::string& name, mode_t mode) const {
  return result_of(::mkdirat(fd_.get(), name.c_str(), mode));
}
int Directory::make_link(const std::string& name, const std::string& target) const {
  return result_of(::symlinkat(target.c_str(), fd_.get(), name.c_str()));
}
int Directory::remove(const std::string& name) const { return result_of(::unlinkat(fd_.get(), name.c_str(), 0)); }
int Directory::remove_directory(const std::string& name) const {
  return result_of(::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR));
}
int Directory::rename(const std::string& from, const std::string& to, unsigned with_flags) const {
  return result_of(::renameat2(fd_.get(), from.c_str(), fd_.get(), to.c_str(), with_flags));
}
int Directory::touch(const std::string& name) const {
  return result_of(::utimensat(fd_.get(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
}

std::string path_of(int fd) {
  auto path = Directory::open("/proc/self/fd").link_target(std::to_string(fd));
  if (path.empty()) throw Error::from_errno("cannot find the path of a file", errno);
  return path;
}

std::string this_program() {
  const auto proc = Directory::find("/proc/self");
  return proc ? proc.link_target("exe") : std::string();
}

Directory make_directory(const std::string& path, mode_t mode, mode_t mode_above) {
  const auto end = path.find_last_not_of('/');
  const auto plain = path.substr(0, end == std::string::npos ? 1 : end + 1);  // a slash at the end would follow a link
  auto opened = open_path(plain, O_PATH | O_DIRECTORY | O_NOFOLLOW, Links::own);
  if (opened.error == ENOENT && !plain.empty()) {
    const auto slash = plain.rfind('/');
    const auto path_above = slash == std::string::npos ? "." : plain.substr(0, slash == 0 ? 1 : slash);
    auto above = Directory::find(path_above, Links::own);
    if (!above) above = make_directory(path_above, mode_above, mode_above);
    const auto last = plain.substr(slash == std::string::npos ? 0 : slash + 1);
    if (const int error = above.make_directory(last, mode); error != 0 && error != EEXIST)
      opened = {{}, error, boost::system::generic_category().message(error)};
    else
      opened = above.open_file(last, O_PATH | O_DIRECTORY);
  }
  if (opened) return Directory(std::move(opened.fd));
  if (opened.error == ENOTDIR || opened.error == ELOOP)
    if (const auto st = status_of(plain, false); st && S_ISLNK(st->st_mode))
      opened.why = "it is a link, which is not followed here: give the path that it leads to, or remove it";
  opened.fail("make the directory", path);
}

Directory make_own_directory(const std::string& path) {
  auto directory = make_directory(path, 0755, 0755);
  const auto st = directory.status();
  if (!st) throw Error::from_errno("cannot look at " + path, errno);
  if ((st->st_uid != ::geteuid() && st->st_uid != 0) || (st->st_mode & 022) != 0)
    throw Error(Errc::engine_failure, path + " must be a directory of this user that nobody else can write to");
  return directory;
}

}  // namespace vdsm_hook
