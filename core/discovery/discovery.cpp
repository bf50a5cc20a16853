#include "vdsm_hook/discovery/discovery.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {
namespace {

using Reason = IgnoredFile::Reason;

// What one layer has under one name.
struct Entry {
  enum class Kind { hook, mask, untrusted, ignored };
  Kind kind;
  std::size_t layer;
  Reason reason{};   // untrusted, ignored
  std::string text;  // untrusted, ignored
};

using Entries = std::map<std::string, std::vector<Entry>>;       // name -> weakest layer first
struct SidecarFile {
  std::size_t layer = 0;
  std::string path;  // empty: a link to /dev/null, there is none
  FileStamp stamp;
  std::string doubt;
};
using Sidecars = std::map<std::string, SidecarFile>;  // hook's name -> its strongest sidecar

std::string directory_of(const std::string& layer, std::string_view event) {
  return event.empty() ? layer : layer + "/" + std::string(event);
}

std::string in_words(int error) { return boost::system::generic_category().message(error); }

bool is_module_name(std::string_view name) { return name.ends_with(".py") || name.ends_with(".pyc"); }

class LayerScan {
 public:
  LayerScan(const DiscoveryRules& rules, std::size_t layer, std::string_view event, Entries& entries,
            Sidecars& sidecars, std::vector<IgnoredFile>& ignored)
      : rules_(rules),
        layer_(layer),
        root_(rules.layers[layer]),
        path_(directory_of(root_, event)),
        entries_(entries),
        sidecars_(sidecars),
        ignored_(ignored) {}

  // ONLY: the one file that is asked for; empty: all.
  void scan(const std::string& only) {
    const UniqueFd probe(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!probe) {
      const int error = errno;
      struct stat st{};
      if (error != ENOENT) return refuse(Reason::unreadable, in_words(error));
      if (::lstat(path_.c_str(), &st) == 0) refuse(Reason::unreadable, "a link that leads nowhere");
      return;
    }
    if (rules_.checks_trust) {
      if (auto why = rules_.trust.doubt(path_, root_)) return refuse(Reason::untrusted, *why);
    }
    const auto close = [](DIR* open) { ::closedir(open); };
    const std::unique_ptr<DIR, decltype(close)> dir(::fdopendir(::fcntl(probe.get(), F_DUPFD_CLOEXEC, 3)));
    if (!dir) return refuse(Reason::unreadable, in_words(errno));
    fd_ = ::dirfd(dir.get());
    if (!only.empty()) return look_at(only);
    std::size_t count = 0;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr) break;
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      if (++count > kMaxHooks) return refuse(Reason::unreadable, "it has more than " + std::to_string(kMaxHooks) + " entries");
      look_at(std::string(name));
    }
    if (errno != 0) refuse(Reason::unreadable, in_words(errno));
  }

 private:
  void refuse(Reason reason, std::string why) { ignored_.push_back({path_, reason, std::move(why)}); }

  void add(const std::string& name, Entry::Kind kind, Reason reason = {}, std::string text = {}) {
    entries_[name].push_back({kind, layer_, reason, std::move(text)});
  }
  void ignore(const std::string& name, Reason reason, std::string text) {
    add(name, Entry::Kind::ignored, reason, std::move(text));
  }

  // Of an entry, by its own stat. The directories above were judged already.
  std::optional<std::string> doubt_about(const std::string& name, const struct stat& st) const {
    if (S_ISLNK(st.st_mode)) return rules_.trust.doubt(path_ + "/" + name, root_);
    if (rules_.trust.accepts(st)) return std::nullopt;
    return rules_.trust.doubt_itself(st, path_ + "/" + name);
  }

  bool leads_to_dev_null(const std::string& name) const {
    std::array<char, 16> target{};
    const auto length = ::readlinkat(fd_, name.c_str(), target.data(), target.size());
    return std::string_view(target.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))) == "/dev/null";
  }

  void look_at(const std::string& name) {
    if (name == "__pycache__") return;
    // Dot files never run, not even where leftovers do.
    if (is_leftover_name(name) && (rules_.skips_leftovers || name[0] == '.'))
      return ignore(name, Reason::leftover, name[0] == '.' ? "dot files never run" : "editors and package managers leave such files behind");
    struct stat st{};
    if (::fstatat(fd_, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) ignore(name, Reason::unreadable, in_words(errno));
      return;  // else removed meanwhile
    }
    const bool is_link = S_ISLNK(st.st_mode);
    if (name.ends_with(".toml")) {
      auto& sidecar = sidecars_[name.substr(0, name.size() - 5)] = {layer_, {}, {}, {}};
      if (is_link && leads_to_dev_null(name)) return;
      sidecar.path = path_ + "/" + name;
      if (rules_.checks_trust) sidecar.doubt = doubt_about(name, st).value_or("");
      if (is_link) ::fstatat(fd_, name.c_str(), &st, 0);
      sidecar.stamp = FileStamp(st);
      return;
    }
    std::optional<std::string> doubt;
    if (rules_.checks_trust) doubt = doubt_about(name, st);
    if (is_link) {
      if (leads_to_dev_null(name)) return add(name, Entry::Kind::mask);
      if (::fstatat(fd_, name.c_str(), &st, 0) != 0) {
        if (errno == ENOENT || errno == ELOOP) return ignore(name, Reason::not_regular, "a link that leads nowhere");
        return ignore(name, Reason::unreadable, in_words(errno));
      }
    }
    if (S_ISDIR(st.st_mode)) return ignore(name, Reason::subdirectory, "hooks lie directly in the event's directory");
    if (!S_ISREG(st.st_mode)) return ignore(name, Reason::not_regular, "neither a file nor a link to one");
    if (st.st_size == 0) return add(name, Entry::Kind::mask);
    if ((st.st_mode & 0111) == 0) {
      if (is_module_name(name)) return;
      return ignore(name, Reason::not_executable, "chmod +x makes it a hook");
    }
    if (rules_.checks_trust && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
      doubt = printable(path_ + "/" + name) + " has the set-uid or set-gid bit";
    if (doubt) return add(name, Entry::Kind::untrusted, Reason::untrusted, *doubt);
    add(name, Entry::Kind::hook);
  }

  const DiscoveryRules& rules_;
  const std::size_t layer_;
  const std::string& root_;
  const std::string path_;
  int fd_ = -1;
  Entries& entries_;
  Sidecars& sidecars_;
  std::vector<IgnoredFile>& ignored_;
};

