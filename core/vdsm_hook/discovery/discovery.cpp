#include "vdsm_hook/discovery/discovery.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

using Reason = IgnoredFile::Reason;

// What one layer has under one name.
struct Entry {
  enum class Kind { hook, mask, doubtful, ignored };
  Kind kind;
  std::size_t layer;
  Reason reason{};   // doubtful, ignored
  std::string text;  // doubtful, ignored
};

using Entries = std::map<std::string, std::vector<Entry>>;  // name -> weakest layer first
struct SidecarFile {
  std::size_t layer = 0;
  std::string path;  // empty: a link to /dev/null, there is none
  FileStamp stamp;
  std::string doubt;
};
using Sidecars = std::map<std::string, SidecarFile>;  // hook's name -> its strongest sidecar

constexpr std::string_view kSidecar = ".toml";

// A layer's directory that is not taken, and the hooks of weaker layers that it may speak of.
struct RefusedLayer {
  std::size_t layer;
  std::string path;
  bool may_name_any = false;    // it could not be listed to its end
  std::set<std::string> names;  // of files, and of the hooks that sidecars stand for
};

std::string directory_of(const std::string& layer, std::string_view event) {
  return event.empty() ? layer : layer + "/" + std::string(event);
}

std::string in_words(int error) { return boost::system::generic_category().message(error); }

bool is_module_name(std::string_view name) { return name.ends_with(".py") || name.ends_with(".pyc"); }

class LayerScan {
 public:
  LayerScan(const DiscoveryRules& rules, std::size_t layer, std::string_view event, Entries& entries,
            Sidecars& sidecars, std::vector<RefusedLayer>& refused, std::vector<IgnoredFile>& ignored)
      : rules_(rules),
        layer_(layer),
        root_(rules.layers[layer]),
        path_(directory_of(root_, event)),
        entries_(entries),
        sidecars_(sidecars),
        refused_(refused),
        ignored_(ignored) {}

  // ONLY: the one file that is asked for; empty: all.
  void scan(const std::string& only) {
    auto opened = open_path(path_, O_RDONLY | O_DIRECTORY);
    if (opened.error == ENOENT) return judge_absence();
    if (!opened) return refuse(path_, Reason::unreadable, opened.why);
    directory_ = Directory(std::move(opened.fd));
    const auto doubt = rules_.checks_trust ? rules_.trust.doubt(path_, root_) : std::nullopt;
    if (doubt) refuse(path_, Reason::untrusted, *doubt, false);
    const auto take = [&](std::string name) {
      if (!doubt) return look_at(name);
      refused_.back().names.insert(name.substr(0, name.size() - (name.ends_with(kSidecar) ? kSidecar.size() : 0)));
      refused_.back().names.insert(std::move(name));
    };
    if (!only.empty()) return take(only);
    std::size_t count = 0;
    const int error = directory_.each_name([&](std::string name) {
      if (++count <= kMaxHooks) take(std::move(name));
      return count <= kMaxHooks;
    });
    if (count > kMaxHooks) return give_up("it has more than " + std::to_string(kMaxHooks) + " entries");
    if (error != 0) give_up(in_words(error));
  }

 private:
  void refuse(const std::string& path, Reason reason, std::string why, bool may_name_any = true) {
    ignored_.push_back({path, reason, std::move(why)});
    refused_.push_back({layer_, path, may_name_any, {}});
  }

  // The directory was not read to its end.
  void give_up(std::string why) {
    const bool is_refused = !refused_.empty() && refused_.back().layer == layer_;
    if (is_refused) refused_.back().may_name_any = true;
    if (!is_refused) refuse(path_, Reason::unreadable, std::move(why));
  }

  // Nothing is there; that must not be the work of somebody who could as well have put something else there. Of a layer
  // that does not exist at all nothing is expected.
  void judge_absence() {
    std::string there = path_;
    auto st = status_of(there, false);
    for (; !st; st = status_of(there, false)) {
      if (there.size() <= root_.size()) return;
      there.resize(there.rfind('/'));
    }
    if (S_ISLNK(st->st_mode) && !status_of(there)) {
      refuse(there, Reason::unreadable, "a link that leads nowhere");
    } else if (const auto doubt = rules_.checks_trust ? rules_.trust.doubt(there, root_) : std::nullopt) {
      refuse(there, Reason::untrusted, *doubt);
    }
  }

  void add(const std::string& name, Entry::Kind kind, Reason reason = {}, std::string text = {}) {
    entries_[name].push_back({kind, layer_, reason, std::move(text)});
  }
  void ignore(const std::string& name, Reason reason, std::string text) {
    add(name, Entry::Kind::ignored, reason, std::move(text));
  }
  // It is not known what the administrator has there.
  void suspect(const std::string& name, Reason reason, std::string text) {
    add(name, Entry::Kind::doubtful, reason, std::move(text));
  }

  // Of an entry, by its own stat. The directories above were judged already. What is neither a file nor a link was made
  // what it is by those who may write the directory, and they are trusted.
  std::optional<std::string> doubt_about(const std::string& name, const struct stat& st) const {
    if (!rules_.checks_trust || (S_ISREG(st.st_mode) && rules_.trust.accepts(st))) return std::nullopt;
    if (S_ISREG(st.st_mode)) return rules_.trust.doubt_itself(st, path_ + "/" + name);
    if (!S_ISLNK(st.st_mode)) return std::nullopt;
    // A container's /dev/null may be anybody's: the link alone says what is meant.
    return leads_to_dev_null(name) ? rules_.trust.doubt_owner(st, path_ + "/" + name)
                                   : rules_.trust.doubt_way(path_ + "/" + name, root_);
  }

