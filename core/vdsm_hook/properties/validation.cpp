#include "vdsm_hook/properties/validation.hpp"

#include <algorithm>
#include <unordered_map>

#include "vdsm_hook/properties/items.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {
namespace {

constexpr int kMaxSearches = 10;
constexpr std::string_view kForm = "NAME=VALUE;NAME=VALUE";

// VALUE as it may be shown: the asterisks of NAME's password, or what a password within it is hidden by.
std::string open_part(std::string_view name, std::string_view value) {
  return without_passwords(without_passwords({{std::string(name), std::string(value)}})[0].second);
}

// On one line, and not longer than people read.
std::string shown(std::string_view text) {
  constexpr std::size_t max = 200;
  auto cut = std::min(max, text.size());
  while (cut < text.size() && cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  std::string line;
  for (const char c : printable(text.substr(0, cut))) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else {
      line += c;
    }
  }
  return cut < text.size() ? line + "..." : line;
}

PropertyProblem syntax_error(std::string_view item, const std::string& why) {
  return {ProblemKind::syntax_error, "", std::string(item),
          std::string(kForm),        "", shown(why) + "; expected " + std::string(kForm)};
}

// "name=value: WHY", with who declared it where that is known.
PropertyProblem problem(ProblemKind kind, std::string_view name, std::string_view value, const Definition* definition,
                        std::string expected, const std::string& why) {
  PropertyProblem found{kind, std::string(name), std::string(value), std::move(expected), "", ""};
  if (definition != nullptr) found.declared_by = definition->declared_by;
  found.text = about_value(name, value, why);
  return found;
}

// NEAR: the name that was meant; may be empty.
PropertyProblem unknown_name(std::string_view name, std::string_view value, std::string_view near) {
  auto why = refused_name(name).value_or("there is no such property");
  if (!near.empty()) why += " (did you mean " + std::string(near) + "?)";
  return problem(ProblemKind::key_does_not_exist, name, value, nullptr, std::string(near), why);
}

PropertyProblem wrong_value(const Definition& definition, std::string_view value) {
  const auto expected = definition.pattern.expectation();
  const auto declared = "declared by " + definition.declared_by + ")";
  // The expectation of a choice ends in ")", where this goes on.
  const auto why = definition.pattern.choices() ? "not " + expected.substr(0, expected.size() - 1) + ", " + declared
                                                : "does not match " + expected + " (" + declared;
  return problem(ProblemKind::incorrect_value, definition.name, value, &definition, expected, printable(why));
}

PropertyProblem set_twice(std::string_view name, std::string_view value) {
  return problem(ProblemKind::duplicate_key, name, value, nullptr, std::string(name) + " once",
                 "'" + shown(name) + "' is set more than once");
}

// One view of values, from a text or a map.
using Views = std::vector<PropertyItem>;

struct Judged {
  const Definitions& definitions;
  std::vector<PropertyProblem> problems;
  std::unordered_map<std::string_view, int> counts;
  int searches_left;  // for the nearest name: each looks at every definition