// The strongest layer's hook, mask or untrusted file decides about a name.
void resolve(const std::string& name, const std::vector<Entry>& layers, std::string_view event,
             const DiscoveryRules& rules, const Sidecars& sidecars, Discovery& found) {
  const auto path_of = [&](const Entry& entry) {
    return directory_of(rules.layers[entry.layer], event) + "/" + name;
  };
  // An empty module, such as __init__.py, is a mask only where it masks something.
  const bool is_module = is_module_name(name) && std::none_of(layers.begin(), layers.end(), [](const Entry& entry) {
    return entry.kind == Entry::Kind::hook || entry.kind == Entry::Kind::untrusted;
  });
  const Entry* winner = nullptr;
  for (auto entry = layers.rbegin(); entry != layers.rend(); ++entry) {
    if (is_module && entry->kind == Entry::Kind::mask) continue;
    if (entry->kind == Entry::Kind::ignored) {
      found.ignored.push_back({path_of(*entry), entry->reason, entry->text});
    } else if (winner != nullptr) {
      const bool is_mask = winner->kind == Entry::Kind::mask;
      found.ignored.push_back({path_of(*entry), is_mask ? Reason::masked : Reason::overridden,
                               "by " + printable(path_of(*winner))});
    } else {
      winner = &*entry;
      if (winner->kind == Entry::Kind::mask)
        found.ignored.push_back({path_of(*entry), Reason::masked, "it is a mask: no hook of this name runs"});
      if (winner->kind == Entry::Kind::untrusted) found.ignored.push_back({path_of(*entry), entry->reason, entry->text});
    }
  }
  if (winner == nullptr || winner->kind != Entry::Kind::hook) return;
  HookFile hook{name, path_of(*winner), rules.layers[winner->layer], {}, {}, {}};
  // A sidecar speaks for the hook beside it, or for one of a weaker layer.
  const auto sidecar = sidecars.find(name);
  if (sidecar != sidecars.end() && sidecar->second.layer >= winner->layer) {
    hook.sidecar = sidecar->second.path;
    hook.sidecar_stamp = sidecar->second.stamp;
    hook.sidecar_doubt = sidecar->second.doubt;
  }
  found.hooks.push_back(std::move(hook));
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::not_executable: return "not executable";
    case Reason::leftover: return "leftover name";
    case Reason::subdirectory: return "sub-directory";
    case Reason::not_regular: return "not a regular file";
    case Reason::masked: return "masked";
    case Reason::overridden: return "overridden";
    case Reason::untrusted: return "untrusted";
    case Reason::unreadable: return "unreadable";
  }
  return "ignored";
}

bool is_leftover_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> endings{"~",        ".bak",    ".swp",     ".orig",  ".rej",
                                                    ".rpmsave", ".rpmnew", ".rpmorig", ".dpkg-"};
  if (name.starts_with('.')) return true;
  for (const auto ending : endings)
    if (name.ends_with(ending)) return true;
  // .dpkg-old, .dpkg-dist, .ucf-new, ...
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const auto last = name.substr(dot);
  return last.starts_with(".dpkg-") || last.starts_with(".ucf-");
}

Discovery discover(std::string_view event, const DiscoveryRules& rules) { return discover_one(event, {}, rules); }

Discovery discover_one(std::string_view event, const std::string& name, const DiscoveryRules& rules) {
  Discovery found;
  Entries entries;
  Sidecars sidecars;
  for (std::size_t layer = 0; layer < rules.layers.size(); ++layer)
    LayerScan(rules, layer, event, entries, sidecars, found.ignored).scan(name);
  for (const auto& [each, layers] : entries) resolve(each, layers, event, rules, sidecars, found);
  std::sort(found.ignored.begin(), found.ignored.end(),
            [](const IgnoredFile& a, const IgnoredFile& b) { return a.path < b.path; });
  return found;
}

}  // namespace vdsm_hook
