#include "vdsm_hook/cli/given_files.hpp"

#include <unistd.h>

#include "vdsm_hook/base/file_place.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"

namespace vdsm_hook::cli {
namespace {

std::optional<FileTarget> place_of(const GivenFile& file) {
  if (file.name.empty()) return std::nullopt;
  return file.name == "-" ? vdsm_hook::place_of(file.standard_fd) : vdsm_hook::place_of(file.name);
}

std::string in_words(const GivenFile& file) {
  if (file.name == "-") return file.what + (file.standard_fd == STDIN_FILENO ? " on standard input" : " on standard output");
  return file.what + " " + on_one_line(file.name);
}

}  // namespace

void refuse_same_file(const CLI::App& app, const GivenFile& written, const std::vector<GivenFile>& others) {
  const auto place = place_of(written);
  if (!place || place->replaces_nothing) return;
  for (const auto& other : others)
    if (place == place_of(other))
      throw misuse(app, in_words(written) + " is the same file as " + in_words(other) + ", and one of them would be lost: give it another name");
}

void refuse_file_in_use(const CLI::App& app, const GivenFile& written, const Paths& paths, const std::string& event) {
  if (written.name.empty() || written.name == "-") return;
  const auto slash = written.name.rfind('/');
  const auto directory = vdsm_hook::place_of(slash == std::string::npos ? "." : written.name.substr(0, slash + 1));
  if (!directory) return;
  for (const auto& hooks : paths.hooks_dirs)
    if (directory == vdsm_hook::place_of(hooks + "/" + event))
      throw misuse(app, in_words(written) + " would be a file among the hooks of " + event + ": give it another directory");
  if (!written.name.ends_with(".toml")) return;
  for (const auto& configuration : {paths.config_dir, paths.config_dir + "/hookpoints.d"})
    if (directory == vdsm_hook::place_of(configuration))
      throw misuse(app, in_words(written) + " would be a file of the configuration: give it another name");
}

bool is_standard_output(const std::string& name) {
  const auto place = vdsm_hook::place_of(STDOUT_FILENO);
  return name == "-" || (place && place == vdsm_hook::place_of(name));
}

}  // namespace vdsm_hook::cli
