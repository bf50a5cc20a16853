#include "vdsm_hook/cli/given_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/file_place.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"

namespace vdsm_hook::cli {
namespace {

std::optional<FileTarget> place_of(const GivenFile& file) {
  if (file.name.empty()) return std::nullopt;
  return file.name == "-" ? vdsm_hook::place_of(file.standard_fd) : vdsm_hook::place_of(file.name);
}

std::string in_words(const GivenFile& file) {
  if (file.name == "-")
    return file.what + (file.standard_fd == STDIN_FILENO ? " on standard input" : " on standard output");
  return file.what + " " + on_one_line(file.name);
}

}  // namespace

void refuse_same_file(const Arguments& arguments, const GivenFile& written, const std::vector<GivenFile>& others) {
  const auto place = place_of(written);
  if (!place || place->replaces_nothing) return;
  for (const auto& other : others)
    if (place == place_of(other))
      throw arguments.misuse(in_words(written) + " is the same file as " + in_words(other) +
                             ", and one of them would be lost: give it another name");
}

void refuse_file_in_use(const Arguments& arguments, const GivenFile& written, const Paths& paths,
                        const std::string& event) {
  if (written.name.empty() || written.name == "-") return;
  const auto slash = written.name.rfind('/');
  const auto directory = vdsm_hook::place_of(slash == std::string::npos ? "." : written.name.substr(0, slash + 1));
  if (!directory) return;
  for (const auto& hooks : paths.hooks_dirs)
    if (directory == vdsm_hook::place_of(hooks + "/" + event))
      throw arguments.misuse(in_words(written) + " would be a file among the hooks of " + event +
                             ": give it another directory");
  if (!written.name.ends_with(".toml")) return;
  for (const auto& configuration : {paths.config_dir, paths.config_dir + "/hookpoints.d"})
    if (directory == vdsm_hook::place_of(configuration))
      throw arguments.misuse(in_words(written) + " would be a file of the configuration: give it another name");
}

std::string read_input(const std::string& name, std::size_t max_bytes) {
  if (name != "-") {
    if (const auto st = status_of(name); st && S_ISDIR(st->st_mode)) throw_wrong_use(name + " is a directory");
    return read_file(name, max_bytes);
  }
  auto data = read_to_end(STDIN_FILENO, max_bytes, "standard input");
  if (!data) throw_wrong_use("standard input is larger than " + std::to_string(max_bytes) + " bytes");
  return std::move(*data);
}

bool is_standard_output(const std::string& name) {
  const auto place = vdsm_hook::place_of(STDOUT_FILENO);
  return name == "-" || (place && place == vdsm_hook::place_of(name));
}

}  // namespace vdsm_hook::cli
