// What becomes of a hook whose engine is killed.
#define BOOST_TEST_MODULE process_death
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "runners.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

/// A process that runs WORK; killed when it is not needed any more.
class Engineer {
 public:
  explicit Engineer(const std::function<void()>& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    ::_exit(0);
  }
  ~Engineer() { die(); }
  Engineer(const Engineer&) = delete;
  Engineer& operator=(const Engineer&) = delete;
  void die() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

flock whole(short type) {
  flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_locked(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  auto lock = whole(F_WRLCK);
  return ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

BOOST_DATA_TEST_CASE(the_whole_tree_of_the_hook_ends,
                     data::make({"daemon", "daemon-session", "ignore-term+daemon-bare", "hop-session"})) {
  const Host host;
  host.hook(vetoing_point().name, std::string("1_") + sample + "+ready+sleep");
  Engineer engineer([&] { host.run(vetoing_point()); });
  BOOST_REQUIRE(eventually([&] { return !host.read("ready").empty(); }));
  const pid_t hook = std::stoi(host.read("ready"));
  BOOST_TEST(is_alive(hook));
  engineer.die();
  BOOST_TEST(eventually([&] { return !is_alive(hook) && host.alive().empty(); }));
}

BOOST_AUTO_TEST_CASE(what_the_engine_locked_stays_locked_until_the_tree_is_gone) {
  const Host host;
  host.hook(vetoing_point().name, "1_ignore-term+daemon-session+ready+sleep");
  const auto path = host.root() + "/lock";
  Engineer engineer([&] {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    auto lock = whole(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) return;
    auto request = host.request(vetoing_point());
    request.kept_descriptor = fd.get();
    host.run(request);
  });
  BOOST_REQUIRE(eventually([&] { return !host.read("ready").empty(); }));
  const pid_t hook = std::stoi(host.read("ready"));
  BOOST_TEST(is_locked(path));
  engineer.die();
  // Never unlocked with a process of it alive: who sees it unlocked looks for them afterwards.
  BOOST_TEST(eventually([&] { return !is_locked(path); }));
  BOOST_TEST(!is_alive(hook));
  BOOST_TEST(host.alive().empty());
}

BOOST_DATA_TEST_CASE(hooks_do_not_have_what_is_kept, data::make({3, 9})) {
  const Host host;
  host.hook(vetoing_point().name, "1_list-fds");
  host.hook(vetoing_point().name, "2_daemon-quiet");
  const UniqueFd low(::open("/dev/null", O_RDWR | O_CLOEXEC)), fd(::fcntl(low.get(), F_DUPFD_CLOEXEC, sample));
  auto request = host.request(vetoing_point());
  request.kept_descriptor = fd.get();
  BOOST_TEST(host.run(request).hooks.at(0).process.out.text == "0\n1\n2\n");
}

// A lock is free again though a daemon that a hook left runs on.
BOOST_AUTO_TEST_CASE(after_the_event_nobody_else_keeps_it) {
  const Host host;
  host.hook(vetoing_point().name, "1_daemon-quiet");
  const auto path = host.root() + "/lock";
  {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    auto lock = whole(F_WRLCK);
    BOOST_REQUIRE(::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0);
    auto request = host.request(vetoing_point());
    request.kept_descriptor = fd.get();
    host.run(request);
    BOOST_TEST(is_locked(path));
  }
  BOOST_TEST(host.alive().size() == 1U);
  BOOST_TEST(!is_locked(path));
}
