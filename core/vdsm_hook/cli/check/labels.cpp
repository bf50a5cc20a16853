// Labels of SELinux: they decide, besides owner and mode, whether libvirt's daemon may run a hook or read what it
// needs.
#include <algorithm>
#include <chrono>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/cli/check/findings.hpp"
#include "vdsm_hook/process/hook_process.hpp"

namespace vdsm_hook::cli {
namespace {

// There where SELinux is on, be it enforcing or not.
constexpr const char* kSwitch = "/sys/fs/selinux/enforce";
// Compares labels with the host's policy, what the administrator added to it included.
constexpr const char* kJudge = "/usr/sbin/matchpathcon";
constexpr std::size_t kPathsAtOnce = 256;

// The directory, and two levels below it: events and hooks.
void add_paths(const std::string& directory, std::vector<std::string>& paths) {
  const Directory top(open_path(directory, O_PATH | O_DIRECTORY).fd);
  if (!top) return;
  paths.push_back(directory);
  const auto begin = paths.size();
  for (const auto& name : top.names()) {
    const auto path = directory + "/" + name;
    paths.push_back(path);
    for (const auto& below : Directory(top.open_file(name, O_PATH | O_DIRECTORY).fd).names())
      paths.push_back(path + "/" + below);
  }
  std::sort(paths.begin() + static_cast<std::ptrdiff_t>(begin), paths.end());
}

// "PATH has context LABEL, should be LABEL", "PATH error: REASON", "PATH verified."
void add_finding(const std::string& line, std::vector<Finding>& findings) {
  constexpr std::string_view has = " has context ", should = ", should be ", error = " error: ";
  if (const auto at = line.rfind(has); at != std::string::npos) {
    const auto expected = line.rfind(should);
    if (expected == std::string::npos || line.ends_with("<<none>>"))
      return;  // of what the policy does not label anything is right
    const auto path = line.substr(0, at);
    findings.push_back(
        {path,
         "its SELinux label is " + line.substr(at + has.size(), expected - at - has.size()) + ", it should be " +
             line.substr(expected + should.size()),
         "restorecon -v sets it; without the package vdsm-hook-selinux the policy does not know the engine's files."});
  } else if (const auto no_label = line.rfind(error); no_label != std::string::npos) {
    const auto path = line.substr(0, no_label);
    if (!status_of(path, false)) return;  // an event ended meanwhile, and its files went with it
    findings.push_back(
        {path, "its SELinux label cannot be read: " + line.substr(no_label + error.size()), "restorecon -v sets one."});
  }
}

}  // namespace

std::vector<Finding> find_wrong_labels(const Settings& settings) {
  std::vector<Finding> findings;
  if (!status_of(kSwitch)) return findings;
  std::vector<std::string> paths;
  for (const auto& directory : settings.paths.hooks_dirs) add_paths(directory, paths);
  for (const auto& directory : {settings.paths.config_dir, settings.paths.runtime_dir, settings.paths.libexec_dir})
    add_paths(directory, paths);
  const auto runner = make_helper_runner(settings.paths.helper);
  for (std::size_t at = 0; at < paths.size(); at += kPathsAtOnce) {
    ProcessSpec spec;
    spec.program = kJudge;
    spec.environment = {"LC_ALL=C"};
    spec.is_marked = false;
    spec.deadline = std::chrono::minutes(1);
    spec.max_output_bytes = kMaxSettingsBytes;
    spec.arguments = {"-V"};
    spec.arguments.insert(spec.arguments.end(), paths.begin() + static_cast<std::ptrdiff_t>(at),
                          paths.begin() + static_cast<std::ptrdiff_t>(std::min(at + kPathsAtOnce, paths.size())));
    const auto outcome = runner->run(spec, {});
    if (outcome.kind != ProcessOutcome::Kind::exited) {
      const auto why = outcome.why.empty() ? "it did not end by itself" : outcome.why;
      findings.push_back({kJudge, "SELinux is on, and the labels cannot be looked at: " + why,
                          "Install it: libselinux-utils, on Debian selinux-utils."});
      return findings;
    }
    for (std::size_t begin = 0; begin < outcome.out.text.size();) {
      const auto end = std::min(outcome.out.text.find('\n', begin), outcome.out.text.size());
      add_finding(outcome.out.text.substr(begin, end - begin), findings);
      begin = end + 1;
    }
  }
  return findings;
}

}  // namespace vdsm_hook::cli
