// Processes that try to get away from the hook that started them, and what the outcome says of them.
#define BOOST_TEST_MODULE process_escape
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "runners.hpp"

namespace data = boost::unit_test::data;
namespace fs = boost::filesystem;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;
using Tree = ProcessOutcome::Tree;

// Whatever it says of itself, makes of itself or starts in its place.
BOOST_DATA_TEST_CASE(nothing_gets_away_from_the_deadline,
                     data::make(kRunners) * data::make({"daemon-other-run", "daemon-other-mark", "daemon-thread"}),
                     runner, steps) {
  const Host host;
  {
    const auto outcome = run(*make_runner(runner), host, std::string("1_") + steps + "+ready+sleep", 300ms);
    BOOST_TEST((outcome.kind == Kind::timed_out));
    BOOST_TEST((outcome.tree == Tree::gone), to_text(outcome.survivors));
    BOOST_TEST(mentions(describe(outcome, 300ms), "stopped with all its processes"));
  }
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_hook_whose_first_thread_ends_is_running_until_its_deadline, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_leave-to-thread", 300ms);
  BOOST_TEST((outcome.kind == Kind::timed_out));
  BOOST_TEST((outcome.tree == Tree::gone));
  host.check_nothing_left();
}

// An earlier hook's daemon says by its mark whose it is; another that says anything else is the running hook's.
BOOST_DATA_TEST_CASE(a_daemon_that_was_left_survives_what_ends_one_with_a_made_up_mark, data::make(kRunners)) {
  const Host host;
  const auto runner = make_runner(sample);
  const auto first = run(*runner, host, "1_daemon-session");
  BOOST_TEST((first.tree == Tree::left));
  BOOST_TEST(first.may_still_run());
  const auto left = host.alive();
  const auto second = run(*runner, host, "2_daemon-other-mark+daemon-other-run+sleep", 300ms);
  BOOST_TEST((second.tree == Tree::gone), to_text(second.survivors));
  BOOST_TEST(host.alive() == left, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(what_is_left_has_its_name, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_daemon");
  BOOST_REQUIRE(outcome.survivors.size() == 1U);
  BOOST_TEST(outcome.survivors[0].name == "1_daemon");
  BOOST_TEST(to_text(outcome.survivors) == std::to_string(outcome.survivors[0].pid) + " (1_daemon)");
}

// While the hook runs: zombies count against limits of processes.
BOOST_DATA_TEST_CASE(orphans_are_reaped_as_they_end, data::make(kRunners)) {
  const Host host;
  const auto outcome = run(*make_runner(sample), host, "1_orphans-reaped-50");
  BOOST_TEST(outcome.exit_code == 0, outcome.err.text);
  host.check_nothing_left();
}

// Somebody else's process has a copy of everything that a hook's environment says.
BOOST_DATA_TEST_CASE(a_process_that_copied_the_mark_elsewhere_is_left_alone, data::make({"helper"})) {
  const Host host;
  const auto runner = make_runner(sample);
  auto given = spec(host, "1_print-env");
  given.environment.emplace_back("VDSM_HOOK_RUN_ID=known");
  const auto printed = runner->run(given, {}).out.text;
  std::vector<std::string> copied;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) copied.push_back(line);
  const pid_t innocent = ::fork();
  if (innocent == 0) {
    std::vector<char*> environment;
    for (auto& entry : copied) environment.push_back(entry.data());
    environment.push_back(nullptr);
    char sleep[] = "/bin/sleep", time[] = "1000";
    char* words[] = {sleep, time, nullptr};
    ::execve(sleep, words, environment.data());
    ::_exit(127);
  }
  BOOST_TEST(eventually([&] {
    std::ifstream name("/proc/" + std::to_string(innocent) + "/comm");
    std::string text;
    return name >> text && text == "sleep";
  }));
  BOOST_TEST((run(*runner, host, "2_sleep", 200ms).kind == Kind::timed_out));
  BOOST_TEST(is_alive(innocent));
  ::kill(innocent, SIGKILL);
  ::waitpid(innocent, nullptr, 0);
}

BOOST_DATA_TEST_CASE(a_hook_has_no_terminal_though_the_engine_leads_a_session_with_one, data::make(kRunners)) {
  const auto said = in_child([&kind = sample]() -> std::string {
    const Host host;
    ::setsid();
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return "!posix_openpt";
    const int terminal = ::open(::ptsname(master), O_RDWR | O_CLOEXEC);
    if (::ioctl(terminal, TIOCSCTTY, 0) != 0 || ::open("/dev/tty", O_RDWR | O_CLOEXEC) < 0) return "!no terminal";
    return run(*make_runner(kind), host, "1_print-state").out.text;
  });
  BOOST_TEST(mentions(said, "terminal 0"), said);
  BOOST_TEST(mentions(said, "leads_group 1"), said);
}

namespace {

// Runs the hook NAME where /proc is that of an outer PID namespace. "TREE alive:N".
std::string in_foreign_proc(const std::string& kind, const std::string& name) {
  return in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWPID) != 0) return "!unshare";
    return in_child([&]() -> std::string {
      const Host host;
      const pid_t innocent = ::fork();
      if (innocent == 0) {
        for (;;) ::pause();
      }
      auto given = spec(host, name, 300ms);
      given.grace = 500ms;  // all of it passes: that everything has ended cannot be seen there
      ProcessOutcome outcome;
      if (kind == "helper") {
        outcome = make_runner(kind)->run(given, {});
        if (::waitpid(innocent, nullptr, WNOHANG) != 0) return "!the innocent was killed";
      } else {
        ::kill(innocent, SIGKILL);
        ::waitpid(innocent, nullptr, 0);
        outcome = make_runner(kind)->run(given, {});
      }
      fs::remove(host.root() +
                 "/pids");  // This /proc knows other processes by these numbers; they end with their namespace.
      const bool is_timed_out = outcome.kind == Kind::timed_out;
      const auto words = describe(outcome, 300ms);
      const char* tree = outcome.tree == Tree::gone ? "gone" : outcome.tree == Tree::left ? "left" : "not known";
      return std::string(is_timed_out ? "" : "!") + tree +
             (mentions(words, "with all its processes") ? ", it says with all" : "");
    });
  });
}

