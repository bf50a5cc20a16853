// What the engine goes by on this host: places, limits, the configuration file.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/paths.hpp"
#include "vdsm_hook/discovery/trust.hpp"
#include "vdsm_hook/hookpoints/hookpoints.hpp"

namespace vdsm_hook {

struct Settings {
  Paths paths;
  HookPoints points;
  Trust trust;  ///< trusted_uids: users besides root and the engine's own whose hooks may run
  std::chrono::milliseconds deadline = kDefaultDeadline;
  std::chrono::milliseconds grace = kDefaultGrace;
  std::size_t max_payload_bytes = kMaxPayloadBytes;
  std::vector<std::pair<std::string, std::string>> environment;  ///< [environment]
  bool delivers_undefined =
      false;  ///< [properties] deliver_undefined: of a VM of this host, what its metadata set and nobody defines
  bool bridge_is_strict = false;  ///< [bridge] strict: what hooks changed where libvirt cannot use it refuses the start

  /// Places given on a command line; empty: not given.
  struct Moved {
    std::vector<std::string> hooks_dirs;
    std::string config_dir, runtime_dir;
  };
  /// PATHS, then CONFIG_DIR/vdsm-hook.toml and hookpoints.d/*.toml, then the environment's variables, then MOVED; the
  /// later wins. Missing files are fine. Throws bad_configuration with file and line, also for a file that others could
  /// have written, and for a directory from which they could have taken one away; wrong_use for an empty name in MOVED.
  static Settings load(Paths paths, const Moved& moved);
  static Settings load() { return load(Paths::installed(), {}); }
};

}  // namespace vdsm_hook
