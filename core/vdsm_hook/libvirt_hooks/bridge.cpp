#include "vdsm_hook/libvirt_hooks/bridge.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt_hooks/find_scripts.hpp"
#include "vdsm_hook/libvirt_hooks/scripts.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/xml/lookup.hpp"

namespace vdsm_hook {
namespace {

using Level = BridgeResult::Level;

bool can_veto(const BridgeRow* row, const HookPoints& points) {
  if (row == nullptr || row->never_fails) return false;
  return std::any_of(row->events.begin(), row->events.end(), [&points](std::string_view event) {
    const auto* point = points.find(event);
    return point != nullptr && point->ours.vetoes;
  });
}

Variables parameters_of(const BridgeRow& row, const LibvirtCall& call) {
  Variables parameters;
  for (const auto text : row.parameters) {
    const auto equals = text.find('=');
    auto value = std::string(text.substr(equals + 1));
    if (value == "<extra>") value = call.extra == "-" ? "" : call.extra;
    if (!value.empty()) parameters.emplace_back(text.substr(0, equals), value);
  }
  return parameters;
}

// Whether a document has the part of a VM that has been running: the cgroup partition that libvirt gave it. It is in a
// saved image and in what another host sends of a VM that runs, and not in the definition that a cold start or a
// migration without its memory goes by, unless somebody wrote it there.
bool was_running(const std::string& document) { return text_at(document, "*/resource").has_value(); }

// What is in a file that libvirt keeps for itself; empty: there is none, or it cannot be told.
std::string libvirts_file(const std::string& name, std::size_t max_bytes) {
  try {
    return read_regular_file(name, max_bytes);
  } catch (const Error&) {
    return "";
  }
}

class BridgeCall {
 public:
  BridgeCall(const LibvirtCall& call, const Engine& engine, const BridgeHost& host, const std::stop_token& stop,
             bool fires)
      : call_(call), engine_(engine), host_(host), stop_(stop), fires_(fires), document_(call.input) {}

  BridgeResult run() {
    bool is_vetoing = must_refuse(call_);
    bool is_well = attempt(is_vetoing, [&] {
      look();
      is_vetoing = can_veto(row_, engine_.settings().points);
      return is_what_it_seemed() && (row_ == nullptr || !fires_ || fire_all());
    });
    const bool never_fails = row_ != nullptr && row_->never_fails;
    is_well = is_well && (attempt(!never_fails, [this] { return run_tree(); }) || never_fails);
    if (is_well && row_ != nullptr && row_->then && journal_)
      is_well = attempt(is_vetoing, [this] { return keep_seen(), true; });
    result_.exit_code = is_well ? 0 : 1;
    if (is_well && document_ != call_.input) result_.output = std::move(document_);
    return std::move(result_);
  }

 private:
  void say(Level level, std::string text) { result_.lines.push_back({level, std::move(text)}); }

  // What STEP returns; where it throws, whether the call goes on without it.
  template <typename Step>
  bool attempt(const bool& is_vetoing, const Step& step) {
    try {
      return step();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      say(is_vetoing ? Level::error : Level::warning,
          (is_vetoing ? "error: " : "warning: ") + std::string(error.what()));
      return !is_vetoing;
    }
  }

  void look() {
    if (!call_.input.empty()) domain_ = read_domain_facts(call_.input);
    if (is_uuid(domain_.uuid)) journal_.emplace(VmDirectory(engine_.settings().paths.runtime_dir, domain_.uuid));
    row_ = row_after("");
    if (!journal_) return;
    attempt(row_ != nullptr && !row_->never_fails, [this] { return record_ = journal_->read(), true; });
    row_ = row_after(record_.seen.word);
    if (row_ == nullptr || !row_->needs_memory || comes_with_memory()) return;
    row_ = row_after("");  // another start
    is_mistaken_ = row_ == nullptr;
  }

  const BridgeRow* row_after(std::string_view seen) const {
    return bridge_row(call_.driver, call_.operation, call_.sub_operation, seen);
  }

