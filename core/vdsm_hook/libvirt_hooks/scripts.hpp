// libvirt's own hook convention, calling side: a driver's scripts are run as libvirtd would run them.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/libvirt_hooks/calls.hpp"
#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

struct ScriptOutcome {
  std::string path;
  bool ran = false;
  std::string reason;      ///< why it did not run, or what was wrong
  ProcessOutcome process;  ///< meaningful when it ran
  bool failed = false;
  bool changed = false;  ///< the call goes on with what it printed
};

/// What became of one call. Passwords are hidden in all texts but `document`.
struct CallReport {
  bool failed = false;  ///< libvirt would not go on, where the operation can be stopped
  bool is_cancelled = false;
  bool changed = false;  ///< `document` differs from the input
  std::string document;  ///< the one to go on with; the input where the operation is no filter
  std::string error;  ///< one for each script that failed, of a driver's in libvirt's words (it shows the last); empty:
                      ///< none did
  std::vector<ScriptOutcome> scripts;  ///< in the order they run
  std::vector<IgnoredFile> ignored;    ///< files that are not run, with the reason
  std::size_t survivors = 0;           ///< processes that scripts left running
};

/// Whose rules hold.
enum class AfterFailure {
  go_on,  ///< libvirt's: all run, then the call has failed. A script without #! does not start
  stop,   ///< the VMs' trees': the first failure is the last. A file that is not trusted stops all. A script without #!
          ///< runs as sh would run it, as it did under the shell scripts that made these trees known
};

struct ScriptRules {
  AfterFailure after_failure;
  const Settings& settings;
};

/// Runs SCRIPTS one after the other with CALL's arguments, each with the document on its standard input. Where the
/// operation filters, what a script prints is the document for the next one and of the report, if it succeeded, printed
/// more than blanks, and this is a sound domain XML of the same VM; else it has failed. Elsewhere what is printed is
/// not used.
///
/// As for hooks of vdsm: the settings' deadline, grace, max_payload_bytes and runtime_dir hold, an untrusted file is a
/// failure, a tree is stopped on the deadline and on STOP, after which nothing more is started. The environment is
/// libvirt's and no more: LC_ALL=C, and of LD_PRELOAD, LD_LIBRARY_PATH, PATH, HOME, USER, LOGNAME and TMPDIR those this
/// process has.
///
/// A call that is not in libvirt_drivers() does not filter. Throws bad_document when a filter's input is not sound
/// (only when there is something to run), engine_failure.
CallReport run_scripts(const Discovery& scripts, const ScriptRules& rules, const LibvirtCall& call, Runner& runner,
                       std::stop_token stop = {});

/// find_driver_scripts(), and run_scripts() of all: what libvirtd does at CALL. Throws wrong_use, too, as
/// operation_of().
CallReport call_libvirt_scripts(const LibvirtCall& call, const std::string& hooks_dir, const Settings& settings,
                                Runner& runner, std::stop_token stop = {});

}  // namespace vdsm_hook
