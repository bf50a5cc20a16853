// What oVirt does with custom properties, as data: data/custom_properties.json, whose "_schema" says what each op is.
// A vector with a "deviation" has our result there; a "quirk" is what we do not do.
#define BOOST_TEST_MODULE property_vectors
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/validation.hpp"

using namespace vdsm_hook;
namespace json = boost::json;

namespace {

// Ops that are about something else than definitions and values, with how many vectors each has.
const std::map<std::string, std::size_t> kOtherOps{
    {"join", 4},
    {"split_vm", 3},
    {"rest_string_to_list", 4},  // oVirt's database and REST
    {"rest_list_to_string", 4},
    {"hugepages_backed", 3},
    {"hugepages_count", 3},  // oVirt's scheduler
};

// Ops of engine-config, which engine_config_args_test.cpp and cli/engine_config_test.py run.
const std::set<std::string> kRunElsewhere{"cli_run", "cli_parse", "cli_requirements"};

// Ours has one parser for setting and loading, and compiles every pattern when it is defined. Upstream's loader, which
// these ask, takes what upstream's setter refuses; ours refuses it.
const std::map<std::string, std::string> kRefusedByUs{
    {"vm-val-46", "a definition without ="},
    {"vm-val-54", "a pattern that does not compile, of a property that is not used"},
    {"dev-parse-08", "two blocks for a type"},
    {"dev-parse-12", "a blank between blocks"},
    {"dev-parse-14", "a blank in front of a block"},
    {"dev-parse-16", "an upper-case type"},
    {"dev-parse-17", "the type unknown"},
    {"dev-parse-18", "a definition without ="},
    {"dev-parse-21", "a ; between the braces"},
    {"dev-parse-27", "a device's name for its type"},
    {"dev-parse-28", "a property that is defined twice"},
    {"dev-parse-29", "text around the blocks"},
};

const json::value kRefused("refused");

std::string text_of(const json::value& value) {
  return value.is_null() ? std::string() : std::string(value.as_string());
}

std::string input_of(const json::object& vector) {
  const auto* generated = vector.if_contains("input_gen");
  if (generated == nullptr) return text_of(vector.at("input"));
  const auto& how = generated->as_object();
  std::string text = how.contains("prefix") ? text_of(how.at("prefix")) : "";
  for (std::int64_t i = 0; i < how.at("count").as_int64(); ++i) text += text_of(how.at("repeat"));
  return text + (how.contains("suffix") ? text_of(how.at("suffix")) : "");
}

PropertyValues values_of(const json::value& map) {
  PropertyValues values;
  if (map.is_object())
    for (const auto& [name, value] : map.as_object()) values.emplace_back(name, text_of(value));
  return values;
}

bool is_syntax_error(const std::vector<PropertyProblem>& problems) {
  return problems.size() == 1 && problems[0].kind == ProblemKind::syntax_error;
}

// As the vectors have them: sorted by reason, then key.
json::value reasons_of(const std::vector<PropertyProblem>& problems) {
  std::set<std::pair<std::string, std::string>> sorted;
  for (const auto& problem : problems) sorted.emplace(to_string(problem.kind), problem.key);
  BOOST_TEST(sorted.size() == problems.size());
  json::array out;
  for (const auto& [reason, key] : sorted) out.push_back({{"reason", reason}, {"key", key}});
  return out;
}

json::object patterns_of(const Definitions& definitions) {
  json::object out;
  for (const auto& definition : definitions.all()) out[definition.name] = definition.pattern.text();
  return out;
}

json::value string_to_map(const json::object& vector) {
  const auto read = read_values(input_of(vector));
  if (!read.problems.empty() && read.problems[0].kind == ProblemKind::duplicate_key)
    return json::value(to_string(ProblemKind::duplicate_key));
  json::object out;
  for (const auto& [name, value] : read.values) out[name] = value;
  return out;
}

json::value validate_vm(const json::object& vector) {
  auto definitions = parse_vm_definitions(text_of(vector.at("predefined")), "predefined");
  definitions.merge(parse_vm_definitions(text_of(vector.at("user_defined")), "user-defined"));
  return reasons_of(validate(input_of(vector), definitions));
}

json::value validate_map(const json::object& vector) {
  Definitions definitions;
  for (const auto& [name, pattern] : vector.at("regex_map").as_object())
    definitions.set({name, Pattern::compile(text_of(pattern)), "vector"});
  return reasons_of(validate(values_of(vector.at("input")), definitions));
}

json::value parse_device(const json::object& vector) {
  json::object out;
  for (const auto& [type, definitions] : parse_device_definitions(text_of(vector.at("definition")), "vector"))
    out[type] = patterns_of(definitions);
  return out;
}

json::value device_definition_valid(const json::object& vector) {
  try {
    parse_device(vector);
    return true;
  } catch (const Error& error) {
    BOOST_TEST((error.code() == Errc::wrong_use));
    return false;
  }
}

std::vector<PropertyProblem> problems_of(const json::object& vector) {
  auto definitions = parse_vm_definitions(text_of(vector.at("predefined")), "vector");
  definitions.merge(parse_vm_definitions(text_of(vector.at("user_defined")), "vector"));
  return validate(text_of(vector.at("input")), definitions);
}

// oVirt's messages, which say no more than the kinds of our problems and their keys.
json::value messages_of(const json::object& vector) {
  constexpr std::tuple<ProblemKind, const char*, const char*> rows[] = {
      {ProblemKind::invalid_device_type, "DEVICE_TYPE", "$InvalidDeviceType "},
      {ProblemKind::key_does_not_exist, "KEYS", "$MissingKeys "},
      {ProblemKind::incorrect_value, "VALUES", "$WrongValueKeys "},
      {ProblemKind::syntax_error, "SYNTAX", ""},
      {ProblemKind::duplicate_key, "DUPLICATE_KEYS", "$DuplicateKeys "}};
  const auto problems = problems_of(vector);
  json::array messages;
  for (const auto& [kind, code, variable] : rows) {
    std::string keys;
    for (const auto& problem : problems)
      if (problem.kind == kind) keys += (keys.empty() ? "" : ",") + problem.key + (problem.key.empty() ? " " : "");
    if (!keys.empty())
      messages.emplace_back("ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_" + std::string(code));
    if (!keys.empty() && *variable != 0) messages.emplace_back(variable + keys);
  }
  return {{"ok", problems.empty()}, {"messages", messages}};
}

// Without what is wrong, which is what oVirt sends to the host, and what it keeps at another level.
PropertyValues good_values(const json::object& vector) {
  const auto problems = problems_of(vector);
  auto values = read_values(text_of(vector.at("input"))).values;
  std::erase_if(values, [&problems](const auto& value) {
    return std::any_of(problems.begin(), problems.end(),
                       [&value](const auto& problem) { return problem.key == value.first; });
  });
  return values;
}

json::value effective(const json::object& vector) {
  json::object values;
  for (const auto& [name, value] : good_values(vector)) values[name] = value;
  return values;
}

json::value updated(const json::object& vector) {
  const auto problems = problems_of(vector);
  const bool is_broken = !problems.empty() && problems[0].kind == ProblemKind::syntax_error;
  return {{"output", is_broken ? text_of(vector.at("input")) : to_text(good_values(vector))},
          {"changed", !is_broken && !problems.empty()}};
}

json::value choices_of(const json::object& vector) {
  const auto choices = Pattern::compile(text_of(vector.at("regex"))).choices();
  return choices ? json::value(json::array(choices->begin(), choices->end())) : json::value(nullptr);
}

// What we answer; a refused definition throws.
const std::map<std::string, std::function<json::value(const json::object&)>> kOps{
    {"syntax_string", [](const json::object& v) -> json::value { return is_syntax_error(validate(input_of(v), {})); }},
    {"syntax_map",
     [](const json::object& v) -> json::value { return is_syntax_error(validate(values_of(v.at("input")), {})); }},
    {"string_to_map", &string_to_map},
    {"map_to_string",
     [](const json::object& v) -> json::value { return json::value(to_text(values_of(v.at("input")))); }},
    {"parse_vm_definition",
     [](const json::object& v) -> json::value {
       return patterns_of(parse_vm_definitions(text_of(v.at("definition")), "vector"));
     }},
    {"validate_vm", &validate_vm},
    {"validate_map", &validate_map},
    {"device_definition_valid", &device_definition_valid},
    {"parse_device_definition", &parse_device},
    {"validate_device",
     [](const json::object& v) {
       return reasons_of(validate_device(text_of(v.at("device_type")), values_of(v.at("input")),
                                         parse_device_definitions(text_of(v.at("definition")), "vector")));
     }},
    {"regex_full_match",
     [](const json::object& v) -> json::value {
       return Pattern::compile(text_of(v.at("regex"))).matches(input_of(v));
     }},
    {"ui_choice_list", &choices_of},
    {"validate_vm_messages", &messages_of},
    {"effective_vm", &effective},
    {"compat_update", &updated},
};

json::value answer(const json::object& vector) {
  try {
    return kOps.at(text_of(vector.at("op")))(vector);
  } catch (const Error& error) {
    BOOST_TEST((error.code() == Errc::wrong_use));
    return kRefused;
  }
}

bool is_expected(const json::object& vector, const json::value& ours) {
  const auto* deviation = vector.if_contains("deviation");
  if (deviation != nullptr) {
    const auto& wanted = deviation->as_object().at("expected");
    return wanted == json::value("accepted") ? ours != kRefused : ours == wanted;
  }
  if (kRefusedByUs.contains(text_of(vector.at("id"))) || vector.contains("expected_exception")) return ours == kRefused;
  // A pattern that is refused matches nothing.
  return ours == vector.at("expected") || (text_of(vector.at("op")) == "regex_full_match" && ours == kRefused &&
                                           vector.at("expected") == json::value(false));
}

json::array vectors() {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/custom_properties.json");
  std::stringstream content;
  content << file.rdbuf();
  return json::parse(content.str()).as_object().at("vectors").as_array();
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_vector_about_definitions_and_values_has_our_answer) {
  std::size_t agreed = 0, quirks = 0;
  std::map<std::string, std::size_t> others;
  std::set<std::string> refused;
  for (const auto& value : vectors()) {
    const auto& vector = value.as_object();
    const auto id = text_of(vector.at("id")), op = text_of(vector.at("op"));
    if (kRunElsewhere.contains(op)) continue;
    if (!kOps.contains(op)) {
      ++others[op];
    } else if (vector.contains("quirk")) {
      ++quirks;
    } else {
      BOOST_TEST_CONTEXT(id) {
        const auto ours = answer(vector);
        const bool is_right = is_expected(vector, ours);
        BOOST_TEST(is_right, "ours: " << json::serialize(ours) << ", vector: " << json::serialize(value));
        agreed += is_right ? 1 : 0;
        if (kRefusedByUs.contains(id)) refused.insert(id);
      }
    }
  }
  BOOST_TEST(agreed == 188);
  BOOST_TEST(refused.size() == kRefusedByUs.size());
  BOOST_TEST(quirks == 20);
  BOOST_TEST((others == kOtherOps));
}

BOOST_AUTO_TEST_CASE(no_quirk_takes_the_test_down) {
  for (const auto& value : vectors()) {
    const auto& vector = value.as_object();
    const bool is_generated = vector.contains("input_gen") && vector.at("input_gen").as_object().contains("items");
    if (vector.contains("quirk") && kOps.contains(text_of(vector.at("op"))) && !is_generated) answer(vector);
  }
}
