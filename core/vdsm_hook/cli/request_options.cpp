#include "vdsm_hook/cli/request_options.hpp"

#include <unistd.h>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/given_files.hpp"
#include "vdsm_hook/cli/options.hpp"

namespace vdsm_hook::cli {

void RequestOptions::add_to(Arguments& arguments) {
  arguments.positional(kHookPoint, &event_, "the hook point, such as before_vm_start").required();
  auto& domxml =
      arguments.option("--domxml", &domxml_, kFileOrStream, "the domain XML that goes through the hooks; - is stdin");
  auto& device =
      arguments.option("--device-xml", &device_xml_, kFileOrStream, "the device XML that goes through the hooks")
          .excludes(domxml);
  arguments.option("--json", &json_, kFileOrStream, "the JSON document that goes through the hooks")
      .excludes(domxml)
      .excludes(device);
  arguments
      .option("--domain", &domain_, kFileOrStream,
              "the domain XML that another event belongs to: properties, name, UUID")
      .excludes(domxml);
  arguments.option("--vm-id", &vm_id_, "UUID", "instead of the domain's UUID");
  arguments.option("-p,--property", &properties_, kVmProperty,
                   "custom property of the VM; wins over the domain's metadata");
  arguments.option("--device-property", &device_properties_, {"NAME=VALUE", "device_property"},
                   "custom property of the device");
  arguments.option("--param", &parameters_, "NAME=VALUE", "parameter of the call");
  arguments.option("--on-error", &on_error_, "", "what a failed hook means, instead of what the hook point says")
      .one_of({"veto", "warn"});
  add_compat(arguments, compat_);
  arguments.flag("--adhoc", adhoc_, "allow an event that is no hook point");
  arguments.option("--timeout", &timeout_, "DURATION", "deadline of each hook: 500ms, 30s, 10min, 1h");
  arguments.option("--skip", &skip_, kHook, "name of a hook that shall not run this time");
  locations.add_to(arguments);
}

GivenFile RequestOptions::domain_input() const { return {"--domain", domain_, STDIN_FILENO}; }

std::vector<GivenFile> RequestOptions::inputs() const {
  return {{"--domxml", domxml_, STDIN_FILENO},
          {"--device-xml", device_xml_, STDIN_FILENO},
          {"--json", json_, STDIN_FILENO},
          domain_input()};
}

Request RequestOptions::request(const Settings& settings) const {
  Request request;
  request.event = event_;
  request.vm_id = vm_id_;
  request.properties = read_variables(properties_, "--property");
  request.device_properties = read_variables(device_properties_, "--device-property");
  request.parameters = read_variables(parameters_, "--param");
  request.skip = skip_;
  request.compat_vdsm = !compat_.empty();
  if (!on_error_.empty()) request.vetoes = on_error_ == "veto";
  if (!timeout_.empty()) request.deadline = read_timeout(timeout_);

  struct Input {
    PayloadKind kind;
    const char* option;
    const std::string& file;
  };
  const Input inputs[] = {{PayloadKind::domain_xml, "--domxml", domxml_},
                          {PayloadKind::device_xml, "--device-xml", device_xml_},
                          {PayloadKind::json, "--json", json_}};
  const Input* given = nullptr;
  for (const auto& input : inputs)
    if (!input.file.empty()) given = &input;
  if (adhoc_) request.adhoc = given != nullptr ? given->kind : PayloadKind::none;

  // Said here, where the options have names; what the engine itself refuses is said by it.
  if (const auto* point = settings.points.find(event_)) {
    const auto kind = point->rules(request.compat_vdsm).payload;
    if (given != nullptr && kind == PayloadKind::none)
      throw_wrong_use(event_ + " carries no document: give the domain it belongs to with --domain instead of " +
                      given->option);
    for (const auto& input : inputs)
      if (input.kind == kind && given != &input)
        throw_wrong_use(event_ + " carries a document: give it with " + input.option + " FILE" +
                        (given != nullptr ? std::string(", not with ") + given->option : ""));
  }
  if (given != nullptr && given->file == "-" && domain_ == "-")
    throw_wrong_use("only one document can come from standard input");
  if (given != nullptr) request.document = read_input(given->file, settings.max_payload_bytes);
  if (!domain_.empty()) request.domain_xml = read_input(domain_, settings.max_payload_bytes);
  return request;
}

}  // namespace vdsm_hook::cli