  void add(const PropertyItem& item) {
    const auto count = ++counts[item.name];
    if (count == 2) problems.push_back(set_twice(item.name, item.text));
    if (count > 1) return;
    const auto* definition = definitions.find(item.name);
    if (definition == nullptr) {
      const bool is_searched = searches_left-- > 0;
      problems.push_back(unknown_name(item.name, item.text, is_searched ? definitions.nearest(item.name) : ""));
    } else if (const auto why = refused_value(item.name, item.text)) {  // no other pattern would help
      problems.push_back(problem(ProblemKind::incorrect_value, item.name, item.text, definition,
                                 "UTF-8 of one line without control characters", *why));
    } else if (!definition->pattern.matches(item.text)) {
      problems.push_back(wrong_value(*definition, item.text));
    }
  }
};

std::vector<PropertyProblem> judge(const Views& items, const Definitions& definitions, bool may_guess) {
  Judged judged{definitions, {}, {}, may_guess ? kMaxSearches : 0};
  judged.counts.reserve(items.size());
  for (const auto& item : items) judged.add(item);
  return std::move(judged.problems);
}

Views views_of(const PropertyValues& values) {
  Views views;
  for (const auto& [name, value] : values) views.push_back({name, value});
  return views;
}

std::vector<PropertyProblem> syntax_of(const PropertyValues& values) {
  for (const auto& [name, value] : values) {
    const auto item = name + "=" + open_part(name, value);
    if (const auto why = refused_identifier(name)) return {syntax_error(item, "'" + item.substr(0, 80) + "': " + *why)};
    if (value.find(';') != std::string::npos)
      return {syntax_error(item, "'" + item.substr(0, 80) + "': a value cannot hold a ;")};
  }
  if (values.size() > kMaxProperties)
    return {syntax_error("", "there are more than " + std::to_string(kMaxProperties) + " items")};
  return {};
}

std::vector<PropertyProblem> wrong_type(std::string_view type) {
  std::string list = "one of:";
  for (const auto known : device_types()) list += (list.ends_with(':') ? " " : ", ") + std::string(known);
  const auto near = did_you_mean(type, {device_types().begin(), device_types().end()});
  return {{ProblemKind::invalid_device_type, "", std::string(type), list, "",
           "'" + shown(type) + "' is no device type" + near + "; expected " + list}};
}

}  // namespace

std::string_view to_string(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::syntax_error: return "SYNTAX_ERROR";
    case ProblemKind::key_does_not_exist: return "KEY_DOES_NOT_EXIST";
    case ProblemKind::incorrect_value: return "INCORRECT_VALUE";
    case ProblemKind::duplicate_key: return "DUPLICATE_KEY";
    case ProblemKind::invalid_device_type: return "INVALID_DEVICE_TYPE";
  }
  return "";
}

std::string about_value(std::string_view name, std::string_view value, const std::string& why) {
  return shown(name) + "=" + shown(open_part(name, value)) + ": " + why;
}

ReadValues read_values(std::string_view text) {
  const auto found = read_items(text);
  ReadValues read;
  std::unordered_map<std::string_view, int> counts;
  for (const auto& item : found.items) {
    const auto count = ++counts[item.name];
    if (count == 1) read.values.emplace_back(item.name, item.text);
    if (count == 2) read.problems.push_back(set_twice(item.name, item.text));
  }
  if (!found.fault.empty()) read.problems = {syntax_error(found.wrong_item, found.fault)};
  return read;
}

std::string to_text(const PropertyValues& values) {
  std::string text;
  for (const auto& [name, value] : values) text += (text.empty() ? "" : ";") + name + "=" + value;
  return text;
}

std::vector<PropertyProblem> validate(const PropertyValues& values, const Definitions& definitions, bool may_guess) {
  auto problems = syntax_of(values);
  return problems.empty() ? judge(views_of(values), definitions, may_guess) : problems;
}

std::vector<PropertyProblem> validate(std::string_view text, const Definitions& definitions) {
  const auto found = read_items(text);
  if (!found.fault.empty()) return {syntax_error(found.wrong_item, found.fault)};
  return judge(found.items, definitions, true);
}

std::vector<PropertyProblem> validate_device(std::string_view type, const PropertyValues& values,
                                             const DeviceDefinitions& definitions, bool may_guess) {
  if (values.empty()) return {};
  return is_device_type(type) ? validate(values, definitions_of(type, definitions), may_guess) : wrong_type(type);
}

std::vector<PropertyProblem> validate_device(std::string_view type, std::string_view text,
                                             const DeviceDefinitions& definitions) {
  if (text.empty()) return {};
  return is_device_type(type) ? validate(text, definitions_of(type, definitions)) : wrong_type(type);
}

}  // namespace vdsm_hook
