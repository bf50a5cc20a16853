// Hooks after what happened to VMs, without a libvirt: order, what is left out, documents, the end.
#define BOOST_TEST_MODULE after_events
#include <atomic>
#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <sstream>

#include "host.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt/after_events.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

const std::string kOne = "11111111-1111-4111-8111-111111111111", kTwo = "22222222-2222-4222-8222-222222222222";

std::string domain(const std::string& uuid, const std::string& devices = "") {
  return "<domain type='test' id='1'><name>vm</name><uuid>" + uuid +
         "</uuid><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:device "
         "alias='net0'><o:custom><o:lane>fast</o:lane></o:custom>"
         "</o:device></o:vm></metadata><devices>" +
         devices + "</devices></domain>";
}
std::string nic(const std::string& alias) { return "<interface type='user'><alias name='" + alias + "'/></interface>"; }

LiveXml lives(std::string document) {
  return [document = std::move(document)] { return std::optional(document); };
}
LiveXml gone() {
  return [] { return std::nullopt; };
}
std::string_view after(const Phase& phase) { return phase.after[0]; }
void expect(VmJournal journal, std::string_view event) {
  journal.change([event](VmRecord& record) { record.expect(event); });
}

// Hooks append to HOST/record what they are run for.
struct Fixture {
  Fixture() {
    for (const auto* phase :
         {&phases::kPause, &phases::kContinue, &phases::kHibernate, &phases::kPlugNic, &phases::kUnplugNic})
      record(after(*phase));
    for (const auto event : phases::kLeave.after) record(event);
  }
  void record(std::string_view event) const {
    host.file(event, "90_record",
              "#!/bin/sh\necho \"$VDSM_HOOK_EVENT $vmId $(cat \"$_hook_domxml\")\" >>" + host.root() + "/record\n");
  }
  // Holds up the hooks of one VM until HOST/go is there.
  void wait_at(std::string_view event, const std::string& uuid) const {
    host.file(event, "10_wait",
              "#!/bin/sh\n[ $vmId = " + uuid + " ] || exit 0\n: >" + host.root() + "/waits\nuntil [ -e " + host.root() +
                  "/go ]; do sleep 0.02; done\n");
  }
  std::vector<std::string> seen(const std::string& uuid = "") const {
    std::vector<std::string> lines;
    std::istringstream in(host.read("record"));
    for (std::string line; std::getline(in, line);)
      if (line.find(" " + uuid) != std::string::npos) lines.push_back(line.substr(0, line.find(' ')));
    return lines;
  }
  bool sees(std::size_t count, const std::string& uuid = "") const {
    // As long as more come: with sanitizers each takes its time.
    for (std::size_t before = 0; !eventually([&] { return seen(uuid).size() >= count; }) && seen(uuid).size() > before;)
      before = seen(uuid).size();
    return seen(uuid).size() == count;
  }
  bool has_logged(std::string_view words) {
    const std::lock_guard alone(mutex);
    return mentions(log, words);
  }

