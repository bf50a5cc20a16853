// Every way in which a hook can misbehave, crossed with what its failure means.
#define BOOST_TEST_MODULE fault
#include <signal.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

// What becomes of one hook's document.
enum class Edit {
  none,     // there is none
  sound,    // adopted, if the hook itself did not fail
  unsound,  // discarded; under upstream's rules it is not looked at
  lost,     // nothing is there that could be taken, whatever the rules
};

struct Mode {
  std::string steps;
  Edit edit;
  Kind kind;
  int number;         // exit code or signal
  std::string words;  // that the problem has
  bool is_json = false;
  std::size_t survivors = 0;
  friend std::ostream& operator<<(std::ostream& out, const Mode& mode) { return out << mode.steps; }
};

const std::vector<Mode> kModes{
    {"exit-1", Edit::none, Kind::exited, 1, "exit code 1"},
    {"exit-2", Edit::none, Kind::exited, 2, "exit code 2"},
    {"exit-3", Edit::none, Kind::exited, 3, "above 2"},
    {"exit-255", Edit::none, Kind::exited, 255, "above 2"},
    {"say+exit-1", Edit::none, Kind::exited, 1, "on stderr"},
    {"die-2", Edit::none, Kind::signalled, SIGINT, "SIGINT"},
    {"die-9", Edit::none, Kind::signalled, SIGKILL, "SIGKILL"},
    {"die-11", Edit::none, Kind::signalled, SIGSEGV, "SIGSEGV"},
    {"sleep", Edit::none, Kind::timed_out, 0, "deadline of 800ms"},
    {"ignore-term+sleep", Edit::none, Kind::timed_out, 0, "deadline"},
    {"close-stdio+exit-1", Edit::none, Kind::exited, 1, "exit code 1"},
    {"children-10+sleep", Edit::none, Kind::timed_out, 0, "deadline"},
    {"daemon-bare+sleep", Edit::none, Kind::timed_out, 0, "deadline"},
    {"daemon+exit-0", Edit::none, Kind::exited, 0, "", false, 1},
    {"daemon-session+exit-1", Edit::none, Kind::exited, 1, "exit code 1", false, 1},
    {"daemon-quiet-bare+exit-0", Edit::none, Kind::exited, 0, "", false, 1},
    {"payload-edit", Edit::sound, Kind::exited, 0, ""},
    {"payload-rename", Edit::sound, Kind::exited, 0, ""},
    {"payload-edit+exit-1", Edit::sound, Kind::exited, 1, "its changes were discarded"},
    {"payload-edit+die-11", Edit::sound, Kind::signalled, SIGSEGV, "its changes were discarded"},
    {"payload-edit+sleep", Edit::sound, Kind::timed_out, 0, "its changes were discarded"},
    {"payload-edit+payload-hardlink", Edit::sound, Kind::exited, 0, ""},
    {"payload-edit+directory-clutter", Edit::sound, Kind::exited, 0, ""},
    {"payload-same", Edit::none, Kind::exited, 0, ""},
    {"payload-hardlink", Edit::none, Kind::exited, 0, ""},
    {"payload-chmod-0", Edit::none, Kind::exited, 0, ""},
    {"payload-delete", Edit::lost, Kind::exited, 0, "was deleted"},
    {"payload-grow", Edit::lost, Kind::exited, 0, "more than the limit"},
    {"payload-link", Edit::lost, Kind::exited, 0, "a symbolic link"},
    {"payload-directory", Edit::lost, Kind::exited, 0, "a directory"},
    {"payload-directory+payload-fill", Edit::lost, Kind::exited, 0, "a directory"},
    {"payload-fifo", Edit::lost, Kind::exited, 0, "a pipe"},
    {"payload-socket", Edit::lost, Kind::exited, 0, "a socket"},
    {"directory-remove", Edit::lost, Kind::exited, 0, "was deleted"},
    {"payload-truncate", Edit::unsound, Kind::exited, 0, "the document is empty"},
    {"payload-half", Edit::unsound, Kind::exited, 0, "line 3, column"},
    {"payload-half+exit-1", Edit::unsound, Kind::exited, 1, "exit code 1"},
    {"doc-blank", Edit::unsound, Kind::exited, 0, "no element found"},
    {"doc-two-roots", Edit::unsound, Kind::exited, 0, "line 7, column 1: junk after document element"},
    {"doc-prefix", Edit::unsound, Kind::exited, 0, "unbound prefix"},
    {"doc-entity", Edit::unsound, Kind::exited, 0, "undefined entity"},
    {"doc-utf8", Edit::unsound, Kind::exited, 0, "invalid token"},
    {"doc-nul-reference", Edit::unsound, Kind::exited, 0, "invalid character number"},
    {"doc-nul", Edit::unsound, Kind::exited, 0, "line 7, column 1"},
    {"doc-text-first", Edit::unsound, Kind::exited, 0, "line 1, column 5"},
    {"doc-laughs", Edit::unsound, Kind::exited, 0, "DTD"},
    {"doc-doctype", Edit::unsound, Kind::exited, 0, "DTD"},
    {"doc-json", Edit::unsound, Kind::exited, 0, "not well-formed at line 1, column 1"},
    {"doc-root", Edit::unsound, Kind::exited, 0, "<network>"},
    {"doc-uuid", Edit::unsound, Kind::exited, 0, "<uuid> was changed"},
    {"doc-uuid-twice", Edit::unsound, Kind::exited, 0, "two elements <uuid>"},
    {"doc-no-uuid", Edit::unsound, Kind::exited, 0, "<uuid> was changed"},
    {"doc-name", Edit::unsound, Kind::exited, 0, "<name> was changed"},
    {"payload-edit", Edit::sound, Kind::exited, 0, "", true},
    {"doc-xml", Edit::unsound, Kind::exited, 0, "not JSON at byte 1", true},
    {"doc-deep", Edit::unsound, Kind::exited, 0, "not JSON", true},
    {"payload-half", Edit::unsound, Kind::exited, 0, "not JSON", true},
    {"payload-truncate", Edit::unsound, Kind::exited, 0, "not JSON", true},
    {"doc-nul", Edit::unsound, Kind::exited, 0, "not JSON", true},
};

