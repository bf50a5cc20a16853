// How a hook's tree is found, stopped and left alone.
#define BOOST_TEST_MODULE process_tree
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "runners.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;
using std::chrono::steady_clock;

namespace vdsm_hook {
std::ostream& operator<<(std::ostream& out, const ProcessOutcome& outcome) {
  return out << describe(outcome, std::nullopt) << ' ' << outcome.why << ' ' << outcome.err.text;
}
}  // namespace vdsm_hook

BOOST_DATA_TEST_CASE(the_deadline_stops_the_whole_tree,
                     data::make(kRunners) *
                         data::make({"sleep", "ignore-term+sleep", "freeze", "children-100+sleep", "daemon+sleep",
                                     "daemon-session+sleep", "daemon-bare+sleep", "daemon-quiet-bare+sleep",
                                     "ignore-term+daemon-bare+sleep", "daemon-flood+sleep"}),
                     runner, steps) {
  const Host host;
  {
    const auto outcome = run(*make_runner(runner), host, std::string("1_ready+") + steps, 800ms);
    BOOST_TEST((outcome.kind == Kind::timed_out));
    BOOST_TEST(!outcome.is_cancelled);
    BOOST_TEST(outcome.survivors.empty());
    BOOST_TEST((outcome.duration >= 800ms));
    // With a child of its own living on it would be "in time" only for those who do not look.
    BOOST_TEST(!is_alive(std::stoi(host.read("ready"))));
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(children_that_ignore_term_are_killed_after_the_grace, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_ignore-term+children-3+sleep", 300ms);
  BOOST_TEST((outcome.kind == Kind::timed_out));
  BOOST_TEST((outcome.duration >= 500ms));
  BOOST_TEST((outcome.duration < 4s));
  host.check_nothing_left();
}

// Listing processes and then signalling them never catches one that is always a new one.
BOOST_DATA_TEST_CASE(a_chain_of_forks_is_caught, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_ready+hop+sleep", 800ms);
  BOOST_TEST((outcome.kind == Kind::timed_out));
  BOOST_TEST((outcome.duration < 60s));  // it is not chased for ever, also where other work leaves little time
  const pid_t group = std::stoi(host.read("ready"));
  BOOST_TEST(eventually([group] {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return ::kill(-group, 0) != 0;
  }));
  ::kill(-group, SIGKILL);
}

BOOST_DATA_TEST_CASE(the_wait_ends_with_the_hooks_own_exit,
                     data::make(kRunners) * data::make({"daemon", "daemon-session", "daemon-quiet", "daemon-bare",
                                                        "daemon-quiet-bare", "children-20"}),
                     runner, steps) {
  const Host host;
  {
    const auto kind = make_runner(runner);
    const auto outcome = run(*kind, host, std::string("1_") + steps + "+exit-1");
    BOOST_TEST((outcome.kind == Kind::exited));
    BOOST_TEST(outcome.exit_code == 1);
    BOOST_TEST((outcome.duration < 5s));
    const auto alive = host.alive();
    BOOST_TEST(alive.size() == (std::string(steps) == "children-20" ? 20U : 1U));
    BOOST_TEST(pids_of(outcome.survivors) == alive, boost::test_tools::per_element());
  }
}

BOOST_DATA_TEST_CASE(a_daemon_that_floods_the_pipes_does_not_keep_the_wait, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_daemon-flood+exit-1");
  BOOST_TEST(outcome.exit_code == 1);
  BOOST_TEST((outcome.duration < 5s));
}

BOOST_DATA_TEST_CASE(a_later_hooks_deadline_leaves_survivors_alone,
                     data::make(kRunners) * data::make({"daemon", "daemon-session", "daemon-bare"}), runner, steps) {
  const Host host;
  const auto kind = make_runner(runner);
  run(*kind, host, std::string("1_") + steps);
  const auto survivors = host.alive();
  BOOST_REQUIRE(survivors.size() == 1U);
  const auto late = run(*kind, host, "2_daemon+sleep", 300ms);
  BOOST_TEST((late.kind == Kind::timed_out), late);
  BOOST_TEST(host.alive() == survivors, boost::test_tools::per_element());
  BOOST_TEST(run(*kind, host, "3_exit-0").survivors.empty());
}

// The one that was counted has gone; what it started in the meantime is nobody else's.
BOOST_DATA_TEST_CASE(a_survivors_own_children_are_left_alone_too, data::make(kRunners)) {
  const Host host;
  const auto kind = make_runner(sample);
  run(*kind, host, "1_daemon-late");
  const auto first = host.alive();
  BOOST_REQUIRE(first.size() == 1U);
  host.write("go", "");
  BOOST_REQUIRE(eventually([&] { return host.alive().size() == 1 && host.alive() != first; }));
  BOOST_TEST(run(*kind, host, "2_exit-0").survivors.empty());
  const auto late = run(*kind, host, "3_sleep", 300ms);
  BOOST_TEST((late.kind == Kind::timed_out), late);
  BOOST_TEST(host.alive().size() == 1U);
}

// A process that runs one event after the other.
BOOST_DATA_TEST_CASE(an_earlier_events_survivors_are_not_this_ones, data::make({"daemon", "daemon-quiet-bare"})) {
  const Host host;
  run(*make_runner("local"), host, std::string("1_") + sample);
  const auto survivors = host.alive();
  BOOST_REQUIRE(survivors.size() == 1U);
  const auto runner = make_runner("local");
  BOOST_TEST(run(*runner, host, "2_exit-0").survivors.empty());
  BOOST_TEST((run(*runner, host, "3_sleep", 300ms).kind == Kind::timed_out));
  BOOST_TEST(host.alive() == survivors, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(orphans_that_ended_are_no_survivors_and_no_zombies, data::make({"local", "helper"})) {
  const Host host;
  {
    const auto kind = make_runner(sample);
    BOOST_TEST(run(*kind, host, "1_zombies-10+exit-0").survivors.empty());
    BOOST_TEST((run(*kind, host, "2_children-10+sleep", 300ms).kind == Kind::timed_out));
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_cancellation_from_another_thread_stops_the_tree,
                     data::make(kRunners) * data::make({"ready+sleep", "ignore-term+children-5+ready+sleep"}), runner,
                     steps) {
  const Host host;
  {
    std::stop_source source;
    const auto kind = make_runner(runner);
    const std::jthread canceller([&] {
      eventually([&] { return host.read("ready") != ""; });
      source.request_stop();
    });
    const auto outcome = run(*kind, host, "1_daemon-session+" + std::string(steps), 30s, source.get_token());
    BOOST_TEST(outcome.is_cancelled);
    BOOST_TEST((outcome.kind == Kind::signalled));
    BOOST_TEST(outcome.signal == (mentions(steps, "ignore") ? SIGKILL : SIGTERM));
    BOOST_TEST((outcome.duration < 10s));
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_cancellation_that_came_before_stops_it_at_once, data::make(kRunners)) {
  const Host host;
  {
    std::stop_source source;
    source.request_stop();
    const auto outcome = run(*make_runner(sample), host, "1_sleep", 30s, source.get_token());
    BOOST_TEST(outcome.is_cancelled);
    BOOST_TEST((outcome.duration < 10s));
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_cancellation_that_comes_after_the_end_changes_nothing, data::make(kRunners)) {
  const Host host;
  std::stop_source source;
  const auto outcome = run(*make_runner(sample), host, "1_exit-0", 30s, source.get_token());
  source.request_stop();
  BOOST_TEST(!outcome.is_cancelled);
  BOOST_TEST((outcome.kind == Kind::exited));
}

BOOST_DATA_TEST_CASE(a_runner_goes_on_after_a_cancelled_run, data::make(kRunners)) {
  const Host host;
  {
    const auto kind = make_runner(sample);
    std::stop_source source;
    source.request_stop();
    BOOST_TEST(run(*kind, host, "1_sleep", 30s, source.get_token()).is_cancelled);
    const auto next = run(*kind, host, "2_exit-3");
    BOOST_TEST((next.kind == Kind::exited));
    BOOST_TEST(next.exit_code == 3);
  }
  host.check_nothing_left();
}

// The request comes at any moment of a short life: it is either in time or without effect, and never lost in between.
BOOST_DATA_TEST_CASE(a_cancellation_at_any_moment_ends_in_one_of_two_ways, data::make(kRunners)) {
  const Host host;
  {
    const auto kind = make_runner(sample);
    const auto given = spec(host, "1_exit-0", 30s);
    for (int i = 0; i < 40; ++i) {
      std::stop_source source;
      std::atomic<bool> is_running{false};
      const std::jthread canceller([&] {
        while (!is_running) std::this_thread::yield();
        for (const auto end = steady_clock::now() + std::chrono::microseconds(i * 75); steady_clock::now() < end;) {
        }
        source.request_stop();
      });
      is_running = true;
      const auto outcome = kind->run(given, source.get_token());
      BOOST_TEST((outcome.is_cancelled || (outcome.kind == Kind::exited && outcome.exit_code == 0)));
    }
  }
  host.check_nothing_left();
}
