#include <unistd.h>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"

namespace vdsm_hook::cli {
namespace {

[[noreturn]] void wrong(const std::string& why) { throw Error(Errc::wrong_use, why); }

std::string read_input(const std::string& name, std::size_t max_bytes) {
  if (name != "-") return read_file(name, max_bytes);
  auto data = read_to_end(STDIN_FILENO, max_bytes, "standard input");
  if (!data) wrong("standard input is larger than " + std::to_string(max_bytes) + " bytes");
  return std::move(*data);
}

Variables read_variables(const std::vector<std::string>& words, const std::string& option) {
  Variables variables;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) wrong(option + " '" + printable(word.substr(0, 80)) + "' is not NAME=VALUE");
    variables.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return variables;
}

}  // namespace

void LocationOptions::add_to(CLI::App& app) {
  app.add_option("--hooks-dir", moved.hooks_dirs, "hooks directory instead of the installed ones; of several the later wins")
      ->type_name("DIR")->allow_extra_args(false)->group("Locations");
  app.add_option("--config-dir", moved.config_dir, "instead of /etc/vdsm-hook")->type_name("DIR")->group("Locations");
  app.add_option("--runtime-dir", moved.runtime_dir, "instead of /run/vdsm-hook")->type_name("DIR")->group("Locations");
}

void FormatOption::add_to(CLI::App& app) {
  app.add_option("--format", format, "text (the default) or json")->type_name("text|json")->check(CLI::IsMember({"text", "json"}));
}

void RequestOptions::add_to(CLI::App& app) {
  app.add_option("EVENT", event_, "the hook point, such as before_vm_start")->required();
  auto* domxml = app.add_option("--domxml", domxml_, "the domain XML that goes through the hooks; - is stdin")->type_name("FILE|-");
  auto* device = app.add_option("--device-xml", device_xml_, "the device XML that goes through the hooks")->type_name("FILE|-")->excludes(domxml);
  app.add_option("--json", json_, "the JSON document that goes through the hooks")->type_name("FILE|-")->excludes(domxml)->excludes(device);
  app.add_option("--domain", domain_, "the domain XML that the event belongs to: its properties, name and UUID")->type_name("FILE|-")->excludes(domxml);
  app.add_option("--vm-id", vm_id_, "instead of the domain's UUID")->type_name("UUID");
  app.add_option("-p,--property", properties_, "custom property of the VM; wins over the domain's metadata")->type_name("NAME=VALUE")->allow_extra_args(false);
  app.add_option("--device-property", device_properties_, "custom property of the device")->type_name("NAME=VALUE")->allow_extra_args(false);
  app.add_option("--param", parameters_, "parameter of the call")->type_name("NAME=VALUE")->allow_extra_args(false);
  app.add_option("--on-error", on_error_, "what a failed hook means, instead of what the hook point says")->type_name("veto|warn")->check(CLI::IsMember({"veto", "warn"}));
  app.add_option("--compat", compat_, "vdsm: do as oVirt's vdsm does")->type_name("vdsm")->check(CLI::IsMember({"vdsm"}));
  app.add_flag("--adhoc", adhoc_, "allow an event that is no hook point");
  app.add_option("--timeout", timeout_, "deadline of each hook: 500ms, 30s, 10min, 1h")->type_name("DURATION");
  app.add_option("--skip", skip_, "name of a hook that shall not run this time")->type_name("HOOK")->allow_extra_args(false);
  locations.add_to(app);
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
  if (!timeout_.empty()) {
    request.deadline = parse_duration(timeout_);
    if (!request.deadline) wrong("--timeout '" + printable(timeout_) + "' is not a duration such as 500ms, 30s, 10min or 1h (at most a week)");
  }

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
      wrong(event_ + " carries no document: give the domain it belongs to with --domain instead of " + given->option);
    for (const auto& input : inputs)
      if (input.kind == kind && given != &input)
        wrong(event_ + " carries a document: give it with " + input.option + " FILE" +
              (given != nullptr ? std::string(", not with ") + given->option : ""));
  }
  if (given != nullptr && given->file == "-" && domain_ == "-") wrong("only one document can come from standard input");
  if (given != nullptr) request.document = read_input(given->file, settings.max_payload_bytes);
  if (!domain_.empty()) request.domain_xml = read_input(domain_, settings.max_payload_bytes);
  return request;
}

bool parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return false;
  }
}

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "standard output"); }

void complain(std::string_view text) {
  try {
    write_all(STDERR_FILENO, "vdsm-hook: " + std::string(text) + "\n", "standard error");
  } catch (const Error&) {  // nobody is left to tell
  }
}

}  // namespace vdsm_hook::cli
