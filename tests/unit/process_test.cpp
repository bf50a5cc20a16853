// What a hook gets from every Runner, and what is learned of its end.
#define BOOST_TEST_MODULE process
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>
#include <thread>

#include "runners.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

ProcessOutcome run(const std::string& runner, const Host& host, const std::string& name) {
  return run(*make_runner(runner), host, name);
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) found.push_back(line);
  return found;
}

}  // namespace

BOOST_DATA_TEST_CASE(the_exit_code_is_learned, data::make(kRunners) * data::make({0, 1, 2, 3, 127, 255}), runner,
                     code) {
  const Host host;
  const auto outcome = run(runner, host, "1_exit-" + std::to_string(code));
  BOOST_TEST((outcome.kind == Kind::exited));
  BOOST_TEST(outcome.exit_code == code);
  BOOST_TEST(outcome.duration.count() > 0);
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(every_deadly_signal_is_learned_and_has_its_name) {
  const std::vector<std::pair<int, std::string>> rows{
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},     {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},       {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"},     {SIGUSR2, "SIGUSR2"},
      {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},     {SIGXCPU, "SIGXCPU"},
      {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},   {SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"},
      {SIGIO, "SIGPOLL"},   {SIGPWR, "SIGPWR"},   {SIGSTKFLT, "SIGSTKFLT"}, {34, "signal 34"},
      {64, "signal 64"}};
  const Host host;
  for (const auto& [signal, name] : rows) {
    const auto outcome = run("local", host, "1_die-" + std::to_string(signal));
    BOOST_TEST((outcome.kind == Kind::signalled), name);
    BOOST_TEST(outcome.signal == signal);
    BOOST_TEST(signal_name(outcome.signal) == name);
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(sigint_death_is_not_exit_2, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(sample, host, "1_die-2");
  BOOST_TEST((outcome.kind == Kind::signalled));
  BOOST_TEST(outcome.signal == SIGINT);
}

BOOST_DATA_TEST_CASE(both_outputs_are_kept_apart, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(sample, host, "1_say+exit-1");
  BOOST_TEST(outcome.out.text == "1_say+exit-1 on stdout\n");
  BOOST_TEST(outcome.err.text == "1_say+exit-1 on stderr\n");
  BOOST_TEST(outcome.out.cut + outcome.err.cut == 0U);
}

BOOST_DATA_TEST_CASE(a_flood_is_drained_while_waiting_and_bounded_with_the_cut_marked, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(sample, host, "1_flood-64");
  constexpr std::size_t whole = (64U << 20) + 14;
  for (const auto* tail : {&outcome.out, &outcome.err}) {
    BOOST_TEST(tail->text.size() == kOutputTailBytes);
    BOOST_TEST(tail->cut == whole - kOutputTailBytes);
    BOOST_TEST(tail->text.ends_with(tail == &outcome.out ? "end of stdout\n" : "end of stderr\n"));
  }
  BOOST_TEST(outcome.exit_code == 0);
}

BOOST_DATA_TEST_CASE(closed_outputs_do_not_end_the_wait, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(sample, host, "1_close-stdio+say+ready+exit-3");
  BOOST_TEST(outcome.exit_code == 3);
  BOOST_TEST(host.read("ready") != "");
}

BOOST_DATA_TEST_CASE(the_only_descriptors_are_0_to_2, data::make(kRunners)) {
  const Host host;
  const UniqueFd inheritable(::open("/dev/null", O_RDONLY)), far(::fcntl(inheritable.get(), F_DUPFD, 900));
  BOOST_REQUIRE(far.get() >= 900);
  BOOST_TEST(run(sample, host, "1_list-fds").out.text == "0\n1\n2\n");
}

BOOST_DATA_TEST_CASE(the_environment_is_exactly_what_was_given, data::make(kRunners)) {
  const Host host;
  auto given = spec(host, "1_print-env");
  given.environment.emplace_back("EMPTY=");
  given.environment.emplace_back("TEXT=a b=c \xc3\xa4");
  auto seen = lines(make_runner(sample)->run(given, {}).out.text);
  BOOST_REQUIRE(!seen.empty());
  BOOST_TEST(seen.back().starts_with("VDSM_HOOK_MARK="));
  BOOST_TEST(seen.back().size() > std::string("VDSM_HOOK_MARK=").size() + 30);  // nobody guesses it
  seen.pop_back();
  BOOST_TEST(seen == given.environment, boost::test_tools::per_element());
  given.is_marked = false;
  BOOST_TEST(lines(make_runner(sample)->run(given, {}).out.text) == given.environment,
             boost::test_tools::per_element());
}

// Whatever this process has made of itself.
BOOST_DATA_TEST_CASE(signals_mask_umask_and_directory_are_standard, data::make(kRunners)) {
  const auto said = in_child([&runner_kind = sample] {
    const Host host;
    sigset_t all;
    ::sigfillset(&all);
    for (int signal = 1; signal < 65; ++signal)
      if (signal != SIGCHLD) ::signal(signal, SIG_IGN);
    ::signal(SIGUSR1, [](int) {});
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::umask(077);
    if (::chdir("/proc") != 0) return std::string("!chdir");
    return run(runner_kind, host, "1_print-state").out.text;
  });
  BOOST_TEST(said == "cwd /\numask 022\nterminal 0\nleads_group 1\nblocked 0\nignored\nstdin 0\n");
}

BOOST_DATA_TEST_CASE(this_process_keeps_its_own_state, data::make(kRunners)) {
  const auto said = in_child([&runner_kind = sample]() -> std::string {
    const Host host;
    ::signal(SIGUSR1, SIG_IGN);
    sigset_t one, now;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGUSR2);
    ::sigprocmask(SIG_BLOCK, &one, nullptr);
    ::umask(077);
    if (::chdir("/proc") != 0) return "!chdir";
    run(runner_kind, host, "1_exit-0");
    char here[100];
    ::sigprocmask(SIG_BLOCK, nullptr, &now);
    return std::string(::getcwd(here, sizeof here)) + " " + std::to_string(::umask(0)) + " " +
           std::to_string(::signal(SIGUSR1, SIG_DFL) == SIG_IGN) + std::to_string(::sigismember(&now, SIGUSR2)) +
           std::to_string(::sigismember(&now, SIGTERM)) + std::to_string(::getpgrp() != ::getpid());
  });
  BOOST_TEST(said == "/proc 63 1101");
}

BOOST_DATA_TEST_CASE(a_process_without_standard_descriptors_runs_hooks_as_well, data::make(kRunners)) {
  const auto said = in_child([&runner_kind = sample] {
    const Host host;
    const auto given = spec(host, "1_list-fds+say");
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    const auto runner = make_runner(runner_kind);
    const auto first = runner->run(given, {}), second = runner->run(given, {});
    return first.out.text + second.err.text + std::to_string(second.exit_code);
  });
  BOOST_TEST(said == "0\n1\n2\n1_list-fds+say on stdout\n1_list-fds+say on stderr\n0");
}

BOOST_DATA_TEST_CASE(a_script_without_an_interpreter_runs_as_sh_would_run_it, data::make(kRunners)) {
  const Host host;
  auto given = spec(host, "1_unused");
  for (const std::string first_line : {"", "# a remark\n", " #!/bin/no\n", ": $0\n"}) {
    given.program = host.file("event", "script", first_line + "echo \"$0 $#\"; exit 4\n");
    const auto outcome = make_runner(sample)->run(given, {});
    BOOST_TEST(outcome.exit_code == 4, first_line << outcome.why);
    BOOST_TEST(outcome.out.text == given.program + " 0\n");
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_thousand_hooks_one_after_the_other_leave_nothing, data::make(kRunners)) {
  const Host host;
  {
    const auto runner = make_runner(sample);
    const auto given = spec(host, "1_exit-0");
    runner->run(given, {});
    const auto before = open_descriptors();
    for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(runner->run(given, {}).exit_code == 0);
    BOOST_TEST(open_descriptors() == before);
  }
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(two_helpers_work_in_two_threads) {
  const Host host;
  const auto work = [](const ProcessSpec& given, const std::string& expected, int& wrong) {
    const auto runner = make_runner("helper");
    for (int i = 0; i < 50; ++i) wrong += runner->run(given, {}).out.text != expected;
  };
  const auto one = spec(host, "1_say"), other = spec(host, "2_say");
  int wrong_one = 0, wrong_other = 0;
  {
    const std::jthread first(work, one, "1_say on stdout\n", std::ref(wrong_one));
    const std::jthread second(work, other, "2_say on stdout\n", std::ref(wrong_other));
  }
  BOOST_TEST(wrong_one + wrong_other == 0);
  host.check_nothing_left();
}

// What a batch does: up to the first that fails, that writes, or that ends after a request to stop.
BOOST_DATA_TEST_CASE(hooks_in_a_row_run_until_somebody_must_look, data::make(kRunners)) {
  struct Row {
    std::string second;
    std::size_t expected;
  };
  for (const auto& [second, expected] : std::vector<Row>{{"2_exit-0", 3},
                                                         {"2_exit-1", 2},
                                                         {"2_die-9", 2},
                                                         {"2_payload-edit", 2},
                                                         {"2_payload-map", 2},
                                                         {"2_payload-delete", 2},
                                                         {"2_daemon-quiet", 2}}) {
    const Host host;
    host.write("seen/payload", kDomain);
    const WatchedFile file{host.root() + "/seen/payload", FilePlace::of(host.root() + "/seen/payload"), kDomain};
    std::vector<ProcessSpec> specs;
    for (const auto& name : {std::string("1_exit-0"), second, std::string("3_exit-0")}) {
      specs.push_back(spec(host, name));
      specs.back().environment.push_back("_hook_domxml=" + file.path);
    }
    std::vector<bool> last;
    make_runner(sample)->run_while_clean(specs, file, {},
                                         [&](const ProcessOutcome&, bool is_last) { last.push_back(is_last); });
    BOOST_TEST(last.size() == expected, second);
    for (std::size_t i = 0; i < last.size(); ++i) BOOST_TEST(last[i] == (i + 1 == last.size()));
  }
}

BOOST_AUTO_TEST_CASE(after_a_request_to_stop_no_other_hook_is_started) {
  const Host host;
  std::stop_source source;
  std::size_t count = 0;
  host.write("seen/payload", "");
  const WatchedFile file{host.root() + "/seen/payload", FilePlace::of(host.root() + "/seen/payload"), ""};
  auto first = spec(host, "1_ready+await");
  first.deadline.reset();
  const std::jthread canceller([&] {
    eventually([&] { return host.read("ready") != ""; });
    source.request_stop();
  });
  make_runner("local")->run_while_clean({first, spec(host, "2_saw")}, file, source.get_token(),
                                        [&](const ProcessOutcome& outcome, bool is_last) {
                                          BOOST_TEST(outcome.is_cancelled);
                                          BOOST_TEST(is_last);
                                          ++count;
                                        });
  BOOST_TEST(count == 1U);
}

BOOST_DATA_TEST_CASE(an_ignored_sigchld_hides_no_end, data::make(kRunners)) {
  const auto said = in_child([&kind = sample] {
    const Host host;
    ::signal(SIGCHLD, SIG_IGN);
    return std::to_string(run(kind, host, "1_exit-3").exit_code);
  });
  BOOST_TEST(said == "3");
}

BOOST_AUTO_TEST_CASE(a_helper_that_is_not_there_is_a_failure_of_the_engine) {
  const Host host;
  std::string text;
  const auto runner = make_helper_runner("/nonexistent/run-helper");
  const auto code = error_code_of([&] { run(*runner, host, "1_exit-0"); }, &text);
  BOOST_TEST(code == make_error_code(Errc::engine_failure));
  BOOST_TEST(mentions(text, "/nonexistent/run-helper"));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_hook_that_kills_its_helper_is_a_failure_of_the_engine) {
  const Host host;
  {
    const auto runner = make_runner("helper");
    BOOST_TEST(error_code_of([&] { run(*runner, host, "1_ready+kill-parent"); }) ==
               make_error_code(Errc::engine_failure));
  }
  BOOST_TEST(eventually([&] { return !is_alive(std::stoi(host.read("ready"))); }), "the hook outlived its helper");
  host.check_nothing_left();
}