  Host host;
  const Engine engine{host.settings()};
  std::mutex mutex;
  std::string log;
  AfterEvents events{engine, [this](LogLevel level, const std::string& text) {
                       const std::lock_guard alone(mutex);
                       log += std::to_string(static_cast<int>(level)) + " " + text + "\n";
                     }};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_vms_events_run_in_order_and_others_do_not_wait_for_them, Fixture) {
  wait_at(after(phases::kPause), kOne);
  const auto one = events.vm(kOne, "one"), two = events.vm(kTwo, "two");
  for (const auto* phase : {&phases::kPause, &phases::kContinue, &phases::kPause})
    events.happened(one, *phase, lives(domain(kOne)));
  for (const auto* phase : {&phases::kPause, &phases::kContinue}) events.happened(two, *phase, lives(domain(kTwo)));
  BOOST_TEST(sees(2, kTwo));
  BOOST_TEST(seen(kOne).empty());
  host.write("go", "");
  BOOST_TEST(sees(3, kOne));
  const std::vector<std::string> wanted{std::string(after(phases::kPause)), std::string(after(phases::kContinue)),
                                        std::string(after(phases::kPause))};
  BOOST_TEST(seen(kOne) == wanted, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_a_command_fires_itself_is_left_out_once_each, Fixture) {
  expect(VmJournal(VmDirectory(host.runtime_dir(), kOne)), after(phases::kPause));
  const auto vm = events.vm(kOne, "one");
  for (const auto* phase : {&phases::kContinue, &phases::kPause, &phases::kPause})
    events.happened(vm, *phase, lives(domain(kOne)));
  BOOST_TEST(sees(2));
  events.happened(vm, phases::kContinue, lives(domain(kOne)));
  BOOST_TEST(sees(3));
  const std::vector<std::string> wanted{std::string(after(phases::kContinue)), std::string(after(phases::kPause)),
                                        std::string(after(phases::kContinue))};
  BOOST_TEST(seen() == wanted, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(hooks_of_a_vm_that_is_gone_get_what_was_known_last, Fixture) {
  const auto vm = events.vm(kOne, "one");
  events.look(vm, lives(domain(kOne, "<!--first-->")));
  events.look(vm, lives(domain(kOne, "<!--last-->")));
  events.happened(vm, phases::kHibernate, gone());
  BOOST_TEST(sees(1));
  BOOST_TEST(mentions(host.read("record"), "<!--last-->"));
}

BOOST_FIXTURE_TEST_CASE(a_vm_of_which_nothing_was_ever_known_is_an_error_of_the_log, Fixture) {
  events.happened(events.vm(kOne, "one"), phases::kHibernate, gone());
  BOOST_TEST(eventually([&] { return has_logged("3 VM one (" + kOne + "): no hooks run after hibernate"); }));
  BOOST_TEST(seen().empty());
}

BOOST_FIXTURE_TEST_CASE(a_phase_fires_the_vm_first_and_then_its_devices_with_properties, Fixture) {
  events.happened(events.vm(kOne, "one"), phases::kLeave, lives(domain(kOne, nic("net1") + nic("net0"))));
  BOOST_TEST(sees(2));
  const std::vector<std::string> wanted(phases::kLeave.after.begin(), phases::kLeave.after.end());
  BOOST_TEST(seen() == wanted, boost::test_tools::per_element());
  BOOST_TEST(mentions(host.read("record"), kOne + " " + nic("net0")));
}

BOOST_FIXTURE_TEST_CASE(a_device_that_came_and_went_fires_with_its_own_element, Fixture) {
  const auto vm = events.vm(kOne, "one");
  events.look(vm, lives(domain(kOne)));
  events.plugged(vm, "net7", lives(domain(kOne, nic("net7"))));
  events.unplugged(vm, "net7", lives(domain(kOne)));
  BOOST_TEST(sees(2));
  BOOST_TEST(host.read("record") == std::string(after(phases::kPlugNic)) + " " + kOne + " " + nic("net7") + "\n" +
                                        std::string(after(phases::kUnplugNic)) + " " + kOne + " " + nic("net7") + "\n");
}

BOOST_FIXTURE_TEST_CASE(a_device_that_no_hook_point_is_about_fires_nothing, Fixture) {
  const auto vm = events.vm(kOne, "one");
  events.plugged(vm, "input0", lives(domain(kOne, "<input type='tablet'><alias name='input0'/></input>")));
  events.unplugged(vm, "never", lives(domain(kOne)));
  events.happened(vm, phases::kPause, lives(domain(kOne)));
  BOOST_TEST(sees(1));
  BOOST_TEST(has_logged("no hooks run for the device never"));
  BOOST_TEST(!has_logged("input0"));
}

BOOST_FIXTURE_TEST_CASE(a_hook_that_fails_is_named_in_the_log, Fixture) {
  host.file(after(phases::kPause), "50_fails", "#!/bin/sh\necho no such lamp >&2\nexit 1\n");
  events.happened(events.vm(kOne, "one"), phases::kPause, lives(domain(kOne)));
  BOOST_TEST(eventually([&] {
    return has_logged("50_fails failed at " + std::string(after(phases::kPause))) && has_logged("no such lamp");
  }));
  BOOST_TEST(sees(1));
}

BOOST_FIXTURE_TEST_CASE(stop_ends_the_hook_that_runs_and_starts_no_other, Fixture) {
  wait_at(after(phases::kPause), kOne);
  const auto vm = events.vm(kOne, "one");
  for (const auto* phase : {&phases::kPause, &phases::kContinue, &phases::kContinue})
    events.happened(vm, *phase, lives(domain(kOne)));
  BOOST_REQUIRE(eventually([&] { return boost::filesystem::exists(host.root() + "/waits"); }));
  events.stop();
  BOOST_TEST(seen().empty());
  BOOST_TEST(has_logged("5 2 things that happened to VMs wait no longer"));
  host.check_nothing_left();
}

BOOST_FIXTURE_TEST_CASE(too_much_that_waits_for_hooks_of_one_vm_is_dropped_and_said, Fixture) {
  wait_at(after(phases::kPause), kOne);
  const auto vm = events.vm(kOne, "one");
  events.happened(vm, phases::kPause, lives(domain(kOne)));
  BOOST_REQUIRE(eventually([&] { return boost::filesystem::exists(host.root() + "/waits"); }));
  std::atomic<std::size_t> looked = 0;
  for (std::size_t i = 0; i < AfterEvents::kMaxWaiting + 9; ++i) {
    events.look(vm, [&looked] {
      ++looked;
      return std::optional(domain(kOne));
    });
    events.forget_lost(vm);
  }
  for (std::size_t i = 0; i < AfterEvents::kMaxWaiting; ++i)
    events.happened(vm, phases::kContinue, lives(domain(kOne)));
  BOOST_TEST(!has_logged("wait for hooks already"));
  events.happened(vm, phases::kContinue, lives(domain(kOne)));
  BOOST_TEST(has_logged("no hooks run after continue: 64 things"));
  host.write("go", "");
  BOOST_TEST(eventually([&] { return looked == AfterEvents::kMaxWaiting; }));
  BOOST_TEST(sees(1 + AfterEvents::kMaxWaiting));
}

BOOST_FIXTURE_TEST_CASE(a_device_of_a_command_is_left_out_and_not_one_that_came_before, Fixture) {
  wait_at(after(phases::kPause), kOne);
  const auto vm = events.vm(kOne, "one");
  events.happened(vm, phases::kPause, lives(domain(kOne)));
  BOOST_REQUIRE(eventually([&] { return boost::filesystem::exists(host.root() + "/waits"); }));
  events.plugged(vm, "net1", lives(domain(kOne, nic("net1"))));
  expect(VmJournal(VmDirectory(host.runtime_dir(), kOne)),
         after(phases::kPlugNic));  // a command's, while the hooks of the first wait
  events.plugged(vm, "net2", lives(domain(kOne, nic("net2"))));
  host.write("go", "");
  events.happened(vm, phases::kContinue, lives(domain(kOne)));
  BOOST_TEST(sees(3));
  BOOST_TEST(mentions(host.read("record"), nic("net1")));
  BOOST_TEST(!mentions(host.read("record"), nic("net2")));
}

BOOST_FIXTURE_TEST_CASE(a_device_of_a_command_is_left_out_and_not_one_of_another_type_that_came_meanwhile, Fixture) {
  record(after(phases::kPlugDisk));
  const std::string disk = "<disk type='file'><alias name='disk1'/></disk>";
  const auto vm = events.vm(kOne, "one");
  expect(VmJournal(VmDirectory(host.runtime_dir(), kOne)), after(phases::kPlugDisk));
  events.plugged(vm, "net1", lives(domain(kOne, nic("net1"))));
  events.plugged(vm, "disk1", lives(domain(kOne, nic("net1") + disk)));
  events.happened(vm, phases::kContinue, lives(domain(kOne)));
  BOOST_TEST(sees(2));
  BOOST_TEST(mentions(host.read("record"), nic("net1")));
  BOOST_TEST(!mentions(host.read("record"), disk));
  BOOST_TEST(!VmJournal(VmDirectory(host.runtime_dir(), kOne)).take_expected(after(phases::kPlugDisk)));
}

BOOST_FIXTURE_TEST_CASE(when_all_threads_run_hooks_the_log_says_so_once, Fixture) {
  host.file(after(phases::kPause), "10_wait", "#!/bin/sh\nuntil [ -e " + host.root() + "/go ]; do sleep 0.02; done\n");
  for (std::size_t i = 0; i < AfterEvents::kThreads + 2; ++i) {
    const auto uuid = kOne.substr(0, 34) + std::to_string(10 + i);
    events.happened(events.vm(uuid, "vm"), phases::kPause, lives(domain(uuid)));
  }
  const std::string words = "hooks of 16 VMs run";
  BOOST_TEST(eventually([&] { return has_logged(words); }));
  BOOST_TEST(seen().empty());
  host.write("go", "");
  BOOST_TEST(sees(AfterEvents::kThreads + 2));
  const std::lock_guard alone(mutex);
  BOOST_TEST(log.find(words) == log.rfind(words));
}

BOOST_FIXTURE_TEST_CASE(what_ended_commands_expected_is_forgotten_but_not_what_a_running_one_does, Fixture) {
  const std::string host_uuid = "99999999-9999-4999-8999-999999999999";
  const VmDirectory directory(host.runtime_dir(), kOne);
  VmJournal journal(directory);
  const auto lock = VmLock::take(directory, host_uuid, {}, [] { return false; });
  BOOST_REQUIRE(lock);
  VmRun run;
  run.own_events = {std::string(after(phases::kPause))};
  run.command = "suspend";
  run.phase = &phases::kPause;
  run.stage = VmRun::Stage::acting;
  journal.change([&](VmRecord& record) { record.runs[host_uuid] = run; });
  for (const auto* phase : {&phases::kPause, &phases::kContinue, &phases::kPlugNic}) expect(journal, after(*phase));
  forget_lost_events(host.runtime_dir(), kOne);
  BOOST_TEST(journal.take_expected(after(phases::kPause)));
  BOOST_TEST(!journal.take_expected(after(phases::kContinue)));
  BOOST_TEST(!journal.take_expected(after(phases::kPlugNic)));
}
