#include "vdsm_hook/base/open_path.hpp"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr int kMaxLinks = 40;  // the kernel's own limit

// openat2(2) refuses O_NOCTTY beside O_PATH.
int with_our_flags(int flags) { return flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY); }

UniqueFd open_at(int directory, const std::string& name, int flags, mode_t mode = 0) {
  return UniqueFd(::openat(directory, name.c_str(), with_our_flags(flags), mode));
}

std::string in_words(int error) { return boost::system::generic_category().message(error); }

bool is_in_proc(int directory) {
  struct statfs of_file_system {};
  return ::fstatfs(directory, &of_file_system) == 0 && of_file_system.f_type == PROC_SUPER_MAGIC;
}

/// The way to a path, part by part. Each part is opened relative to the directory before it and looked at through its
/// descriptor, so that nothing which is exchanged meanwhile is taken for what was judged.
class Walk {
 public:
  Walk(const std::string& path, Links links) : links_(links), path_(path) { put_in_front(path); }

  /// Up to the last name, and with FOLLOWS_LAST behind its links. False: error() and why() say what stopped it.
  bool go(bool follows_last) {
    if (path_.empty() || path_.size() >= PATH_MAX || path_.find('\0') != std::string::npos)
      return stop(path_.size() >= PATH_MAX ? ENAMETOOLONG : ENOENT);
    if (!start(path_.front() == '/' ? "/" : ".")) return false;
    while (!rest_.empty()) {
      last_ = std::move(rest_.back());
      rest_.pop_back();
      is_of_proc_ = false;
      found_ = open_at(here_.get(), last_, O_PATH | O_NOFOLLOW);
      if (!found_ && (errno != ENOENT || !rest_.empty())) return stop(errno);
      if (!found_) return true;
      struct stat st {};
      if (::fstat(found_.get(), &st) != 0) return stop(errno);
      if (S_ISLNK(st.st_mode) && (follows_last || !rest_.empty())) {
        if (!follow(st)) return false;
        if (!is_of_proc_) continue;
        if (::fstat(found_.get(), &st) != 0) return stop(errno);
      }
      if (rest_.empty()) return true;
      if (!S_ISDIR(st.st_mode)) return stop(ENOTDIR);
      here_ = std::move(found_);
      shown_ = shown_with_last();
    }
    last_ = ".";  // "/", or a link that leads there
    found_ = open_at(here_.get(), last_, O_PATH);
    return static_cast<bool>(found_) || stop(errno);
  }

  UniqueFd here_;     // O_PATH
  std::string last_;  // in here_
  UniqueFd found_;    // O_PATH
  bool is_of_proc_ = false;
  int error_ = 0;
  std::string why_;

 private:
  void put_in_front(std::string_view path) {
    if (path.ends_with('/') && path.find_first_not_of('/') != std::string_view::npos)
      rest_.emplace_back(".");  // what is in front must be a directory
    for (std::size_t end = path.size(); end > 0;) {
      const auto slash = path.rfind('/', end - 1);
      const auto begin = slash == std::string_view::npos ? 0 : slash + 1;
      if (begin < end) rest_.emplace_back(path.substr(begin, end - begin));
      end = begin == 0 ? 0 : begin - 1;
    }
  }

  bool start(const char* where) {
    here_ = open_at(AT_FDCWD, where, O_PATH | O_DIRECTORY);
    shown_ = *where == '/' ? "/" : "";
    return static_cast<bool>(here_) || stop(errno);
  }

  // No link is in shown_, so that a name and the .. behind it can be left out.
  std::string shown_with_last() const {
    if (last_ == ".") return shown_;
    if (last_ == ".." && shown_.starts_with('/')) return shown_.substr(0, std::max<std::size_t>(shown_.rfind('/'), 1));
    return shown_ + (shown_.empty() || shown_.ends_with('/') ? "" : "/") + last_;
  }

  bool stop(int error) {
    error_ = error;
    why_ = in_words(error);
    const auto part = error == EACCES ? shown_ : shown_with_last();  // it is the directory that may not be searched
    if (error != ENOENT && !part.empty() && part != path_) why_ += " at " + on_one_line(part);
    return false;
  }

  bool is_followed(const struct stat& link) {
    if (link.st_uid == 0 || link.st_uid == ::geteuid()) return true;
    if (links_ == Links::own) return false;
    struct stat directory {};
    return ::fstat(here_.get(), &directory) == 0 &&
           ((directory.st_mode & S_IWOTH) == 0 || directory.st_uid == link.st_uid);
  }

