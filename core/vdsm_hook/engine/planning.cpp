#include "vdsm_hook/engine/planning.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/engine/delivery.hpp"
#include "vdsm_hook/engine/interpreters.hpp"
#include "vdsm_hook/properties/metadata.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

[[noreturn]] void wrong(const std::string& why) { throw Error(Errc::wrong_use, why); }

HookPointRules rules_of(const Request& request, const HookPoints& points) {
  if (!is_event_name(request.event))
    wrong("'" + printable(request.event.substr(0, 80)) +
          "' is no event name: one plain name of letters, digits, _ - and .");
  HookPointRules rules{request.adhoc.value_or(PayloadKind::none), true, true, true, true};
  if (const auto* point = points.find(request.event)) {
    rules = point->rules(request.compat_vdsm);
  } else if (!request.adhoc) {
    wrong("there is no hook point " + request.event + points.did_you_mean(request.event));
  }
  if (request.vetoes) rules.vetoes = *request.vetoes;
  return rules;
}

void check_document(const Request& request, const HookPointRules& rules) {
  if (rules.payload == PayloadKind::none && !request.document.empty())
    wrong(request.event + " carries no document; the domain XML that the event belongs to is given as such");
  if (rules.payload != PayloadKind::none && request.document.empty())
    wrong(request.event + " carries a document (" + std::string(to_string(rules.payload)) +
          "), and none or an empty one was given");
}

void check_vm_id(const Request& request) {
  if (request.vm_id.empty() || is_uuid(request.vm_id)) return;
  const auto is_plain = std::all_of(request.vm_id.begin(), request.vm_id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  const bool leads_elsewhere = request.vm_id == "." || request.vm_id == "..";  // hooks make paths of it
  if (!request.compat_vdsm || !is_plain || leads_elsewhere)
    wrong("the VM id '" + printable(request.vm_id) + "' is no UUID");
}

// Whether the table says that hooks of EVENT get the parameter NAME.
bool is_parameter_of(const HookPoint* event, std::string_view name) {
  return event != nullptr && std::any_of(event->parameter_list.begin(), event->parameter_list.end(),
                                         [&](const HookPointParameter& parameter) { return parameter.name == name; });
}

void check_variables(const Request& request, const HookPoints& points) {
  const auto* event = points.find(request.event);
  for (const auto* variables : {&request.properties, &request.device_properties, &request.parameters}) {
    for (const auto& [name, value] : *variables) {
      // What exec itself cannot take is refused always.
      const bool is_impossible =
          name.empty() || name.find('=') != std::string::npos || (name + value).find('\0') != std::string::npos;
      auto why = variables == &request.parameters && is_parameter_of(event, name) ? std::nullopt : refused_name(name);
      if (!why) why = refused_value(name, value);
      if (why && (!request.compat_vdsm || is_impossible)) wrong("'" + printable(name.substr(0, 80)) + "': " + *why);
    }
  }
}

// Which VM the event is about, from its domain XML.
void take_identity(const DomainFacts& domain, Prepared& prepared) {
  auto& plan = prepared.plan;
  plan.vm_name = domain.name;
  if (plan.vm_id.empty() && !domain.uuid.empty()) {
    if (is_uuid(domain.uuid)) {
      plan.vm_id = domain.uuid;
    } else {
      plan.notes.push_back("the domain's <uuid> '" + printable(domain.uuid) + "' is no UUID: hooks get no vmId");
    }
  } else if (!domain.uuid.empty() && ::strcasecmp(domain.uuid.c_str(), plan.vm_id.c_str()) != 0) {
    plan.notes.push_back("hooks get the given VM id " + plan.vm_id + ", not the domain's " + printable(domain.uuid));
  }
}

// Both documents, when something is going to run on them.
void check_soundness(const Request& request, Prepared& prepared) {
  const auto refuse = [](const std::string& which, const std::string& why) {
    throw Error(Errc::bad_document, which + " is " + why);
  };
  const auto why = unsound(prepared.plan.rules.payload, request.document, prepared.identity);
  if (request.compat_vdsm) return;
  if (why) refuse("the document for " + request.event, *why);
  DocumentIdentity ignored;
  if (request.domain_xml.empty()) return;
  if (const auto domains = unsound(PayloadKind::domain_xml, request.domain_xml, ignored))
    refuse("the domain XML", *domains);
}

std::string root_only() { return "it needs root, and this engine runs as uid " + std::to_string(::geteuid()); }

std::optional<std::string> unmet_condition(const Sidecar& sidecar, const ConditionFacts& facts,
                                           std::string_view event) {
  if (auto why = sidecar.when.unmet(facts)) return why;
  const auto at = sidecar.when_event.find(event);
  return at == sidecar.when_event.end() ? std::nullopt : at->second.unmet(facts);
}

// One hook's sidecar decides whether it runs, how long, and what its failure means.
void plan_hook(const HookFile& file, const Request& request, const Settings& settings, SidecarCache& sidecars,
               Prepared& prepared) {
  auto& plan = prepared.plan;
  PlannedHook hook;
  hook.name = file.name;
  hook.path = file.path;
  hook.layer = file.layer;
  hook.on_failure = plan.rules.vetoes ? OnFailure::veto : OnFailure::warn;
  hook.deadline = request.compat_vdsm ? request.deadline : request.deadline.value_or(settings.deadline);
  const auto skip = [&hook](std::string why) {
    if (hook.runs) hook.reason = std::move(why);
    hook.runs = false;
  };
  if (std::find(request.skip.begin(), request.skip.end(), file.name) != request.skip.end())
    skip("the caller asked to skip it");
  std::shared_ptr<const Sidecar> sidecar;
  std::optional<std::string> unmet;
  try {
    if (!file.sidecar_doubt.empty()) throw Error(Errc::bad_configuration, file.sidecar_doubt);
    if (!file.sidecar.empty()) sidecar = sidecars.get(file.sidecar, file.sidecar_stamp, settings.points, plan.event);
    if (sidecar)
      unmet = unmet_condition(*sidecar, {prepared.vm_properties, prepared.device_properties, plan.vm_name, plan.vm_id},
                              plan.event);
    if (sidecar && !unmet) sidecar->judge_patterns();
  } catch (const Error& error) {
    if (error.code() != Errc::bad_configuration) throw;
    if (hook.runs)
      plan.problems.push_back(
          {file.path, std::string("not run, because of its sidecar: ") + error.what(), plan.rules.vetoes});
    skip(std::string("its sidecar is wrong: ") + error.what());
  }
  if (sidecar) {
    hook.summary = sidecar->summary;
    if (sidecar->timeout && !request.deadline && !request.compat_vdsm) hook.deadline = sidecar->timeout;
    if (sidecar->on_failure && *sidecar->on_failure > hook.on_failure) hook.on_failure = *sidecar->on_failure;
    // Without a veto, stopping would let the caller go on with half its hooks.
    hook.stops_event = !sidecar->on_failure || *sidecar->on_failure == OnFailure::veto;
    if (!unmet && sidecar->needs_root && ::geteuid() != 0) unmet = root_only();
    if (unmet) skip(*unmet);
    if (hook.runs && sidecar->needs_libvirt && request.libvirt_waits) {
      skip("it needs libvirt, which waits here until the event has ended");
      plan.problems.push_back(
          {file.path, "not run, because " + hook.reason + "; vdsm-hook vm runs it while libvirt is free", false});
    }
  }
  plan.hooks.push_back(std::move(hook));
}

// What runs a hook is judged as the hook is.
void judge_interpreters(const Settings& settings, Plan& plan) {
  Interpreters interpreters(settings.trust, hooks_search_path(settings, false));
  for (auto& hook : plan.hooks) {
    if (!hook.runs) continue;
    const auto why = interpreters.doubt(hook.path);
    if (!why) continue;
    hook.runs = false;
    hook.reason = "what runs it is untrusted: " + *why;
    plan.problems.push_back({hook.path, "not run, because " + hook.reason, plan.rules.vetoes});
  }
}

void check_skip(const Request& request, const std::vector<HookFile>& hooks) {
  std::vector<std::string_view> names;
  for (const auto& hook : hooks) names.push_back(hook.name);
  for (const auto& name : request.skip)
    if (std::find(names.begin(), names.end(), name) == names.end())
      wrong("there is no hook " + printable(name) + " at " + request.event + " to skip" + did_you_mean(name, names));
}

}  // namespace

