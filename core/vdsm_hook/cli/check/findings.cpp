#include "vdsm_hook/cli/check/findings.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <set>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/engine/interpreters.hpp"
#include "vdsm_hook/engine/sidecar.hpp"
#include "vdsm_hook/process/environment.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook::cli {
namespace {

using Reason = IgnoredFile::Reason;

constexpr std::string_view kSidecar = ".toml";

std::string mend_trust(const std::string& what) {
  return "Look at what it contains, then set the owner and the mode right: until then " + what +
         " does not run, and vetoes where the event can.";
}

std::string hint_for(const IgnoredFile& file) {
  switch (file.reason) {
    case Reason::not_executable: return "Make it executable if it is a hook, else take it out of the directory.";
    case Reason::leftover: return "Remove it, or rename it if it is a hook.";
    case Reason::subdirectory: return "Move the hooks in it one level up and remove it.";
    case Reason::not_regular: return "Remove it, or put the hook itself in its place.";
    case Reason::untrusted: return mend_trust("it");
    case Reason::in_doubt:
      return "Set the other directory right: until then it does not run, and vetoes where the event can.";
    case Reason::unreadable:
      return "Make it a directory that the engine's user can read, with nothing but hooks in it.";
    case Reason::masked:
    case Reason::overridden: return "";
  }
  return "";
}

/// Names in the directory PATH, in byte order; empty when it cannot be read. A broken entry is an entry.
std::vector<std::string> entries_of(const std::string& path) {
  auto names = Directory(open_path(path, O_PATH | O_DIRECTORY).fd).names();
  std::sort(names.begin(), names.end());
  return names;
}

bool is_directory(const std::string& path) {
  const auto st = status_of(path);
  return st && S_ISDIR(st->st_mode);
}

class FaultFinder {
 public:
  FaultFinder(const Settings& settings, const FindingsRules& rules)
      : settings_(settings),
        rules_(rules),
        interpreters_(settings.trust, hooks_search_path(settings, rules.compat_vdsm)) {}

  Findings find() && {
    std::set<std::string> adhoc;
    for (const auto& layer : settings_.paths.hooks_dirs)
      if (is_usable(layer)) usable_.push_back(layer);
    for (const auto& layer : usable_) look_at_layer(layer, adhoc);
    for (const auto& point : settings_.points.all()) {
      if (!point.origin.empty() && !point.parameters.empty())
        add(std::string(point.origin),
            "parameters of [" + std::string(point.name) + "] is shown to people and lets no reserved name through",
            "Say it in fires, and take parameters away: a parameter with any other name reaches the hooks without it.");
      look_at_event(std::string(point.name));
    }
    for (const auto& event : adhoc) look_at_event(event);
    const auto rank = [this](const Finding& finding) {
      const auto& layers = settings_.paths.hooks_dirs;
      return std::find_if(layers.begin(), layers.end(), [&](const auto& layer) {
        return finding.path == layer || finding.path.starts_with(layer + "/");
      });
    };
    std::stable_sort(found_.all.begin(), found_.all.end(), [&](const Finding& a, const Finding& b) {
      const auto rank_a = rank(a), rank_b = rank(b);
      return rank_a != rank_b ? rank_a < rank_b : a.path < b.path;
    });
    return std::move(found_);
  }

 private:
  void add(std::string path, std::string problem, std::string hint) {
    found_.all.push_back({std::move(path), std::move(problem), std::move(hint)});
  }

  // False: nothing in LAYER can run, which is one finding and not one for each event.
  bool is_usable(const std::string& layer) {
    const auto opened = open_path(layer, O_RDONLY | O_DIRECTORY);
    if (opened.error == ENOENT) {
      if (rules_.needs_all_layers) add(layer, "this hooks directory does not exist", "Create it, or correct the name.");
      return false;
    }
    if (!opened) {
      add(layer, "unreadable: " + opened.why, "Make it a directory that the engine's user can read.");
      return false;
    }
    const auto doubt = rules_.compat_vdsm ? std::nullopt : settings_.trust.doubt(layer, layer);
    if (doubt) add(layer, "untrusted: " + *doubt, hint_for({layer, Reason::untrusted, ""}));
    return !doubt;
  }

