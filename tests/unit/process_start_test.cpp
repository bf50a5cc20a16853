// Every way of not starting has its own text.
#define BOOST_TEST_MODULE process_start
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <thread>

#include "runners.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/process/first_line.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

ProcessOutcome start(Runner& runner, const std::string& program, const std::vector<std::string>& environment = {}) {
  return runner.run({program, environment, 30s, 200ms}, {});
}
ProcessOutcome start(const std::string& program, const std::vector<std::string>& environment = {}) {
  return start(*make_local_runner(), program, environment);
}

void check_not_started(const ProcessOutcome& outcome, const std::string& words) {
  BOOST_TEST((outcome.kind == Kind::not_started));
  BOOST_TEST(mentions(outcome.why, words), "'" << outcome.why << "' does not say '" << words << "'");
  BOOST_TEST(outcome.survivors.empty());
}

const std::string kElf(
    "\x7f"
    "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
    16);
const std::string kOtherMachine = kElf + std::string("\x02\0\x28\0\x01\0\0\0", 8) + std::string(100, '\0');

struct Row {
  const char* what;
  std::string content;
  mode_t mode;
  std::string words;
  friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.what; }
};
const std::vector<Row> kRows{
    {"missing interpreter", "#!/nonexistent/python\n", 0755,
     "/nonexistent/python (first line of the file) does not exist"},
    {"missing interpreter with argument", "#! /nonexistent/env python3 -u\n", 0755, "/nonexistent/env (first line"},
    {"interpreter that is not executable", "#!/etc/passwd\n", 0755,
     "/etc/passwd (first line of the file) is not executable"},
    {"line ends of Windows", "#!/bin/sh\r\nexit 0\r\n", 0755, "carriage return"},
    {"a #! line longer than the kernel reads", "#!/" + std::string(kFirstLineBytes, 'x') + "/python3\necho ran\n", 0755,
     "first line is longer"},
    {"a byte order mark in front of #!", "\xef\xbb\xbf#!/usr/bin/python3\necho ran\n", 0755, "byte order mark"},
    {"#! with nothing behind it", "#!\necho ran\n", 0755, "first line names no interpreter"},
    {"#! with blanks behind it", "#! \t \necho ran\n", 0755, "first line names no interpreter"},
    {"an interpreter without its directory", "#!python3\nprint()\n", 0755,
     "python3 (first line of the file) is named without its directory"},
    {"UTF-16 with its mark", std::string("\xff\xfe#\0!\0/\0b\0", 10), 0755, "UTF-16"},
    {"UTF-16 without it", std::string("#\0!\0/\0b\0i\0n\0", 12), 0755, "UTF-16"},
    {"UTF-16, the other way round", std::string("\xfe\xff\0#\0!\0/\0b", 10), 0755, "UTF-16"},
    {"binary junk", std::string("\x01\x02\0\x04\x05", 5), 0755, "neither a program nor a script"},
    {"program for another machine", kOtherMachine, 0755, "another kind of machine"},
    {"half a program", kElf, 0755, "another kind of machine"},
    {"not executable", "#!/bin/sh\n", 0644, "permission denied"},
};

// "exit 3" as the hook does, "named" for a clear refusal, or what is wrong.
std::string start_with_few_descriptors(const std::string& kind, rlim_t limit) {
  const Host host;
  const auto program = host.hook("event", "1_ready+exit-3");
  const auto before = open_descriptors();
  const rlimit few{limit, 1024}, many{1024, 1024};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::string text;
  try {
    const auto runner = kind == "helper" ? make_helper_runner(VDSM_HOOK_HELPER) : make_local_runner();
    const auto outcome = start(*runner, program, {"FAULT_DIR=" + host.root()});
    text = outcome.kind == Kind::exited ? "exit " + std::to_string(outcome.exit_code) : outcome.why;
  } catch (const Error& error) {
    text = error.what();
  }
  ::setrlimit(RLIMIT_NOFILE, &many);
  if (has_children()) return "a child is left after: " + text;
  if (open_descriptors() != before) return "a descriptor is left after: " + text;
  if (text == "exit 3") return text;
  if (host.read("ready") != "") return "it ran, and then: " + text;
  return mentions(text, "descriptor") || mentions(text, "open files") ? "named" : "not clear: " + text;
}

}  // namespace

BOOST_DATA_TEST_CASE(a_file_that_cannot_be_started_says_why, data::make(kRows) * data::make({"local", "helper"}), row,
                     runner) {
  const Host host;
  const auto program = host.file("event", "hook", row.content, row.mode);
  {
    const auto kind = std::string(runner) == "helper" ? make_helper_runner(VDSM_HOOK_HELPER) : make_local_runner();
    check_not_started(start(*kind, program), row.words);
  }
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_file_that_is_gone_says_so) { check_not_started(start("/nonexistent/hook"), "removed"); }