  bool leads_to_dev_null(const std::string& name) const { return directory_.link_target(name) == "/dev/null"; }

  void look_at(const std::string& name) {
    if (name == "__pycache__") return;
    // Dot files never run, not even where leftovers do.
    if (is_leftover_name(name) && (rules_.skips_leftovers || name[0] == '.'))
      return ignore(name, Reason::leftover,
                    name[0] == '.' ? "dot files never run" : "editors and package managers leave such files behind");
    auto found = directory_.status(name);
    if (!found) {
      if (errno != ENOENT) suspect(name, Reason::unreadable, in_words(errno));
      return;  // else removed meanwhile
    }
    auto& st = *found;
    const bool is_link = S_ISLNK(st.st_mode);
    const bool is_null = is_link && leads_to_dev_null(name);
    const auto why = doubt_about(name, st);
    if (name.ends_with(kSidecar)) {
      auto& sidecar = sidecars_[name.substr(0, name.size() - kSidecar.size())] = {layer_, {}, {}, why.value_or("")};
      if (is_null) return;
      sidecar.path = path_ + "/" + name;
      if (const auto behind = is_link ? directory_.status(name, true) : std::nullopt) st = *behind;
      sidecar.stamp = FileStamp(st);
      return;
    }
    if (why) return suspect(name, Reason::untrusted, *why);
    if (is_null) return add(name, Entry::Kind::mask);
    if (is_link) {
      const auto behind = directory_.status(name, true);
      if (!behind && (errno == ENOENT || errno == ELOOP))
        return ignore(name, Reason::not_regular, "a link that leads nowhere");
      if (!behind) return suspect(name, Reason::unreadable, in_words(errno));
      st = *behind;
    }
    if (S_ISDIR(st.st_mode)) return ignore(name, Reason::subdirectory, "hooks lie directly in the event's directory");
    if (!S_ISREG(st.st_mode)) return ignore(name, Reason::not_regular, "neither a file nor a link to one");
    if (st.st_size == 0) return add(name, Entry::Kind::mask);
    if ((st.st_mode & 0111) == 0) {
      if (is_module_name(name)) return;
      return ignore(name, Reason::not_executable, "chmod +x makes it a hook");
    }
    if (rules_.checks_trust && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
      return suspect(name, Reason::untrusted, printable(path_ + "/" + name) + " has the set-uid or set-gid bit");
    add(name, Entry::Kind::hook);
  }

  const DiscoveryRules& rules_;
  const std::size_t layer_;
  const std::string& root_;
  const std::string path_;
  Directory directory_;
  Entries& entries_;
  Sidecars& sidecars_;
  std::vector<RefusedLayer>& refused_;
  std::vector<IgnoredFile>& ignored_;
};

// The strongest layer's hook, mask or doubtful file decides about a name.
void resolve(const std::string& name, const std::vector<Entry>& layers, std::string_view event,
             const DiscoveryRules& rules, const Sidecars& sidecars, const std::vector<RefusedLayer>& refused,
             Discovery& found) {
  const auto path_of = [&](const Entry& entry) { return directory_of(rules.layers[entry.layer], event) + "/" + name; };
  // An empty module, such as __init__.py, is a mask only where it masks something.
  const bool is_module = is_module_name(name) && std::none_of(layers.begin(), layers.end(), [](const Entry& entry) {
                           return entry.kind == Entry::Kind::hook || entry.kind == Entry::Kind::doubtful;
                         });
  const Entry* winner = nullptr;
  for (auto entry = layers.rbegin(); entry != layers.rend(); ++entry) {
    if (is_module && entry->kind == Entry::Kind::mask) continue;
    if (entry->kind == Entry::Kind::ignored) {
      found.ignored.push_back({path_of(*entry), entry->reason, entry->text});
    } else if (winner != nullptr) {
      const bool is_mask = winner->kind == Entry::Kind::mask;
      found.ignored.push_back(
          {path_of(*entry), is_mask ? Reason::masked : Reason::overridden, "by " + printable(path_of(*winner))});
    } else {
      winner = &*entry;
      if (winner->kind == Entry::Kind::mask)
        found.ignored.push_back({path_of(*entry), Reason::masked, "it is a mask: no hook of this name runs"});
      if (winner->kind == Entry::Kind::doubtful) found.ignored.push_back({path_of(*entry), entry->reason, entry->text});
    }
  }
  if (winner == nullptr || winner->kind != Entry::Kind::hook) return;
  for (const auto& stronger : refused)
    if (stronger.layer > winner->layer && (stronger.may_name_any || stronger.names.contains(name))) {
      found.ignored.push_back(
          {path_of(*winner), Reason::in_doubt,
           printable(stronger.path) + ", which is not taken, may mask it or have conditions for it"});
      return;
    }
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

bool is_leftover_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> endings{"~",        ".bak",    ".swp",     ".orig", ".rej",
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
  std::vector<RefusedLayer> refused;
  for (std::size_t layer = 0; layer < rules.layers.size(); ++layer)
    LayerScan(rules, layer, event, entries, sidecars, refused, found.ignored).scan(name);
  found.lacks_a_layer = !refused.empty();
  for (const auto& [each, layers] : entries) resolve(each, layers, event, rules, sidecars, refused, found);
  std::sort(found.ignored.begin(), found.ignored.end(),
            [](const IgnoredFile& a, const IgnoredFile& b) { return a.path < b.path; });
  return found;
}

}  // namespace vdsm_hook