  // What lies in a hooks directory and belongs to no hook point.
  void look_at_layer(const std::string& layer, std::set<std::string>& adhoc) {
    for (const auto& name : entries_of(layer)) {
      const auto path = layer + "/" + name;
      if (settings_.points.find(name) != nullptr || name == "__pycache__") continue;
      if (!is_directory(path)) {
        add(path, "not in an event's directory: nothing looks at it here",
            "Move it into the directory of its event, or remove it.");
      } else if (rules_.adhoc && is_event_name(name)) {
        adhoc.insert(name);
      } else {
        auto near = settings_.points.did_you_mean(name);
        add(path, "no hook point: nothing in it ever runs" + near,
            near.empty() ? "Rename it to a hook point (vdsm-hook points lists them), or define its event in " +
                               settings_.paths.config_dir + "/hookpoints.d."
                         : "Rename it, or define its event in " + settings_.paths.config_dir + "/hookpoints.d.");
      }
    }
  }

  void look_at_event(const std::string& event) {
    const auto found = discover(event, {usable_, !rules_.compat_vdsm, !rules_.compat_vdsm, settings_.trust});
    for (const auto& file : found.ignored)
      if (!file.is_deliberate()) add(file.path, reason_of(file), hint_for(file));
    for (const auto& hook : found.hooks) look_at_hook(hook.path);
    found_.hooks += found.hooks.size();
    found_.events += found.hooks.empty() ? 0 : 1;
    const auto is_refused = [&found](const std::string& directory) {
      return std::any_of(found.ignored.begin(), found.ignored.end(),
                         [&](const IgnoredFile& file) { return file.path == directory; });
    };
    for (std::size_t layer = 0; layer < usable_.size(); ++layer)
      if (const auto directory = usable_[layer] + "/" + event; !is_refused(directory)) look_at_sidecars(event, layer);
  }

  void look_at_hook(const std::string& path) {
    if (const auto why = start_obstacle(path)) {
      add(path, "it would not start: " + why->why,
          why->kind == StartObstacle::Kind::line_ends
              ? "Convert its line ends to those of Unix."
              : "Install the interpreter, or name another one in the first line.");
    } else if (const auto missing = interpreters_.env_obstacle(path)) {
      add(path, "it would not start: " + *missing, "Install the program, or name another one in the first line.");
    }
    if (const auto doubt = rules_.compat_vdsm ? std::nullopt : interpreters_.doubt(path))
      add(path, "what runs it is untrusted: " + *doubt, mend_trust("its hook"));
  }

  void look_at_sidecars(const std::string& event, std::size_t layer) {
    const auto directory = usable_[layer] + "/" + event;
    for (const auto& name : entries_of(directory)) {
      if (!name.ends_with(kSidecar) || name[0] == '.') continue;
      const auto path = directory + "/" + name;
      const auto hook = name.substr(0, name.size() - kSidecar.size());
      look_for_hook(event, layer, path, hook);
      const auto doubt = rules_.compat_vdsm ? std::nullopt : settings_.trust.doubt(path, usable_[layer]);
      if (doubt) add(path, "untrusted: " + *doubt, mend_trust("its hook"));
      try {
        Sidecar::read(path, settings_.points, event).judge_patterns();
      } catch (const Error& error) {
        add(path, error.what(), "Correct it: until then its hook does not run, and vetoes where the event can.");
      }
    }
  }

  // A sidecar speaks for a hook of its own layer or a weaker one.
  void look_for_hook(const std::string& event, std::size_t layer, const std::string& path, const std::string& hook) {
    for (std::size_t i = 0; i < usable_.size(); ++i) {
      const auto beside = usable_[i] + "/" + event + "/" + hook;
      if (!status_of(beside, false)) continue;
      if (i > layer)
        add(path, "it has no effect: its hook " + beside + " is in a stronger hooks directory",
            "Move it beside its hook.");
      return;
    }
    add(path, "a sidecar without a hook: there is no " + hook + " here" + hook_that_was_meant(event, hook),
        "Name it as its hook with .toml behind it, or remove it.");
  }

  std::string hook_that_was_meant(const std::string& event, const std::string& hook) {
    if (guesses_left_-- <= 0) return "";
    std::vector<std::string> names;
    for (const auto& directory : usable_)
      for (auto& name : entries_of(directory + "/" + event))
        if (!name.ends_with(kSidecar)) names.push_back(std::move(name));
    return did_you_mean(hook, {names.begin(), names.end()});
  }

  const Settings& settings_;
  const FindingsRules& rules_;
  Interpreters interpreters_;
  int guesses_left_ = kMaxGuesses;
  std::vector<std::string> usable_;  // the hooks directories that are there and trusted
  Findings found_;
};

}  // namespace

Findings find_faults(const Settings& settings, const FindingsRules& rules) {
  auto found = FaultFinder(settings, rules).find();
  for (const auto& more : {find_wrong_labels(settings), find_property_faults(settings, rules)})
    found.all.insert(found.all.end(), more.begin(), more.end());
  return found;
}

}  // namespace vdsm_hook::cli
