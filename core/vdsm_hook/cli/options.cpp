#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

// A name or a hook's words with a line end in it must not make up another message.
std::string with_own_mark(std::string_view text) {
  constexpr std::string_view kMark = "vdsm-hook: ";
  std::string lines(kMark);
  for (;;) {
    const auto end = std::min(text.find('\n'), text.size());
    lines += text.substr(0, end);
    if (end == text.size()) return lines;
    text.remove_prefix(end + 1);
    lines += text.starts_with(kMark) ? "\n  " : "\n";
  }
}

}  // namespace

std::string read_input(const std::string& name, std::size_t max_bytes) {
  if (name != "-") {
    if (const auto st = status_of(name); st && S_ISDIR(st->st_mode)) throw_wrong_use(name + " is a directory");
    return read_file(name, max_bytes);
  }
  auto data = read_to_end(STDIN_FILENO, max_bytes, "standard input");
  if (!data) throw_wrong_use("standard input is larger than " + std::to_string(max_bytes) + " bytes");
  return std::move(*data);
}

std::chrono::milliseconds read_timeout(const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) throw_wrong_use("--timeout '" + printable(text) + "' is not a duration such as 500ms, 30s, 10min or 1h (at most a week)");
  return *duration;
}

Variables read_variables(const std::vector<std::string>& words, const std::string& option) {
  Variables variables;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) throw_wrong_use(option + " '" + printable(word.substr(0, 80)) + "' is not NAME=VALUE");
    variables.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return variables;
}

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& target,
                        const std::vector<std::string>& choices, const std::string& description) {
  const auto type = joined(choices, "|");
  return app.add_option(name, target, description)->type_name(type)->check(CLI::Validator(
      [choices, type](std::string& word) {
        if (std::find(choices.begin(), choices.end(), word) != choices.end()) return std::string();
        return "'" + word.substr(0, 80) + "' is none of " + type + did_you_mean(word, {choices.begin(), choices.end()});
      }, ""));
}

CLI::Option* add_compat(CLI::App& app, std::string& target) {
  return add_choice(app, "--compat", target, {"vdsm"}, "do as oVirt's vdsm does");
}

std::string_view option_for(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::none: return "";
    case PayloadKind::domain_xml: return " --domxml FILE";
    case PayloadKind::device_xml: return " --device-xml FILE";
    case PayloadKind::json: return " --json FILE";
  }
  return "";
}

void LocationOptions::add_to(CLI::App& app) {
  add_value(app, "--hooks-dir", moved.hooks_dirs, "DIR", "hooks directory instead of the installed ones; of several the later wins")
      ->group("Locations");
  add_engines_to(app);
}

void LocationOptions::add_engines_to(CLI::App& app) {
  add_value(app, "--config-dir", moved.config_dir, "DIR", "instead of " + Paths::system_config_dir())->group("Locations");
  add_value(app, "--runtime-dir", moved.runtime_dir, "DIR", "instead of /run/vdsm-hook")->group("Locations");
}

void FormatOption::add_to(CLI::App& app) {
  add_choice(app, "--format", format, {"text", "json"}, "text unless given");
}

void RequestOptions::add_to(CLI::App& app) {
  app.add_option("EVENT", event_, "the hook point, such as before_vm_start")->required();
  auto* domxml = add_value(app, "--domxml", domxml_, "FILE|-", "the domain XML that goes through the hooks; - is stdin");
  auto* device = add_value(app, "--device-xml", device_xml_, "FILE|-", "the device XML that goes through the hooks")->excludes(domxml);
  add_value(app, "--json", json_, "FILE|-", "the JSON document that goes through the hooks")->excludes(domxml)->excludes(device);
  add_value(app, "--domain", domain_, "FILE|-", "the domain XML that another event belongs to: properties, name, UUID")->excludes(domxml);
  add_value(app, "--vm-id", vm_id_, "UUID", "instead of the domain's UUID");
  add_value(app, "-p,--property", properties_, "NAME=VALUE", "custom property of the VM; wins over the domain's metadata");
  add_value(app, "--device-property", device_properties_, "NAME=VALUE", "custom property of the device");
  add_value(app, "--param", parameters_, "NAME=VALUE", "parameter of the call");
  add_choice(app, "--on-error", on_error_, {"veto", "warn"}, "what a failed hook means, instead of what the hook point says");
  add_compat(app, compat_);
  app.add_flag("--adhoc", adhoc_, "allow an event that is no hook point");
  add_value(app, "--timeout", timeout_, "DURATION", "deadline of each hook: 500ms, 30s, 10min, 1h");
  add_value(app, "--skip", skip_, "HOOK", "name of a hook that shall not run this time");
  locations.add_to(app);
}

GivenFile RequestOptions::domain_input() const { return {"--domain", domain_, STDIN_FILENO}; }

std::vector<GivenFile> RequestOptions::inputs() const {
  return {{"--domxml", domxml_, STDIN_FILENO}, {"--device-xml", device_xml_, STDIN_FILENO}, {"--json", json_, STDIN_FILENO}, domain_input()};
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
      throw_wrong_use(event_ + " carries no document: give the domain it belongs to with --domain instead of " + given->option);
    for (const auto& input : inputs)
      if (input.kind == kind && given != &input)
        throw_wrong_use(event_ + " carries a document: give it with " + input.option + " FILE" +
              (given != nullptr ? std::string(", not with ") + given->option : ""));
  }
  if (given != nullptr && given->file == "-" && domain_ == "-") throw_wrong_use("only one document can come from standard input");
  if (given != nullptr) request.document = read_input(given->file, settings.max_payload_bytes);
  if (!domain_.empty()) request.domain_xml = read_input(domain_, settings.max_payload_bytes);
  return request;
}

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "standard output"); }

void complain(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  try {
    write_all(STDERR_FILENO, with_own_mark(printable(text)) + "\n", "standard error");
  } catch (const Error&) {  // nobody is left to tell
  }
}

}  // namespace vdsm_hook::cli
