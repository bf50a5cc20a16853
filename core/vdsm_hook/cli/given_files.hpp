// Files of one command line that must not be the same.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "vdsm_hook/engine/settings.hpp"

namespace vdsm_hook::cli {

struct GivenFile {
  std::string what;  ///< "--report"
  std::string name;  ///< as it was given; empty: not at all
  int standard_fd;   ///< that "-" means
};

/// Throws misuse() when what is written to WRITTEN would take the place of one of OTHERS, or mix with it.
void refuse_same_file(const CLI::App& app, const GivenFile& written, const std::vector<GivenFile>& others);

/// Throws misuse() when WRITTEN would become one of EVENT's hooks, or a file of the configuration.
void refuse_file_in_use(const CLI::App& app, const GivenFile& written, const Paths& paths, const std::string& event);

/// Whether NAME is another name of standard output.
bool is_standard_output(const std::string& name);

}  // namespace vdsm_hook::cli
