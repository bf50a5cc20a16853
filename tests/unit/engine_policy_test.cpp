// What may be delivered, what a failure means, and what happens when the caller wants an end.
#define BOOST_TEST_MODULE engine_policy
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

struct Property {
  std::string what, name, value;
  bool is_possible_in_xml = true;
  friend std::ostream& operator<<(std::ostream& out, const Property& property) { return out << property.what; }
};
const std::vector<Property> kRefused{
    {"PATH", "PATH", "/tmp"},
    {"LD_PRELOAD", "LD_PRELOAD", "/tmp/x.so"},
    {"a name with a reserved beginning", "PYTHONSTARTUP", "x"},
    {"a proxy in any case", "Https_Proxy", "x"},
    {"the payload's variable", "_hook_domxml", "/etc/passwd"},
    {"the VM's id", "vmId", "x"},
    {"the engine's own", "VDSM_HOOK_RUN_ID", "x"},
    {"a name with a dot", "a.b", "x"},
    {"a name with a digit first", "1a", "x", false},
    {"a name with =", "a=b", "x", false},
    {"an empty name", "", "x", false},
    {"a newline", "a", "x\ny"},
    {"a tab", "a", "x\ty"},
    {"a NUL", "a", std::string("x\0y", 3), false},
    {"bad UTF-8", "a", "\xc3\x28", false},
    {"200 kB", "a", std::string(200'000, 'x')},
};

std::string with_custom(const Property& property) {
  auto text = kDomain;
  return text.insert(
      text.rfind("</"),
      "<metadata xmlns:o='http://ovirt.org/vm/1.0'><o:vm><o:custom><o:good>1</o:good><o:" + property.name + ">" +
          property.value + "</o:" + property.name + "></o:custom></o:vm></metadata>");
}

}  // namespace

BOOST_DATA_TEST_CASE(a_property_of_the_caller_that_may_not_be_is_refused_before_anything_starts, data::make(kRefused)) {
  const Host host;
  host.hook(vetoing_point().name, "10_ready");
  for (auto member : {&Request::properties, &Request::device_properties, &Request::parameters}) {
    auto request = host.request(vetoing_point());
    (request.*member).emplace_back(sample.name, sample.value);
    std::string text;
    BOOST_TEST(error_code_of([&] { host.run(request); }, &text) == make_error_code(Errc::wrong_use));
    BOOST_TEST(text.size() < 1000U);
  }
  BOOST_TEST(host.read("ready") == "");
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_property_of_the_document_that_may_not_be_vetoes_and_nothing_starts, data::make(kRefused)) {
  if (!sample.is_possible_in_xml) return;
  const Host host;
  host.hook(vetoing_point().name, "10_ready");
  auto request = host.request(vetoing_point());
  request.document = with_custom(sample);
  const auto report = host.run(request);
  BOOST_TEST(report.vetoed);
  BOOST_TEST(mentions(report.problems.at(0).what, sample.name));
  BOOST_TEST(!report.hooks.at(0).ran);
  BOOST_TEST(report.document == request.document);
  BOOST_TEST(host.read("ready") == "");
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(where_nothing_can_be_vetoed_it_is_left_out_and_named, data::make(kRefused)) {
  if (!sample.is_possible_in_xml) return;
  const Host host;
  host.hook(logging_point().name, "10_print-env");
  auto request = host.request(logging_point());
  request.document = with_custom(sample);
  const auto report = host.run(request);
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(report.problems.size() == 1U);
  BOOST_TEST(mentions(report.problems.at(0).what, sample.name));
  const auto& printed = report.hooks.at(0).process.out.text;
  BOOST_TEST(mentions(printed, "good=1\n"));
  BOOST_TEST(!mentions(printed, sample.name + "=" + sample.value + "\n"));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(compat_vdsm_delivers_what_exec_can_deliver) {
  const Host host;
  host.hook(vetoing_point().name, "10_print-env");
  auto request = host.request(vetoing_point());
  request.compat_vdsm = true;
  request.properties = {{"LD_X", "1"}, {"a", "x\ny"}, {"VDSM_HOOK_NAME", "mine"}};
  ::setenv("OF_THE_CALLER", "1", 1);
  const auto report = host.run(request);
  ::unsetenv("OF_THE_CALLER");
  const auto& printed = report.hooks.at(0).process.out.text;
  for (const auto& line :
       std::vector<std::string>{"LD_X=1", "a=x\ny", "OF_THE_CALLER=1", "VDSM_HOOK_NAME=10_print-env", "vmId=" + kUuid,
                                "VDSM_HOOK_EVENT=" + std::string(vetoing_point().name), "VDSM_HOOK_SDK_SHELL="})
    BOOST_TEST(mentions("\n" + printed, "\n" + line), line);
  request.properties = {{"a", std::string("x\0y", 3)}};
  BOOST_TEST(error_code_of([&] { host.run(request); }) == make_error_code(Errc::wrong_use));
}

// An engine that a hook started: the names of the outer run are in its environment.
BOOST_AUTO_TEST_CASE(an_engine_within_a_hook_gives_its_own_names) {
  const Host host;
  host.hook(vetoing_point().name, "10_print-env+sleep");
  auto request = host.request(vetoing_point());
  request.compat_vdsm = true;
  request.deadline = 300ms;
  ::setenv("VDSM_HOOK_NAME", "outer", 1);
  ::setenv("VDSM_HOOK_RUN_ID", "outer", 1);
  ::setenv("VDSM_HOOK_MARK", "outer", 1);
  const auto report = host.run(request);
  ::unsetenv("VDSM_HOOK_NAME");
  ::unsetenv("VDSM_HOOK_RUN_ID");
  ::unsetenv("VDSM_HOOK_MARK");
  const auto& printed = report.hooks.at(0).process.out.text;
  BOOST_TEST(!mentions(printed, "outer"));
  BOOST_TEST(mentions(printed, "VDSM_HOOK_NAME=10_print-env+sleep\n"));
  BOOST_TEST(mentions(printed, "VDSM_HOOK_SDK_SHELL="));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(the_callers_deadline_wins_over_the_sidecars_and_that_over_the_configurations) {
  const Host host;
  host.hook(vetoing_point().name, "10_exit-0");
  host.hook(vetoing_point().name, "20_exit-0");
  host.file(vetoing_point().name, "10_exit-0.toml", "timeout = \"7s\"\n", 0644);
  auto request = host.request(vetoing_point());
  const Engine engine(host.settings());
  BOOST_TEST((engine.plan(request).hooks.at(0).deadline == 7s));
  BOOST_TEST((engine.plan(request).hooks.at(1).deadline == 30s));
  request.deadline = 3s;
  BOOST_TEST((engine.plan(request).hooks.at(0).deadline == 3s));
  request.compat_vdsm = true;
  BOOST_TEST((engine.plan(request).hooks.at(0).deadline == 3s));
  request.deadline.reset();
  BOOST_TEST(!engine.plan(request).hooks.at(0).deadline.has_value());
}

BOOST_AUTO_TEST_CASE(the_caller_may_make_a_logging_point_veto_and_the_other_way_round) {
  const Host host;
  for (const auto* point : {&vetoing_point(), &logging_point()}) {
    host.hook(point->name, "10_exit-1");
    for (const bool vetoes : {true, false}) {
      auto request = host.request(*point);
      request.vetoes = vetoes;
      BOOST_TEST(host.run(request).vetoed == vetoes);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sidecar_weakens_but_never_strengthens) {
  const Host host;
  host.hook(logging_point().name, "10_exit-1");
  host.file(logging_point().name, "10_exit-1.toml", "on_failure = \"veto\"\n", 0644);
  const auto report = host.run(logging_point());
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(report.problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_problem_has_event_vm_hook_end_duration_and_last_lines) {
  const Host host;
  const auto path = host.file(vetoing_point().name, "10_x",
                              "i=0; while [ $i -lt 30 ]; do echo line$i >&2; i=$((i+1)); done; exit 5\n");
  const auto report = host.run(vetoing_point());
  const auto& problem = report.problems.at(0);
  BOOST_TEST(problem.what == path);
  for (const auto& words : std::vector<std::string>{"10_x failed at " + std::string(vetoing_point().name), "web-1",
                                                    kUuid, " ms: ", "exit code 5", "[...] line20\n", "line29"})
    BOOST_TEST(mentions(problem.why, words), words << " is not in " << problem.why);
  BOOST_TEST(!mentions(problem.why, "line19"));
}

BOOST_AUTO_TEST_CASE(what_a_hook_says_is_fit_for_a_terminal) {
  const Host host;
  host.file(vetoing_point().name, "10_x", "printf '\\033[2J\\377\\n' >&2; exit 1\n");
  const auto report = host.run(vetoing_point());
  const auto& why = report.problems.at(0).why;
  BOOST_TEST(mentions(why, "\\x1b[2J\xef\xbf\xbd"), why);
}

BOOST_DATA_TEST_CASE(an_event_that_was_cancelled_before_it_began_starts_nothing, data::make({true, false}), vetoes) {
  const Host host;
  const auto& point = vetoes ? vetoing_point() : logging_point();
  host.hook(point.name, "10_ready");
  std::stop_source source;
  source.request_stop();
  const auto report = host.run(host.request(point), source.get_token());
  BOOST_TEST(report.is_cancelled);
  BOOST_TEST(report.vetoed == vetoes);
  BOOST_TEST(!report.hooks.at(0).ran);
  BOOST_TEST(host.read("ready") == "");
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_cancellation_stops_the_running_hook_and_starts_no_other) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_payload-edit");
  host.hook(point.name, "20_payload-edit+daemon-bare+ready+sleep");
  host.hook(point.name, "30_saw");
  std::stop_source source;
  const std::jthread canceller([&] {
    eventually([&] { return host.read("ready") != ""; });
    source.request_stop();
  });
  const auto report = host.run(host.request(point), source.get_token());
  BOOST_TEST(report.is_cancelled);
  BOOST_TEST(report.vetoed);
  BOOST_TEST(report.hooks.at(1).process.is_cancelled);
  BOOST_TEST(!report.hooks.at(1).adopted);
  BOOST_TEST(!report.hooks.at(2).ran);
  BOOST_TEST(mentions(report.hooks.at(2).reason, "cancelled"));
  BOOST_TEST(!mentions(report.document, "20_payload-edit"));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_cancellation_after_the_event_changes_nothing) {
  const Host host;
  host.hook(vetoing_point().name, "10_payload-edit");
  std::stop_source source;
  const auto report = host.run(host.request(vetoing_point()), source.get_token());
  source.request_stop();
  BOOST_TEST(!report.is_cancelled);
  BOOST_TEST(report.changed);
}