struct Policy {
  std::string name;
  std::string sidecar;
  bool vetoes = true;  // the hook point does
  bool is_compat = false;
  std::optional<bool> override{};
  friend std::ostream& operator<<(std::ostream& out, const Policy& policy) { return out << policy.name; }
};
const std::vector<Policy> kPolicies{
    {"vetoing point", ""},
    {"logging point", "", false},
    {"on_failure = warn", "on_failure = \"warn\"\n"},
    {"on_failure = ignore", "on_failure = \"ignore\"\n"},
    {"the caller says warn", "", true, false, false},
    {"compat vdsm", "", true, true},
};

std::string edited_by(const std::string& document, const std::string& hook) {
  auto text = document;
  if (text.starts_with('{')) return text.insert(1, "\"" + hook + "\":1,");
  return text.insert(text.rfind("</"), "<by hook='" + hook + "'/>");
}

const HookOutcome& outcome_of(const Report& report, const std::string& name) {
  for (const auto& hook : report.hooks)
    if (hook.name == name) return hook;
  throw std::logic_error("no outcome of " + name);
}

const HookPoint& point_for(const Mode& mode, const Policy& policy) {
  return point(mode.is_json ? PayloadKind::json : PayloadKind::domain_xml, policy.vetoes, policy.vetoes);
}

}  // namespace

// Between a hook that edits soundly and one that tells what it saw.
BOOST_DATA_TEST_CASE(a_hook_misbehaves, data::make(kModes) * data::make(kPolicies), mode, policy) {
  const Host host;
  const auto& point = point_for(mode, policy);
  const std::string name = "50_" + mode.steps, before = "10_payload-edit", after = "90_saw";
  const auto path = host.hook(point.name, name);
  host.hook(point.name, before);
  host.hook(point.name, after);
  const bool has_deadline = mode.kind == Kind::timed_out;
  host.file(point.name, name + ".toml", policy.sidecar + (has_deadline ? "timeout = \"800ms\"\n" : ""), 0644);
  auto request = host.request(point);
  request.compat_vdsm = policy.is_compat;
  request.vetoes = policy.override;
  if (policy.is_compat && has_deadline) request.deadline = 300ms;
  const auto report = host.run(request);

  const bool fails_itself = mode.kind != Kind::exited || mode.number != 0;
  const bool is_judged = mode.edit == Edit::lost || (mode.edit == Edit::unsound && !policy.is_compat);
  const bool fails = fails_itself || is_judged;
  const bool edits = mode.edit == Edit::sound || mode.edit == Edit::unsound;
  const bool adopted = edits && !is_judged && (!fails_itself || policy.is_compat);
  const bool stops = mode.number == 2 && mode.kind == Kind::exited && policy.sidecar.empty();

  // Of this hook.
  const auto& outcome = outcome_of(report, name);
  BOOST_TEST(outcome.ran);
  BOOST_TEST((outcome.process.kind == mode.kind));
  if (mode.kind == Kind::exited) BOOST_TEST(outcome.process.exit_code == mode.number);
  if (mode.kind == Kind::signalled) BOOST_TEST(outcome.process.signal == mode.number);
  BOOST_TEST(outcome.failed == fails);
  BOOST_TEST(outcome.changed == (mode.edit != Edit::none));
  BOOST_TEST(outcome.adopted == adopted);
  BOOST_TEST(report.survivors == mode.survivors);

  // Of the document.
  const auto given = edited_by(request.document, before);
  const auto seen = host.seen_by(after);
  if (stops) {
    BOOST_TEST(!outcome_of(report, after).ran);
    BOOST_TEST(mentions(outcome_of(report, after).reason, name));
  } else if (!adopted) {
    BOOST_TEST(seen == given);
  } else if (mode.edit == Edit::sound) {
    BOOST_TEST(seen == edited_by(given, name));
  } else {
    BOOST_TEST(seen != given);
  }
  const auto expected = !point.rules(policy.is_compat).result_used ? request.document : stops ? given : seen;
  BOOST_TEST(report.document == expected);
  BOOST_TEST(report.changed == (expected != request.document));

  // Of what is said, and what it means.
  const bool ignored = policy.name == "on_failure = ignore";
  const bool vetoes = policy.vetoes && policy.sidecar.empty() && policy.override.value_or(true);
  BOOST_TEST(report.problems.size() == (fails && !ignored ? 1U : 0U));
  for (const auto& problem : report.problems) {
    BOOST_TEST(problem.what == path);
    BOOST_TEST(problem.vetoes == vetoes);
    if (is_judged || fails_itself)
      BOOST_TEST((policy.is_compat || mentions(problem.why, mode.words)),
                 "'" << problem.why << "' does not say '" << mode.words << "'");
    BOOST_TEST(mentions(problem.why, point.name));
    BOOST_TEST((mode.is_json || mentions(problem.why, "web-1")));
  }
  BOOST_TEST(report.vetoed == (fails && vetoes));
  host.check_nothing_left(mode.survivors);
}