  /// Goes behind found_, a link.
  bool follow(const struct stat& link) {
    if (!is_followed(link)) {
      stop(ELOOP);
      why_ = on_one_line(shown_with_last()) + " is a link of uid " + std::to_string(link.st_uid) +
             (links_ == Links::own ? ", and a link of another user is not followed"
                                   : " in a directory that everybody can write to, and is not followed") +
             ": give the path that it leads to, or remove it";
      return false;
    }
    if (++links_followed_ > kMaxLinks) return stop(ELOOP);
    is_of_proc_ = is_in_proc(here_.get());
    if (is_of_proc_) {  // it leads to what it stands for, whatever its text says
      found_ = open_at(here_.get(), last_, O_PATH);
      return static_cast<bool>(found_) || stop(errno);
    }
    char target[PATH_MAX];
    const auto length = ::readlinkat(found_.get(), "", target, sizeof target);
    if (length <= 0 || length == PATH_MAX) return stop(length < 0 ? errno : ENOENT);
    const std::string_view text(target, static_cast<std::size_t>(length));
    put_in_front(text);
    return !text.starts_with('/') || start("/");
  }

  const Links links_;
  const std::string& path_;
  std::vector<std::string> rest_;  // the next part is at its end
  std::string shown_;              // here_, for people
  int links_followed_ = 0;
};

/// What is at the end of WALK. It was no link when it was looked at.
Opened open_last(Walk& walk, int flags, mode_t mode) {
  Opened opened;
  if (walk.found_ && (flags & ~(O_NOFOLLOW | O_CLOEXEC)) == O_PATH) {
    opened.fd = std::move(walk.found_);
    return opened;
  }
  if (walk.found_ || (flags & O_CREAT) != 0)
    opened.fd = open_at(walk.here_.get(), walk.last_, flags | (walk.is_of_proc_ ? 0 : O_NOFOLLOW), mode);
  else
    errno = ENOENT;
  if (!opened.fd) {
    opened.error = errno;
    opened.why = in_words(opened.error) + (opened.error == ELOOP ? " (it became a link just now)" : "");
  }
  return opened;
}

}  // namespace

void Opened::fail(const std::string& do_what, const std::string& path, Errc kind) const {
  throw Error(kind, "cannot " + do_what + " " + path + ": " + why);
}

Opened open_path(const std::string& path, int flags, Links links, mode_t mode) {
  Opened opened;
  if (path.find('\0') != std::string::npos) return {{}, ENOENT, in_words(ENOENT)};
  open_how how{};
  how.flags = static_cast<unsigned>(with_our_flags(flags));
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_NO_SYMLINKS;
  opened.fd.reset(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  // Whatever else it says, the walk finds out where and why: a link, a directory that may not be searched, a kernel
  // without the call.
  if (opened.fd) return opened;
  if (errno == ENOENT) {
    opened.error = ENOENT;
    opened.why = in_words(ENOENT);
    return opened;
  }
  const bool follows_last = (flags & O_NOFOLLOW) == 0 && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
  Walk walk(path, links);
  if (walk.go(follows_last)) return open_last(walk, flags, mode);
  opened.error = walk.error_;
  opened.why = std::move(walk.why_);
  errno = opened.error;
  return opened;
}

std::optional<struct stat> status_of(const std::string& path, bool follows_last) {
  const auto opened = open_path(path, O_PATH | (follows_last ? 0 : O_NOFOLLOW));
  struct stat st {};
  if (opened && ::fstat(opened.fd.get(), &st) == 0) return st;
  if (!opened) errno = opened.error;
  return std::nullopt;
}

bool may_execute(const std::string& path) {
  const auto opened = open_path(path, O_PATH);
  if (!opened) return false;
  if (::faccessat(opened.fd.get(), "", X_OK, AT_EACCESS | AT_EMPTY_PATH) == 0) return true;
  // An older kernel or C library does not know the flag.
  return errno == EINVAL && ::access(("/proc/self/fd/" + std::to_string(opened.fd.get())).c_str(), X_OK) == 0;
}

Place find_place(const std::string& path, Links links, bool follows_last) {
  Place place;
  Walk walk(path, links);
  if (walk.go(follows_last)) {
    place.directory = std::move(walk.here_);
    place.last = std::move(walk.last_);
    place.found = std::move(walk.found_);
    place.is_of_proc = walk.is_of_proc_;
  } else {
    place.error = walk.error_;
    place.why = std::move(walk.why_);
  }
  return place;
}

}  // namespace vdsm_hook
