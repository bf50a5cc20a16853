#include "vdsm_hook/process/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/process/proc.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kPrefix = "vdsm-hook-";
constexpr std::size_t kMaxTableBytes = 16U << 20;

// In mountinfo blanks and the like are \040.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    int code = 0;
    if (text[at] == '\\' && at + 3 < text.size() &&
        std::from_chars(&text[at + 1], &text[at + 4], code, 8).ptr == &text[at + 4]) {
      out += static_cast<char>(code);
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

// The directory of this process's control group: a host with both versions has the second somewhere below
// /sys/fs/cgroup.
std::optional<std::string> own_directory() {
  std::string own, line;
  std::istringstream groups(read_file("/proc/self/cgroup", kMaxTableBytes));
  while (std::getline(groups, line))
    if (line.starts_with("0::/")) own = line.substr(3);
  if (own.empty()) return std::nullopt;
  std::istringstream mounts(read_file("/proc/self/mountinfo", kMaxTableBytes));
  while (std::getline(mounts, line)) {
    std::string id, parent, device, root, place, word;
    std::istringstream fields(line);
    fields >> id >> parent >> device >> root >> place;
    while (fields >> word && word != "-") {
    }
    if (!(fields >> word) || word != "cgroup2") continue;
    root = root == "/" ? "" : unescaped(root);
    if (own == root || own.starts_with(root + "/")) return unescaped(place) + own.substr(root.size());
  }
  return std::nullopt;
}

bool is_delegated(int directory) {
  for (const auto* name : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::fgetxattr(directory, name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

// What processes that have ended left in PARENT; what still has somebody in it cannot be removed.
void remove_left(const Directory& parent) {
  for (const auto& entry : parent.names()) {
    std::string_view name(entry);
    if (!name.starts_with(kPrefix)) continue;
    name.remove_prefix(kPrefix.size());
    pid_t maker = 0;
    std::from_chars(name.data(), name.data() + name.size(), maker);
    if (maker > 0 && ::kill(maker, 0) != 0 && errno == ESRCH) parent.remove_directory(entry);
  }
}

}  // namespace

std::unique_ptr<Cgroup> Cgroup::make(const std::string& name) {
  if (!proc_is_ours()) return nullptr;
  std::optional<std::string> own;
  try {
    own = own_directory();
  } catch (const Error&) {
  }
  Directory parent(own ? open_path(*own, O_RDONLY | O_DIRECTORY).fd : UniqueFd());
  if (!parent || !is_delegated(parent.fd())) return nullptr;
  remove_left(parent);
  auto full = std::string(kPrefix) + std::to_string(::getpid()) + "-" + name;
  if (parent.make_directory(full, 0755) != 0) return nullptr;
  std::unique_ptr<Cgroup> made(new Cgroup(std::move(parent), std::move(full)));
  made->directory_ = Directory(made->parent_.open_file(made->name_, O_RDONLY | O_DIRECTORY).fd);
  if (!made->directory_ || !made->directory_.open_file("cgroup.kill", O_WRONLY)) return nullptr;
  return made;
}

Cgroup::~Cgroup() { parent_.remove_directory(name_); }

void Cgroup::kill() const {
  const UniqueFd fd = directory_.open_file("cgroup.kill", O_WRONLY).fd;
  if (fd && ::write(fd.get(), "1", 1) != 1) return;  // whoever looks at the tree afterwards sees it
}

}  // namespace vdsm_hook
