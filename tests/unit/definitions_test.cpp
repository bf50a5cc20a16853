#define BOOST_TEST_MODULE definitions
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/items.hpp"

using namespace vdsm_hook;
using std::string_literals::operator""s;

namespace {

enum class Kind { vm, device };

// The text of the refusal, or what says that there was none.
std::string refusal(Kind kind, const std::string& text) {
  try {
    if (kind == Kind::vm) {
      parse_vm_definitions(text, "here");
    } else {
      parse_device_definitions(text, "here");
    }
  } catch (const Error& error) {
    BOOST_TEST((error.code() == Errc::wrong_use));
    return error.what();
  }
  return "accepted";
}

void check_refused(Kind kind, const std::string& text, const std::string& part) {
  const auto said = refusal(kind, text);
  BOOST_TEST(said.starts_with("here: "), text.substr(0, 80) << ": " << said);
  BOOST_TEST(said.find(part) != std::string::npos, text.substr(0, 80) << ": " << said << " does not say " << part);
}

// COUNT definitions, "p0=x;p1=x;...".
std::string many(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "p" + std::to_string(i) + "=x;";
  return text;
}

std::vector<std::string> names_of(const Definitions& definitions) {
  std::vector<std::string> names;
  for (const auto& definition : definitions.all()) names.push_back(definition.name);
  return names;
}

}  // namespace

BOOST_AUTO_TEST_CASE(vm_definitions_keep_order_pattern_and_origin) {
  const auto definitions = parse_vm_definitions("b=^(on|off)$;a=x=y;", "vdsm-hook-b");
  BOOST_TEST((names_of(definitions) == std::vector{"b"s, "a"s}));
  BOOST_TEST(definitions.find("a")->pattern.text() == "x=y");
  BOOST_TEST(definitions.find("b")->declared_by == "vdsm-hook-b");
  BOOST_TEST((definitions.find("c") == nullptr));
  BOOST_TEST(definitions.nearest("bb") == "b");
}

BOOST_AUTO_TEST_CASE(the_device_definition_of_ovirts_page_works_as_written) {
  const auto definitions =
      parse_device_definitions("{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}", "here");
  BOOST_TEST(definitions.size() == 1U);
  const auto& of_nic = definitions.at("interface");
  BOOST_TEST((names_of(of_nic) == std::vector{"speed"s, "duplex"s}));
  BOOST_TEST(of_nic.find("speed")->pattern.matches("10000"));
  BOOST_TEST(!of_nic.find("speed")->pattern.matches("100000"));
}

BOOST_AUTO_TEST_CASE(every_device_type_can_have_a_block_in_any_order) {
  std::string forth, back;
  for (const auto type : device_types()) {
    const auto block = "{type=" + std::string(type) + ";prop={a=x}}";
    forth += (forth.empty() ? "" : ";") + block;
    back = block + (back.empty() ? "" : ";") + back;
  }
  BOOST_TEST(device_types().size() == 18U);
  for (const auto& text : {forth, back, forth + ";"}) BOOST_TEST(parse_device_definitions(text, "here").size() == 18U);
}

BOOST_AUTO_TEST_CASE(a_later_definition_takes_the_place_of_an_earlier_one) {
  auto definitions = predefined_vm_properties();
  const auto count = definitions.all().size();
  definitions.merge(parse_vm_definitions("sap_agent=^[01]$;mine=x", "UserDefinedVMProperties"));
  BOOST_TEST(definitions.all().size() == count + 1);
  BOOST_TEST(definitions.all()[0].name == "sap_agent");
  BOOST_TEST(definitions.find("sap_agent")->pattern.matches("1"));
  BOOST_TEST(definitions.find("sap_agent")->declared_by == "UserDefinedVMProperties");
  BOOST_TEST(definitions.find("sndbuf")->declared_by == "oVirt");
}

BOOST_AUTO_TEST_CASE(the_predefined_ones_are_those_of_the_newest_level) {
  BOOST_TEST((names_of(predefined_vm_properties()) == std::vector{"sap_agent"s, "sndbuf"s, "vhost"s, "viodiskcache"s,
                                                                  "hugepages"s, "scsi_hostdev"s, "nvram_template"s,
                                                                  "extra_cpu_flags"s}));
  BOOST_TEST(predefined_network_properties().find("bridge_opts")->pattern.matches("a=1  b=2"));
  BOOST_TEST(!predefined_network_properties().find("bridge_opts")->pattern.matches("a b=2"));
  BOOST_TEST(predefined_device_properties().at("interface").find("SecurityGroups")->pattern.matches(""));
}

BOOST_AUTO_TEST_CASE(wrong_vm_definitions_are_refused_each_with_its_reason) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"a", "'a', has no ="},
      {";", "item 1 is empty"},
      {"a=1;;b=2", "item 2 is empty"},
      {"a=1;;", "item 2 is empty"},
      {"a=1; b=2", "item 2, ' b=2': a name has only letters"},
      {"=x", "the name is empty"},
      {"9a=1", "may not begin with a digit"},
      {"a-b=1", "a name has only letters"},
      {"a=(x;y)", "'y)', has no =; a ; always ends an item"},
      {"PATH=.*", "property PATH: the name is reserved"},
      {"LD_PRELOAD=.*", "reserved"},
      {"vmId=.*", "reserved"},
      {"a=1;b=2;a=3", "property a is defined twice"},
      {"a=x\ny", "property a: the pattern 'x\ny' is refused: it has a control character"},
      {"a=\xFF", "it is not UTF-8"},
      {"a=x;b=[", "property b: the pattern '[' is refused: missing ]"},
      {many(kMaxProperties) + "more=x", "more than 1000"},
      {"a=" + std::string(kMaxDefinitionBytes, 'x'), "65538 bytes; at most 65536"},
  };
  for (const auto& [text, part] : rows) check_refused(Kind::vm, text, part);
}