boost::test_tools::assertion_result can_make_pid_namespace(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(
      in_child([] { return std::string(::unshare(CLONE_NEWPID) == 0 ? "" : "no"); }).empty());
  result.message() << "PID namespaces are not permitted here";
  return result;
}

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(can_make_pid_namespace))
BOOST_DATA_TEST_CASE(under_a_foreign_proc_only_the_group_is_stopped_and_the_outcome_says_so, data::make(kRunners)) {
  BOOST_TEST(in_foreign_proc(sample, "1_children-3+sleep") == "gone, it says with all");
  BOOST_TEST(in_foreign_proc(sample, "1_daemon-session+sleep") == "not known");
}

namespace {

boost::test_tools::assertion_result can_set_uid(boost::unit_test::test_unit_id) {
  struct statvfs at {};
  boost::test_tools::assertion_result result(
      ::geteuid() == 0 && ::statvfs(fs::temp_directory_path().c_str(), &at) == 0 && (at.f_flag & ST_NOSUID) == 0);
  result.message() << "only root can make a set-uid program, where these count";
  return result;
}

}  // namespace

// An engine that is not root cannot kill what became root.
BOOST_AUTO_TEST_CASE(what_cannot_be_killed_is_named, *boost::unit_test::precondition(can_set_uid)) {
  const Host host, others;
  const auto program = others.hook("event", "1_become-root+ready+sleep");
  ::chmod(program.c_str(), 04755);
  const auto said = as_nobody(host, [&]() -> std::string {
    ::chmod(host.root().c_str(), 0777);
    const ProcessSpec given{program, {"FAULT_DIR=" + host.root()}, 300ms, 200ms};
    const auto outcome = make_helper_runner(host.root() + "/run-helper")->run(given, {});
    if (outcome.kind != Kind::timed_out || outcome.tree != Tree::left || outcome.survivors.size() != 1)
      return "!" + describe(outcome, 300ms);
    if (!outcome.may_still_run()) return "!may_still_run";
    return std::to_string(outcome.survivors[0].pid) + " " +
           std::string(mentions(describe(outcome, 300ms), to_text(outcome.survivors)) ? "named" : "not named");
  });
  const auto pid = host.read("ready");
  BOOST_TEST(said == pid + " named");
  BOOST_REQUIRE(!pid.empty());
  BOOST_TEST(is_alive(std::stoi(pid)));
  ::kill(std::stoi(pid), SIGKILL);
}

