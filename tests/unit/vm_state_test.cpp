// What is remembered of a VM, and its lock.
#define BOOST_TEST_MODULE vm_state
#include <signal.h>

#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "support.hpp"
#include "vdsm_hook/libvirt_hooks/vm_state.hpp"

using namespace vdsm_hook;
using vdsm_hook::test::TempDir;

namespace {

const std::string kVm = "aaaaaaaa-2222-4333-8444-555555555555", kHost = "11111111-2222-4333-8444-555555555555", kOther = "22222222-2222-4333-8444-555555555555";

UniqueFd lock_now(VmState& state, const std::string& host = kHost) {
  return state.lock(host, {}, [](const auto&) { return false; });
}

VmRun some_run() {
  VmRun run;
  run.command = "start";
  run.pid = 42;
  run.since = "2026-11-21T10:35:54Z";
  run.phase = &phases::kStart;
  run.next_phases = {&phases::kContinue};
  run.stage = VmRun::Stage::acting;
  run.hooks_ran = true;
  run.fired = {{"before_device_create", "interface 52:54:00:00:00:01", true}, {"before_vm_start", "", false}};
  run.device = "<disk/>";
  run.own_events = {"after_vm_start"};
  run.created = {{"interface 52:54:00:00:00:01", "<interface/>"}};
  run.properties = {{"colour", "r\"e\nd"}};
  run.document = "<domain/>";
  run.parameters = {{"FROM_SNAPSHOT", "False"}};
  return run;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_is_read_as_it_was_written) {
  const TempDir dir;
  VmState state(dir.path(), kVm);
  BOOST_TEST(!state.read_run(kHost));
  const auto lock = lock_now(state);
  const auto run = some_run();
  state.write_run(kHost, run);
  const auto read = VmState(dir.path(), "AAAAAAAA-2222-4333-8444-555555555555").read_run(kHost);
  BOOST_REQUIRE(read);
  BOOST_TEST(read->command == run.command);
  BOOST_TEST(read->pid == run.pid);
  BOOST_TEST(read->since == run.since);
  BOOST_TEST(read->phase == run.phase);
  BOOST_TEST(read->next_phases == run.next_phases);
  BOOST_TEST((read->stage == run.stage && read->hooks_ran));
  BOOST_TEST_REQUIRE(read->fired.size() == 2U);
  BOOST_TEST((read->find_fired("before_device_create", "interface 52:54:00:00:00:01") != nullptr && read->fired[0].is_over && !read->fired[1].is_over));
  BOOST_TEST((read->find_fired("before_device_create", "disk vda") == nullptr));
  BOOST_TEST(read->device == run.device);
  BOOST_TEST(read->own_events == run.own_events);
  BOOST_TEST((read->created == run.created));
  BOOST_TEST((read->properties == run.properties && read->parameters == run.parameters));
  BOOST_TEST(read->document == run.document);
  BOOST_TEST(!state.read_run(kOther));
  state.remove_run(kHost);
  state.remove_run(kHost);
  BOOST_TEST(!state.read_run(kHost));
}

namespace {

// TEXT with the first FROM in it changed.
std::string with(std::string text, const std::string& from, const std::string& to) {
  BOOST_TEST_REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_read_or_is_of_another_version_names_its_file_and_changes_nothing) {
  const TempDir dir;
  VmState state(dir.path(), kVm);
  state.write_run(kHost, some_run());
  const auto file = dir.path() + "/vms/" + kVm + "/record";
  const auto good = vdsm_hook::test::content_of(file);
  for (const auto& text : {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string("\xff"), with(good, "\"version\":1", "\"version\":2"),
                           with(good, "\"phase\":\"start\"", "\"phase\":\"hatch\""), with(good, "\"continue\"", "\"hatch\""),
                           with(good, "\"acting\"", "\"dreaming\""), with(good, "\"pid\":42", "\"pid\":42,\"mood\":1"), with(good, "\"pid\":42", "\"pid\":\"42\""),
                           with(good, "\"expected\"", "\"unexpected\"")}) {
    dir.file("vms/" + kVm + "/record", text);
    const auto names_it = [&](const Error& error) { return error.code() == Errc::engine_failure && std::string(error.what()).find(file) != std::string::npos; };
    BOOST_CHECK_EXCEPTION(state.read_run(kHost), Error, names_it);
    BOOST_CHECK_EXCEPTION(state.write_run(kHost, some_run()), Error, names_it);
    BOOST_CHECK_EXCEPTION(state.is_fired_by_command("after_vm_start"), Error, names_it);
    BOOST_TEST(vdsm_hook::test::content_of(file) == text);
  }
  state.forget();
  BOOST_TEST(!state.read_run(kHost));
  state.write_run(kHost, some_run());
}

BOOST_AUTO_TEST_CASE(what_the_first_version_wrote_down_cannot_be_read_and_can_be_forgotten) {
  const TempDir dir;
  VmState state(dir.path(), kVm);
  const auto file = dir.file("vms/" + kVm + "/" + kHost + ".run", R"({"command":"start","phase":"start"})");
  BOOST_CHECK_EXCEPTION(state.read(), Error, [&](const Error& error) { return std::string(error.what()).find(file) != std::string::npos; });
  state.forget();
  BOOST_TEST(!state.read_run(kHost));
}

BOOST_AUTO_TEST_CASE(changes_of_many_at_once_are_all_kept_and_a_writer_that_was_killed_is_in_nobodys_way) {
  const TempDir dir;
  dir.file("vms/" + kVm + "/record.new", "half of a rec");
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&dir] {
      VmState state(dir.path(), kVm);
      for (int i = 0; i < 25; ++i) state.change([](VmRecord& record) { record.expect("after_vm_pause"); });
    });
  writers.clear();
  VmState state(dir.path(), kVm);
  BOOST_TEST(state.read().expected.size() == 100U);
  for (int i = 0; i < 100; ++i) BOOST_TEST(state.take_expected("after_vm_pause"));
  BOOST_TEST(!state.take_expected("after_vm_pause"));
  BOOST_TEST(!boost::filesystem::exists(dir.path() + "/vms/" + kVm));  // nothing is known of it any more
}

