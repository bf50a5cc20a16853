// What the host does to the engine: no room, no rights, no files; engines that are killed; many at once.
#define BOOST_TEST_MODULE fault_host
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/filesystem.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/payload/private_file.hpp"

namespace data = boost::unit_test::data;
namespace fs = boost::filesystem;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

// The command, started on HOST; its output is nobody's.
class Command {
 public:
  Command(const Host& host, const std::string& event, std::vector<std::string> more = {}) {
    host.write("vm.xml", kDomain);
    std::vector<std::string> words{VDSM_HOOK_COMMAND,
                                   "run",
                                   event,
                                   "--domxml",
                                   host.root() + "/vm.xml",
                                   "--hooks-dir",
                                   host.hooks_dir(),
                                   "--runtime-dir",
                                   host.runtime_dir(),
                                   "--config-dir",
                                   host.root() + "/etc",
                                   "--param",
                                   "FAULT_DIR=" + host.root(),
                                   "--output",
                                   host.root() + "/out.xml"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto log = host.root() + "/stderr";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT, 0600), 2);
      ::execv(argv[0], argv.data());
      ::_exit(120);
    }
  }
  ~Command() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), wait();
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

bool is_empty(const Host& host) { return fs::is_empty(host.runtime_dir()); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_document_that_does_not_fit_on_the_disk_is_a_failure_of_the_engine,
                     *boost::unit_test::precondition(can_mount)) {
  const Host host;
  const Tmpfs disk(host.runtime_dir(), 0);
  host.hook(vetoing_point().name, "10_ready");
  auto request = host.request(vetoing_point());
  request.document.insert(request.document.rfind("</"), std::string(100'000, ' '));
  std::string text;
  BOOST_TEST(error_code_of([&] { host.run(request); }, &text) == make_error_code(Errc::engine_failure));
  BOOST_TEST(mentions(text, "No space left"), text);
  BOOST_TEST(host.read("ready") == "");
  host.check_nothing_left();
}

// Its document is not lost, and neither are the hooks behind it.
BOOST_AUTO_TEST_CASE(a_hook_that_fills_the_disk_is_named_and_the_event_goes_on,
                     *boost::unit_test::precondition(can_mount)) {
  for (const std::string steps : {"disk-fill+exit-1", "disk-fill", "disk-fill+payload-edit"}) {
    const Host host;
    const Tmpfs disk(host.runtime_dir(), 0);
    const auto& point = vetoing_point();
    host.hook(point.name, "10_payload-edit");
    host.hook(point.name, "50_" + steps);
    host.hook(point.name, "70_payload-edit");
    host.hook(point.name, "90_saw");
    const auto report = host.run(point);
    BOOST_TEST(mentions(report.document, "10_payload-edit"));
    BOOST_TEST(host.seen_by("90_saw") == report.document);
    BOOST_TEST(report.vetoed == (report.problems.size() > 0));
    host.check_nothing_left();
  }
}

BOOST_AUTO_TEST_CASE(an_event_directory_that_cannot_be_read_vetoes, *boost::unit_test::precondition(is_root)) {
  const Host host;
  const auto directory = host.event_dir(vetoing_point().name);
  host.hook(vetoing_point().name, "10_ready");
  const auto said = as_nobody(host, [&] {
    ::chmod(directory.c_str(), 0);
    const auto report = host.run(vetoing_point());
    ::chmod(directory.c_str(), 0700);
    return std::to_string(report.vetoed) + std::to_string(report.hooks.size()) + report.problems.at(0).what;
  });
  BOOST_TEST(said == "10" + directory);
}

BOOST_AUTO_TEST_CASE(a_hook_that_takes_away_the_engines_rights_is_named, *boost::unit_test::precondition(is_root)) {
  for (const std::string steps : {"payload-chmod-0", "directory-chmod-0", "payload-directory+directory-chmod-0"}) {
    const Host host;
    const auto& point = vetoing_point();
    const auto path = host.hook(point.name, "10_" + steps);
    host.hook(point.name, "20_saw");
    const auto said = as_nobody(host, [&] {
      const auto report = host.run(point);
      return report.problems.at(0).what + std::to_string(report.problems.size()) + std::to_string(report.vetoed) +
             std::to_string(is_empty(host)) + host.seen_by("20_saw");
    });
    BOOST_TEST(said == path + "111" + kDomain, steps);
  }
}

BOOST_AUTO_TEST_CASE(a_payload_that_was_given_away_is_refused, *boost::unit_test::precondition(is_root)) {
  const Host host;
  host.hook(vetoing_point().name, "10_payload-chown-65534");
  host.hook(vetoing_point().name, "20_saw");
  const auto report = host.run(vetoing_point());
  BOOST_TEST(report.vetoed);
  BOOST_TEST(mentions(report.problems.at(0).why, "uid 65534"));
  BOOST_TEST(host.seen_by("20_saw") == kDomain);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_runtime_directory_of_others_is_refused, data::make({0777, 0775}), mode) {
  const Host host;
  host.hook(vetoing_point().name, "10_ready");
  ::chmod(host.runtime_dir().c_str(), mode);
  BOOST_TEST(error_code_of([&] { host.run(vetoing_point()); }) == make_error_code(Errc::engine_failure));
  BOOST_TEST(host.read("ready") == "");
}

BOOST_AUTO_TEST_CASE(a_hook_that_another_removes_after_the_plan_is_named) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_remove-next");
  const auto path = host.hook(point.name, "20_exit-0");
  host.hook(point.name, "30_ready");
  auto request = host.request(point);
  request.parameters.emplace_back("FAULT_NEXT", path);
  const auto report = host.run(request);
  BOOST_TEST(report.vetoed);
  BOOST_TEST((report.hooks.at(1).process.kind == Kind::not_started));
  BOOST_TEST(report.problems.at(0).what == path);
  BOOST_TEST(mentions(report.problems.at(0).why, "removed after the event began"));
  BOOST_TEST(report.hooks.at(2).ran);
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_hook_that_is_still_being_copied_is_named) {
  const Host host;
  const auto path = host.hook(vetoing_point().name, "10_exit-0");
  const UniqueFd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const auto report = host.run(vetoing_point());
  BOOST_TEST(report.vetoed);
  BOOST_TEST(mentions(report.problems.at(0).why, "open for writing"));
}

BOOST_AUTO_TEST_CASE(many_large_properties_are_named_and_nothing_is_lost) {
  const Host host;
  host.hook(vetoing_point().name, "10_exit-0");
  auto request = host.request(vetoing_point());
  for (int i = 0; i < 100; ++i) request.properties.emplace_back("p" + std::to_string(i), std::string(100'000, 'x'));
  const auto report = host.run(request);
  BOOST_TEST(report.vetoed);
  BOOST_TEST((report.hooks.at(0).process.kind == Kind::not_started));
  BOOST_TEST(mentions(report.problems.at(0).why, "too many or too long properties"));
  BOOST_TEST(report.document == kDomain);
  host.check_nothing_left();
}

// With few free descriptors the event works or fails with an Error; nothing else escapes, nothing is left.
BOOST_AUTO_TEST_CASE(an_engine_without_free_descriptors_fails_clearly,
                     *boost::unit_test::precondition(can_lack_descriptors)) {
  for (rlim_t limit = 4; limit < 20; ++limit) {
    const auto said = in_child([limit]() -> std::string {
      const Host host;
      host.hook(vetoing_point().name, "10_exit-0");
      const auto before = open_descriptors();
      const rlimit few{limit, 1024}, many{1024, 1024};
      std::string text;
      ::setrlimit(RLIMIT_NOFILE, &few);
      try {
        const auto report = host.run(vetoing_point());
        text = !report.vetoed ? "done" : report.problems.at(0).why;
      } catch (const Error& error) {
        text = error.what();
      }
      ::setrlimit(RLIMIT_NOFILE, &many);
      if (!is_empty(host) || open_descriptors() != before || has_children()) return "something is left after: " + text;
      return text == "done" || mentions(text, "descriptor") || mentions(text, "open files") ? "clear" : text;
    });
    BOOST_TEST(said == "clear", "with " << limit << ": " << said);
  }
}

BOOST_AUTO_TEST_CASE(an_engine_that_is_killed_takes_its_hook_with_it_and_the_next_removes_what_it_left) {
  const Host host;
  const auto& point = vetoing_point();
  const auto path = host.hook(point.name, "10_payload-half+ready+sleep");
  Command command(host, std::string(point.name));
  BOOST_REQUIRE(eventually([&] { return host.read("ready") != ""; }));
  command.signal(SIGKILL);
  command.wait();
  BOOST_TEST(eventually([&] { return !is_alive(std::stoi(host.read("ready"))); }));
  BOOST_TEST(!is_empty(host));
  BOOST_TEST(host.read("vm.xml") == kDomain);
  BOOST_TEST(!fs::exists(host.root() + "/out.xml"));
  fs::remove(path);
  host.hook(point.name, "20_payload-edit");
  host.run(point);
  host.check_nothing_left();
}

// The payload of an engine that lives is not touched by another.
BOOST_AUTO_TEST_CASE(an_engine_that_lives_keeps_its_files) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_ready+await+payload-edit");
  Command command(host, std::string(point.name));
  BOOST_REQUIRE(eventually([&] { return host.read("ready") != ""; }));
  for (int i = 0; i < 3; ++i) const PrivateFile other(host.runtime_dir(), random_uuid(), kDomain);
  host.write("go", "");
  BOOST_TEST(command.wait() == 0);
  BOOST_TEST(mentions(host.read("out.xml"), "10_ready+await+payload-edit"));
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(an_engine_that_is_told_to_end_stops_the_whole_tree_and_dies_of_it,
                     data::make({SIGTERM, SIGINT, SIGHUP}), signal) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_daemon-bare+children-3+ready+sleep");
  host.hook(point.name, "20_saw");
  Command command(host, std::string(point.name));
  BOOST_REQUIRE(eventually([&] { return host.read("ready") != ""; }));
  command.signal(signal);
  const int status = command.wait();
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == signal), "status " << status);
  BOOST_TEST(!fs::exists(host.root() + "/out.xml"));
  BOOST_TEST(host.seen_by("20_saw") == "");
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_command_leaves_a_daemon_alone_and_ends) {
  const Host host;
  host.hook(vetoing_point().name, "10_daemon-session+payload-edit");
  BOOST_TEST(Command(host, std::string(vetoing_point().name)).wait() == 0);
  BOOST_TEST(mentions(host.read("out.xml"), "10_daemon"));
  host.check_nothing_left(1);
}

