// What the commands of `vdsm-hook vm` share.
#pragma once

#include <boost/json/array.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/telling.hpp"
#include "vdsm_hook/libvirt/vm.hpp"

namespace vdsm_hook::cli {

/// `vdsm-hook vm`: finds the command.
int vm_main(int argc, char** argv);

/// A VM's name for messages, on one line.
std::string in_quotes(const std::string& vm);

/// One command: its --help, the options that all of them take, and its work.
class VmCommand {
 public:
  /// EXAMPLE stands behind "vdsm-hook vm NAME " in the help.
  VmCommand(const VmCommandFacts& facts, const std::string& example);

  Arguments& arguments() { return arguments_; }
  /// The VM as a positional.
  void add_vm();
  const std::string& vm() const { return vm_; }
  /// What the report calls the VM where there is no such positional, for the work to say.
  std::string& named() { return vm_; }
  bool wants_diff() const { return wants_diff_; }
  /// FILE, which must outlive this, is read or written by the work: the report does not go there. WHAT: "--xml",
  /// "FILE".
  void uses(std::string what, const std::string& file, int standard_fd = -1) {
    files_.push_back({std::move(what), file, standard_fd});
  }

  /// Parses, connects, does WORK, which says what to print on success, and tells a veto. The exit code.
  using Work = std::function<Ended(const VmHost& host, std::string& success)>;
  int run(int argc, char** argv, const Work& work);

 private:
  class Teller;
  HookOptions hook_options() const;
  void write_report(std::string_view result, const std::string& error, boost::json::array events) const;
  void check_skip(const Settings& settings, const std::vector<std::string>& skip) const;

  const VmCommandFacts& facts_;
  const std::string name_;
  Arguments arguments_;
  std::string vm_, uri_, compat_, timeout_, report_file_;
  std::vector<std::string> properties_, skip_;
  struct File {
    std::string what;
    const std::string& name;  // which is given when it is parsed
    int standard_fd;
  };
  std::vector<File> files_;
  bool wants_diff_ = false, does_not_wait_ = false, is_quiet_ = false, is_verbose_ = false;
  LocationOptions locations_;
};

/// `--live`, `--config`, `--current`, as virsh has them.
struct AffectOptions {
  bool live = false, config = false, current = false;

  void add_to(Arguments& arguments);
  /// VIR_DOMAIN_AFFECT_*.
  unsigned flags() const {
    return (live ? unsigned{VIR_DOMAIN_AFFECT_LIVE} : 0U) | (config ? unsigned{VIR_DOMAIN_AFFECT_CONFIG} : 0U);
  }
};

}  // namespace vdsm_hook::cli
