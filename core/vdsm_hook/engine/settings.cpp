#include "vdsm_hook/engine/settings.hpp"

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <climits>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/toml/table.hpp"

namespace vdsm_hook {
namespace {

// What cannot be looked at is not missing: reading it says why.
bool is_there(const std::string& path) { return status_of(path, false) || errno != ENOENT; }

std::string absolute(const std::string& path) {
  return path.starts_with('/') ? path : boost::filesystem::absolute(path).string();
}

void check_trust(const Trust& trust, const std::string& file, const std::string& config_dir) {
  if (const auto why = trust.doubt(file, config_dir))
    throw Error(Errc::bad_configuration, file + " is not read: " + *why);
}

// An administrator may set what properties may not (LD_LIBRARY_PATH, http_proxy), but nothing that is the engine's.
bool is_engines_own(std::string_view name) {
  return name == "vmId" || name.starts_with("_hook_") || name.starts_with("VDSM_HOOK_");
}

void read_configuration(const std::string& file, Settings& settings) {
  auto table = TomlTable::read(file);
  if (auto dirs = table.texts("hooks_dirs")) {
    if (dirs->empty()) table.fail("hooks_dirs", "hooks_dirs must name at least one directory");
    for (const auto& dir : *dirs)
      if (!dir.starts_with('/')) table.fail("hooks_dirs", "hooks_dirs: '" + dir + "' must be an absolute path");
    settings.paths.hooks_dirs = std::move(*dirs);
  }
  if (auto dir = table.text("runtime_dir")) {
    if (!dir->starts_with('/')) table.fail("runtime_dir", "runtime_dir must be an absolute path");
    settings.paths.runtime_dir = std::move(*dir);
  }
  if (auto dir = table.text("launchflags_dir")) {
    if (!dir->starts_with('/')) table.fail("launchflags_dir", "launchflags_dir must be an absolute path");
    settings.paths.launchflags_dir = std::move(*dir);
  }
  settings.deadline = table.duration("timeout").value_or(settings.deadline);
  settings.grace = table.duration("grace").value_or(settings.grace);
  if (const auto bytes = table.integer("max_payload_bytes")) {
    if (*bytes < 1024 || *bytes > INT_MAX)
      table.fail("max_payload_bytes", "max_payload_bytes must be from 1024 to 2147483647");
    settings.max_payload_bytes = static_cast<std::size_t>(*bytes);
  }
  if (const auto uids = table.integers("trusted_uids")) {
    std::vector<uid_t> trusted;
    for (const auto uid : *uids) {
      if (uid < 0 || uid >= UINT_MAX)
        table.fail("trusted_uids", "trusted_uids: " + std::to_string(uid) + " is no user id");
      trusted.push_back(static_cast<uid_t>(uid));
    }
    settings.trust = Trust(std::move(trusted));
  }
  if (auto environment = table.table("environment")) {
    for (const auto& name : environment->keys()) {
      const auto value = environment->text(name).value_or("");
      if (is_engines_own(name)) environment->fail(name, name + " is set by the engine itself");
      const auto bad_name = name.find_first_of(std::string("=\0", 2)) != std::string::npos || name.empty();
      if (bad_name) environment->fail(name, "this is no name of an environment variable");
      if (const auto why = refused_value(name, value)) environment->fail(name, name + ": " + *why);
      settings.environment.emplace_back(name, value);
    }
  }
  if (auto properties = table.table("properties")) {
    settings.delivers_undefined = properties->flag("deliver_undefined").value_or(false);
    properties->done();
  }
  if (auto bridge = table.table("bridge")) {
    settings.bridge_is_strict = bridge->flag("strict").value_or(false);
    bridge->done();
  }
  table.done();
}

}  // namespace

Settings Settings::load(Paths paths, const Moved& moved) {
  Settings settings;
  settings.paths = std::move(paths);
  Paths by_environment = settings.paths;
  by_environment.apply_environment();
  settings.paths.config_dir = absolute(moved.config_dir.empty() ? by_environment.config_dir : moved.config_dir);

  const auto& config_dir = settings.paths.config_dir;
  // Also without a file: who can put one there could have taken one away.
  if (is_there(config_dir)) check_trust(settings.trust, config_dir, config_dir);
  if (const auto file = config_dir + "/vdsm-hook.toml"; is_there(file)) {
    check_trust(settings.trust, file, config_dir);
    read_configuration(file, settings);
  }
  if (const auto site = config_dir + "/hookpoints.d"; is_there(site)) {
    check_trust(settings.trust, site, config_dir);
    if (auto opened = open_path(site, O_PATH | O_DIRECTORY))
      for (const auto& name : Directory(std::move(opened.fd)).names())
        if (name.ends_with(".toml")) check_trust(settings.trust, site + "/" + name, config_dir);
    settings.points = HookPoints::load(site);  // says what is wrong with the directory itself
  }
  const std::string kept_config_dir = config_dir;
  settings.paths.apply_environment();
  settings.paths.config_dir = kept_config_dir;
  if (!moved.hooks_dirs.empty()) settings.paths.hooks_dirs = moved.hooks_dirs;
  if (!moved.runtime_dir.empty()) settings.paths.runtime_dir = moved.runtime_dir;
  for (auto& dir : settings.paths.hooks_dirs) {
    if (dir.empty()) throw Error(Errc::wrong_use, "the name of a hooks directory is empty");
    dir = absolute(dir);
  }
  settings.paths.runtime_dir = absolute(settings.paths.runtime_dir);
  settings.paths.launchflags_dir = absolute(settings.paths.launchflags_dir);
  return settings;
}

}  // namespace vdsm_hook
