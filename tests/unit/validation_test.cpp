#define BOOST_TEST_MODULE validation
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/properties/items.hpp"
#include "vdsm_hook/properties/validation.hpp"

using namespace vdsm_hook;
using std::string_literals::operator""s;

namespace {

Definitions definitions() {
  auto all = parse_vm_definitions("macspoof=^(true|false)$", "vdsm-hook-macspoof");
  all.merge(parse_vm_definitions("speed=^[0-9]+$;any=(?s).*", "the site"));
  return all;
}

std::vector<std::string> texts(const std::vector<PropertyProblem>& problems) {
  std::vector<std::string> lines;
  for (const auto& problem : problems) lines.push_back(problem.text);
  return lines;
}

std::vector<std::string> kinds(const std::vector<PropertyProblem>& problems) {
  std::vector<std::string> words;
  for (const auto& problem : problems) words.push_back(std::string(to_string(problem.kind)) + " " + problem.key);
  return words;
}

void check(const std::string& text, const std::vector<std::string>& wanted) {
  BOOST_TEST(kinds(validate(text, definitions())) == wanted, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_wrong_value_says_what_was_expected_and_who_declared_it) {
  const auto problems = validate("macspoof=maybe;speed=fast", definitions());
  BOOST_TEST_REQUIRE(problems.size() == 2U);
  BOOST_TEST(problems[0].text ==
             "macspoof=maybe: not one of: true, false (pattern ^(true|false)$, declared by vdsm-hook-macspoof)");
  BOOST_TEST(problems[0].key == "macspoof");
  BOOST_TEST(problems[0].value == "maybe");
  BOOST_TEST(problems[0].expected == "one of: true, false (pattern ^(true|false)$)");
  BOOST_TEST(problems[0].declared_by == "vdsm-hook-macspoof");
  BOOST_TEST(problems[1].text == "speed=fast: does not match the pattern ^[0-9]+$ (declared by the site)");
}

BOOST_AUTO_TEST_CASE(an_unknown_name_says_the_nearest_known_one) {
  const auto problems = validate("macspof=true;colour=red", definitions());
  BOOST_TEST_REQUIRE(problems.size() == 2U);
  BOOST_TEST(problems[0].text == "macspof=true: there is no such property (did you mean macspoof?)");
  BOOST_TEST(problems[0].expected == "macspoof");
  BOOST_TEST(problems[0].declared_by == "");
  BOOST_TEST(problems[1].text == "colour=red: there is no such property");
  BOOST_TEST(problems[1].expected == "");
}

BOOST_AUTO_TEST_CASE(only_the_first_ten_unknown_names_are_looked_up) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += "macspoof" + std::to_string(i) + "=1;";
  const auto problems = validate(text, definitions());
  BOOST_TEST_REQUIRE(problems.size() == 12U);
  BOOST_TEST(problems[9].expected == "macspoof");
  BOOST_TEST(problems[10].text == "macspoof10=1: there is no such property");
}

BOOST_AUTO_TEST_CASE(all_problems_come_together_in_the_order_of_the_values) {
  check("bad=1;macspoof=x;worse=2;speed=1;macspoof=true;speed=2",
        {"KEY_DOES_NOT_EXIST bad", "INCORRECT_VALUE macspoof", "KEY_DOES_NOT_EXIST worse", "DUPLICATE_KEY macspoof",
         "DUPLICATE_KEY speed"});
}

BOOST_AUTO_TEST_CASE(a_name_that_comes_three_times_is_one_duplicate) {
  check("speed=1;speed=2;speed=3", {"DUPLICATE_KEY speed"});
  check("speed=x;speed=y;speed=z", {"INCORRECT_VALUE speed", "DUPLICATE_KEY speed"});
}

BOOST_AUTO_TEST_CASE(an_error_of_syntax_is_alone_and_names_the_item) {
  check("bad=1;macspoof=x;speed", {"SYNTAX_ERROR "});
  const auto problems = validate("speed=1;9a=2;;", definitions());
  BOOST_TEST_REQUIRE(problems.size() == 1U);
  BOOST_TEST(problems[0].value == "9a=2");
  BOOST_TEST(problems[0].text == "item 2, '9a=2': a name may not begin with a digit; expected NAME=VALUE;NAME=VALUE");
}

BOOST_AUTO_TEST_CASE(too_many_values_are_an_error_of_syntax) {
  std::string text;
  PropertyValues values;
  for (std::size_t i = 0; i <= kMaxProperties; ++i) {
    values.emplace_back("p" + std::to_string(i), "1");
    text += values.back().first + "=1;";
  }
  check(text, {"SYNTAX_ERROR "});
  BOOST_TEST((kinds(validate(values, definitions())) == std::vector{"SYNTAX_ERROR "s}));
}

BOOST_AUTO_TEST_CASE(values_are_utf8_of_one_line_whatever_their_pattern_allows) {
  for (const auto& value :
       {"a\nb"s, "a\tb"s, "\x7F"s, "\xC2\x85"s, "\0"s, "\xFF"s, std::string(kMaxEnvironmentString, 'x')})
    check("any=" + value, {"INCORRECT_VALUE any"});
  for (const auto& value :
       {""s, " x "s, "a=b"s, "]]>"s, "<a b='c'>&amp;"s, "\xF0\x9F\x98\x80"s, std::string(64U << 10, 'x')})
    check("any=" + value, {});
}

BOOST_AUTO_TEST_CASE(a_value_that_no_pattern_could_save_says_why_before_its_pattern_is_asked) {
  const auto whole = "UTF-8 of one line without control characters"s;
  for (const auto& [value, why] : {std::pair("true\n"s, "control character"s),
                                   {"\x1B"s, "control character"s},
                                   {"\xFF"s, "not UTF-8"s},
                                   {std::string(kMaxEnvironmentString, 'x'), "bytes"s}}) {
    const auto problems = validate("macspoof=" + value, definitions());
    BOOST_TEST_REQUIRE(problems.size() == 1U);
    BOOST_TEST((problems[0].kind == ProblemKind::incorrect_value));
    BOOST_TEST(problems[0].text.find(": the value ") != std::string::npos, problems[0].text);
    BOOST_TEST(problems[0].text.find(why) != std::string::npos, problems[0].text);
    BOOST_TEST(problems[0].text.find("not one of") == std::string::npos, problems[0].text);
    BOOST_TEST(problems[0].expected == whole);
    BOOST_TEST(problems[0].declared_by == "vdsm-hook-macspoof");
  }
}

BOOST_AUTO_TEST_CASE(a_reserved_name_says_that_it_is_reserved) {
  const auto problems = validate("PATH=/x", definitions());
  BOOST_TEST_REQUIRE(problems.size() == 1U);
  BOOST_TEST((problems[0].kind == ProblemKind::key_does_not_exist));
  BOOST_TEST(problems[0].text.find("the name is reserved") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(texts_fit_a_terminal_and_values_stay_whole) {
  const auto value = "\x1B[31m\n" + std::string(1000, 'x');
  const auto problems = validate("macspoof=" + value, definitions());
  BOOST_TEST_REQUIRE(problems.size() == 1U);
  BOOST_TEST(problems[0].value == value);
  BOOST_TEST(problems[0].text.starts_with("macspoof=\\x1b[31m\\nxxx"));
  BOOST_TEST(problems[0].text.size() < 400U);
}

BOOST_AUTO_TEST_CASE(a_device_is_judged_by_the_definitions_of_its_type) {
  const auto devices = parse_device_definitions("{type=interface;prop={speed=^[0-9]+$}};{type=disk;prop={}}", "here");
  BOOST_TEST(validate_device("interface", "speed=1", devices).empty());
  BOOST_TEST((kinds(validate_device("interface", "speed=x", devices)) == std::vector{"INCORRECT_VALUE speed"s}));
  for (const auto* type : {"disk", "tpm"})  // with an empty block, and without one
    BOOST_TEST((kinds(validate_device(type, "speed=1", devices)) == std::vector{"KEY_DOES_NOT_EXIST speed"s}));
  BOOST_TEST((kinds(validate_device("interface", "speed", devices)) == std::vector{"SYNTAX_ERROR "s}));
}

BOOST_AUTO_TEST_CASE(an_unknown_device_type_is_an_error_when_there_are_values) {
  const auto problems = validate_device("interfac", "speed=1;x", {});
  BOOST_TEST_REQUIRE(problems.size() == 1U);
  BOOST_TEST((problems[0].kind == ProblemKind::invalid_device_type));
  BOOST_TEST(problems[0].value == "interfac");
  BOOST_TEST(
      problems[0].text.starts_with("'interfac' is no device type (did you mean interface?); expected one of: disk, "));
  BOOST_TEST(validate_device("interfac", "", {}).empty());
  BOOST_TEST(validate_device("interfac", PropertyValues{}, {}).empty());
}

BOOST_AUTO_TEST_CASE(a_map_is_judged_as_its_text_is) {
  BOOST_TEST(texts(validate(PropertyValues{{"macspoof", "x"}, {"speed", "1"}}, definitions())) ==
                 texts(validate("macspoof=x;speed=1", definitions())),
             boost::test_tools::per_element());
  BOOST_TEST((kinds(validate(PropertyValues{{"any", "x;y"}}, definitions())) == std::vector{"SYNTAX_ERROR "s}));
  BOOST_TEST((kinds(validate(PropertyValues{{"a b", "x"}}, definitions())) == std::vector{"SYNTAX_ERROR "s}));
}

BOOST_AUTO_TEST_CASE(values_are_read_as_they_were_written) {
  const auto read = read_values("a=1;b= x=y ;c=");
  BOOST_TEST(read.problems.empty());
  BOOST_TEST(to_text(read.values) == "a=1;b= x=y ;c=");
  const auto twice = read_values("a=1;a=2");
  BOOST_TEST(to_text(twice.values) == "a=1");
  BOOST_TEST((kinds(twice.problems) == std::vector{"DUPLICATE_KEY a"s}));
}