BOOST_AUTO_TEST_CASE(wrong_device_definitions_are_refused_each_with_its_reason) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"speed=1", "a block begins with {type="},
      {"{typ=disk;prop={a=1}}", "a block begins with {type="},
      {"{type=interfac;prop={a=1}}", "'interfac' is no device type (did you mean interface?)"},
      {"{type=;prop={a=1}}", "'' is no device type"},
      {"{type=bridge;prop={a=1}}", "no device type"},
      {"{type=disk,prop={a=1}}", "behind the type comes ;prop={"},
      {"{type=disk", "behind the type comes ;prop={"},
      {"{type=disk;prop={a=1}", "does not end with }}"},
      {"{type=disk;prop={", "does not end with }}"},
      {"{type=disk;prop={a=1}}{type=interface;prop={b=2}}", "a ; stands between two blocks"},
      {"{type=disk;prop={a=1}},{type=interface;prop={b=2}}", "a ; stands between two blocks"},
      {"{type=disk;prop={a=1}};{type=disk;prop={b=2}}", "two blocks for disk"},
      {"{type=disk;prop={a=1}};;", "a block begins with {type="},
      {"{type=disk;prop={a=1}};b=2}}", "a block begins with {type=, not as 'b=2}}'"},
      {"{type=disk;prop={a=1;a=2}}", "{type=disk: property a is defined twice"},
      {"{type=disk;prop={9=1}}", "{type=disk: item 1, '9=1': a name may not begin with a digit"},
      {"{type=disk;prop={IFS=1}}", "property IFS: the name is reserved"},
      {"{type=disk;prop={a=(}}", "property a: the pattern '(' is refused: missing )"},
      {"{type=disk;prop={" + many(600) + "}};{type=tpm;prop={" + many(600) + "}}", "more than 1000 properties"},
      {"{type=disk;prop={a=" + std::string(kMaxDefinitionBytes, 'x') + "}}", "at most 65536"},
  };
  for (const auto& [text, part] : rows) check_refused(Kind::device, text, part);
}

BOOST_AUTO_TEST_CASE(a_block_start_behind_a_backslash_is_a_pattern) {
  const auto definitions = parse_device_definitions(R"({type=disk;prop={a=x\{type=y}})", "here");
  BOOST_TEST(definitions.at("disk").find("a")->pattern.matches("x{type=y"));
}

BOOST_AUTO_TEST_CASE(patterns_that_java_reads_otherwise_are_refused_where_they_differ) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"[a-z&&[^bc]]+", "&& in a class at character 5"},
      {"x[^a&&b]", "&& in a class at character 5"},
      {"[a[bc]]+", "a class in a class at character 3"},
      {"[[:alpha:]]+", "a class in a class at character 2"},
      {"[]a[]", "a class in a class"},
      {"(?=x)y", "patterns are RE2's: no look-around"},
      {"(?<!x)y", "no look-around"},
      {"(a)\\1", "\\1 at character 4"},
      {"a*+", "possessive quantifier"},
      {"\\p{Alpha}", "\\p{Alpha} at character 1"},
      {"[", "missing ]"},
      {"(a{1000}){1000}", "invalid repetition size"},
  };
  for (const auto& [pattern, part] : rows) check_refused(Kind::vm, "a=" + pattern, part);
  for (const auto* pattern :
       {"a&&b", "[a&b]", "[]a]", "[^]a]", "[\\[\\&&]", "\\[a[bc]\\]", "\\Q[a[b]]\\E", "[a-z]|[0-9]", "\\\\[a]"})
    BOOST_TEST(refusal(Kind::vm, "a="s + pattern) == "accepted", pattern);
}

BOOST_AUTO_TEST_CASE(a_pattern_is_for_the_whole_value) {
  const auto matches = [](const char* pattern, const std::string& value) {
    return Pattern::compile(pattern).matches(value);
  };
  BOOST_TEST(matches("a|ab", "ab"));
  BOOST_TEST(matches("^x|y$", "y"));
  BOOST_TEST(!matches("^x|y$", "xy"));
  BOOST_TEST(!matches("b", "abc"));
  BOOST_TEST(!matches("^a$", "a\n"));
  BOOST_TEST(matches("", ""));
  BOOST_TEST(!matches("", "a"));
  BOOST_TEST(!matches("(a|aa)+b", std::string(100000, 'a')));  // exponential where matching backtracks
}

BOOST_AUTO_TEST_CASE(what_was_expected_is_said_in_words_for_plain_choices) {
  BOOST_TEST(Pattern::compile("^(true|false)$").expectation() == "one of: true, false (pattern ^(true|false)$)");
  BOOST_TEST(Pattern::compile("^(|on)$").expectation() == "one of: (nothing), on (pattern ^(|on)$)");
  BOOST_TEST(Pattern::compile("^[0-9]+$").expectation() == "the pattern ^[0-9]+$");
}