// Exit 2 with a bad document: the chain stops, and the document is the one from before.
BOOST_DATA_TEST_CASE(exit_2_stops_the_chain_and_its_edits_are_discarded,
                     data::make({"payload-edit", "payload-rename", "payload-delete", "payload-truncate",
                                 "payload-directory", "doc-two-roots", "doc-uuid"}) *
                         data::make({true, false}),
                     steps, vetoes) {
  const Host host;
  const auto& point = vetoes ? vetoing_point() : logging_point();
  const std::string name = "50_" + std::string(steps) + "+exit-2";
  host.hook(point.name, "10_payload-edit");
  host.hook(point.name, name);
  host.hook(point.name, "90_saw");
  const auto report = host.run(point);
  BOOST_TEST(report.vetoed == vetoes);
  BOOST_TEST(!outcome_of(report, "90_saw").ran);
  BOOST_TEST(host.seen_by("90_saw") == "");
  BOOST_TEST(report.document == (vetoes ? edited_by(kDomain, "10_payload-edit") : kDomain));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(all_failures_are_reported_not_just_the_last) {
  const Host host;
  const auto& point = vetoing_point();
  std::vector<std::string> paths, named;
  for (const std::string name : {"1_exit-1", "2_die-15", "3_exit-0", "4_payload-delete", "5_doc-root", "6_exit-7"}) {
    const auto path = host.hook(point.name, name);
    if (name != "3_exit-0") paths.push_back(path);
  }
  const auto report = host.run(point);
  for (const auto& problem : report.problems) named.push_back(problem.what);
  BOOST_TEST(named == paths, boost::test_tools::per_element());
  BOOST_TEST(report.document == kDomain);
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_gigabyte_on_both_outputs_is_bounded) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_flood-1024+exit-1");
  const auto report = host.run(point);
  const auto& process = report.hooks.at(0).process;
  BOOST_TEST(process.out.text.size() == kOutputTailBytes);
  BOOST_TEST(process.err.cut == (1024U << 20) + 14 - kOutputTailBytes);
  BOOST_TEST(report.problems.at(0).why.size() < 4096U);
  BOOST_TEST(mentions(report.problems.at(0).why, "end of stderr"));
  host.check_nothing_left();
}

// Whatever it is that lies there when the engine looks: never an exception, never somebody else's content.
BOOST_AUTO_TEST_CASE(a_daemon_that_swaps_the_payload_all_the_time_harms_nothing_else) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_daemon-swap");
  for (int i = 20; i < 60; ++i) host.hook(point.name, std::to_string(i) + "_exit-0");
  const auto report = host.run(point);
  BOOST_TEST(report.hooks.size() == 41U);
  BOOST_TEST(report.document == kDomain);
  host.kill_left();
}

