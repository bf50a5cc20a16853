#include "vdsm_hook/libvirt_hooks/bridge.hpp"

#include <algorithm>
#include <optional>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt_hooks/scripts.hpp"
#include "vdsm_hook/libvirt_hooks/vm_state.hpp"
#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/xml/reader.hpp"

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

// Whether a document has the part of a VM that has been running: the cgroup partition that libvirt gave it. It is in a saved
// image and in what another host sends, and not in the definition that a cold start goes by, unless somebody wrote it there.
bool was_running(const std::string& document) {
  struct Search : XmlHandler {
    void start(const XmlName& name, const XmlAttributes&) override { is_found = is_found || (++depth == 2 && name.local == "resource"); }
    void end() override { --depth; }
    void text(std::string_view) override {}
    bool is_done() const override { return is_found; }
    int depth = 0;
    bool is_found = false;
  } search;
  read_xml(document, search);
  return search.is_found;
}

// Behind the word of what was seen, when the document had that part: then it must be in the document of what follows, too.
constexpr std::string_view kWasRunning = "+was-running";
constexpr std::chrono::seconds kLongest{60};  // may pass then between the two calls; without it only what the row says

class BridgeCall {
 public:
  BridgeCall(const LibvirtCall& call, const Engine& engine, const BridgeHost& host, const std::stop_token& stop, bool fires)
      : call_(call), engine_(engine), host_(host), stop_(stop), fires_(fires), document_(call.input) {}

  BridgeResult run() {
    bool is_vetoing = must_refuse(call_);
    bool is_well = attempt(is_vetoing, [&] {
      look();
      is_vetoing = can_veto(row_, engine_.settings().points);
      return row_ == nullptr || !fires_ || fire_all();
    });
    const bool never_fails = row_ != nullptr && row_->never_fails;
    is_well = is_well && (attempt(!never_fails, [this] { return run_tree(); }) || never_fails);
    if (is_well && row_ != nullptr && row_->then && state_) is_well = attempt(is_vetoing, [this] { return keep_seen(), true; });
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
      say(is_vetoing ? Level::error : Level::warning, (is_vetoing ? "error: " : "warning: ") + std::string(error.what()));
      return !is_vetoing;
    }
  }

  void look() {
    if (!call_.input.empty()) domain_ = read_domain_facts(call_.input);
    if (is_uuid(domain_.uuid)) state_.emplace(engine_.settings().paths.runtime_dir, domain_.uuid);
    row_ = bridge_row(call_.driver, call_.operation, call_.sub_operation, state_ ? seen() : "");
  }

  std::string seen() const {
    auto word = state_->seen();
    if (!word.ends_with(kWasRunning)) return word;
    if (!was_running(call_.input)) return "";  // it was refused since, and this is another start
    word.resize(word.size() - kWasRunning.size());
    return word;
  }

  void keep_seen() {
    auto word = std::string(*row_->then);
    std::chrono::seconds lasts = row_->then_for;
    if (lasts.count() > 0 && was_running(document_)) {
      word += kWasRunning;
      lasts = kLongest;
    }
    state_->set_seen(word, lasts);
  }

  bool fire_all() {
    const auto& points = engine_.settings().points;
    const auto fire_one = [&](std::string_view event) {
      return (state_ && state_->is_fired_by_command(event)) || fire_and_note(*points.find(event));
    };
    return std::all_of(row_->events.begin(), row_->events.end(), [&](std::string_view event) {
      // Where nothing can fail the call, what keeps one event from firing keeps no other.
      return row_->never_fails ? attempt(false, [&] { return fire_one(event); }) || true : fire_one(event);
    });
  }

  // False: libvirt must not go on. A command that was killed while libvirt did its work would fire it again, when it is
  // recovered.
  bool fire_and_note(const HookPoint& point) {
    const bool is_fine = fire(point);
    if (state_) state_->note_fired(point.name);
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

  bool fire(const Request& request, const HookPointRules& rules) {
    hide_if_needed(request);
    auto report = engine_.run(request, stop_);
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
          report.event + (is_strict ? ": error: " : ": warning: ") + hook.path + " changed the document, and libvirt does not take changes " +
              "when it starts a VM itself" + (is_strict ? ", which bridge.strict refuses" : "") + ": start it with vdsm-hook vm start");
    }
    return is_well;
  }

  void hide_if_needed(const Request& request) {
    if (is_hidden_) return;
    const auto plan = engine_.plan(request);
    if (std::none_of(plan.hooks.begin(), plan.hooks.end(), [](const PlannedHook& hook) { return hook.runs; })) return;
    is_hidden_ = true;
    try {
      host_.hide_libvirt();
    } catch (const Error& error) {
      say(Level::warning, std::string("warning: libvirt is not hidden from hooks, and one that asks it hangs until its deadline: ") + error.what());
    }
  }

  void tell(const Report& report) {
    for (const auto& problem : report.problems) say(problem.vetoes ? Level::error : Level::warning, report.event + ": " + to_text(problem));
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
    auto report = run_scripts(scripts, AfterFailure::stop, call, settings, *host_.make_runner(), stop_);
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
  std::optional<VmState> state_;
  const BridgeRow* row_ = nullptr;
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

BridgeResult run_bridge_without_events(const LibvirtCall& call, const Engine& engine, const BridgeHost& host, std::stop_token stop) {
  return BridgeCall(call, engine, host, stop, false).run();
}

}  // namespace vdsm_hook
