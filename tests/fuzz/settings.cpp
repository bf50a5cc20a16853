// The configuration file, or behind a first line "points" the hook points of the site: read or refused, with its place.
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/settings.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

namespace {

// A configuration directory as long as this process lives.
struct Place {
  Place() {
    char name[] = "/tmp/vdsm-hook-fuzz.XXXXXX";
    promise(::mkdtemp(name) != nullptr, "there is a directory for the configuration");
    directory = name;
    std::filesystem::create_directory(directory + "/hookpoints.d");
    paths.config_dir = directory;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  std::string directory;
  Paths paths = Paths::installed();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  auto text = text_of(data, size);
  const auto main = place.directory + "/vdsm-hook.toml", points = place.directory + "/hookpoints.d/site.toml";
  const bool is_points = text.starts_with("points\n");
  if (is_points) take(text, '\n');
  std::ofstream(main, std::ios::binary) << (is_points ? "" : text);
  std::ofstream(points, std::ios::binary) << (is_points ? text : "");
  try {
    const auto settings = Settings::load(place.paths, {});
    promise(!settings.paths.hooks_dirs.empty(), "there is a hooks directory");
    for (const auto& directory : settings.paths.hooks_dirs)
      promise(directory.starts_with('/'), "a hooks directory is absolute");
    promise(settings.max_payload_bytes >= 1024, "a document has room");
    for (const auto& [name, value] : settings.environment)
      promise(!name.empty() && name.find('=') == std::string::npos && !name.starts_with("VDSM_HOOK_"),
              "a variable is one: " + name + "=" + value);
    for (const auto& point : settings.points.all()) {
      promise(is_event_name(std::string(point.name)) && settings.points.find(point.name) != nullptr,
              "a hook point is found by its name");
      promise(!point.ours.result_used || point.ours.payload != PayloadKind::none, "only a document's changes are used");
    }
  } catch (const Error& error) {
    const std::string why = error.what();
    promise(error.code() == Errc::bad_configuration && (why.starts_with(main + ":") || why.starts_with(points + ":")),
            why);
  }
  return 0;
}
