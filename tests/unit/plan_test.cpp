#define BOOST_TEST_MODULE plan
#include <boost/test/unit_test.hpp>

#include "plan_host.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;
using boost::test_tools::per_element;

BOOST_AUTO_TEST_CASE(a_plan_has_the_hooks_in_order_and_starts_and_writes_nothing) {
  const PlanHost host;
  host.hook(kVetoes, "60_b");
  host.hook(kVetoes, "50_a", "summary = 'First'\n");
  const auto plan = host.plan(request(kVetoes));
  BOOST_TEST(plan.event == kVetoes);
  BOOST_TEST(lines(plan) == (Names{"50_a", "60_b"}), per_element());
  BOOST_TEST(plan.hooks[0].path == host.dir / ("hooks/" + kVetoes + "/50_a"));
  BOOST_TEST(plan.hooks[0].layer == host.dir / "hooks");
  BOOST_TEST(plan.hooks[0].summary == "First");
  BOOST_TEST((plan.problems.empty() && plan.notes.empty() && plan.ignored.empty() && !plan.is_blocked));
  BOOST_TEST(count_entries(host.dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(the_same_engine_sees_what_changed_between_two_plans) {
  const PlanHost host;
  const Engine engine(host.settings);
  host.hook(kVetoes, "50_a");
  BOOST_TEST(lines(engine.plan(request(kVetoes))) == Names{"50_a"}, per_element());
  host.hook(kVetoes, "50_a", "[when]\nany_property = ['x']\n");
  BOOST_TEST(lines(engine.plan(request(kVetoes))) == Names{"50_a: property x is not set"}, per_element());
  host.hook(kVetoes, "50_a", "[when]\nany_property = ['x', 'y']\n");
  BOOST_TEST(has(lines(engine.plan(request(kVetoes)))[0], "x, y"));
}

BOOST_AUTO_TEST_CASE(an_event_that_no_table_has_is_wrong_use_with_the_nearest) {
  const PlanHost host;
  auto typed = request(kVetoes + "x");
  check_error([&] { host.plan(typed); }, Errc::wrong_use,
              {"there is no hook point " + kVetoes + "x", "did you mean " + kVetoes + "?"});
  typed.event = "zzzzzzzzzzzzzzzzzz";
  check_error([&] { host.plan(typed); }, Errc::wrong_use, {"there is no hook point"});
}

BOOST_AUTO_TEST_CASE(a_name_that_no_event_can_have_is_wrong_use_even_ad_hoc) {
  const PlanHost host;
  for (const std::string& event :
       {std::string(), std::string("../x"), std::string("/x"), std::string(".."), std::string("a/b"),
        std::string("a b"), std::string("\x1B[2J"), std::string(300, 'a'), std::string("a\0b", 3)}) {
    auto asked = request(event);
    asked.adhoc = PayloadKind::domain_xml;
    check_error([&] { host.plan(asked); }, Errc::wrong_use, {"no event name"});
  }
}

BOOST_AUTO_TEST_CASE(ad_hoc_any_name_is_an_event_that_vetoes) {
  const PlanHost host;
  host.hook("my_event", "50_a", "[when.my_event]\nany_property = ['x']\n");
  auto asked = request("my_event");
  asked.adhoc = PayloadKind::domain_xml;
  asked.properties = {{"x", ""}};
  const auto plan = host.plan(asked);
  BOOST_TEST(lines(plan) == Names{"50_a"}, per_element());
  BOOST_TEST((plan.rules.vetoes && plan.rules.result_used && plan.rules.vm_properties && plan.rules.device_properties));
  BOOST_TEST((plan.hooks[0].on_failure == OnFailure::veto));
  asked.event = kLogs;  // a known event stays what it is
  BOOST_TEST(!host.plan(asked).rules.vetoes);
}

BOOST_AUTO_TEST_CASE(a_document_of_the_wrong_kind_is_refused) {
  const PlanHost host;
  for (const auto& event : {kVetoes, kDevice, kJson, kNone}) host.hook(event, "50_a");
  struct Row {
    std::string event, document;
    Errc code;
    std::string words;
  };
  const std::vector<Row> rows{
      {kNone, domain(), Errc::wrong_use, "carries no document"},
      {kVetoes, "", Errc::wrong_use, "carries a document (domxml)"},
      {kDevice, "", Errc::wrong_use, "carries a document (device_xml)"},
      {kJson, "", Errc::wrong_use, "carries a document (json)"},
      {kVetoes, "{}", Errc::bad_document, "line 1, column 1"},
      {kVetoes, "<interface/>", Errc::bad_document, "not <domain>"},
      {kVetoes, "<domain>\n<name></domain>", Errc::bad_document, "line 2, column"},
      {kVetoes, "<!DOCTYPE domain><domain/>", Errc::bad_document, "DTD"},
      {kDevice, "{}", Errc::bad_document, "line 1, column 1"},
      {kJson, "<domain/>", Errc::bad_document, "not JSON at byte 1"},
  };
  for (const auto& row : rows) {
    Request asked;
    asked.event = row.event;
    asked.document = row.document;
    check_error([&] { host.plan(asked); }, row.code, {row.event, row.words});
  }
}

BOOST_AUTO_TEST_CASE(the_domain_of_another_event_must_be_sound_too) {
  const PlanHost host;
  for (const auto& event : {kDevice, kJson, kNone}) {
    host.hook(event, "50_a");
    check_error([&] { host.plan(request(event, "<domain>")); }, Errc::bad_document, {"domain XML", "line 1"});
    check_error([&] { host.plan(request(event, "<disk/>")); }, Errc::bad_document, {"domain XML", "<disk>"});
    BOOST_TEST(lines(host.plan(request(event, ""))) == Names{"50_a"}, per_element());
  }
}

BOOST_AUTO_TEST_CASE(documents_are_not_judged_where_nothing_runs_or_by_upstreams_rules) {
  const PlanHost host;
  BOOST_TEST(host.plan(request(kVetoes, "<broken")).hooks.empty());
  host.hook(kVetoes, "50_a");
  auto asked = request(kVetoes, "<broken");
  asked.compat_vdsm = true;
  BOOST_TEST(lines(host.plan(asked)) == Names{"50_a"}, per_element());
}

BOOST_AUTO_TEST_CASE(the_caller_may_skip_hooks_that_there_are) {
  const PlanHost host;
  host.hook(kVetoes, "50_macspoof");
  host.hook(kVetoes, "60_b");
  auto asked = request(kVetoes);
  asked.skip = {"50_macspoof"};
  BOOST_TEST(lines(host.plan(asked)) == (Names{"50_macspoof: the caller asked to skip it", "60_b"}), per_element());
  asked.skip = {"60_b", "50_mcspoof"};
  check_error([&] { host.plan(asked); }, Errc::wrong_use, {"no hook 50_mcspoof", "did you mean 50_macspoof?"});
}

BOOST_AUTO_TEST_CASE(a_hook_that_is_skipped_on_demand_is_no_problem_with_a_broken_sidecar) {
  const PlanHost host;
  host.hook(kVetoes, "50_a", "timeout = 'soon'\n");
  auto asked = request(kVetoes);
  asked.skip = {"50_a"};
  const auto plan = host.plan(asked);
  BOOST_TEST(lines(plan) == Names{"50_a: the caller asked to skip it"}, per_element());
  BOOST_TEST(plan.problems.empty());
}

BOOST_AUTO_TEST_CASE(a_hook_whose_conditions_do_not_hold_is_skipped_with_the_reason) {
  const PlanHost host;
  const auto add = [&](const std::string& event, const std::string& name, const std::string& when) {
    host.hook(event, name, "[when]\n" + when);
  };
  add(kDevice, "10", "property = { a = '1' }");
  add(kDevice, "20", "property = { a = '2' }");
  add(kDevice, "30", "device_property = { d = '1' }");
  add(kDevice, "40", "device_property = { a = '1' }");
  add(kDevice, "50", "any_property = ['x', 'd']");
  add(kDevice, "60", "vm = ['web-*']");
  add(kDevice, "70", "vm = ['db-*']");
  add(kDevice, "80", "vm = ['" + std::string(kUuid) + "']");
  add(kDevice, "90", "vm = ['web-*']\n[when." + kDevice + "]\nany_property = ['x']");
  add(kDevice, "91", "vm = ['web-*']\n[when." + kVetoes + "]\nany_property = ['x']");
  auto asked = request(kDevice, domain("<o:a>1</o:a>"));
  asked.device_properties = {{"d", "1"}};
  BOOST_TEST(
      lines(host.plan(asked)) ==
          (Names{"10", "20: VM property a = '1' does not match 2", "30", "40: device property a is not set", "50", "60",
                 "70: it is for the VM db-*, not for web-1", "80", "90: property x is not set", "91"}),
      per_element());
}

BOOST_AUTO_TEST_CASE(a_vm_condition_without_a_domain_does_not_match_and_says_so) {
  const PlanHost host;
  host.hook(kDevice, "50_a", "[when]\nvm = ['*']\n");
  BOOST_TEST(has(lines(host.plan(request(kDevice, "")))[0], "no domain is known"));
  auto asked = request(kDevice, "");
  asked.vm_id = kUuid;
  BOOST_TEST(has(lines(host.plan(asked))[0], "not for " + std::string(kUuid)));
}

BOOST_AUTO_TEST_CASE(a_hook_that_needs_root_is_skipped_where_the_engine_is_not_root,
                     *boost::unit_test::precondition(as_root)) {
  const PlanHost host;
  host.hook(kVetoes, "50_a", "privileges = ['root']\n");
  host.hook(kVetoes, "60_b", "privileges = []\n");
  BOOST_TEST(lines(host.plan(request(kVetoes))) == (Names{"50_a", "60_b"}), per_element());
  BOOST_TEST(as_user(kStranger, [&] {
    const auto plan = host.plan(request(kVetoes));
    return plan.problems.empty() &&
           lines(plan) == Names{"50_a: it needs root, and this engine runs as uid 65534", "60_b"};
  }));
}

BOOST_AUTO_TEST_CASE(a_sidecar_weakens_what_a_failure_means_and_never_strengthens_it) {
  const auto veto = OnFailure::veto, warn = OnFailure::warn, ignore = OnFailure::ignore;
  struct Row {
    std::string event;
    std::optional<bool> asked;  // by the caller
    std::string sidecar;
    OnFailure wanted;
    bool stops;
  };
  const std::vector<Row> rows{{kVetoes, {}, "", veto, true},
                              {kVetoes, {}, "veto", veto, true},
                              {kVetoes, {}, "warn", warn, false},
                              {kVetoes, {}, "ignore", ignore, false},
                              {kLogs, {}, "", warn, true},
                              {kLogs, {}, "veto", warn, true},
                              {kLogs, {}, "warn", warn, false},
                              {kLogs, {}, "ignore", ignore, false},
                              {kVetoes, false, "", warn, true},
                              {kVetoes, false, "veto", warn, true},
                              {kVetoes, false, "ignore", ignore, false},
                              {kLogs, true, "", veto, true},
                              {kLogs, true, "warn", warn, false},
                              {kLogs, true, "veto", veto, true}};
  for (const auto& row : rows) {
    const PlanHost host;
    host.hook(row.event, "50_a", row.sidecar.empty() ? "" : "on_failure = '" + row.sidecar + "'\n");
    auto asked = request(row.event);
    asked.vetoes = row.asked;
    const auto hook = host.plan(asked).hooks.at(0);
    BOOST_TEST((hook.on_failure == row.wanted),
               row.event << " with " << row.sidecar << ": " << to_string(hook.on_failure));
    BOOST_TEST(hook.stops_event == row.stops, row.event << " with " << row.sidecar);
  }
}

BOOST_AUTO_TEST_CASE(the_deadline_is_the_callers_or_the_sidecars_or_the_configurations) {
  PlanHost host;
  host.settings.deadline = 3min;
  host.hook(kVetoes, "50_a", "timeout = '30s'\n");
  host.hook(kVetoes, "60_b");
  auto asked = request(kVetoes);
  auto plan = host.plan(asked);
  BOOST_TEST((plan.hooks[0].deadline == 30s && plan.hooks[1].deadline == 3min));
  asked.deadline = 5s;
  plan = host.plan(asked);
  BOOST_TEST((plan.hooks[0].deadline == 5s && plan.hooks[1].deadline == 5s));
  asked.compat_vdsm = true;
  BOOST_TEST((host.plan(asked).hooks[0].deadline == 5s));
  asked.deadline.reset();
  BOOST_TEST((!host.plan(asked).hooks[0].deadline && !host.plan(asked).hooks[1].deadline));
}

BOOST_AUTO_TEST_CASE(what_is_untrusted_is_a_problem_that_vetoes_where_the_event_can) {
  for (const auto& [event, vetoes] : {std::pair{kVetoes, true}, std::pair{kLogs, false}}) {
    const PlanHost host;
    host.hook(event, "50_a");
    host.dir.chmod("hooks/" + event + "/50_a", 0777);
    host.hook(event, "60_b");
    const auto plan = host.plan(request(event));
    BOOST_TEST(lines(plan) == Names{"60_b"}, per_element());
    BOOST_REQUIRE(plan.problems.size() == 1U);
    BOOST_TEST(plan.problems[0].what == host.dir / ("hooks/" + event + "/50_a"));
    BOOST_TEST(plan.problems[0].vetoes == vetoes);
    check_words(plan.problems[0].why, {"untrusted", "everybody"});
    auto asked = request(event);
    asked.compat_vdsm = true;
    BOOST_TEST(lines(host.plan(asked)) == (Names{"50_a", "60_b"}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_cannot_be_taken_lets_nothing_start_where_the_event_vetoes) {
  for (const auto& [event, vetoes] : {std::pair{kVetoes, true}, std::pair{kLogs, false}}) {
    PlanHost host;
    host.settings.paths.hooks_dirs.push_back(host.dir.dir("admin"));
    host.hook(event, "50_a");
    host.hook(event, "60_b");
    host.dir.link("admin/" + event + "/50_a", "/dev/null");
    host.dir.hook("admin/" + event + "/70_c");
    host.dir.chmod("admin/" + event, 0775);
    auto asked = request(event);
    asked.skip = {"70_c"};  // which hooks there are is not known: that is not the caller's fault
    const auto plan = host.plan(asked);
    BOOST_TEST(plan.is_blocked == vetoes);
    BOOST_TEST(lines(plan) == Names{vetoes ? "60_b: nothing is started: see the problems" : "60_b"}, per_element());
    BOOST_REQUIRE(plan.problems.size() == 2U);
    BOOST_TEST(plan.problems[0].what == host.dir / ("admin/" + event));
    check_words(plan.problems[0].why, {"untrusted", "its group"});
    BOOST_TEST(plan.problems[1].what == host.dir / ("hooks/" + event + "/50_a"));
    check_words(plan.problems[1].why, {"in doubt", host.dir / "admin"});
    for (const auto& problem : plan.problems) BOOST_TEST(problem.vetoes == vetoes);
  }
}

BOOST_AUTO_TEST_CASE(what_runs_a_hook_is_judged_as_the_hook_is) {
  struct Row {
    std::string first_line, open;  // below the host's directory; what others can write
  };
  const std::vector<Row> rows{{"#!HERE/bin/shell", "bin/shell"},
                              {"#! HERE/bin/shell -e", "bin"},
                              {"#!HERE/link", "bin/shell"},
                              {"#!HERE/chain", "bin/shell"},
                              {"#!/usr/bin/env shell", "bin/shell"},
                              {"#!/usr/bin/env shell", "first"},  // nothing is in there yet
                              {"#!/usr/bin/env -S A=1 shell -e", "bin"},
                              {"#!/usr/bin/env HERE/bin/shell", "bin"},
                              {"#!/usr/bin/env -S -u HOME shell", "bin/shell"},
                              {"#!/usr/bin/env -S \"HERE/bin/shell\" -e", "bin/shell"},
                              {"#!/usr/bin/env -vSHERE/bin/shell", "bin/shell"},
                              {"#!/usr/bin/env --split-string=HERE/bin/shell -e", "bin/shell"},
                              {"#!HERE/gone/shell", "gone"}};  // anybody can put it there
  for (const auto& row : rows) {
    for (const auto& [event, vetoes] : {std::pair{kVetoes, true}, std::pair{kLogs, false}}) {
      PlanHost host;
      for (const std::string name : {"first", "bin", "last", "gone"}) host.dir.dir(name);
      host.dir.file("bin/shell", "#!/bin/sh\n", 0755);
      host.dir.link("link", "bin/shell");
      host.dir.file("chain", "#!" + (host.dir / "bin/shell") + "\n", 0755);
      host.settings.environment = {
          {"PATH", (host.dir / "first") + ":" + (host.dir / "bin") + ":" + (host.dir / "last")}};
      auto line = row.first_line;
      if (const auto at = line.find("HERE"); at != std::string::npos) line.replace(at, 4, host.dir.path());
      host.dir.file("hooks/" + event + "/50_a", line + "\n", 0755);
      host.hook(event, "60_b");
      host.dir.chmod("last", 0777);  // env does not get so far
      BOOST_TEST_CONTEXT(line) {
        BOOST_TEST(host.plan(request(event)).problems.empty());
        host.dir.chmod(row.open, 0777);
        const auto plan = host.plan(request(event));
        BOOST_REQUIRE(plan.problems.size() == 1U);
        BOOST_TEST(plan.problems[0].what == host.dir / ("hooks/" + event + "/50_a"));
        BOOST_TEST(plan.problems[0].vetoes == vetoes);
        check_words(plan.problems[0].why, {"untrusted", host.dir / row.open, "everybody"});
        BOOST_TEST((!plan.hooks[0].runs && plan.hooks[1].runs));
        auto asked = request(event);
        asked.compat_vdsm = true;
        BOOST_TEST(host.plan(asked).problems.empty());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(interpreters_that_are_each_others_come_to_an_end) {
  const PlanHost host;
  host.dir.file("ping", "#!" + (host.dir / "pong") + "\n", 0755);
  host.dir.file("pong", "#!" + (host.dir / "ping") + "\n", 0755);
  host.dir.file("hooks/" + kVetoes + "/50_a", "#!" + (host.dir / "ping") + "\n", 0755);
  BOOST_TEST(host.plan(request(kVetoes)).problems.empty());
}

BOOST_AUTO_TEST_CASE(an_untrusted_or_unreadable_directory_is_a_problem_even_if_nothing_else_is_there) {
  const PlanHost host;
  host.hook(kVetoes, "50_a");
  host.dir.chmod("hooks/" + kVetoes, 0777);
  host.dir.file("hooks/" + kLogs, "x");
  for (const auto& event : {kVetoes, kLogs}) {
    const auto plan = host.plan(request(event));
    BOOST_TEST(plan.hooks.empty());
    BOOST_REQUIRE(plan.problems.size() == 1U);
    BOOST_TEST(plan.problems[0].vetoes == (event == kVetoes));
  }
}

BOOST_AUTO_TEST_CASE(a_sidecar_that_is_wrong_or_untrusted_keeps_its_hook_from_running_and_vetoes_where_the_event_can) {
  for (const auto& [event, vetoes] : {std::pair{kVetoes, true}, std::pair{kLogs, false}}) {
    const PlanHost host;
    host.hook(event, "50_a", "timeuot = '1s'\n");
    host.hook(event, "60_b", "timeout = '1s'\n");
    host.dir.chmod("hooks/" + event + "/60_b.toml", 0666);
    host.hook(event, "70_c");
    const auto plan = host.plan(request(event));
    BOOST_REQUIRE(plan.problems.size() == 2U);
    check_words(plan.problems[0].why, {"50_a.toml:1: unknown key 'timeuot'", "did you mean timeout?"});
    check_words(plan.problems[1].why, {"60_b.toml", "everybody"});
    for (const auto& problem : plan.problems) BOOST_TEST(problem.vetoes == vetoes);
    BOOST_TEST((!plan.hooks[0].runs && !plan.hooks[1].runs && plan.hooks[2].runs && !plan.is_blocked));
    check_words(plan.hooks[0].reason, {"its sidecar is wrong", "timeuot"});
  }
}

BOOST_AUTO_TEST_CASE(masked_and_leftover_files_are_in_the_plan_and_no_problem) {
  const PlanHost host;
  host.hook(kVetoes, "50_a");
  host.hook(kVetoes, "50_a.rpmsave");
  host.dir.link("hooks/" + kVetoes + "/60_b", "/dev/null");
  const auto plan = host.plan(request(kVetoes));
  BOOST_TEST(lines(plan) == Names{"50_a"}, per_element());
  BOOST_TEST(plan.ignored.size() == 2U);
  BOOST_TEST(plan.problems.empty());
}
