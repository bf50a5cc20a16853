// vdsm-hook points [NAME]
#include <boost/json/value.hpp>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"

namespace vdsm_hook::cli {
namespace {

std::string_view in_words(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::none: return "none: the file named by $_hook_domxml is empty";
    case PayloadKind::domain_xml: return "domxml: the domain XML, in the file named by $_hook_domxml";
    case PayloadKind::device_xml: return "device_xml: the XML of one device, in the file named by $_hook_domxml";
    case PayloadKind::json: return "json: a JSON document, in the file named by $_hook_json";
  }
  return "";
}

std::string_view changes_of(const HookPointRules& rules) {
  return rules.payload == PayloadKind::none ? "-" : rules.result_used ? "used" : "not used";
}

std::string properties_of(const HookPointRules& rules) {
  const std::string withheld =
      rules.from_elsewhere ? "; those in the domain XML that nobody defines here are withheld" : "";
  if (rules.vm_properties && rules.device_properties) return "the VM's and its vmId, the device's" + withheld;
  return rules.vm_properties       ? "the VM's and its vmId" + withheld
         : rules.device_properties ? "the device's" + withheld
                                   : "none";
}

std::string table_of(std::span<const HookPoint> points, bool compat_vdsm) {
  Table table{{"HOOK POINT", "PAYLOAD", "CHANGES", "A FAILURE"}};
  for (const auto& point : points) {
    const auto& rules = point.rules(compat_vdsm);
    table.push_back({std::string(point.name), std::string(to_string(rules.payload)), std::string(changes_of(rules)),
                     rules.vetoes ? "vetoes" : "is reported"});
  }
  std::string text;
  for (const auto& line : aligned(table, 0)) text += line;
  return text + "\nvdsm-hook points NAME tells when one fires and what it hands over.\n";
}

// In a few words how RULES differ from ours; empty: not at all.
std::string differences(const HookPointRules& rules, const HookPointRules& ours) {
  std::string text;
  const auto add = [&text](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
  if (rules.payload != ours.payload) add("the payload is " + std::string(to_string(rules.payload)));
  if (rules.result_used != ours.result_used) add(rules.result_used ? "changes are used" : "changes are not used");
  if (rules.vetoes != ours.vetoes) add(rules.vetoes ? "a failure vetoes" : "a failure is reported");
  if (properties_of(rules) != properties_of(ours)) add("properties: " + properties_of(rules));
  return text;
}

std::string story_of(const HookPoint& point, bool compat_vdsm) {
  const auto& rules = point.rules(compat_vdsm);
  std::string text = std::string(point.name) + (compat_vdsm ? " under --compat vdsm\n" : "\n");
  const auto say = [&text](std::string label, std::string_view what) {
    constexpr std::size_t indent = 14;
    label.resize(indent - 2, ' ');
    if (!what.empty()) text += "  " + label + folded(what, indent);
  };
  say("fires", point.fires);
  say("order", point.follows);
  say("payload", in_words(rules.payload));
  if (rules.payload != PayloadKind::none)
    say("changes", rules.result_used ? "used: the caller goes on with the document that the hooks leave"
                                     : "not used: they reach the later hooks and nobody else");
  say("a failure",
      rules.vetoes ? "vetoes: what was about to happen does not happen" : "is reported, and the caller goes on");
  say("properties", properties_of(rules));
  say("parameters", point.parameters);
  say("defined in", point.origin);
  if (!compat_vdsm) say("upstream", differences(point.vdsm, point.ours));
  say("try it", "vdsm-hook run " + std::string(point.name) + std::string(option_for(rules.payload)));
  return text;
}

boost::json::value to_json(std::span<const HookPoint> points, bool compat_vdsm) {
  boost::json::array out;
  for (const auto& point : points) {
    const auto& rules = point.rules(compat_vdsm);
    boost::json::array parameters;
    for (const auto& [name, about] : point.parameter_list) parameters.push_back({{"name", name}, {"about", about}});
    boost::json::object entry{{"name", point.name},
                              {"payload", to_string(rules.payload)},
                              {"result_used", rules.result_used},
                              {"vetoes", rules.vetoes},
                              {"vm_properties", rules.vm_properties},
                              {"device_properties", rules.device_properties},
                              {"from_elsewhere", rules.from_elsewhere},
                              {"parameters", point.parameters},
                              {"parameter_list", std::move(parameters)},
                              {"fires", point.fires},
                              {"follows", point.follows},
                              {"origin", nullptr}};
    if (!point.origin.empty()) entry["origin"] = printable(point.origin);
    out.push_back(std::move(entry));
  }
  return {{"points", std::move(out)}};
}

}  // namespace

int points_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook points",
                      "Shows the hook points: what each carries, whether changes are used, and what a "
                      "failed hook does there. With NAME, everything about that one.");
  arguments.example("vdsm-hook points before_vm_start");
  std::string name, compat;
  FormatOption format;
  LocationOptions locations;
  arguments.positional({"NAME", "hook_point"}, &name, "the hook point; all of them unless given");
  format.add_to(arguments);
  add_compat(arguments, compat);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  auto points = settings.points.all();
  if (!name.empty()) {
    const auto* point = settings.points.find(name);
    if (point == nullptr)
      throw Error(Errc::wrong_use, "there is no hook point '" + printable(name.substr(0, 80)) + "'" +
                                       settings.points.did_you_mean(name));
    points = {point, 1};
  }
  const bool is_compat = !compat.empty();
  if (format.is_json()) {
    print(to_line(to_json(points, is_compat)));
  } else {
    print(name.empty() ? table_of(points, is_compat) : story_of(points[0], is_compat));
  }
  return done;
}

}  // namespace vdsm_hook::cli