  // Whether the migration or the restore that came before is what libvirt goes on with. It may have been refused since,
  // or was a migration without the VM's memory, and this is another start. Once QEMU runs, at `started`, its command
  // line says it: -incoming. At `prepare` nothing does for certain. Under libvirt 9 with QEMU a VM that comes from
  // elsewhere has a <resource> in the documents of both calls, which the definition on this host has not; of a cold
  // start the document is the definition. Where that does not tell the start's events fire: so no veto is gone by.
  bool comes_with_memory() const {
    if (call_.object.find('/') != std::string::npos) return false;
    if (const auto arguments = arguments_of_qemu(); !arguments.empty())
      return arguments.find(std::string("\0-incoming\0", 11)) != std::string::npos;
    return record_.seen.was_running && was_running(call_.input) && !is_defined_so();
  }

  std::string arguments_of_qemu() const {
    const auto pid = trimmed(libvirts_file(host_.run_dir + "/" + call_.driver + "/" + call_.object + ".pid", 64));
    const bool is_one = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
    return is_one ? libvirts_file("/proc/" + pid + "/cmdline", kMaxPayloadBytes) : "";
  }

  bool is_defined_so() const {
    const auto beside = host_.hooks_dir.substr(0, host_.hooks_dir.rfind('/'));
    const auto definition = libvirts_file(beside + "/" + call_.driver + "/" + call_.object + ".xml", kMaxPayloadBytes);
    return !definition.empty() && was_running(definition);
  }

  // False: it went for something else at `prepare`, so that its hooks have not run.
  bool is_what_it_seemed() {
    if (!is_mistaken_) return true;
    journal_->change([](VmRecord& record) { record.seen = {}; });
    say(Level::error,
        "error: this start was taken for that of a VM from saved memory or another host, which never came, and so "
        "hooks have not run before it: "
        "start it again");
    return false;
  }

  void keep_seen() {
    const VmRecord::Seen seen{std::string(*row_->then),
                              row_->needs_memory || (row_->is_filter && was_running(document_))};
    if (seen.word != record_.seen.word || seen.was_running != record_.seen.was_running)
      journal_->change([&](VmRecord& record) { record.seen = seen; });
  }

  bool fire_all() {
    const auto& points = engine_.settings().points;
    const auto fire_one = [&](std::string_view event) {
      return is_fired_by_command(event) || fire_and_note(*points.find(event));
    };
    return std::all_of(row_->events.begin(), row_->events.end(), [&](std::string_view event) {
      // Where nothing can fail the call, what keeps one event from firing keeps no other.
      return row_->never_fails ? attempt(false, [&] { return fire_one(event); }) || true : fire_one(event);
    });
  }

  // Where nothing is known, it is not: an event may come twice, and is not lost.
  bool is_fired_by_command(std::string_view event) {
    bool is_fired = false;
    if (journal_) attempt(!row_->never_fails, [&] { return is_fired = journal_->is_fired_by_command(event), true; });
    return is_fired;
  }

  // False: libvirt must not go on. A command that was killed while libvirt did its work would fire it again, when it is
  // recovered.
  bool fire_and_note(const HookPoint& point) {
    const bool is_fine = fire(point);
    if (journal_) journal_->note_fired(point.name);
    return is_fine;
  }

  bool fire(const HookPoint& point) {
    Request request;
    request.event = point.name;
    request.parameters = parameters_of(*row_, call_);
    request.libvirt_waits = true;
    if (point.ours.payload == PayloadKind::domain_xml) {
      request.document = document_;
      return fire(request, point.ours);
    }
    request.domain_xml = document_;
    if (point.ours.payload != PayloadKind::device_xml) return fire(request, point.ours);
    if (domain_.devices.empty()) return true;
    for (auto& device : device_elements(document_)) {
      if (!has_properties(domain_, device.identity)) continue;
      request.document = std::move(device.xml);
      if (!fire(request, point.ours)) return false;
    }
    return true;
  }

  bool fire(Request request, const HookPointRules& rules) {
    request.before_hooks = [this] { hide_libvirt(); };
    auto report = engine_.run(std::move(request), stop_);
    tell(report);
    if (report.vetoed) return false;
    const bool is_used = row_->is_filter && rules.payload == PayloadKind::domain_xml;
    if (is_used && report.changed) document_ = std::move(report.document);
    return is_used || !rules.result_used || accepts_loss(report);
  }