BOOST_AUTO_TEST_CASE(what_the_bridge_fired_is_noted_for_whoever_recovers_a_killed_command_and_not_for_one_that_runs) {
  const TempDir dir;
  VmState state(dir.path(), kVm), bridge(dir.path(), kVm);
  auto held = lock_now(state);
  state.write_run(kHost, some_run());
  bridge.note_fired("after_vm_destroy");
  BOOST_TEST((state.read_run(kHost)->find_fired("after_vm_destroy", "") == nullptr));
  held = {};
  bridge.note_fired("after_device_destroy");
  const auto run = state.read_run(kHost);
  const auto* fired = run->find_fired("after_device_destroy", "whichever device");
  BOOST_TEST((fired != nullptr && fired->is_over));
}

BOOST_AUTO_TEST_CASE(one_holds_a_vm_of_a_host_at_a_time) {
  const TempDir dir;
  VmState state(dir.path(), kVm), again(dir.path(), kVm), other(dir.path(), kOther);
  auto held = lock_now(state);
  BOOST_TEST(bool(held));
  state.write_run(kHost, some_run());
  std::optional<VmRun> holder;
  BOOST_TEST(!again.lock(kHost, {}, [&](const auto& run) {
    holder = run;
    return false;
  }));
  BOOST_TEST((holder && holder->pid == 42));
  BOOST_TEST(again.is_locked(kHost));
  BOOST_TEST(again.is_fired_by_command("after_vm_start"));
  BOOST_TEST(!again.is_fired_by_command("after_vm_destroy"));
  BOOST_TEST(bool(lock_now(again, kOther)));
  BOOST_TEST(bool(lock_now(other)));
  held = {};
  BOOST_TEST(!again.is_locked(kHost));
  BOOST_TEST(!again.is_fired_by_command("after_vm_start"));  // of a run that was killed
  BOOST_TEST(bool(lock_now(again)));
}

BOOST_AUTO_TEST_CASE(who_waits_gets_it_when_the_holder_is_killed) {
  const TempDir dir;
  VmState state(dir.path(), kVm);
  int ready[2];
  BOOST_REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    VmState childs(dir.path(), kVm);
    const auto held = lock_now(childs);
    static_cast<void>(::write(ready[1], held ? "y" : "n", 1));
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  BOOST_REQUIRE(::read(ready[0], &answer, 1) == 1);
  BOOST_REQUIRE(answer == 'y');
  BOOST_TEST(!lock_now(state));
  const auto held = state.lock(kHost, {}, [&](const auto&) {
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
  VmState state(dir.path(), kVm);
  const auto held = lock_now(state);
  std::stop_source source;
  BOOST_TEST(!VmState(dir.path(), kVm).lock(kHost, source.get_token(), [&](const auto&) {
    source.request_stop();
    return true;
  }));
}

BOOST_AUTO_TEST_CASE(a_uuid_is_no_path) {
  for (const auto& uuid : std::vector<std::string>{"", "..", "../x", "/etc", kVm + "/..", kVm + "\n"}) BOOST_CHECK_THROW(VmState("/run/x", uuid), Error);
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_can_write_or_a_link_for_a_lock_is_refused) {
  const TempDir dir;
  VmState state(dir.dir("open", 0777), kVm);
  BOOST_CHECK_THROW(lock_now(state), Error);
  VmState linked(dir.path(), kVm);
  const auto victim = dir.file("victim", "");
  dir.link("vms/" + kVm + "/" + kHost + ".lock", victim);
  BOOST_CHECK_THROW(lock_now(linked), Error);
}
