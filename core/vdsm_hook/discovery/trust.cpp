#include "vdsm_hook/discovery/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <deque>
#include <sstream>
#include <string_view>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr int kMaxLinks = 40;  // the kernel's own limit

void split_in_front(std::deque<std::string>& parts, std::string_view path) {
  std::deque<std::string> more;
  for (std::size_t start = 0; start < path.size();) {
    const auto end = std::min(path.find('/', start), path.size());
    if (end > start) more.emplace_back(path.substr(start, end - start));
    start = end + 1;
  }
  parts.insert(parts.begin(), more.begin(), more.end());
}

// Of two paths without links, dots and double slashes.
bool is_above(const std::string& directory, const std::string& path) {
  return directory == "/" ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

constexpr std::size_t kMaxMapBytes = 64U << 10;  // the kernel takes 340 lines

// The text of a file in /proc; empty where there is none.
std::string kernel_text(const char* file) {
  try {
    return read_regular_file(file, kMaxMapBytes);
  } catch (const Error&) {
    return "";
  }
}

// What stat() shows for every user that has no mapping in this user namespace; nullopt: each user has one.
std::optional<uid_t> unmapped_uid() {
  std::istringstream map(kernel_text("/proc/self/uid_map"));
  std::uint64_t mapped = 0;
  for (std::uint64_t inside = 0, outside = 0, count = 0; map >> inside >> outside >> count;) mapped += count;
  if (mapped >= UINT32_MAX) return std::nullopt;
  uid_t overflow = 65534;  // the kernel's default, for when it cannot be asked
  std::istringstream(kernel_text("/proc/sys/kernel/overflowuid")) >> overflow;
  return overflow;
}

}  // namespace

Trust::Trust(std::vector<uid_t> also) : uids_(std::move(also)) {
  static const auto unmapped = unmapped_uid();  // for as long as the process lives in the namespace it began in
  unmapped_ = unmapped;
  uids_.push_back(0);
  uids_.push_back(::geteuid());
  if (unmapped_) std::erase(uids_, *unmapped_);
}

bool Trust::is_trusted(uid_t uid) const { return std::find(uids_.begin(), uids_.end(), uid) != uids_.end(); }

bool Trust::accepts(const struct stat& st) const { return is_trusted(st.st_uid) && (st.st_mode & 0022) == 0; }

std::optional<std::string> Trust::doubt_owner(const struct stat& st, const std::string& name) const {
  if (is_trusted(st.st_uid)) return std::nullopt;
  if (unmapped_ == st.st_uid)
    return printable(name) + " belongs to somebody whom this user namespace does not know (shown as uid " +
           std::to_string(st.st_uid) + "; run the engine where its owner is mapped)";
  return printable(name) + " belongs to uid " + std::to_string(st.st_uid) + " (chown it to root)";
}

std::optional<std::string> Trust::doubt_itself(const struct stat& st, const std::string& name) const {
  if (auto why = doubt_owner(st, name)) return why;
  const bool has_content = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
  if ((st.st_mode & 0022) == 0 || !has_content) return std::nullopt;
  return printable(name) + " is writable by " + ((st.st_mode & 0002) != 0 ? "everybody" : "its group") +
         " (chmod go-w)";
}

std::optional<std::string> Trust::doubt(const std::string& path, const std::string& shelter) const {
  return walk(path, shelter, true);
}

std::optional<std::string> Trust::doubt_way(const std::string& path, const std::string& shelter) const {
  return walk(path, shelter, false);
}

std::optional<std::string> Trust::walk(const std::string& path, const std::string& shelter, bool must_exist) const {
  // An empty part stands where the way has reached the shelter: only there is it known how that is called without
  // links and dots, and whether it is itself what it must be.
  std::deque<std::string> rest;
  const bool is_sheltered = path.starts_with(shelter);
  split_in_front(rest, is_sheltered ? std::string_view(path).substr(shelter.size()) : path);
  rest.emplace_front();
  if (is_sheltered) split_in_front(rest, shelter);
  std::optional<std::string> root;
  std::string here = "/";
  Opened opened = open_path("/", O_PATH | O_DIRECTORY);
  if (!opened) return "/ cannot be looked at: " + opened.why;
  Directory directory(std::move(opened.fd));  // what is called HERE
  auto st = directory.status();
  if (!st) return "/ cannot be looked at";
  if (auto why = doubt_itself(*st, here)) return why;
  int links = 0;
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name.empty()) {
      root = here;
      st = directory.status();
      if (!st) return printable(here) + " cannot be looked at";
      if (auto why = doubt_itself(*st, here)) return why;
      continue;
    }
    if (name == ".") continue;
    if (name == "..") {
      here.resize(std::max<std::size_t>(here.rfind('/'), 1));
      opened = directory.open_file("..", O_PATH);
      if (!opened) return printable(here) + " cannot be looked at: " + opened.why;
      directory = Directory(std::move(opened.fd));
      continue;
    }
    const std::string next = here == "/" ? here + name : here + "/" + name;
    opened = directory.open_file(name, O_PATH);
    if (!opened) {
      if (!must_exist && (opened.error == ENOENT || opened.error == ENOTDIR)) return std::nullopt;
      return printable(next) + ": " + opened.why;
    }
    Directory found(std::move(opened.fd));
    st = found.status();
    if (!st) return printable(next) + " cannot be looked at";
    if (S_ISLNK(st->st_mode)) {
      if (auto why = doubt_owner(*st, next)) return why;
      const auto text = found.link_target("");
      const bool is_circle = ++links > kMaxLinks;
      if (is_circle && !must_exist) return std::nullopt;
      if (is_circle || text.empty()) return printable(next) + " is a link that leads nowhere";
      if (text[0] == '/') {
        here = "/";
        opened = open_path("/", O_PATH | O_DIRECTORY);
        if (!opened) return "/ cannot be looked at: " + opened.why;
        directory = Directory(std::move(opened.fd));
      }
      split_in_front(rest, text);
      continue;
    }
    const bool is_sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;
    const bool is_sheltering = is_sticky && (!root || is_above(next, *root));
    if (auto why = is_sheltering ? doubt_owner(*st, next) : doubt_itself(*st, next)) return why;
    here = next;
    directory = std::move(found);
  }
  return std::nullopt;
}

}  // namespace vdsm_hook