BOOST_AUTO_TEST_CASE(what_a_survivor_still_writes_into_the_old_file_reaches_nobody) {
  const Host host;
  const auto& point = vetoing_point();
  host.file(point.name, "10_hold",
            "#!/bin/sh\necho '<!-- a -->' >> \"$_hook_domxml\"\n"
            "(while [ ! -e \"$FAULT_DIR/go\" ]; do sleep 0.01; done; echo junk >&3; : > \"$FAULT_DIR/ready\") 3>> "
            "\"$_hook_domxml\" > /dev/null 2>&1 &\n");
  host.file(point.name, "20_release",
            "#!/bin/sh\n: > \"$FAULT_DIR/go\"\nwhile [ ! -e \"$FAULT_DIR/ready\" ]; do sleep 0.01; done\n");
  host.hook(point.name, "30_saw");
  const auto report = host.run(point);
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(report.document == kDomain + "<!-- a -->\n");
  BOOST_TEST(host.seen_by("30_saw") == report.document);
}

// On tmpfs no time stamp moves, and a document in /run is on one.
BOOST_AUTO_TEST_CASE(an_edit_through_a_mapping_is_that_hooks_edit, *boost::unit_test::precondition(can_mount)) {
  for (const bool fails : {false, true}) {
    const Host host;
    const Tmpfs disk(host.runtime_dir(), 0);
    const auto& point = vetoing_point();
    const std::string name = std::string("10_payload-map") + (fails ? "+exit-1" : "");
    host.hook(point.name, name);
    host.hook(point.name, "20_exit-0");
    host.hook(point.name, "30_saw");
    const auto report = host.run(point);
    BOOST_TEST(outcome_of(report, name).changed);
    BOOST_TEST(outcome_of(report, name).adopted == !fails);
    BOOST_TEST(!outcome_of(report, "20_exit-0").changed);
    BOOST_TEST(mentions(report.document, "<memory>9024<") == !fails);
    BOOST_TEST(host.seen_by("30_saw") == report.document);
  }
}

// A hook that failed, or that left something behind, shares neither file nor directory with the next one.
BOOST_DATA_TEST_CASE(what_a_hook_left_running_edits_nothing_that_later_hooks_get,
                     data::make({"daemon-edit+exit-1", "daemon-edit+exit-0", "daemon-edit+payload-edit",
                                 "daemon-edit+die-11"})) {
  const Host host;
  const auto& point = vetoing_point();
  const auto name = "10_" + std::string(sample);
  host.hook(point.name, name);
  host.file(point.name, "20_release",
            "#!/bin/sh\n: > \"$FAULT_DIR/go\"\nwhile [ ! -e \"$FAULT_DIR/ready\" ]; do sleep 0.01; done\n");
  host.hook(point.name, "30_saw");
  const auto report = host.run(point);
  const bool edits = mentions(sample, "payload-edit");
  BOOST_TEST(report.document == (edits ? edited_by(kDomain, name) : kDomain));
  BOOST_TEST(host.seen_by("30_saw") == report.document);
  BOOST_TEST(!outcome_of(report, "20_release").failed);
  BOOST_TEST(!outcome_of(report, "20_release").changed);
  host.check_nothing_left();
}

// Each gets a directory of its own then, however many there are, and none is left.
BOOST_AUTO_TEST_CASE(a_hundred_failing_hooks_leave_nothing_and_each_gets_the_document) {
  const Host host;
  const auto& point = vetoing_point();
  for (int i = 100; i < 200; ++i) host.hook(point.name, std::to_string(i) + "_payload-edit+exit-1");
  host.hook(point.name, "900_saw");
  const auto report = host.run(point);
  BOOST_TEST(report.problems.size() == 100U);
  BOOST_TEST(host.seen_by("900_saw") == kDomain);
  host.check_nothing_left();
}

// The next hook gets a fresh directory, and its edits count.
BOOST_AUTO_TEST_CASE(a_hook_that_takes_the_place_of_its_payload_away_is_blamed,
                     *boost::unit_test::precondition(can_mount)) {
  for (const std::string steps : {"directory-move", "directory-cover", "directory-bind", "payload-bind", "payload-lock",
                                  "directory-lock", "payload-edit+payload-lock", "payload-edit+directory-move"}) {
    for (const auto kind : {PayloadKind::domain_xml, PayloadKind::json}) {
      const Host host;
      const auto& event = point(kind, true, true);
      const auto path = host.hook(event.name, "20_" + steps);
      host.hook(event.name, "10_payload-edit");
      host.hook(event.name, "30_payload-edit");
      host.hook(event.name, "40_saw");
      const auto report = host.run(event);
      BOOST_TEST(outcome_of(report, "20_" + steps).failed, steps);
      BOOST_TEST(!outcome_of(report, "20_" + steps).adopted, steps);
      BOOST_TEST(report.problems.size() == 1U, steps);
      for (const auto& problem : report.problems) BOOST_TEST(problem.what == path, problem.why);
      BOOST_TEST(
          report.document == edited_by(edited_by(host.request(event).document, "10_payload-edit"), "30_payload-edit"),
          steps);
      BOOST_TEST(host.seen_by("40_saw") == report.document);
      host.free_places();
    }
  }
}