// A program whose own work goes on: the engine's death takes helper and hook along.
BOOST_AUTO_TEST_CASE(a_program_that_is_killed_takes_helper_and_tree_with_it) {
  const Host host;
  host.hook(vetoing_point().name, "10_daemon-bare+ready+sleep");
  const pid_t program = ::fork();
  if (program == 0) {
    static_cast<void>(host.run(vetoing_point()));
    ::_exit(0);
  }
  BOOST_REQUIRE(eventually([&] { return host.read("ready") != ""; }));
  ::kill(program, SIGKILL);
  ::waitpid(program, nullptr, 0);
  BOOST_TEST(eventually([&] { return host.alive().empty() && !is_alive(std::stoi(host.read("ready"))); }));
}

BOOST_AUTO_TEST_CASE(many_threads_mix_nothing_up_and_leave_nothing) {
  const Host host;
  const auto& point = vetoing_point();
  host.hook(point.name, "10_payload-edit");
  host.hook(point.name, "20_payload-delete+exit-1");
  host.hook(point.name, "30_payload-rename");
  {
    const Engine engine(host.settings());
    std::vector<int> wrong(8, 0);
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < wrong.size(); ++thread)
      threads.emplace_back([&, thread] {
        for (int event = 0; event < 25; ++event) {
          auto request = host.request(point);
          const auto name = "vm-" + std::to_string(thread) + "-" + std::to_string(event);
          request.document.replace(request.document.find("web-1"), 5, name);
          const auto report = engine.run(request);
          auto expected = request.document;
          expected.insert(expected.rfind("</"), "<by hook='10_payload-edit'/><by hook='30_payload-rename'/>");
          wrong[thread] +=
              report.document != expected || report.problems.size() != 1 || !mentions(report.problems[0].why, name);
        }
      });
    threads.clear();
    BOOST_TEST(wrong == std::vector<int>(8, 0), boost::test_tools::per_element());
  }
  host.check_nothing_left();
}

// Whoever removes what is abandoned never removes what another has just made.
BOOST_AUTO_TEST_CASE(payload_directories_survive_each_others_cleaning) {
  const Host host;
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          PrivateFile file(host.runtime_dir(), random_uuid(), kDomain);
          wrong += file.read_back(1000).state != PrivateFile::State::untouched;
        }
      });
  }
  BOOST_TEST(wrong == 0);
  host.check_nothing_left();
}
