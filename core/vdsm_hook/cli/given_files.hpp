// The files of one command line: what is in them, and which must not be the same.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "vdsm_hook/base/paths.hpp"
#include "vdsm_hook/cli/arguments.hpp"

namespace vdsm_hook::cli {

struct GivenFile {
  std::string what;  ///< "--report"
  std::string name;  ///< as it was given; empty: not at all
  int standard_fd;   ///< that "-" means
};

/// Throws misuse() when what is written to WRITTEN would take the place of one of OTHERS, or mix with it.
void refuse_same_file(const Arguments& arguments, const GivenFile& written, const std::vector<GivenFile>& others);

/// Throws misuse() when WRITTEN would become one of EVENT's hooks, or a file of the configuration.
void refuse_file_in_use(const Arguments& arguments, const GivenFile& written, const Paths& paths,
                        const std::string& event);

/// The content of the file NAME, which may be a pipe; "-" is stdin. Throws wrong_use, also for more than MAX_BYTES.
std::string read_input(const std::string& name, std::size_t max_bytes);

/// Whether NAME is another name of standard output.
bool is_standard_output(const std::string& name);

}  // namespace vdsm_hook::cli
