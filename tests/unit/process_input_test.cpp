// Arguments, standard input and whole outputs, in every Runner; and a tree whose environment says nothing.
#define BOOST_TEST_MODULE process_input
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "runners.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

const std::string kPath = "PATH=/usr/bin:/bin";

// A script that is not told whose it is.
ProcessSpec script(const Host& host, const std::string& content) {
  ProcessSpec given{host.file("event", "script", content), {kPath}, 30s, 200ms};
  given.is_marked = false;
  return given;
}

std::string document(const Host& host, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "line " + std::to_string(text.size()) + "\n";
  host.write("document", text);
  return text;
}

}  // namespace

BOOST_DATA_TEST_CASE(arguments_arrive_as_they_are,
                     data::make(kRunners) * data::make({"#!/bin/sh\n", "", "# no interpreter\n"}), runner, line) {
  const Host host;
  auto given = script(host, std::string(line) + "printf '%s|' \"$0\" \"$@\"\n");
  given.arguments = {"web 01; touch x", "", "a\nb", "'\"$(id)`\\", "-", "\xc3\xa4\xff"};
  std::string expected = given.program + "|";
  for (const auto& word : given.arguments) expected += word + "|";
  BOOST_TEST(make_runner(runner)->run(given, {}).out.text == expected);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_text_without_an_interpreter_does_not_start_where_nobody_wants_it, data::make(kRunners)) {
  const Host host;
  auto given = script(host, "exit 3\n");
  const auto runner = make_runner(sample);
  BOOST_TEST(runner->run(given, {}).exit_code == 3);
  given.runs_plain_text = false;
  const auto outcome = runner->run(given, {});
  BOOST_TEST((outcome.kind == Kind::not_started));
  BOOST_TEST(mentions(outcome.why, "#!"), outcome.why);
}

