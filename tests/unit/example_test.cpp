#define BOOST_TEST_MODULE example
#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/example.hpp"
#include "vdsm_hook/properties/items.hpp"
#include "vdsm_hook/properties/names.hpp"

using namespace vdsm_hook;
namespace json = boost::json;

namespace {

// An example is tried again here: it is what find_example() promises.
Reach reach_of(const Pattern& pattern) {
  const auto example = find_example(pattern);
  if (example.reach == Reach::reachable) {
    BOOST_TEST(pattern.matches(example.value), pattern.text() << " does not match '" << example.value << "'");
    BOOST_TEST(!refused_value("a", example.value));
    BOOST_TEST(example.value.find(';') == std::string::npos);
  } else {
    BOOST_TEST(example.value == "");
  }
  return example.reach;
}
Reach reach_of(const std::string& pattern) { return reach_of(Pattern::compile(pattern)); }
std::string example_of(const std::string& pattern) { return find_example(Pattern::compile(pattern)).value; }

// TEXT, TEXT TEXT, ... COUNT times.
std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// What the vectors have as patterns: alone, in maps, in definitions of VM and of device properties.
std::set<std::string> patterns_of_the_vectors() {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/custom_properties.json");
  const auto data = json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  std::set<std::string> patterns;
  for (const auto& vector : data.at("vectors").as_array()) {
    for (const auto& [key, value] : vector.as_object()) {
      if (key == "regex_map")
        for (const auto& [name, pattern] : value.as_object()) patterns.emplace(pattern.as_string());
      if (!value.is_string()) continue;
      const std::string text(value.as_string());
      if (key == "regex") patterns.insert(text);
      if (key == "predefined" || key == "user_defined" || (key == "definition" && !text.starts_with('{')))
        for (const auto& item : read_items(text).items) patterns.emplace(item.text);
      if (key != "definition") continue;
      try {
        for (const auto& [type, of_type] : parse_device_definitions(text, "here"))
          for (const auto& definition : of_type.all()) patterns.insert(definition.pattern.text());
      } catch (const Error&) {  // it is to be refused
      }
    }
  }
  return patterns;
}

// Of up to 4 characters.
std::vector<std::string> short_values(const std::string& alphabet) {
  std::vector<std::string> values{""};
  for (std::size_t i = 0; i < values.size() && values[i].size() < 4; ++i)
    for (const char c : alphabet) values.push_back(values[i] + c);
  return values;
}

// PIECES in any order, as a sequence, a choice or a repeated group of such.
std::string random_pattern(std::mt19937& random, const std::vector<std::string>& pieces, int depth) {
  const auto below = [&random](unsigned count) { return random() % count; };
  std::string text;
  for (unsigned i = below(4) + (depth == 0 ? 1 : 0); i-- > 0;) {
    switch (depth < 3 ? below(4) : 0) {
      case 1: text += "(" + random_pattern(random, pieces, depth + 1) + ")"; break;
      case 2: text += random_pattern(random, pieces, depth + 1) + "|"; break;
      default: text += pieces[below(static_cast<unsigned>(pieces.size()))];
    }
    if (below(4) == 0) text += "*?+"[below(3)];
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_predefined_property_has_an_example) {
  const auto of_vms = predefined_vm_properties();
  for (const auto& definition : of_vms.all())
    BOOST_TEST((reach_of(definition.pattern) == Reach::reachable), definition.name);
  for (const auto& [type, of_type] : predefined_device_properties())
    for (const auto& definition : of_type.all())
      BOOST_TEST((reach_of(definition.pattern) == Reach::reachable), definition.name);
}

BOOST_AUTO_TEST_CASE(every_pattern_of_the_vectors_that_compiles_has_an_example) {
  int compiled = 0;
  for (const auto& pattern : patterns_of_the_vectors()) {
    try {
      BOOST_TEST((reach_of(pattern) == Reach::reachable), pattern);
      ++compiled;
    } catch (const Error&) {  // to be refused
    }
  }
  BOOST_TEST(compiled > 50);
}

BOOST_AUTO_TEST_CASE(patterns_that_no_value_matches_are_found_out) {
  for (const auto* pattern : {"a^b",
                              "$a",
                              "a$b",
                              "^^x^",
                              "[^\\x00-\\x{10FFFF}]",
                              "a;b",
                              "\\n",
                              "x\\by",
                              "(a^|b$c)",
                              "a\\Ab",
                              "a\\zb",
                              "^\\b$",
                              "-\\b-",
                              "-\\b",
                              "a\\B",
                              "(?i)a^b",
                              "(?m)a$\\n^b",
                              "(?s)a.$b",
                              "[;]",
                              "[\\x00-\\x1f]+",
                              "[\\x{80}-\\x{9f}]",
                              "\\x3b",
                              "\\073",
                              "\\Qa;b\\E",
                              "(a$|;)+b",
                              "\\pC\\b;",
                              "[^\\pL\\PL]",
                              "\\x{D800}",
                              "(?:a{3}|b)^c",
                              "(\\d$){2}",
                              "[0-9]\\b[0-9]",
                              "é\\bé",
                              "\\w\\B[é]",
                              "(a|b)(c|$d)(e^f)",
                              "(a+^)+"})
    BOOST_TEST((reach_of(pattern) == Reach::unreachable), pattern);
}

BOOST_AUTO_TEST_CASE(patterns_that_some_value_matches_have_an_example) {
  for (const auto* pattern : {"a|b^c",
                              "^(true|false)$",
                              "x*^y",
                              "a?\\bb",
                              "()",
                              "",
                              "[^a]",
                              "\\d{3,5}",
                              "(?i)abc",
                              "\\Qa.b\\E",
                              ".*",
                              "(((a)|(b))((c)|(d)))",
                              "x{1000}",
                              "(a{10}){100}",
                              "(?:a|$)+",
                              "^*a",
                              "(^a$)*",
                              "a{0}",
                              "a;{0}b",
                              "a{,3}",
                              "a{1",
                              "{",
                              "a{01}",
                              "}]",
                              "[]a]",
                              "[^]a]",
                              "[\\]]",
                              "[a\\-\\]]",
                              "\\x41\\x{42}\\101",
                              "\\pL",
                              "\\p{Greek}",
                              "\\p{^Greek}",
                              "\\PL",
                              "\\p{Lu}{3}",
                              "(?P<name>a)",
                              "(?i-s)a",
                              "(?i:a)(?-i:b)",
                              "(?U)a+?",
                              "a(?i)*",
                              "a\\Qbc\\E+",
                              "a\\Q\\E*",
                              "\\Qa",
                              "\\Q(\\E\\)",
                              "\\C",
                              "\\a?",
                              "\\t*",
                              "\\_",
                              "\\-",
                              "é",
                              "[é]",
                              "(?i)é",
                              "日本",
                              "[日]\\b[a]",
                              "\\x{1F600}",
                              "[^\\x00-\\x{10FFFE}]",
                              "(?i)[k]\\B",
                              "(?i)k\\b-|;",
                              "\\w\\b\\W",
                              "\\B",
                              "|",
                              "a||b",
                              "(|a)b",
                              "a*?",
                              "a??",
                              "a{2,3}?",
                              "a{2,}",
                              "(a|b)*^$",
                              "-\\B",
                              "[^\\s=]+",
                              "a\\/b"}) {
    try {
      BOOST_TEST((reach_of(pattern) == Reach::reachable), pattern);
    } catch (const Error& error) {
      BOOST_TEST(false, error.what());
    }
  }
}

BOOST_AUTO_TEST_CASE(an_example_is_short) {
  BOOST_TEST(example_of("a{5}|bc|d{3}") == "bc");
  BOOST_TEST(example_of("^(true|on)$") == "on");
  BOOST_TEST(example_of(".+") == "a");
  BOOST_TEST(example_of(".*") == "");
  BOOST_TEST(example_of("x{3,}(y|z{0,2})") == "xxx");
  BOOST_TEST(example_of("a(?i)b(?-i)c|dddd") == "abc");
  BOOST_TEST(example_of("[\\x{100}-\\x{10FFFF}]") == "Ā");
}

BOOST_AUTO_TEST_CASE(members_that_are_not_ascii_are_known_before_anything_is_called_unreachable) {
  BOOST_TEST((reach_of("[^\\x00-\\x7F]") == Reach::reachable));
  BOOST_TEST((reach_of("(?i)k\\B") == Reach::reachable));  // the Kelvin sign, no word character
  BOOST_TEST((reach_of("k\\B") == Reach::unreachable));
  BOOST_TEST((reach_of("\\p{L}\\B-") == Reach::reachable));
  BOOST_TEST((reach_of("[a-z]\\B-") == Reach::unreachable));
}

BOOST_AUTO_TEST_CASE(what_is_too_large_or_too_deep_is_unknown) {
  BOOST_TEST((reach_of(repeated("(", 100) + "a^b" + repeated(")", 100)) == Reach::unreachable));
  BOOST_TEST((reach_of(repeated("(", 5000) + "a^b" + repeated(")", 5000)) == Reach::unknown));
  BOOST_TEST((reach_of(repeated("a|", 3000) + "b") == Reach::reachable));
  BOOST_TEST((reach_of(repeated("a|", 30000) + "b") == Reach::unknown));
  std::string sets;
  for (int i = 0; i < 100; ++i) sets += "[^\\x{00}-\\x{10FFFF}" + std::string(static_cast<std::size_t>(i), 'a') + "]";
  BOOST_TEST((reach_of(sets) == Reach::unknown));  // each asks for all of Unicode
  sets.clear();
  for (int i = 0; i < 400; ++i) sets += "[a" + std::string(static_cast<std::size_t>(i), 'b') + "]|";
  BOOST_TEST((reach_of(sets + "c") == Reach::unknown));
}

// Of 1,000 definitions, which is as many as a text can have, each within its own bound.
BOOST_AUTO_TEST_CASE(a_thousand_patterns_are_each_judged_alone) {
  for (int i = 0; i < 1000; ++i) {
    const auto count = "{" + std::to_string(i) + "}";
    BOOST_TEST((reach_of("(a?|b*)" + count + "c") == Reach::reachable));
    BOOST_TEST((reach_of("((a?)*|b+)*^c$d" + count + "x^") == Reach::unreachable));
  }
}

BOOST_AUTO_TEST_CASE(random_patterns_are_judged_as_trying_every_short_value_does) {
  const std::vector<std::vector<std::string>> kinds{
      {"a", "b", "^", "$", "\\b"},
      {"a", "^", "$", "\\b", "\\B", "\\z", " ", ".", "[^a]", "\\W", "()"},
      {"a", "A", "(?i)", "(?-i)", "(?i:b)", "\\Qab\\E", "\\Q\\E", "{1,2}", "{0}", "{2,}", "{,1}", "$", "\\b", "[]b]",
       "\\x61", "\\pL", "^"},
  };
  const auto values = short_values("ab ");
  std::mt19937 random(20240607);
  std::map<Reach, int> counts;
  for (int i = 0; i < 15000; ++i) {
    const auto text = random_pattern(random, kinds[static_cast<std::size_t>(i) % kinds.size()], 0);
    std::optional<Pattern> pattern;
    try {
      pattern = Pattern::compile(text);
    } catch (const Error&) {
      continue;  // a** and the like
    }
    const auto reach = reach_of(*pattern);
    ++counts[reach];
    if (reach == Reach::unreachable)
      for (const auto& value : values)
        if (pattern->matches(value)) BOOST_ERROR(text + " is called unreachable, but matches '" + value + "'");
  }
  BOOST_TEST(counts[Reach::reachable] > 1000);
  BOOST_TEST(counts[Reach::unreachable] > 1000);
  BOOST_TEST(counts[Reach::unknown] == 0);
}
