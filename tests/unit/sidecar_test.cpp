#define BOOST_TEST_MODULE sidecar
#include <boost/test/unit_test.hpp>
#include <thread>

#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/engine/sidecar.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

namespace {

constexpr const char* kUuid = "0e4a0b1c-7d2f-4c3a-9b1e-0123456789ab";
const std::string kEvent(builtin_hook_points().front().name);  // any event will do
const std::string kOtherEvent(builtin_hook_points().back().name);

Sidecar parse(const std::string& text, std::string_view event = kEvent) {
  auto sidecar = Sidecar::parse(text, "x.toml", HookPoints(), event);
  sidecar.judge_patterns();
  return sidecar;
}

// What a condition is judged on, owned.
struct Facts {
  Variables vm, device;
  std::string name, id;
};

std::optional<std::string> unmet(const std::string& when, const Facts& facts) {
  return parse("[when]\n" + when).when.unmet({facts.vm, facts.device, facts.name, facts.id});
}

struct Row {
  std::string when;
  Facts facts;
  Texts words;  // none: the condition holds
};

void check(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.when) {
      const auto why = unmet(row.when, row.facts);
      BOOST_TEST(why.has_value() == !row.words.empty(), why.value_or("it holds"));
      for (const auto& word : row.words)
        BOOST_TEST((why && why->find(word) != std::string::npos), why.value_or("") << " does not say " << word);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_empty_sidecar_says_nothing) {
  const auto sidecar = parse("");
  BOOST_TEST(sidecar.summary.empty());
  BOOST_TEST((!sidecar.timeout && !sidecar.on_failure && !sidecar.needs_libvirt && !sidecar.needs_root));
  const Facts nothing;
  BOOST_TEST(!sidecar.when.unmet({nothing.vm, nothing.device, "", ""}).has_value());
  BOOST_TEST(sidecar.when_event.empty());
}

BOOST_AUTO_TEST_CASE(every_key_is_read) {
  const auto sidecar = parse(
      "summary = 'What it does'\ntimeout = '30s'\non_failure = 'warn'\nneeds_libvirt = true\n"
      "privileges = ['root']\n[when]\nproperty = { a = 'x', b = 'y' }\nany_property = ['c', 'd']\n"
      "device_property = { e = 'z' }\nvm = ['web-*']\n[when." +
      kOtherEvent + "]\nproperty = { f = 'w' }\n");
  BOOST_TEST(sidecar.summary == "What it does");
  BOOST_TEST((sidecar.timeout == 30s));
  BOOST_TEST((sidecar.on_failure == OnFailure::warn));
  BOOST_TEST((sidecar.needs_libvirt && sidecar.needs_root));
  BOOST_TEST(sidecar.when.property.size() == 2U);
  BOOST_TEST(sidecar.when.any_property.size() == 2U);
  BOOST_TEST(sidecar.when.device_property.size() == 1U);
  BOOST_TEST(sidecar.when.vm.size() == 1U);
  BOOST_REQUIRE(sidecar.when_event.contains(kOtherEvent));
  BOOST_TEST(sidecar.when_event.at(kOtherEvent).property.size() == 1U);
}

BOOST_AUTO_TEST_CASE(each_failure_policy_has_its_word) {
  for (const auto policy : {OnFailure::veto, OnFailure::warn, OnFailure::ignore})
    BOOST_TEST((parse("on_failure = '" + std::string(to_string(policy)) + "'").on_failure == policy));
}

BOOST_AUTO_TEST_CASE(every_mistake_is_an_error_with_file_and_line_and_the_nearest_key) {
  const std::vector<std::pair<std::string, Texts>> rows{
      {"\nsumary = 'x'", {"x.toml:2: unknown key 'sumary'", "did you mean summary?"}},
      {"timeuot = '1s'", {"x.toml:1: unknown key 'timeuot'", "did you mean timeout?"}},
      {"onfailure = 'veto'", {"did you mean on_failure?"}},
      {"need_libvirt = true", {"did you mean needs_libvirt?"}},
      {"privilege = []", {"did you mean privileges?"}},
      {"[whem]", {"x.toml:1: unknown key 'whem'", "did you mean when?"}},
      {"summary = 1", {"x.toml:1: summary must be a string"}},
      {"timeout = 30", {"x.toml:1: timeout must be a string"}},
      {"timeout = '0s'", {"x.toml:1: timeout", "not a duration"}},
      {"timeout = '30 seconds'", {"x.toml:1: timeout", "\"30s\""}},
      {"on_failure = 'vetoo'", {"x.toml:1: on_failure", "one of veto, warn, ignore", "did you mean veto?"}},
      {"on_failure = 'Veto'", {"x.toml:1: on_failure"}},
      {"on_failure = true", {"x.toml:1: on_failure must be a string"}},
      {"needs_libvirt = 'yes'", {"x.toml:1: needs_libvirt must be true or false"}},
      {"privileges = 'root'", {"x.toml:1: privileges must be a list"}},
      {"privileges = ['admin']", {"x.toml:1: unknown privilege 'admin'"}},
      {"privileges = ['root', 0]", {"x.toml:1: privileges must be a list"}},
      {"when = true", {"x.toml:1: when must be a table"}},
      {"[[when]]", {"x.toml:1: when must be a table"}},
      {"[when]\nproprety = { a = 'x' }", {"x.toml:2: unknown key 'proprety' in [when]", "did you mean property?"}},
      {"[when]\nanyproperty = ['a']", {"x.toml:2:", "did you mean any_property?"}},
      {"[when]\nvms = ['a']", {"x.toml:2:", "did you mean vm?"}},
      {"[when.x" + kEvent + "]\nvm = ['a']",
       {"x.toml:1: unknown key 'x" + kEvent + "' in [when]", "did you mean " + kEvent + "?"}},
      {"[when]\n" + kEvent + " = 1", {"x.toml:2: " + kEvent + " must be a table"}},
      {"[when." + kEvent + "]\nvn = ['a']", {"x.toml:2: unknown key 'vn'", "did you mean vm?"}},
      {"[when." + kEvent + "." + kEvent + "]\nvm = ['a']", {"unknown key '" + kEvent + "'"}},
      {"[when]\nproperty = 'a'", {"x.toml:2: property must be a table"}},
      {"[when]\nproperty = ['a']", {"x.toml:2: property must be a table"}},
      {"[when]\nproperty = { a = 1 }", {"x.toml:2: a must be a string"}},
      {"[when]\nproperty = { a = true }", {"x.toml:2: a must be a string"}},
      {"[when.property]\na = 'x'\nb = '('", {"x.toml:3: property.b", "the pattern '(' is refused"}},
      {"[when]\ndevice_property = { a = '*' }", {"x.toml:2: device_property.a", "is refused"}},
      {"[when]\nproperty = { a = 'x{5000}' }", {"x.toml:2: property.a"}},
      {"[when]\nproperty = { a = '((((x{99}){99}){99}){99})' }", {"x.toml:2: property.a"}},
      {"[when]\nproperty = { a = '(?=x)' }", {"x.toml:2: property.a"}},
      {"[when]\nany_property = 'a'", {"x.toml:2: any_property must be a list"}},
      {"[when]\nvm = 'a'", {"x.toml:2: vm must be a list"}},
      {"[when]\nvm = [1]", {"x.toml:2: vm must be a list"}},
      {"timeout = '1s'\ntimeout = '2s'", {"x.toml:2:", "not TOML"}},
      {"#!/bin/sh\nexit 0", {"x.toml:2:", "not TOML"}},
  };
  for (const auto& [text, words] : rows)
    BOOST_TEST_CONTEXT(text) check_error([&bad = text] { parse(bad); }, Errc::bad_configuration, words);
}

BOOST_AUTO_TEST_CASE(the_event_that_is_asked_for_is_a_known_word_even_if_no_table_has_it) {
  BOOST_TEST(parse("[when.my_event]\nvm = ['a']", "my_event").when_event.size() == 1U);
  check_error([] { parse("[when.my_event]\nvm = ['a']", "other"); }, Errc::bad_configuration,
              {"x.toml:1:", "my_event"});
}

BOOST_AUTO_TEST_CASE(a_property_must_be_set_and_match_as_a_whole) {
  const Facts set{{{"a", "true"}, {"b", ""}}, {}, "", ""};
  check({{"property = { a = 'true' }", set, {}},
         {"property = { a = 'true|1' }", set, {}},
         {"property = { a = '(?i)TRUE' }", set, {}},
         {"property = { a = '.*' }", set, {}},
         {"property = { b = '' }", set, {}},
         {"property = { a = 't.*', b = '.*' }", set, {}},
         {"property = { a = 'tru' }", set, {"property a = 'true' does not match tru"}},
         {"property = { a = 'rue' }", set, {"does not match"}},
         {"property = { a = 'x|tru' }", set, {"does not match"}},
         {"property = { a = 'false' }", set, {"does not match false"}},
         {"property = { a = '' }", set, {"does not match"}},
         {"property = { c = '.*' }", set, {"property c is not set"}},
         {"property = { a = 'true', c = '.*' }", set, {"property c is not set"}},
         {"property = {}", {}, {}}});
}

BOOST_AUTO_TEST_CASE(a_pattern_works_on_characters_and_not_on_bytes) {
  const Facts set{{{"a", "\xC3\xA9"}}, {}, "", ""};
  check({{"property = { a = '.' }", set, {}},
         {"property = { a = '..' }", set, {"does not match"}},
         {"property = { a = '\xC3\xA9' }", set, {}}});
}

BOOST_AUTO_TEST_CASE(a_pattern_of_endless_backtracking_elsewhere_is_judged_at_once) {
  const Facts set{{{"a", std::string(100000, 'a') + "!"}}, {}, "", ""};
  const auto start = std::chrono::steady_clock::now();
  BOOST_TEST(unmet("property = { a = '(a*)*(a|aa)+b' }", set).has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - start < 2s));
}

