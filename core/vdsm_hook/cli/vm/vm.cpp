#include "vdsm_hook/cli/vm/vm.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/interrupts.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/discovery/discovery.hpp"

namespace vdsm_hook::cli {

// Each is in its own file, and declared here, beside its row.
CommandMain vm_start_main, vm_create_main, vm_define_main, vm_destroy_main, vm_shutdown_main, vm_reboot_main,
    vm_suspend_main, vm_resume_main, vm_save_main, vm_restore_main, vm_managedsave_main, vm_migrate_main,
    vm_attach_device_main, vm_detach_device_main, vm_update_device_main, vm_set_vcpus_main, vm_set_memory_main,
    vm_set_password_main, vm_list_main, vm_show_main, vm_recover_main;

namespace {

struct Main {
  const VmCommandFacts& facts;
  CommandMain* main;
};
constexpr Main kMains[] = {
    {vm_commands::kStart, &vm_start_main},
    {vm_commands::kCreate, &vm_create_main},
    {vm_commands::kDefine, &vm_define_main},
    {vm_commands::kDestroy, &vm_destroy_main},
    {vm_commands::kShutdown, &vm_shutdown_main},
    {vm_commands::kReboot, &vm_reboot_main},
    {vm_commands::kSuspend, &vm_suspend_main},
    {vm_commands::kResume, &vm_resume_main},
    {vm_commands::kSave, &vm_save_main},
    {vm_commands::kRestore, &vm_restore_main},
    {vm_commands::kManagedsave, &vm_managedsave_main},
    {vm_commands::kMigrate, &vm_migrate_main},
    {vm_commands::kAttachDevice, &vm_attach_device_main},
    {vm_commands::kDetachDevice, &vm_detach_device_main},
    {vm_commands::kUpdateDevice, &vm_update_device_main},
    {vm_commands::kSetVcpus, &vm_set_vcpus_main},
    {vm_commands::kSetMemory, &vm_set_memory_main},
    {vm_commands::kSetPassword, &vm_set_password_main},
    {vm_commands::kList, &vm_list_main},
    {vm_commands::kShow, &vm_show_main},
    {vm_commands::kRecover, &vm_recover_main},
};

std::string sentence(std::string_view summary) {
  std::string text(summary);
  text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text + ".";
}

std::string words(EventNames names) { return joined(names, ", "); }

void describe_hook_points(Arguments& arguments, const VmCommandFacts& facts) {
  const auto note = facts.note.empty() ? std::string() : folded(facts.note, 0);
  std::string lines;
  for (const auto* phase : facts.phases) {
    std::string line = words(phase->before);
    if (!phase->does.empty()) line += (line.empty() ? "" : ", ") + ("(libvirt " + std::string(phase->does)) + ")";
    if (!phase->after.empty()) line += (line.empty() ? "" : ", ") + words(phase->after);
    lines += "  " + folded(line, 4);
    if (!phase->failed.empty()) lines += "    " + folded("failed: " + words(phase->failed), 6);
    if (!phase->undo.empty()) lines += "    " + folded("failed once hooks have run: " + words(phase->undo), 6);
  }
  if (!lines.empty()) arguments.note("Hook points, in this order:", lines + note);
  if (lines.empty() && !note.empty()) arguments.note(note.substr(0, note.size() - 1));
}

// Behind "the command was cancelled", when it was ended in the middle of what it does.
std::string_view what_is_left(WaitsFor what) {
  switch (what) {
    case WaitsFor::input: return "";
    case WaitsFor::hooks:
      return " while hooks ran, which are stopped: `vdsm-hook vm recover` takes back or finishes what is left";
    default:
      return " while libvirt did not answer: whether it does what it was asked is not known, and `vdsm-hook vm "
             "recover` finds out when it answers again";
  }
}

}  // namespace

std::string in_quotes(const std::string& vm) { return "'" + on_one_line(vm) + "'"; }

// ---- what all of them do

class VmCommand::Teller final : public LifecycleObserver {
 public:
  Teller(const VmCommand& command, Verbosity verbosity, Interrupts& interrupts)
      : command_(command), verbosity_(verbosity), interrupts_(interrupts) {}

