#include "vdsm_hook/libvirt_hooks/scripts.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/own_variable.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/interpreters.hpp"
#include "vdsm_hook/engine/report.hpp"
#include "vdsm_hook/libvirt_hooks/find_scripts.hpp"
#include "vdsm_hook/payload/private_file.hpp"
#include "vdsm_hook/payload/soundness.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {
namespace {

// What libvirt gives its scripts, in its order. Not one variable more, so nothing in it says whose a process is: see
// ProcessSpec::run_id for what that costs.
std::vector<std::string> libvirt_environment() {
  std::vector<std::string> entries{"LC_ALL=C"};
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "HOME", "USER", "LOGNAME", "TMPDIR"})
    if (const auto value = own_variable(name)) entries.push_back(std::string(name) + "=" + *value);
  return entries;
}

// Where env(1) looks in such an environment.
std::string libvirt_search_path() { return own_variable("PATH").value_or("/bin:/usr/bin"); }

// WORD as one would have to type it.
std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of("\r\t\n !\"#$&'()*;<>?[\\]^`{|}~") == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

// The command line as libvirt shows it.
std::string command_of(const ProcessSpec& spec) {
  std::string text;
  for (const auto& entry : spec.environment) {
    const auto value = entry.find('=') + 1;
    text += entry.substr(0, value) + quoted(entry.substr(value)) + " ";
  }
  text += quoted(spec.program);
  for (const auto& word : spec.arguments) text += " " + quoted(word);
  return text;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

class ScriptsRun {
 public:
  ScriptsRun(const LibvirtCall& call, bool filters, const ScriptRules& rules, Runner& runner, CallReport& report)
      : call_(call),
        filters_(filters),
        is_tree_(rules.after_failure == AfterFailure::stop),
        settings_(rules.settings),
        runner_(runner),
        report_(report) {
    if (filters)
      if (const auto wrong = unsound(PayloadKind::domain_xml, call.input, identity_))
        throw Error(Errc::bad_document, "the domain XML is " + *wrong);
    // An empty document is read from /dev/null.
    if (!call.input.empty()) file_.emplace(settings_.paths.runtime_dir, random_uuid(), call.input);
    spec_.environment = libvirt_environment();
    spec_.arguments = {call.object, call.operation, call.sub_operation, call.extra};
    spec_.deadline = settings_.deadline;
    spec_.grace = settings_.grace;
    spec_.runs_plain_text = is_tree_;
    spec_.is_marked = false;  // libvirt gives them nothing but these
    if (filters) spec_.max_output_bytes = settings_.max_payload_bytes;
  }

  void run(ScriptOutcome& script, const std::stop_token& stop) {
    spec_.program = script.path;
    if (file_) spec_.input_file = file_->path();
    script.ran = true;
    script.process = runner_.run(spec_, stop);
    report_.survivors += script.process.survivors.size();
    report_.is_cancelled = report_.is_cancelled || script.process.is_cancelled;
    script.failed = !script.process.is_success();
    if (script.failed) {
      script.reason = how_it_ended(script.process);
    } else if (filters_ && !is_blank(script.process.out.text)) {
      take_document(script);
    }
    hide_in(script);
    if (script.failed) add_error(script);
    if (file_) renew_input(script);
  }

 private:
  void hide_in(ScriptOutcome& script) {
    if (filters_) secrets_.learn(script.process.out.text);
    vdsm_hook::hide_in(script.reason, script.process, [this]() -> const Secrets& {
      if (!std::exchange(has_learned_, true)) secrets_.learn(call_.input);
      return secrets_;
    });
  }

  // Whoever has a file as its standard input can write it through /proc; the next one gets the document all the same,
  // and where something of this one may still run, in another place.
  void renew_input(const ScriptOutcome& script) {
    const bool may_still_run = script.failed || script.process.may_still_run();
    if (!may_still_run && !script.changed && file_->watched().is_untouched()) return;
    if (may_still_run || file_->put(report_.document)) file_->renew(report_.document);
  }

  std::string how_it_ended(const ProcessOutcome& process) const {
    using Kind = ProcessOutcome::Kind;
    const bool has_ended = !process.is_cancelled && (process.kind == Kind::exited || process.kind == Kind::signalled);
    if (!has_ended || (is_tree_ && process.kind == Kind::signalled)) return describe(process, spec_.deadline);
    if (is_tree_) return "exit code " + std::to_string(process.exit_code);  // of which none means more than another
    if (process.kind == Kind::signalled) return "unexpected fatal signal " + std::to_string(process.signal);
    return "unexpected exit status " + std::to_string(process.exit_code);
  }

  void take_document(ScriptOutcome& script) {
    DocumentIdentity identity;
    if (script.process.out.cut > 0) {
      script.reason =
          "printed more than the " + std::to_string(settings_.max_payload_bytes) + " bytes that a document may have";
    } else if (const auto wrong = unsound(PayloadKind::domain_xml, script.process.out.text, identity)) {
      script.reason = "printed a document that is " + *wrong;
    } else if (const auto change = moved(identity_, identity)) {
      script.reason = "printed another document: " + *change;
    }
    script.failed = !script.reason.empty();
    if (script.failed) return;
    script.changed = script.process.out.text != report_.document;
    report_.document = script.process.out.text;
  }

  void add_error(const ScriptOutcome& script) {
    std::string said = script.process.err.text;
    while (said.ends_with('\n')) said.pop_back();
    if (script.process.err.cut > 0) said.insert(0, "[...] ");
    if (!report_.error.empty()) report_.error += "\n";
    if (is_tree_) {
      report_.error += printable(script.path) + " of VM " + printable(call_.object) + " failed at " +
                       printable(call_.operation) + " " + printable(call_.sub_operation) + ": ";
    } else {
      report_.error += "Hook script execution failed: internal error: Child process (" + command_of(spec_) + ") ";
    }
    report_.error += script.reason + (said.empty() ? "" : ": " + said);
  }

  const LibvirtCall& call_;
  const bool filters_, is_tree_;
  const Settings& settings_;
  Runner& runner_;
  CallReport& report_;
  DocumentIdentity identity_;
  std::optional<PrivateFile> file_;
  ProcessSpec spec_;
  Secrets secrets_;
  bool has_learned_ = false;
};

}  // namespace