BOOST_AUTO_TEST_CASE(a_value_in_the_reason_is_fit_for_a_terminal) {
  const auto why = unmet("property = { a = 'x' }", {{{"a", "\x1B[2J"}}, {}, "", ""});
  BOOST_REQUIRE(why.has_value());
  BOOST_TEST(why->find('\x1B') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(properties_of_vm_and_device_are_kept_apart) {
  const Facts vm{{{"a", "1"}}, {}, "", ""}, device{{}, {{"a", "1"}}, "", ""};
  check({{"property = { a = '1' }", vm, {}},
         {"property = { a = '1' }", device, {"VM property a is not set"}},
         {"device_property = { a = '1' }", device, {}},
         {"device_property = { a = '1' }", vm, {"device property a is not set"}},
         {"any_property = ['a']", vm, {}},
         {"any_property = ['a']", device, {}}});
}

BOOST_AUTO_TEST_CASE(of_a_property_given_twice_the_later_counts) {
  check({{"property = { a = '2' }", {{{"a", "1"}, {"a", "2"}}, {}, "", ""}, {}}});
}

BOOST_AUTO_TEST_CASE(a_condition_has_at_most_as_many_entries_as_a_vm_has_properties) {
  for (const std::string key : {"property", "device_property", "any_property", "vm"}) {
    const bool is_list = key == "any_property" || key == "vm";
    std::string entries;
    for (std::size_t i = 0; i < kMaxProperties; ++i)
      entries += "p" + std::to_string(i) + (is_list ? "', '" : " = 'x', ");
    const auto begin = "[when]\n" + key + (is_list ? " = ['" + entries : " = {" + entries);
    const std::string last = is_list ? "z']" : "z = 'x'}";
    check_error([&] { parse(begin + last); }, Errc::bad_configuration,
                {"x.toml:2: " + key + " has more than 1000 entries"});
    parse(std::string(begin).replace(begin.find("p0"), entries.find("p1"), "") + last);
  }
}

BOOST_AUTO_TEST_CASE(one_of_any_property_must_be_set_to_whatever) {
  const Facts set{{{"a", ""}}, {}, "", ""};
  check({{"any_property = ['a']", set, {}},
         {"any_property = ['x', 'a']", set, {}},
         {"any_property = ['x']", set, {"property x is not set"}},
         {"any_property = ['x', 'y']", set, {"none of the properties x, y is set"}}});
}

BOOST_AUTO_TEST_CASE(vms_are_told_by_globs_on_the_name_or_by_uuid) {
  const Facts web{{}, {}, "web-1", kUuid}, named{{}, {}, "web-1", ""}, numbered{{}, {}, "", kUuid};
  const std::string uuid = "vm = ['" + std::string(kUuid) + "']",
                    upper = "vm = ['0E4A0B1C-7D2F-4C3A-9B1E-0123456789AB']";
  check({{"vm = ['web-1']", web, {}},
         {"vm = ['web-*']", web, {}},
         {"vm = ['*']", web, {}},
         {"vm = ['web-?']", web, {}},
         {"vm = ['web-[0-9]']", web, {}},
         {"vm = ['db-*', 'web-*']", web, {}},
         {"vm = ['*']", {{}, {}, ".hidden/with slash", ""}, {}},
         {"vm = ['web']", web, {"it is for the VM web, not for web-1"}},
         {"vm = ['WEB-*']", web, {"WEB-*"}},
         {"vm = ['db-*', 'mail']", web, {"db-*, mail", "not for web-1"}},
         {uuid, web, {}},
         {upper, web, {}},
         {uuid, numbered, {}},
         {uuid, named, {kUuid, "not for web-1"}},
         {"vm = ['1e4a0b1c-7d2f-4c3a-9b1e-0123456789ab']", web, {"not for web-1"}},
         {"vm = ['*']", numbered, {std::string("not for ") + kUuid}},
         {"vm = ['']", named, {"not for web-1"}}});
}

BOOST_AUTO_TEST_CASE(where_no_domain_is_known_no_vm_matches_and_that_is_said) {
  check({{"vm = ['*']", {}, {"*", "no domain is known"}},
         {"vm = ['" + std::string(kUuid) + "']", {}, {"no domain is known"}},
         {"vm = []", {}, {}}});
}

BOOST_AUTO_TEST_CASE(all_conditions_together_must_hold) {
  const std::string when =
      "property = { a = '1' }\nany_property = ['b', 'c']\ndevice_property = { d = '1' }\nvm = ['web']\n";
  const Facts all{{{"a", "1"}, {"b", ""}}, {{"d", "1"}}, "web", ""};
  check({{when, all, {}},
         {when, {{{"a", "2"}, {"b", ""}}, {{"d", "1"}}, "web", ""}, {"property a"}},
         {when, {{{"a", "1"}}, {{"d", "1"}}, "web", ""}, {"b, c"}},
         {when, {{{"a", "1"}, {"b", ""}}, {}, "web", ""}, {"property d"}},
         {when, {{{"a", "1"}, {"b", ""}}, {{"d", "1"}}, "db", ""}, {"not for db"}}});
}

FileStamp stamp_of(const std::string& path) { return FileStamp::of(path).value_or(FileStamp()); }

BOOST_AUTO_TEST_CASE(a_file_is_read_once_and_again_when_it_changed) {
  const TempDir dir;
  const auto path = dir.file("a.toml", "timeout = '1s'\n");
  SidecarCache cache;
  const auto first = cache.get(path, stamp_of(path), HookPoints(), kEvent);
  BOOST_TEST((first->timeout == 1s));
  BOOST_TEST(cache.get(path, stamp_of(path), HookPoints(), kEvent).get() == first.get());

  dir.file("a.toml", "timeout = '20s'\n");  // in place
  BOOST_TEST((cache.get(path, stamp_of(path), HookPoints(), kEvent)->timeout == 20s));

  dir.file("b.toml", "timeout = '30s'\n");  // another file of the same size, with an older time
  const timespec past[2] = {{1, 0}, {1, 0}};
  BOOST_REQUIRE(::utimensat(AT_FDCWD, (dir / "b.toml").c_str(), past, 0) == 0);
  boost::filesystem::rename(dir / "b.toml", path);
  BOOST_TEST((cache.get(path, stamp_of(path), HookPoints(), kEvent)->timeout == 30s));
  BOOST_TEST((first->timeout == 1s));
}

BOOST_AUTO_TEST_CASE(a_file_that_became_wrong_is_an_error_until_it_is_mended) {
  const TempDir dir;
  const auto path = dir.file("a.toml", "timeout = '1s'\n");
  SidecarCache cache;
  cache.get(path, stamp_of(path), HookPoints(), kEvent);
  dir.file("a.toml", "timeout = 'soon'\n");
  for (int i = 0; i < 2; ++i)
    check_error([&] { cache.get(path, stamp_of(path), HookPoints(), kEvent); }, Errc::bad_configuration,
                {path + ":1:"});
  dir.file("a.toml", "timeout = '200s'\n");
  BOOST_TEST((cache.get(path, stamp_of(path), HookPoints(), kEvent)->timeout == 200s));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_an_error_that_names_it) {
  const TempDir dir;
  SidecarCache cache;
  const auto large = dir.file("large.toml", "#" + std::string(kMaxSettingsBytes, '.'));
  for (const auto& path : {dir / "missing.toml", dir.dir("dir.toml"), dir.fifo("pipe.toml"), large})
    check_error([&] { cache.get(path, stamp_of(path), HookPoints(), kEvent); }, Errc::bad_configuration, {path});
}

BOOST_AUTO_TEST_CASE(many_threads_may_ask_one_cache) {
  const TempDir dir;
  SidecarCache cache;
  for (int i = 0; i < 8; ++i) dir.file(std::to_string(i) + ".toml", "timeout = '" + std::to_string(i + 1) + "s'\n");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 400; ++i) {
        const auto path = dir / (std::to_string(i % 8) + ".toml");
        if (cache.get(path, stamp_of(path), HookPoints(), kEvent)->timeout != std::chrono::seconds(i % 8 + 1)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(a_hooks_properties_are_declared_by_its_package_or_by_itself) {
  const auto ours = parse(
      "name = 'Log_console'\n[vm_properties]\nlog_console = '^(on|off)$'\n[device_properties.interface]\nspeed = "
      "'[0-9]+'\n");
  BOOST_TEST(ours.vm_properties.find("log_console")->declared_by == "vdsm-hook-log-console");
  BOOST_TEST(ours.device_properties.at("interface").find("speed")->pattern.text() == "[0-9]+");
  BOOST_TEST(parse("[vm_properties]\na = 'x'\n").vm_properties.find("a")->declared_by == "x");
}

BOOST_AUTO_TEST_CASE(a_definition_that_is_wrong_has_its_line) {
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"[vm_properties]\na = '['\n", "x.toml:2:"},
           {"[vm_properties]\na = '(?=x)'\n", "look-around"},
           {"[vm_properties]\nPATH = 'x'\n", "reserved"},
           {"[vm_properties]\na = 1\n", "x.toml:2:"},
           {"[device_properties]\ninterfac = {}\n", "did you mean interface?"},
           {"[device_properties.disk]\n9 = 'x'\n", "digit"}})
    check_error([&text = text] { parse(text); }, Errc::bad_configuration, {word});
}

BOOST_AUTO_TEST_CASE(a_pattern_that_nobody_asks_about_is_not_looked_at) {
  const auto sidecar = Sidecar::parse("[vm_properties]\na = '('\n[when.property]\nb = '('\nc = '[[:alpha:]]+'\n",
                                      "x.toml", HookPoints(), kEvent);
  const auto unmet = [&](const Variables& properties) { return sidecar.when.unmet({properties, {}, "web-1", ""}); };
  BOOST_TEST(unmet({{"a", "x"}}).has_value());
  check_error([&] { unmet({{"b", "x"}}); }, Errc::bad_configuration, {"x.toml:4: property.b: ", "'('"});
  check_error([&] { sidecar.vm_properties.find("a")->pattern.matches("x"); }, Errc::bad_configuration,
              {"x.toml:2: property a: ", "'('"});
  check_error([&] { sidecar.judge_patterns(); }, Errc::bad_configuration, {"x.toml:4:"});
}

BOOST_AUTO_TEST_CASE(a_sidecar_shows_what_its_hook_is_interested_in) {
  using Interest = Sidecar::Interest;
  const auto sidecar = parse(
      "[vm_properties]\na = 'x'\nb = 'x'\n[device_properties.disk]\nc = 'x'\nd = 'x'\n"
      "[when]\nany_property = ['a', 'c']\nproperty = { e = 'x' }\n[when." +
      kOtherEvent + "]\ndevice_property = { f = 'x' }\n");
  const auto is = [&](const char* name, Interest vm, Interest device) {
    BOOST_CHECK_MESSAGE(sidecar.in_vm_property(name) == vm && sidecar.in_device_property("disk", name) == device, name);
  };
  is("a", Interest::condition, Interest::none);
  is("b", Interest::declared, Interest::none);
  is("c", Interest::none, Interest::condition);
  is("d", Interest::none, Interest::declared);
  is("e", Interest::condition, Interest::none);
  is("f", Interest::none, Interest::condition);
  is("g", Interest::none, Interest::none);
  BOOST_CHECK(sidecar.in_device_property("interface", "c") == Interest::none);
  BOOST_TEST(sidecar.has_property_conditions());
  BOOST_TEST(!parse("[vm_properties]\na = 'x'\n[when]\nvm = ['a']\n").has_property_conditions());
}