  // Of changes where libvirt reads nothing.
  bool accepts_loss(const Report& report) {
    const bool is_strict = engine_.settings().bridge_is_strict && !row_->never_fails;
    bool is_well = true;
    for (const auto& hook : report.hooks) {
      if (!hook.adopted) continue;
      is_well = !is_strict;
      say(is_strict ? Level::error : Level::warning,
          report.event + (is_strict ? ": error: " : ": warning: ") + hook.path +
              " changed the document, and libvirt does not take changes " + "when it starts a VM itself" +
              (is_strict ? ", which bridge.strict refuses" : "") + ": start it with vdsm-hook vm start");
    }
    return is_well;
  }

  void hide_libvirt() {
    if (std::exchange(is_hidden_, true)) return;
    try {
      host_.hide_libvirt();
    } catch (const Error& error) {
      say(Level::warning,
          std::string("warning: libvirt is not hidden from hooks, and one that asks it hangs until its deadline: ") +
              error.what());
    }
  }

  void tell(const Report& report) {
    for (const auto& problem : report.problems)
      say(problem.vetoes ? Level::error : Level::warning, report.event + ": " + to_text(problem));
    for (const auto& note : report.notes) say(Level::info, report.event + ": note: " + note);
    for (const auto& hook : report.hooks) {
      const auto is_its = [&hook](const Problem& problem) { return problem.what == hook.path; };
      if (std::any_of(report.problems.begin(), report.problems.end(), is_its)) continue;  // which has its words already
      tell_words(report.event + ": " + hook.path, hook.process);
    }
  }

  void tell_words(const std::string& whose, const ProcessOutcome& process) {
    if (const auto said = last_lines(process.err); !said.empty()) say(Level::info, whose + " said: " + said);
  }

  // False: a script failed.
  bool run_tree() {
    const auto& settings = engine_.settings();
    const auto scripts = find_vm_scripts(host_.hooks_dir, call_, settings.trust);
    const auto is_problem = [](const IgnoredFile& file) { return file.is_problem(); };
    if (scripts.hooks.empty() && std::none_of(scripts.ignored.begin(), scripts.ignored.end(), is_problem)) return true;
    if (is_hidden_) host_.show_libvirt();
    auto call = call_;
    call.input = document_;
    auto report = run_scripts(scripts, {AfterFailure::stop, settings}, call, *engine_.make_runner(), stop_);
    for (const auto& script : report.scripts)
      if (!script.failed) tell_words(script.path, script.process);
    if (report.failed) say(Level::error, "error: " + report.error);
    if (!report.failed) document_ = std::move(report.document);
    return !report.failed;
  }

  const LibvirtCall& call_;
  const Engine& engine_;
  const BridgeHost& host_;
  const std::stop_token& stop_;
  const bool fires_;
  std::string document_;  // as hooks and scripts left it, where libvirt takes that
  DomainFacts domain_;
  std::optional<VmJournal> journal_;
  VmRecord record_;
  const BridgeRow* row_ = nullptr;
  bool is_mistaken_ = false;
  bool is_hidden_ = false;
  BridgeResult result_;
};

}  // namespace

bool never_fails(const LibvirtCall& call) noexcept {
  const auto* row = bridge_row(call.driver, call.operation, call.sub_operation, "");
  return row != nullptr && row->never_fails;
}

bool must_refuse(const LibvirtCall& call) {
  return can_veto(bridge_row(call.driver, call.operation, call.sub_operation, ""), HookPoints());
}

BridgeResult run_bridge(const LibvirtCall& call, const Engine& engine, const BridgeHost& host, std::stop_token stop) {
  return BridgeCall(call, engine, host, stop, true).run();
}

BridgeResult run_bridge_without_events(const LibvirtCall& call, const Engine& engine, const BridgeHost& host,
                                       std::stop_token stop) {
  return BridgeCall(call, engine, host, stop, false).run();
}

}  // namespace vdsm_hook