Prepared prepare(const Request& request, const Settings& settings, Caches& caches) {
  Prepared prepared;
  auto& plan = prepared.plan;
  plan.event = request.event;
  plan.rules = rules_of(request, settings.points);
  plan.vm_id = request.vm_id;
  check_document(request, plan.rules);
  check_vm_id(request);
  check_variables(request, settings.points);

  auto found =
      discover(request.event, {settings.paths.hooks_dirs, !request.compat_vdsm, !request.compat_vdsm, settings.trust});
  if (!request.skips_what_is_there && !found.lacks_a_layer) check_skip(request, found.hooks);
  for (const auto& file : found.ignored)
    if (file.is_problem())
      plan.problems.push_back({file.path,
                               "not run, because it is " + std::string(to_string(file.reason)) + ": " + file.text,
                               plan.rules.vetoes});
  plan.ignored = std::move(found.ignored);
  plan.is_blocked = found.lacks_a_layer && plan.rules.vetoes;  // what is known of the rest may be what a mask forbids
  if (found.hooks.empty()) return prepared;

  const auto domain =
      read_domain_facts(plan.rules.payload == PayloadKind::domain_xml ? request.document : request.domain_xml);
  take_identity(domain, prepared);
  Delivery delivery(found.hooks, request, settings, caches, prepared);
  delivery.deliver(domain);
  for (const auto& file : found.hooks) plan_hook(file, request, settings, caches.sidecars, prepared);
  if (!request.compat_vdsm && plan.runs_something()) judge_interpreters(settings, plan);
  if (!plan.is_blocked && plan.runs_something()) {
    check_soundness(request, prepared);
    delivery.prepare_devices(domain);
  }
  if (plan.is_blocked)
    for (auto& hook : plan.hooks) {
      if (hook.runs) hook.reason = "nothing is started: see the problems";
      hook.runs = false;
    }
  return prepared;
}

}  // namespace vdsm_hook
