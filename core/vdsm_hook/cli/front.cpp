#include "vdsm_hook/cli/front.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/own_variable.hpp"
#include "vdsm_hook/base/paths.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"

namespace vdsm_hook::cli {
namespace {

// A descriptor that we open must never land on 0 to 2, where it would be taken for the caller's. To use one that the
// caller closed fails, as if it were closed still: a document must not vanish.
void fill_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(open_path("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY).fd.release());
}

int exit_code_of(const Error& error) {
  if (error.code() == Errc::refused) return vetoed;
  return error.code() == Errc::wrong_use || error.code() == Errc::bad_document ? wrong_use : engine_failure;
}

// libvirt's words line by line, as virsh prints them.
void tell_refused(const std::string& text) {
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    complain("error: " + text.substr(at, end - at));
    at = end + 1;
  }
}

// Without these the places of the user are not known (see Paths::installed()), and errors name others.
void tell_where_places_are() {
  const auto is_set = [](const char* name) { return !own_variable(name).value_or("").empty(); };
  if (::geteuid() != 0 && !is_set("HOME") && !is_set("XDG_CONFIG_HOME"))
    complain("note: neither HOME nor XDG_CONFIG_HOME is set: hooks and configuration are the host's, not this user's");
}

}  // namespace

int run_program(const std::function<int()>& work) {
  fill_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write() that print() names
  ::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not grow
  ::signal(SIGCHLD, SIG_DFL);  // ignored by the caller, it would take the hooks' exit codes away
  try {
    return work();
  } catch (const Error& error) {
    if (error.code() == Errc::refused) {
      tell_refused(error.what());
    } else {
      complain(error.what());
      tell_where_places_are();
    }
    return exit_code_of(error);
  } catch (const std::exception& error) {
    complain(std::string("internal error: ") + error.what());
    return engine_failure;
  }
}

bool is_called(std::string_view name, int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "";
  return path.substr(path.rfind('/') + 1) == name;
}

void continue_with(const OtherProgram& program, std::initializer_list<std::string_view> command, int argc,
                   char** argv) {
  auto paths = Paths::of_this_program();
  paths.apply_environment();
  auto path = paths.libexec_dir + "/" + std::string(program.name);
  std::vector<std::string> first(command.begin(), command.end());
  std::vector<char*> words{path.data()};
  for (auto& word : first) words.push_back(word.data());
  words.insert(words.end(), argv + 1, argv + argc);
  words.push_back(nullptr);
  ::execv(path.c_str(), words.data());
  const int reason = errno;
  if (reason == ENOENT && status_of(path))
    throw Error(Errc::engine_failure,
                "cannot start " + path + ": its interpreter is missing (a script's is in its first line)");
  if (reason == ENOENT)
    throw Error(Errc::engine_failure, "there is no " + path + ": install the package " + std::string(program.package) +
                                          " for " + std::string(program.purpose));
  throw Error::from_errno("cannot start " + path, reason);
}

}  // namespace vdsm_hook::cli
