// A host to plan events on: a hooks directory, a configuration, and events picked by what holds at them.
#pragma once

#include <algorithm>

#include "support.hpp"
#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/engine/planning.hpp"

namespace vdsm_hook::test {

inline constexpr const char* kUuid = "0e4a0b1c-7d2f-4c3a-9b1e-0123456789ab";

/// The first built-in event for which all of this holds.
inline std::string event_with(PayloadKind payload, bool vetoes, bool vm_properties = true,
                              bool from_elsewhere = false) {
  for (const auto& point : builtin_hook_points())
    if (point.ours.payload == payload && point.ours.vetoes == vetoes && point.ours.vm_properties == vm_properties &&
        point.ours.from_elsewhere == from_elsewhere && (point.vdsm == point.ours || from_elsewhere))
      return std::string(point.name);
  throw std::logic_error("no such hook point");
}

inline const std::string kVetoes = event_with(PayloadKind::domain_xml, true);
inline const std::string kLogs = event_with(PayloadKind::domain_xml, false);
inline const std::string kDevice = event_with(PayloadKind::device_xml, true);
inline const std::string kJson = event_with(PayloadKind::json, true);
inline const std::string kHostJson = event_with(PayloadKind::json, true, false);
inline const std::string kIncoming = event_with(PayloadKind::domain_xml, true, true, true);
inline const std::string kIncomingDevice = event_with(PayloadKind::device_xml, true, true, true);
inline const std::string kNone = event_with(PayloadKind::none, false, false);

/// A domain XML with the VM's own custom properties.
inline std::string domain(const std::string& custom = {}, const std::string& name = "web-1",
                          const std::string& uuid = kUuid) {
  std::string text = "<domain>";
  if (!name.empty()) text += "<name>" + name + "</name>";
  if (!uuid.empty()) text += "<uuid>" + uuid + "</uuid>";
  if (!custom.empty())
    text += "<metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom>" + custom + "</o:custom></o:vm></metadata>";
  return text + "</domain>";
}

struct PlanHost {
  PlanHost() {
    settings.paths.hooks_dirs = {dir.dir("hooks")};
    settings.paths.runtime_dir = dir / "run";
    settings.paths.config_dir = dir / "config";
  }

  std::string hook(const std::string& event, const std::string& name, const std::string& sidecar = {}) const {
    if (!sidecar.empty()) dir.file("hooks/" + event + "/" + name + ".toml", sidecar);
    return dir.hook("hooks/" + event + "/" + name);
  }
  Plan plan(const Request& request) const { return Engine(settings).plan(request); }
  Prepared prepare(const Request& request) const {
    Caches caches;
    return vdsm_hook::prepare(request, settings, caches);
  }

  TempDir dir;
  Settings settings;
};

/// A request with the payload that belongs to EVENT.
inline Request request(const std::string& event, const std::string& domain_xml = domain()) {
  Request made;
  made.event = event;
  const auto* point = HookPoints().find(event);
  const auto kind = point == nullptr ? PayloadKind::domain_xml : point->ours.payload;
  if (kind == PayloadKind::domain_xml) made.document = domain_xml;
  if (kind == PayloadKind::device_xml) made.document = "<interface/>";
  if (kind == PayloadKind::json) made.document = "{}";
  if (kind != PayloadKind::domain_xml) made.domain_xml = domain_xml;
  return made;
}

/// "50_a" for a hook that runs, "50_a: why" for one that does not.
inline std::vector<std::string> lines(const Plan& plan) {
  std::vector<std::string> found;
  for (const auto& hook : plan.hooks) found.push_back(hook.name + (hook.runs ? "" : ": " + hook.reason));
  return found;
}

inline bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

inline void check_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) BOOST_TEST(has(text, word), text << " does not say " << word);
}

}  // namespace vdsm_hook::test
