#include "vdsm_hook/libvirt_hooks/vm_record.hpp"

#include <time.h>

#include <algorithm>
#include <boost/json.hpp>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

namespace json = boost::json;

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kStages[] = {"before", "acting", "after"};

long long boot_milliseconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

json::array pairs_of(const Variables& variables) {
  json::array pairs;
  for (const auto& [name, value] : variables) pairs.push_back({name, value});
  return pairs;
}

Variables variables_from(const json::value& pairs) {
  Variables variables;
  for (const auto& pair : pairs.as_array()) variables.emplace_back(pair.at(0).as_string(), pair.at(1).as_string());
  return variables;
}

json::value to_json(const VmRun& run) {
  json::array fired, next_phases;
  for (const auto* next : run.next_phases) next_phases.emplace_back(next->name);
  for (const auto& one : run.fired)
    fired.push_back({{"event", one.event}, {"device", one.device}, {"is_over", one.is_over}});
  return {{"command", run.command},
          {"pid", run.pid},
          {"since", run.since},
          {"phase", run.phase == nullptr ? std::string_view() : run.phase->name},
          {"next_phases", std::move(next_phases)},
          {"stage", kStages[static_cast<std::size_t>(run.stage)]},
          {"hooks_ran", run.hooks_ran},
          {"fired", std::move(fired)},
          {"own_events", json::value_from(run.own_events)},
          {"created", pairs_of(run.created)},
          {"properties", pairs_of(run.properties)},
          {"document", run.document},
          {"device", run.device},
          {"parameters", pairs_of(run.parameters)}};
}

// An object that has KEYS and no others: what one of another version says besides must not be lost.
const json::object& object_of(const json::value& value, std::initializer_list<std::string_view> keys) {
  const auto& object = value.as_object();
  for (const auto& [key, unused] : object)
    if (std::find(keys.begin(), keys.end(), std::string_view(key)) == keys.end())
      throw Error(Errc::bad_document, "it has a '" + printable(std::string_view(key).substr(0, 80)) + "'");
  return object;
}

const Phase* phase_from(const json::value& value) {
  const std::string_view name = value.as_string();
  if (const auto* phase = find_phase(name)) return phase;
  throw Error(Errc::bad_document, "there is no phase '" + printable(name.substr(0, 80)) + "'");
}

VmRun run_from(const json::value& value) {
  const auto& object =
      object_of(value, {"command", "pid", "since", "phase", "next_phases", "stage", "hooks_ran", "fired", "own_events",
                        "created", "properties", "document", "device", "parameters"});
  VmRun run;
  run.command = object.at("command").as_string();
  run.pid = json::value_to<pid_t>(object.at("pid"));
  run.since = object.at("since").as_string();
  run.phase = phase_from(object.at("phase"));
  for (const auto& next : object.at("next_phases").as_array()) run.next_phases.push_back(phase_from(next));
  const std::string_view stage = object.at("stage").as_string();
  const auto* found = std::find(std::begin(kStages), std::end(kStages), stage);
  if (found == std::end(kStages))
    throw Error(Errc::bad_document, "there is no stage '" + printable(stage.substr(0, 80)) + "'");
  run.stage = static_cast<VmRun::Stage>(found - std::begin(kStages));
  run.hooks_ran = object.at("hooks_ran").as_bool();
  for (const auto& each : object.at("fired").as_array()) {
    const auto& one = object_of(each, {"event", "device", "is_over"});
    run.fired.push_back({std::string(one.at("event").as_string()), std::string(one.at("device").as_string()),
                         one.at("is_over").as_bool()});
  }
  run.own_events = json::value_to<std::vector<std::string>>(object.at("own_events"));
  run.created = variables_from(object.at("created"));
  run.properties = variables_from(object.at("properties"));
  run.document = object.at("document").as_string();
  run.device = object.at("device").as_string();
  run.parameters = variables_from(object.at("parameters"));
  return run;
}

}  // namespace

const FiredEvent* VmRun::find_fired(std::string_view event, std::string_view of_device) const {
  const auto found = std::find_if(fired.begin(), fired.end(), [&](const FiredEvent& one) {
    return one.event == event && (one.device.empty() || one.device == of_device);
  });
  return found == fired.end() ? nullptr : &*found;
}

void VmRecord::expect(std::string_view event) {
  forget_old_expected();
  expected.push_back({std::string(event), boot_milliseconds()});
}

bool VmRecord::unexpect(std::string_view event) {
  const auto found =
      std::find_if(expected.begin(), expected.end(), [&](const Expected& one) { return one.event == event; });
  if (found == expected.end()) return false;
  expected.erase(found);
  return true;
}

void VmRecord::renew_expected(std::string_view event) {
  for (auto& one : expected)
    if (one.event == event) one.at_ms = boot_milliseconds();
}

void VmRecord::forget_old_expected() {
  const auto oldest = boot_milliseconds() - std::chrono::milliseconds(kExpectedFor).count();
  std::erase_if(expected, [&](const Expected& one) { return one.at_ms < oldest; });
}

std::string to_text(const VmRecord& record) {
  json::object runs;
  for (const auto& [host, run] : record.runs) runs[host] = to_json(run);
  json::array expected;
  for (const auto& one : record.expected) expected.push_back({{"event", one.event}, {"at_ms", one.at_ms}});
  return json::serialize(
      json::object{{"version", kVersion},
                   {"runs", std::move(runs)},
                   {"expected", std::move(expected)},
                   {"seen", {{"word", record.seen.word}, {"was_running", record.seen.was_running}}}});
}

VmRecord record_from(std::string_view text) {
  try {
    const auto value = json::parse(text);
    if (const auto* version = value.as_object().if_contains("version");
        version == nullptr || *version != json::value(kVersion))
      throw Error(Errc::bad_document, "another version of vdsm-hook has written it");
    const auto& object = object_of(value, {"version", "runs", "expected", "seen"});
    VmRecord record;
    for (const auto& [host, run] : object.at("runs").as_object()) record.runs.emplace(host, run_from(run));
    for (const auto& each : object.at("expected").as_array()) {
      const auto& one = object_of(each, {"event", "at_ms"});
      record.expected.push_back({std::string(one.at("event").as_string()), json::value_to<long long>(one.at("at_ms"))});
    }
    const auto& seen = object_of(object.at("seen"), {"word", "was_running"});
    record.seen = {std::string(seen.at("word").as_string()), seen.at("was_running").as_bool()};
    return record;
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // no JSON, or other JSON
    throw Error(Errc::bad_document, error.what());
  }
}

}  // namespace vdsm_hook
