#define BOOST_TEST_MODULE toml
#include <boost/test/unit_test.hpp>
#include <functional>

#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/toml/table.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using boost::test_tools::per_element;

namespace {

TomlTable parse(std::string_view text) { return TomlTable::parse(text, "x.toml"); }

// Asking KEY of a table for a value of one kind.
struct Getter {
  const char* kind;
  std::function<bool(TomlTable&, std::string_view)> has;
  std::string good;
  std::string demand;  // what the error asks for
};

const std::vector<Getter>& getters() {
  static const std::vector<Getter> all{
      {"text", [](TomlTable& t, std::string_view k) { return t.text(k).has_value(); }, "'a'", "a string in quotes"},
      {"flag", [](TomlTable& t, std::string_view k) { return t.flag(k).has_value(); }, "true", "true or false"},
      {"integer", [](TomlTable& t, std::string_view k) { return t.integer(k).has_value(); }, "7", "a whole number"},
      {"duration", [](TomlTable& t, std::string_view k) { return t.duration(k).has_value(); }, "'30s'",
       "a string in quotes"},
      {"texts", [](TomlTable& t, std::string_view k) { return t.texts(k).has_value(); }, "['a']", "a list of strings"},
      {"integers", [](TomlTable& t, std::string_view k) { return t.integers(k).has_value(); }, "[7]",
       "a list of whole numbers"},
      {"table", [](TomlTable& t, std::string_view k) { return t.table(k).has_value(); }, "{ a = 1 }", "a table"},
  };
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_getter_gives_the_value) {
  auto table = parse(
      "text = \"a\\tb\"\nflag = false\ninteger = -12\nduration = '90s'\ntexts = ['x', \"y\"]\n"
      "integers = [1, -2]\nempty = []\n[table]\ninner = 'z'\n");
  BOOST_TEST(table.text("text").value() == "a\tb");
  BOOST_TEST(table.flag("flag").value() == false);
  BOOST_TEST(table.integer("integer").value() == -12);
  BOOST_TEST((table.duration("duration").value() == 90s));
  BOOST_TEST(table.texts("texts").value() == (Texts{"x", "y"}), per_element());
  BOOST_TEST(table.integers("integers").value() == (std::vector<std::int64_t>{1, -2}), per_element());
  BOOST_TEST(table.texts("empty").value().empty());
  BOOST_TEST(table.integers("empty").value().empty());
  BOOST_TEST(table.table("table")->text("inner").value() == "z");
  table.done();
}

BOOST_AUTO_TEST_CASE(an_absent_key_is_nothing_for_every_getter) {
  for (const auto& getter : getters()) {
    auto table = parse("");
    BOOST_TEST(!getter.has(table, "absent"), getter.kind);
    table.done();
  }
}

BOOST_AUTO_TEST_CASE(a_value_of_another_type_is_an_error_with_file_and_line) {
  const Texts values{"'a'",       "true",       "7",       "1.5",      "['a']",    "[7]",
                     "{ a = 1 }", "1979-05-27", "[['a']]", "['a', 7]", "[7, 'a']", "[true]"};
  for (const auto& getter : getters()) {
    for (const auto& value : values) {
      const bool fits = value == getter.good || (value == "'a'" && getter.good == "'30s'");
      if (fits) continue;
      BOOST_TEST_CONTEXT(getter.kind << " of " << value) {
        auto table = parse("\n\nkey = " + value + "\n");
        check_error([&] { getter.has(table, "key"); }, Errc::bad_configuration,
                    {"x.toml:3: key must be " + getter.demand});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_line_of_a_wrong_element_is_the_elements_own) {
  auto table = parse("list = [\n  'a',\n  7,\n]\n");
  check_error([&] { table.texts("list"); }, Errc::bad_configuration, {"x.toml:3: list must be a list of strings"});
}

BOOST_AUTO_TEST_CASE(a_string_that_is_no_duration_is_an_error_that_shows_the_forms) {
  for (const std::string value : {"", "0s", "-1s", "1d", "10 min", "200h"}) {
    auto table = parse("# what we wait\ntimeout = '" + value + "'\n");
    check_error([&] { table.duration("timeout"); }, Errc::bad_configuration,
                {"x.toml:2: timeout = \"" + value + "\" is not a duration", "\"30s\"", "\"10min\""});
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_no_getter_asked_for_is_an_error_with_the_nearest) {
  const std::vector<std::pair<std::string, Texts>> rows{
      {"timeout = '1s'\ntimeuot = '1s'\n", {"x.toml:2: unknown key 'timeuot' (did you mean timeout?)"}},
      {"[sumary]\n", {"x.toml:1: unknown key 'sumary' (did you mean summary?)"}},
      {"\n\nzzz = 1\n", {"x.toml:3: unknown key 'zzz'"}},
      {"\"a\\u001bb\" = 1\n", {"x.toml:1: unknown key 'a\\x1bb'"}},
      {"b = 1\na = 1\n", {"x.toml:1: unknown key 'b'"}}};
  for (const auto& [text, words] : rows) {
    auto table = parse(text);
    table.duration("timeout");
    table.text("summary");
    check_error([&] { table.done(); }, Errc::bad_configuration, words);
  }
}

BOOST_AUTO_TEST_CASE(each_table_has_its_own_known_keys) {
  auto table = parse("summary = 'a'\n[when]\nsummary = 'b'\n");
  table.text("summary");
  auto when = table.table("when").value();
  table.done();
  check_error([&] { when.done(); }, Errc::bad_configuration, {"x.toml:3: unknown key 'summary'"});
}

BOOST_AUTO_TEST_CASE(sub_tables_of_every_spelling_are_the_same) {
  for (const std::string text : {"[a.b]\nc = 'x'\n", "[a]\nb = { c = 'x' }\n", "a.b.c = 'x'\n", "[a]\n[a.b]\nc = 'x'\n",
                                 "a = { b.c = 'x' }\n"}) {
    auto table = parse(text);
    auto b = table.table("a").value().table("b").value();
    BOOST_TEST(b.text("c").value() == "x", text);
    table.done();
    b.done();
  }
}

BOOST_AUTO_TEST_CASE(a_sub_table_outlives_the_table_it_came_from) {
  auto inner = [] { return parse("[a]\nb = 'x'\n").table("a").value(); }();
  BOOST_TEST(inner.text("b").value() == "x");
}

BOOST_AUTO_TEST_CASE(an_array_of_tables_is_no_table) {
  auto table = parse("[[when]]\nvm = ['a']\n");
  check_error([&] { table.table("when"); }, Errc::bad_configuration, {"x.toml:1: when must be a table"});
}

BOOST_AUTO_TEST_CASE(keys_come_in_the_order_of_the_file) {
  const auto table = parse("zebra = 1\n\"10\" = 1\napple = 1\n[mango]\n[banana.x]\n['2']\n");
  BOOST_TEST(table.keys() == (Texts{"zebra", "10", "apple", "mango", "banana", "2"}), per_element());
  BOOST_TEST(parse("b = 1\na.x = 1\n\"c\" = 1\n").keys() == (Texts{"b", "a", "c"}), per_element());
  BOOST_TEST(parse("t = { z = 1, y = 1 }").table("t")->keys() == (Texts{"z", "y"}), per_element());
  BOOST_TEST(parse("").keys().empty());
}

BOOST_AUTO_TEST_CASE(fail_names_the_line_of_the_key_or_of_the_table) {
  auto table = parse("a = 1\n\n[when]\nb = 1\n");
  check_error([&] { table.fail("a", "no"); }, Errc::bad_configuration, {"x.toml:1: no"});
  check_error([&] { table.table("when")->fail("b", "no"); }, Errc::bad_configuration, {"x.toml:4: no"});
  check_error([&] { table.table("when")->fail("absent", "no"); }, Errc::bad_configuration, {"x.toml:3: no"});
}

BOOST_AUTO_TEST_CASE(what_is_not_toml_is_an_error_with_line_and_column) {
  const std::vector<std::pair<std::string, std::string>> rows{{"a = \n", "x.toml:1:5: not TOML"},
                                                              {"\na = 'x\n", "x.toml:2:"},
                                                              {"a\n", "x.toml:1:"},
                                                              {"a = 1\na = 2\n", "x.toml:2:5: not TOML"},
                                                              {"[a]\n[a]\n", "x.toml:2:"},
                                                              {"a = 1\n[a.b]\n", "x.toml:2:"},
                                                              {"\xFF = 1\n", "x.toml:1:"},
                                                              {"a = '\xC0\x80'\n", "x.toml:1:"},
                                                              {"a = 1979-99-99\n", "x.toml:1:"},
                                                              {"a = \"\\q\"\n", "x.toml:1:"},
                                                              {"<domain/>\n", "x.toml:1:1: not TOML"},
                                                              {"a = 1 b = 2\n", "x.toml:1:"}};
  for (const auto& [text, where] : rows)
    BOOST_TEST_CONTEXT(text) check_error([&bad = text] { parse(bad); }, Errc::bad_configuration, {where});
}

BOOST_AUTO_TEST_CASE(nesting_without_end_is_an_error_and_no_crash) {
  check_error([] { parse("a = " + std::string(100000, '[')); }, Errc::bad_configuration, {"x.toml:1:"});
  std::string tables = "a = ";
  for (int i = 0; i < 10000; ++i) tables += "{ a = ";
  check_error([&] { parse(tables); }, Errc::bad_configuration, {"x.toml:1:"});
}

BOOST_AUTO_TEST_CASE(a_key_of_parts_without_end_is_an_error_and_no_crash) {
  const auto parts = [](std::size_t count, const std::string& part = "a", const std::string& dot = ".") {
    std::string key = part;
    for (std::size_t i = 1; i < count; ++i) key += dot + part;
    return key;
  };
  const std::size_t many = 250000;
  for (const auto& text :
       {parts(many) + " = 1", "[" + parts(many) + "]", "[[" + parts(many) + "]]", parts(many, "\"a\"", " . ") + " = 1",
        "x = { " + parts(many, "'a'") + " = 1 }", "x = [ { y = 1, " + parts(kMaxTomlDepth + 1) + " = 1 } ]"})
    check_error([&] { parse("s = \"\"\"a\n'\\\"\"\"\"\" # '\n" + text); }, Errc::bad_configuration,
                {"x.toml:3: ", "more than " + std::to_string(kMaxTomlDepth) + " parts in one key"});
  for (const std::string open : {"[", "{ a = "}) {
    std::string text = "x = ";
    for (std::size_t i = 0; i <= kMaxTomlDepth; ++i) text += open;
    check_error([&] { parse(text); }, Errc::bad_configuration,
                {"x.toml:1: ", "more than " + std::to_string(kMaxTomlDepth) + " tables and arrays"});
  }
}

BOOST_AUTO_TEST_CASE(depth_is_counted_in_keys_and_nests_alone) {
  const std::string dots(100000, '.');
  std::string many;
  for (std::size_t i = 0; i < 3 * kMaxTomlDepth; ++i)
    many += "k" + std::to_string(i) + " = [1.5, 2.5]\nt" + std::to_string(i) + ".a.b = { c.d = '''\n[[[.'''' }\n";
  auto table = parse("a = '" + dots + "' # " + dots + "\nb = \"\\\"" + dots + "\"\nc = \"\"\"\\\n" + dots +
                     "\"\"\"\"\"\n" + many + "'x" + dots + "' = 1\n");
  BOOST_TEST(table.text("a").value() == dots);
  BOOST_TEST(table.text("c").value() == dots + "\"\"");
  BOOST_TEST(table.integer("x" + dots).value() == 1);
  std::string key = "d";
  for (std::size_t i = 1; i < kMaxTomlDepth; ++i) key += ".d";
  BOOST_TEST(parse("[" + key + "]\n" + key + " = 1").keys() == Texts{"d"}, per_element());
}

BOOST_AUTO_TEST_CASE(a_mark_of_byte_order_and_carriage_returns_are_taken) {
  BOOST_TEST(parse("\xEF\xBB\xBF"
                   "a = 'x'\r\nb = 'y'\r\n")
                 .text("b")
                 .value() == "y");
}

BOOST_AUTO_TEST_CASE(a_file_of_the_limit_is_read_and_a_larger_one_not) {
  const TempDir dir;
  const std::string head = "a = 'x'\n#";
  const auto fits = dir.file("fits.toml", head + std::string(kMaxSettingsBytes - head.size(), '.'));
  BOOST_TEST(TomlTable::read(fits).text("a").value() == "x");
  const auto large = dir.file("large.toml", head + std::string(kMaxSettingsBytes - head.size() + 1, '.'));
  check_error([&] { TomlTable::read(large); }, Errc::bad_configuration, {large, std::to_string(kMaxSettingsBytes)});
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_wrong_configuration_and_nobody_waits_for_a_pipe) {
  const TempDir dir;
  check_error([&] { TomlTable::read(dir / "missing"); }, Errc::bad_configuration, {dir / "missing", "No such file"});
  for (const auto& path : {dir.dir("dir.toml"), dir.fifo("pipe.toml"), std::string("/dev/zero")})
    check_error([&] { TomlTable::read(path); }, Errc::bad_configuration, {path, "not a regular file"});
}

BOOST_AUTO_TEST_CASE(a_header_that_begins_with_no_key_is_an_error_and_no_failed_assertion) {
  for (const std::string text : {"[$a]\n", "[[$a]]\n", "[ =]", "[a.$b]\n", "[[", "["})
    check_error([&] { parse(text); }, Errc::bad_configuration, {"x.toml:1:", "not TOML"});
}

BOOST_AUTO_TEST_CASE(a_letter_beyond_ascii_outside_of_quotes_is_an_error_and_no_undefined_behaviour) {
  for (const std::string letter : {"\xC3\xA9", "\xD2\x97", "\xE3\x80\x81", "\xEF\xBB\xBB"})
    for (const auto& text :
         {letter + " = 1\n", "a" + letter + " = 1\n", "a = 'b'" + letter + "\n", "[" + letter + "]\n", "a = " + letter})
      check_error([&] { parse(text); }, Errc::bad_configuration, {"x.toml:1:", "not TOML"});
}