CallReport run_scripts(const Discovery& scripts, const ScriptRules& rules, const LibvirtCall& call, Runner& runner,
                       std::stop_token stop) {
  const bool is_tree = rules.after_failure == AfterFailure::stop;
  const std::string in_front = is_tree ? "" : "Hook script execution failed: ";
  CallReport report;
  report.document = call.input;
  report.ignored = scripts.ignored;
  std::string why;  // nothing more is started
  const auto refuse = [&](const std::string& path, const std::string& reason) {
    report.failed = true;
    report.error += (report.error.empty() ? "" : "\n") + in_front + printable(path) + " is not run: " + reason;
    if (is_tree) why = "not reached: " + printable(path) + " is not run";
  };
  for (const auto& file : scripts.ignored)
    if (file.is_problem()) refuse(file.path, std::string(to_string(file.reason)) + ": " + file.text);
  std::map<std::string, std::string> refused;  // path -> reason
  Interpreters interpreters(rules.settings.trust, libvirt_search_path());
  for (const auto& hook : scripts.hooks)
    if (const auto doubt = interpreters.doubt(hook.path))
      refuse(hook.path, refused[hook.path] = "what runs it is untrusted: " + *doubt);
  std::optional<ScriptsRun> run;
  if (!scripts.hooks.empty() && why.empty()) run.emplace(call, filters(call), rules, runner, report);
  for (const auto& hook : scripts.hooks) {
    auto& script = report.scripts.emplace_back();
    script.path = hook.path;
    if (const auto doubtful = refused.find(hook.path); doubtful != refused.end()) {
      script.reason = doubtful->second;
      script.failed = true;
      continue;
    }
    if (report.is_cancelled || stop.stop_requested()) {
      report.is_cancelled = true;
      why = "not reached: the call was cancelled";
    }
    if (!why.empty()) {
      script.reason = why;
      continue;
    }
    run->run(script, stop);
    report.failed = report.failed || script.failed;
    if (script.failed && is_tree) why = "not reached: " + printable(script.path) + " failed";
  }
  if (report.is_cancelled) report.failed = true;
  if (report.is_cancelled && report.error.empty()) report.error = in_front + "the call was cancelled";
  report.changed = report.document != call.input;
  return report;
}

CallReport call_libvirt_scripts(const LibvirtCall& call, const std::string& hooks_dir, const Settings& settings,
                                Runner& runner, std::stop_token stop) {
  operation_of(call);  // what libvirt does not call is not looked for
  return run_scripts(find_driver_scripts(hooks_dir, call.driver, settings.trust), {AfterFailure::go_on, settings}, call,
                     runner, std::move(stop));
}

}  // namespace vdsm_hook