BOOST_AUTO_TEST_CASE(a_directory_does_not_start) { check_not_started(start("/etc"), "permission denied"); }

BOOST_AUTO_TEST_CASE(links_in_a_circle_do_not_start) {
  const Host host;
  const auto path = host.event_dir("event") + "/hook";
  boost::filesystem::create_symlink(path, path);
  check_not_started(start(path), "circle");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_being_written_says_so) {
  const Host host;
  const auto program = host.file("event", "hook", "#!/bin/sh\n");
  const UniqueFd writer(::open(program.c_str(), O_WRONLY | O_CLOEXEC));
  check_not_started(start(program), "open for writing");
}

BOOST_AUTO_TEST_CASE(too_large_an_environment_says_so) {
  std::vector<std::string> environment;
  for (int i = 0; i < 100; ++i) environment.push_back("A" + std::to_string(i) + "=" + std::string(100'000, 'x'));
  check_not_started(start("/bin/true", environment), "environment is too large");
  check_not_started(start("/bin/true", {"A=" + std::string(kMaxEnvironmentString, 'x')}), "environment is too large");
  BOOST_TEST(start("/bin/true", {"A=" + std::string(kMaxEnvironmentString - 2, 'x')}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_hook_that_only_others_may_execute_says_so, *boost::unit_test::precondition(is_root)) {
  const Host host;
  const auto program = host.file("event", "hook", "#!/bin/sh\n", 0755);
  const auto said = as_nobody(host, [&] {
    ::chmod(program.c_str(), 0611);
    return start(program).why;
  });
  BOOST_TEST(mentions(said, "uid 65534"), said);
}

BOOST_AUTO_TEST_CASE(a_program_may_be_executable_without_being_readable, *boost::unit_test::precondition(is_root)) {
  const Host host;
  const auto program = host.hook("event", "1_exit-3");
  BOOST_TEST(as_nobody(host, [&] {
               ::chmod(program.c_str(), 0111);
               return std::to_string(start(program).exit_code);
             }) == "3");
}

BOOST_AUTO_TEST_CASE(a_file_system_without_exec_is_named, *boost::unit_test::precondition(can_mount)) {
  const Host host;
  const Tmpfs tmpfs(host.event_dir("event"), MS_NOEXEC);
  BOOST_REQUIRE(tmpfs.is_mounted());
  check_not_started(start(host.file("event", "hook", "#!/bin/sh\n")), "noexec");
}

// However many are left, the hook is started and watched or it is not started: never started and then lost.
BOOST_AUTO_TEST_CASE(no_free_descriptor_is_named_and_nothing_is_left_running,
                     *boost::unit_test::precondition(can_lack_descriptors)) {
  for (const std::string runner : {"local", "helper"}) {
    for (rlim_t limit = 4; limit < 24; ++limit) {
      const auto said = in_child([&] { return start_with_few_descriptors(runner, limit); });
      BOOST_TEST((said == "named" || said == "exit 3"), runner << " with " << limit << ": " << said);
      if (limit == 4) BOOST_TEST(said == "named");
      if (limit == 23) BOOST_TEST(said == "exit 3");
    }
  }
}

// Its tree cannot be looked for then; its group can be killed.
BOOST_AUTO_TEST_CASE(the_deadline_stops_a_hook_when_no_descriptor_is_free,
                     *boost::unit_test::precondition(can_lack_descriptors)) {
  const auto said = in_child([]() -> std::string {
    const Host host;
    const auto program = host.hook("event", "1_children-3+ready+sleep");
    const std::jthread limiter([&host] {
      eventually([&host] { return host.read("ready") != ""; });
      const rlimit none{0, 1024};
      ::setrlimit(RLIMIT_NOFILE, &none);
    });
    const auto outcome = make_local_runner()->run({program, {"FAULT_DIR=" + host.root()}, 500ms, 200ms}, {});
    const rlimit many{1024, 1024};
    ::setrlimit(RLIMIT_NOFILE, &many);
    if (outcome.kind != Kind::timed_out) return "not timed out";
    return eventually([&host] { return host.alive().empty(); }) && !has_children() ? "stopped" : "left running";
  });
  BOOST_TEST(said == "stopped");
}

namespace {

// As a network file system that does not answer: whoever wants to execute the file waits for an answer that never
// comes.
class HungFile {
 public:
  explicit HungFile(const std::string& path)
      : fd_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC)) {
    hangs_ = fd_ && ::fanotify_mark(fd_.get(), FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, path.c_str()) == 0;
  }
  bool hangs() const { return hangs_; }

 private:
  UniqueFd fd_;
  bool hangs_;
};

boost::test_tools::assertion_result can_hang(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(HungFile("/bin/true").hangs());
  result.message() << "the kernel lets nobody here decide about exec (fanotify)";
  return result;
}

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(can_hang))
BOOST_DATA_TEST_CASE(the_deadline_holds_while_the_file_system_keeps_exec, data::make(kRunners)) {
  const Host host;
  {
    auto given = spec(host, "1_ready", 300ms);
    const HungFile hung(given.program);
    BOOST_REQUIRE(hung.hangs());
    const auto outcome = make_runner(sample)->run(given, {});
    BOOST_TEST((outcome.kind == Kind::timed_out), outcome.why);
    BOOST_TEST((outcome.duration >= 300ms));
    BOOST_TEST(!outcome.may_still_run());
    BOOST_TEST(host.read("ready") == "");
  }
  host.check_nothing_left();
}

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(can_hang))
BOOST_DATA_TEST_CASE(a_cancellation_is_heard_while_the_file_system_keeps_exec, data::make(kRunners)) {
  const Host host;
  {
    auto given = spec(host, "1_ready");
    given.deadline.reset();
    const HungFile hung(given.program);
    std::stop_source source;
    const std::jthread canceller([&source] { source.request_stop(); });
    const auto runner = make_runner(sample);
    BOOST_TEST(runner->run(given, source.get_token()).is_cancelled);
    // The next is started as if nothing had been.
    given.program = host.file("event", "2_other", "#!/bin/sh\nexit 3\n");
    BOOST_TEST(runner->run(given, {}).exit_code == 3);
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(the_deadline_holds_while_the_input_file_cannot_be_opened, data::make(kRunners)) {
  const Host host;
  {
    auto given = spec(host, "1_ready", 300ms);
    given.input_file = host.root() + "/fifo";
    BOOST_REQUIRE(::mkfifo(given.input_file.c_str(), 0600) == 0);
    BOOST_TEST((make_runner(sample)->run(given, {}).kind == Kind::timed_out));
    BOOST_TEST(host.read("ready") == "");
  }
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(the_limit_of_processes_is_named, *boost::unit_test::precondition(is_root)) {
  const Host host;
  const auto said = as_nobody(host, [] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NPROC, &none);
    return start("/bin/true").why;
  });
  BOOST_TEST(mentions(said, "limit of processes"), said);
}

BOOST_AUTO_TEST_CASE(every_error_of_exec_has_its_own_text) {
  const std::vector<std::pair<int, std::string>> rows{{EACCES, "permission denied"},
                                                      {ENOEXEC, "another kind of machine"},
                                                      {ETXTBSY, "open for writing"},
                                                      {E2BIG, "too large"},
                                                      {EMFILE, "this process has no free file descriptor"},
                                                      {ENFILE, "the host has no free file descriptor"},
                                                      {EAGAIN, "limit of processes"},
                                                      {ENOMEM, "no free memory"},
                                                      {ELOOP, "circle"},
                                                      {ENOENT, "loader does not exist"},
                                                      {EIO, "it cannot be started: Input/output error"},
                                                      {EPERM, "it cannot be started: Operation not permitted"}};
  for (const auto& [error, words] : rows)
    BOOST_TEST(mentions(explain_start_failure(VDSM_HOOK_FAULT_HOOK, error), words),
               explain_start_failure(VDSM_HOOK_FAULT_HOOK, error));
}

namespace {

std::string obstacle_of(const std::string& program) {
  const auto obstacle = start_obstacle(program);
  return obstacle ? obstacle->why : "";
}

}  // namespace

BOOST_AUTO_TEST_CASE(obstacles_are_found_without_starting_anything) {
  const Host host;
  for (const auto& row : kRows) {
    const auto why = start_obstacle(host.file("event", "hook", row.content, row.mode));
    const bool is_seen = mentions(row.words, "first line") || row.words == "carriage return" ||
                         row.words == "byte order mark" || row.words == "UTF-16";
    BOOST_TEST(why.has_value() == is_seen, row.what);
    if (why) BOOST_TEST(mentions(why->why, row.words));
    if (why) BOOST_TEST((why->kind == StartObstacle::Kind::line_ends) == (row.words == "carriage return"), row.what);
  }
  // This one the kernel starts, without what stands behind the end.
  const auto cut = "#!/bin/sh " + std::string(kFirstLineBytes, ' ') + "-e\n";
  BOOST_TEST(mentions(obstacle_of(host.file("event", "hook", cut)), "first line is longer"));
  // This one the kernel starts, and env fails.
  BOOST_TEST(mentions(obstacle_of(host.file("event", "hook", "#!/usr/bin/env sh\r\n")), "carriage return"));
  BOOST_TEST(!start_obstacle("/bin/sh").has_value());
  BOOST_TEST(!start_obstacle(host.file("event", "hook", "#!/bin/sh -e\n")).has_value());
  BOOST_TEST(!start_obstacle("/nonexistent").has_value());
}