namespace {

// A control group for one test, which says that it is delegated; "" where none can be made.
class DelegatedGroup {
 public:
  DelegatedGroup() {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
      if (!mentions(line, " - cgroup2 ")) continue;
      std::istringstream fields(line);
      std::string id, parent, device, root, place;
      fields >> id >> parent >> device >> root >> place;
      path_ = place + "/vdsm-test-" + std::to_string(::getpid());
    }
    if (path_.empty() || ::mkdir(path_.c_str(), 0755) != 0) path_.clear();
    if (!path_.empty() &&
        (!fs::exists(path_ + "/cgroup.kill") || ::setxattr(path_.c_str(), "trusted.delegate", "1", 1, 0) != 0)) {
      ::rmdir(path_.c_str());
      path_.clear();
    }
  }
  ~DelegatedGroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  DelegatedGroup(const DelegatedGroup&) = delete;
  DelegatedGroup& operator=(const DelegatedGroup&) = delete;
  const std::string& path() const { return path_; }
  std::vector<std::string> below() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_))
      if (fs::is_directory(entry.path())) names.push_back(entry.path().filename().string());
    return names;
  }

 private:
  std::string path_;
};

boost::test_tools::assertion_result can_delegate(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(!DelegatedGroup().path().empty());
  result.message() << "no control group v2 can be made here";
  return result;
}

std::string in_group(const DelegatedGroup& group, const std::function<std::string()>& work) {
  return in_child([&] {
    std::ofstream(group.path() + "/cgroup.procs") << "0" << std::flush;
    return work();
  });
}

// Whether a later engine removes what an earlier one left there.
bool is_swept_by_the_next(const std::string& kind, const DelegatedGroup& group) {
  return eventually([&] {
    in_group(group, [&] {
      const Host host;
      return run(*make_runner(kind), host, "1_exit-0").out.text;
    });
    return group.below().empty();
  });
}

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(can_delegate))
BOOST_DATA_TEST_CASE(a_hook_has_a_control_group_of_its_own_where_one_was_delegated, data::make(kRunners)) {
  const DelegatedGroup group;
  const auto said = in_group(group, [&] {
    const Host host;
    return run(*make_runner(sample), host, "1_print-cgroup").out.text;
  });
  BOOST_TEST(mentions(said, "/vdsm-hook-"), said);
  BOOST_TEST(group.below().empty());
}

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(can_delegate))
BOOST_DATA_TEST_CASE(a_control_group_ends_with_the_deadline_but_what_was_left_before_stays, data::make(kRunners)) {
  const DelegatedGroup group;
  const Host host;
  const auto said = in_group(group, [&]() -> std::string {
    const auto runner = make_runner(sample);
    if (run(*runner, host, "1_daemon-quiet-bare").survivors.size() != 1) return "!no survivor";
    const auto left = host.alive();
    const auto late = run(*runner, host, "2_hop-session+daemon-bare+sleep", 300ms);
    if (late.kind != Kind::timed_out || late.tree != Tree::gone) return "!" + describe(late, 300ms);
    return host.alive() == left ? "stays" : "!gone";
  });
  BOOST_TEST(said == "stays");
  BOOST_TEST(
      !group.below()
           .empty());  // as long as somebody is in it; what was just killed may still be on its way out of its own
  host.kill_left();
  BOOST_TEST(is_swept_by_the_next(sample, group));
}
