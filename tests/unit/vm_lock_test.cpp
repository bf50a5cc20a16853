// Who holds a VM.
#define BOOST_TEST_MODULE vm_lock
#include <signal.h>
#include <sys/wait.h>

#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

using namespace vdsm_hook;
using vdsm_hook::test::TempDir;

namespace {

const std::string kVm = "aaaaaaaa-2222-4333-8444-555555555555", kHost = "11111111-2222-4333-8444-555555555555",
                  kOther = "22222222-2222-4333-8444-555555555555";

std::unique_ptr<VmLock> lock_now(const VmDirectory& vm, const std::string& host = kHost) {
  return VmLock::take(vm, host, {}, [] { return false; });
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_holds_a_vm_of_a_host_at_a_time) {
  const TempDir dir;
  const VmDirectory vm(dir.path(), kVm), other(dir.path(), kOther);
  BOOST_TEST(!VmLock::is_held(vm, kHost));
  BOOST_TEST(!VmLock::is_held_for_any_host(vm));
  auto held = lock_now(vm);
  BOOST_TEST(bool(held));
  bool is_asked = false;
  BOOST_TEST(!VmLock::take(vm, kHost, {}, [&] { return is_asked = true, false; }));
  BOOST_TEST(is_asked);
  BOOST_TEST(VmLock::is_held(vm, kHost));
  BOOST_TEST(VmLock::is_held_for_any_host(vm));
  BOOST_TEST(!VmLock::is_held(vm, kOther));
  BOOST_TEST(bool(lock_now(vm, kOther)));
  BOOST_TEST(bool(lock_now(other)));
  held.reset();
  BOOST_TEST(!VmLock::is_held(vm, kHost));
  BOOST_TEST(bool(lock_now(vm)));
}

BOOST_AUTO_TEST_CASE(the_last_one_takes_the_directory_away_unless_something_is_in_it) {
  const TempDir dir;
  const VmDirectory vm(dir.path(), kVm);
  auto held = lock_now(vm), of_other_host = lock_now(vm, kOther);
  held.reset();
  BOOST_TEST(boost::filesystem::exists(vm.path()));
  of_other_host.reset();
  BOOST_TEST(boost::filesystem::exists(vm.path()));  // the first one's file is there
  dir.file("vms/" + kOther + "/record", "");
  lock_now({dir.path(), kOther}).reset();
  BOOST_TEST(boost::filesystem::exists(dir.path() + "/vms/" + kOther + "/record"));
  const TempDir again;
  lock_now({again.path(), kVm}).reset();
  BOOST_TEST(!boost::filesystem::exists(again.path() + "/vms/" + kVm));
}

BOOST_AUTO_TEST_CASE(whoever_inherits_the_descriptor_holds_the_lock_too) {
  const TempDir dir;
  const VmDirectory vm(dir.path(), kVm);
  dir.file("vms/" + kVm + "/record", "");
  auto held = lock_now(vm);
  const UniqueFd inherited(::dup(held->descriptor()));
  held.reset();
  BOOST_TEST(VmLock::is_held(vm, kHost));
}

BOOST_AUTO_TEST_CASE(who_waits_gets_it_when_the_holder_is_killed) {
  const TempDir dir;
  const VmDirectory vm(dir.path(), kVm);
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = lock_now(vm);
    static_cast<void>(::write(ready[1], held ? "y" : "n", 1));
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  BOOST_REQUIRE(::read(ready[0], &answer, 1) == 1);
  BOOST_REQUIRE(answer == 'y');
  BOOST_TEST(!lock_now(vm));
  const auto held = VmLock::take(vm, kHost, {}, [&] {
    ::kill(child, SIGKILL);
    return true;
  });
  BOOST_TEST(bool(held));
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(who_waits_can_be_stopped) {
  const TempDir dir;
  const VmDirectory vm(dir.path(), kVm);
  const auto held = lock_now(vm);
  std::stop_source source;
  BOOST_TEST(!VmLock::take(vm, kHost, source.get_token(), [&] {
    source.request_stop();
    return true;
  }));
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_can_write_or_a_link_for_a_lock_is_refused) {
  const TempDir dir;
  BOOST_CHECK_THROW(lock_now({dir.dir("open", 0777), kVm}), Error);
  const auto victim = dir.file("victim", "");
  dir.link("vms/" + kVm + "/" + kHost + ".lock", victim);
  BOOST_CHECK_THROW(lock_now({dir.path(), kVm}), Error);
}