  void on_report(const Report& report, const std::string& device) override {
    if (verbosity_ == Verbosity::verbose && !report.hooks.empty())
      complain(report.event + (device.empty() ? "" : " (" + device + ")") + ":");
    tell(report, verbosity_, command_.wants_diff_, &warned_);
    if (report.vetoed && vetoed_by_.empty()) vetoed_by_ = report.event;  // others take back what was done
    auto entry = to_json(report).as_object();
    entry["device"] = device.empty() ? boost::json::value(nullptr) : boost::json::value(printable(device));
    entry.erase("document");  // what a VM runs with is libvirt's to tell
    events_.push_back(std::move(entry));
  }
  void on_note(const std::string& text) override {
    if (verbosity_ != Verbosity::quiet) complain("note: " + text);
  }
  bool on_wait(const std::string& for_whom) override {
    if (command_.does_not_wait_) return false;
    on_note("waiting for " + for_whom);
    return true;
  }
  void on_waits_for(WaitsFor what) override { interrupts_.waits_for(what); }

  const std::string& vetoed_by() const { return vetoed_by_; }
  boost::json::array take_events() { return std::move(events_); }

 private:
  const VmCommand& command_;
  Verbosity verbosity_;
  Interrupts& interrupts_;
  std::string vetoed_by_;
  std::set<std::string> warned_;
  boost::json::array events_;
};

VmCommand::VmCommand(const VmCommandFacts& facts, const std::string& example)
    : facts_(facts), name_(facts.name), arguments_("vdsm-hook vm " + name_, sentence(facts.summary)) {
  describe_hook_points(arguments_, facts);
  arguments_.example("vdsm-hook vm " + name_ + (example.empty() ? "" : " " + example));
  arguments_.exit_codes("0 done; 1 vetoed, or libvirt refused it; 2 wrong use; 3 the engine could not do its work.");
}

// What is no VM libvirt says, in its words.
void VmCommand::add_vm() { arguments_.positional(kVm, &vm_, "its name, UUID or id").required().may_be_empty(); }

HookOptions VmCommand::hook_options() const {
  HookOptions options;
  options.properties = read_variables(properties_, "--property");
  options.skip = skip_;
  if (!timeout_.empty()) options.deadline = read_timeout(timeout_);
  options.compat_vdsm = !compat_.empty();
  options.wants_diffs = wants_diff_;
  return options;
}

int VmCommand::run(int argc, char** argv, const Work& work) {
  arguments_.option("-c,--connect", &uri_, kConnection, "instead of libvirt's own default");
  arguments_.flag("--no-wait", does_not_wait_, "do not wait for another command that holds the VM");
  arguments_.option("-p,--property", &properties_, kVmProperty,
                    "custom property of the VM for this command; wins over its metadata");
  arguments_.option("--skip", &skip_, kHook, "name of a hook that shall not run this time");
  arguments_.option("--timeout", &timeout_, "DURATION", "deadline of each hook: 500ms, 30s, 10min, 1h");
  add_compat(arguments_, compat_);
  arguments_.flag("--diff", wants_diff_, "show what each hook changed");
  arguments_.option("--report", &report_file_, kFileOrStream,
                    "where the report of all events goes, as JSON; - is stdout");
  auto& quiet = arguments_.flag("-q,--quiet", is_quiet_, "only say what vetoes");
  arguments_.flag("-v,--verbose", is_verbose_, "say what each hook did").excludes(quiet);
  locations_.add_to(arguments_);
  if (!arguments_.parse(argc, argv)) return done;
  std::vector<GivenFile> files;
  for (const auto& file : files_) files.push_back({file.what, file.name, file.standard_fd});
  refuse_same_file(arguments_, {"--report", report_file_, STDOUT_FILENO}, files);
  if (is_standard_output(report_file_)) report_file_ = "-";

  Interrupts interrupts(
      [](WaitsFor what) { complain("error: the command was cancelled" + std::string(what_is_left(what))); });
  interrupts.watch();  // before libvirt has threads
  const Engine engine(locations_.load());
  Teller teller(*this, is_quiet_ ? Verbosity::quiet : is_verbose_ ? Verbosity::verbose : Verbosity::normal, interrupts);
  auto hooks = hook_options();
  check_skip(engine.settings(), hooks.skip);
  std::string success;
  Ended ended = Ended::done;
  std::exception_ptr failure;
  std::string error_text;
  try {
    const VmHost host{connect_to(uri_), engine, std::move(hooks), teller, interrupts.token()};
    ended = work(host, success);
  } catch (const Error& error) {
    failure = std::current_exception();
    error_text = error.what();
  }
  interrupts.waits_for(WaitsFor::input);
  std::exception_ptr unwritten;  // what became of the VM is told first
  try {
    const auto* result = failure                     ? "refused"
                         : ended == Ended::vetoed    ? "vetoed"
                         : ended == Ended::cancelled ? "cancelled"
                                                     : "done";
    write_report(result, error_text, teller.take_events());
  } catch (const Error&) {
    unwritten = std::current_exception();
  }
  const bool is_told_to_end = interrupts.token().stop_requested();
  if (failure && !unwritten && !is_told_to_end) std::rethrow_exception(failure);
  if (failure) complain("error: " + error_text);
  if (failure) interrupts.die_if_caught();
  if (!failure && ended == Ended::cancelled) {
    complain("error: the command was cancelled");
    interrupts.die_if_caught();
  }
  if (!failure && ended == Ended::vetoed)
    complain("error: " + teller.vetoed_by() + " vetoed `vdsm-hook vm " + name_ + "`");
  if (!failure && ended == Ended::done && report_file_ != "-") print(success);
  if (unwritten) std::rethrow_exception(unwritten);
  return ended == Ended::done ? done : vetoed;
}

void VmCommand::write_report(std::string_view result, const std::string& error, boost::json::array events) const {
  if (report_file_.empty()) return;
  const auto report =
      to_line({{"command", name_},
               {"vm", printable(vm_)},
               {"result", result},
               {"error", error.empty() ? boost::json::value(nullptr) : boost::json::value(printable(error))},
               {"events", std::move(events)}});
  report_file_ == "-" ? print(report) : replace_file(report_file_, report);
}

void VmCommand::check_skip(const Settings& settings, const std::vector<std::string>& skip) const {
  if (skip.empty()) return;
  std::vector<std::string> names;
  for (const auto phases : {facts_.phases, facts_.also_phases})
    for (const auto* phase : phases)
      for (const auto events : {phase->before, phase->after, phase->failed, phase->undo})
        for (const auto event : events)
          for (const auto& hook : discover(event, {settings.paths.hooks_dirs, true, true, settings.trust}).hooks)
            names.push_back(hook.name);
  for (const auto& name : skip)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(Errc::wrong_use, "there is no hook " + printable(name) + " at the hook points of vm " + name_ +
                                       " to skip" + did_you_mean(name, {names.begin(), names.end()}));
}

void AffectOptions::add_to(Arguments& arguments) {
  auto& is_current = arguments.flag("--current", current, "affect the VM as it is now (the default)");
  arguments.flag("--live", live, "affect the running VM").excludes(is_current);
  arguments.flag("--config", config, "affect its definition, for the next start").excludes(is_current);
}

int vm_main(int argc, char** argv) {
  std::vector<Command> commands;
  for (const auto* facts : vm_commands_in_order())
    for (const auto& one : kMains)
      if (&one.facts == facts) commands.push_back({facts->name, facts->summary, one.main});
  return run_action(commands, "vdsm-hook vm", "Drives VMs through libvirt, with their hooks.", argc, argv);
}

}  // namespace vdsm_hook::cli
