// Event directories in layers -> hooks in order, and a verdict for every other file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/file_stamp.hpp"
#include "vdsm_hook/discovery/ignored_file.hpp"
#include "vdsm_hook/discovery/trust.hpp"

namespace vdsm_hook {

struct DiscoveryRules {
  std::vector<std::string> layers;  ///< hooks directories, absolute; of two hooks with one name the later layer's runs
  bool checks_trust = true;         ///< false: anything runs, whoever owns it
  bool skips_leftovers = true;      ///< false: 50_a.rpmsave and 50_a~ run, as in vdsm
  Trust trust;
};

struct HookFile {
  std::string name;  ///< the file's name: hooks run in the byte order of it
  std::string path;
  std::string layer;    ///< the hooks directory it came from
  std::string sidecar;  ///< its NAME.toml, of its own layer or a stronger one; empty: none, or a link to /dev/null
  FileStamp sidecar_stamp;
  std::string sidecar_doubt;  ///< why the sidecar is not trusted; empty: it is
};

struct Discovery {
  std::vector<HookFile> hooks;       ///< in the order they run
  std::vector<IgnoredFile> ignored;  ///< in byte order of the paths
  /// A layer could not be taken (its directory is untrusted or unreadable; `ignored` says which): what was to run, and
  /// what was not, is not known.
  bool lacks_a_layer = false;
};

/// Looks at LAYER/EVENT of every layer, as it is now. Missing directories are fine, unless somebody who is not trusted
/// could have taken them away from the layer; a link to nothing is not. Sidecars (*.toml), helper modules that are not
/// executable (*.py, *.pyc; empty ones unless they mask a hook) and __pycache__ get no verdict. Does not throw for what
/// it finds.
///
/// Trust is judged first: whether a file is a mask, no hook at all or one that was switched off is only said of a file
/// that nobody else could have made so.
/// Thread-safe. EVENT is a plain file name, or the relative path of what is no vdsm event's directory: no `.`, no `..`.
Discovery discover(std::string_view event, const DiscoveryRules& rules);

/// The same for the one file NAME in there. EVENT may be empty: the layer itself is the directory.
Discovery discover_one(std::string_view event, const std::string& name, const DiscoveryRules& rules);

/// Whether NAME is what editors and package managers leave behind, or a dot file.
bool is_leftover_name(std::string_view name);

}  // namespace vdsm_hook