BOOST_DATA_TEST_CASE(an_argument_that_is_too_large_says_so, data::make(kRunners)) {
  const Host host;
  auto given = script(host, "#!/bin/sh\n");
  given.arguments = {std::string(200'000, 'x')};
  const auto outcome = make_runner(sample)->run(given, {});
  BOOST_TEST((outcome.kind == Kind::not_started));
  BOOST_TEST(mentions(outcome.why, "an argument"), outcome.why);
}

BOOST_DATA_TEST_CASE(the_input_file_is_read_from_its_beginning_by_each, data::make(kRunners)) {
  const Host host;
  const auto text = document(host, 1000);
  auto given = script(host, "#!/bin/sh\nread -r first; cat; exit 3\n");
  given.input_file = host.root() + "/document";
  const auto runner = make_runner(sample);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = runner->run(given, {});
    BOOST_TEST(outcome.exit_code == 3);
    BOOST_TEST(outcome.out.text == text.substr(text.find('\n') + 1));
  }
  given.input_file.clear();
  BOOST_TEST(runner->run(given, {}).out.text == "");
}

BOOST_DATA_TEST_CASE(the_only_descriptors_with_an_input_file_are_0_to_2, data::make(kRunners)) {
  const Host host;
  document(host, 10);
  auto given = spec(host, "1_list-fds");
  given.input_file = host.root() + "/document";
  BOOST_TEST(make_runner(sample)->run(given, {}).out.text == "0\n1\n2\n");
}

BOOST_DATA_TEST_CASE(a_process_that_does_not_read_a_large_input_ends_as_it_wants, data::make(kRunners)) {
  const Host host;
  document(host, 10U << 20);
  auto given = script(host, "#!/bin/sh\nexit 4\n");
  given.input_file = host.root() + "/document";
  BOOST_TEST(make_runner(sample)->run(given, {}).exit_code == 4);
}

BOOST_DATA_TEST_CASE(an_input_file_that_is_not_there_is_named, data::make(kRunners)) {
  const Host host;
  auto given = script(host, "#!/bin/sh\n");
  given.input_file = host.root() + "/none";
  const auto outcome = make_runner(sample)->run(given, {});
  BOOST_TEST((outcome.kind == Kind::not_started));
  BOOST_TEST(mentions(outcome.why, host.root() + "/none cannot be opened"), outcome.why);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(an_output_is_whole_up_to_the_bound_and_a_tail_beyond, data::make(kRunners)) {
  const Host host;
  const auto text = document(host, 10U << 20);
  auto given = script(host, "#!/bin/sh\ncat\n");
  given.input_file = host.root() + "/document";
  const auto runner = make_runner(sample);
  for (const auto bound : {text.size(), text.size() + 1, text.size() * 4}) {
    given.max_output_bytes = bound;
    const auto out = runner->run(given, {}).out;
    BOOST_TEST(out.cut == 0U);
    BOOST_TEST((out.text == text));
  }
  for (const std::size_t bound : {text.size() - 1, kOutputTailBytes + 1, kOutputTailBytes, std::size_t{1000}}) {
    given.max_output_bytes = bound;
    const auto out = runner->run(given, {}).out;
    BOOST_TEST(out.text.size() == std::min(bound, kOutputTailBytes));
    BOOST_TEST(out.cut == text.size() - out.text.size());
    BOOST_TEST(text.ends_with(out.text));
  }
  // The next one gets its own bound.
  given.max_output_bytes = text.size();
  BOOST_TEST(runner->run(given, {}).out.text.size() == text.size());
}

BOOST_DATA_TEST_CASE(a_row_of_processes_gets_each_its_own, data::make(kRunners)) {
  const Host host;
  const auto text = document(host, 100'000);
  const WatchedFile file{host.root() + "/document", FilePlace::of(host.root() + "/document"), text};
  const auto first = script(host, "#!/bin/sh\necho \"$*\"; cat\n");
  std::vector<ProcessSpec> specs(3, first);
  specs[0].arguments = {"a", "b"};
  specs[1].input_file = file.path;
  specs[1].max_output_bytes = 1 << 20;
  std::vector<std::string> said;
  make_runner(sample)->run_while_clean(specs, file, {},
                                       [&](const ProcessOutcome& outcome, bool) { said.push_back(outcome.out.text); });
  BOOST_TEST(said == (std::vector<std::string>{"a b\n", "\n" + text, "\n"}), boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(a_tree_is_stopped_whose_environment_does_not_say_whose_it_is,
                     data::make(kRunners) *
                         data::make({"sleep 1000 &", "setsid sleep 1000 &", "(setsid sleep 1000 &) &",
                                     "env -i setsid sh -c 'trap \"\" TERM; sleep 1000' &"}),
                     runner, child) {
  const Host host;
  auto given = script(host, "#!/bin/sh\nexec 3>'" + host.root() + "/fifo'\n" + child + "\nsleep 1000\n");
  given.deadline = 300ms;
  BOOST_REQUIRE(::mkfifo((host.root() + "/fifo").c_str(), 0600) == 0);
  const int reader = ::open((host.root() + "/fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  BOOST_TEST((make_runner(runner)->run(given, {}).kind == Kind::timed_out));
  char byte = 0;
  BOOST_TEST(::read(reader, &byte, 1) == 0, "somebody still holds the pipe");  // every writer has ended
  ::close(reader);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(what_an_earlier_process_left_running_survives_the_next_ones_deadline, data::make(kRunners)) {
  const Host host;
  const auto runner = make_runner(sample);
  auto first = script(host, "#!/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 &\necho $! \n");
  const auto left = runner->run(first, {});
  BOOST_REQUIRE(left.survivors.size() == 1U);
  auto second = script(host, "#!/bin/sh\nsleep 1000\n");
  second.deadline = 200ms;
  BOOST_TEST((runner->run(second, {}).kind == Kind::timed_out));
  BOOST_TEST(is_alive(left.survivors[0].pid));
  ::kill(left.survivors[0].pid, SIGKILL);
}
