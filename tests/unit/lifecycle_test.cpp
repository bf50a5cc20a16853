// One command on one VM of libvirt's own test driver: what fires, what libvirt is asked, and what is written down
// meanwhile.
#define BOOST_TEST_MODULE lifecycle
#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "host.hpp"
#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/lifecycle.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

using Lines = std::vector<std::string>;

class Told final : public LifecycleObserver {
 public:
  void on_report(const Report&, const std::string&) override {}
  void on_note(const std::string& text) override { notes += text + "\n"; }
  bool on_wait(const std::string& for_whom) override {
    notes += "waits for " + for_whom + "\n";
    return false;
  }
  void on_waits_for(WaitsFor what) override { waits.push_back(what); }

  std::string notes;
  std::vector<WaitsFor> waits;
};

struct Fixture {
  Fixture() {
    ::virDomainDestroy(vm.get());
    BOOST_REQUIRE(::virDomainCreate(vm.get()) == 0);
  }

  // Hooks that append their event to HOST/record.
  void record(const Phase& phase) const {
    for (const auto events : {phase.before, phase.after, phase.failed, phase.undo})
      for (const auto event : events)
        host.file(event, "50_record", "#!/bin/sh\necho $VDSM_HOOK_EVENT >>" + host.root() + "/record\n");
  }
  Lines fired() const {
    Lines lines;
    std::istringstream in(host.read("record"));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  Lifecycle lifecycle(const VmCommandFacts& command) { return {engine, {}, told, stop.get_token(), command}; }
  VmRecord written() const { return VmJournal(directory).read(); }
  Subject subject() const { return {xml_of(vm.get(), 0), "", {}}; }

  Host host;
  const Engine engine{host.settings()};
  Told told;
  std::stop_source stop;
  const ConnectionHandle connection = connect_to("test:///default");
  const DomainHandle vm{::virDomainLookupByName(connection.get(), "test")};
  const std::string uuid = uuid_of(vm.get()), host_uuid = host_uuid_of(connection.get());
  const VmDirectory directory{host.runtime_dir(), uuid};
};

Lines words(std::initializer_list<EventNames> lists) {
  Lines all;
  for (const auto list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::vector<std::string> expected_of(const VmRecord& record) {
  std::vector<std::string> events;
  for (const auto& one : record.expected) events.push_back(one.event);
  return events;
}

const std::string kNic = "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>";

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_phase_fires_before_and_after_and_is_written_down_while_libvirt_is_asked, Fixture) {
  record(phases::kPause);
  auto lifecycle = this->lifecycle(vm_commands::kSuspend);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  auto what = subject();
  bool is_refreshed = false;
  const auto ask = [&] {
    const auto record = written();
    BOOST_TEST((expected_of(record) == words({phases::kPause.after})));
    const auto& run = record.runs.at(host_uuid);
    BOOST_TEST(run.command == "suspend");
    BOOST_TEST((run.phase == &phases::kPause && run.stage == VmRun::Stage::acting && run.hooks_ran));
    BOOST_TEST(VmJournal(directory).is_fired_by_command(phases::kPause.after[0]));
    BOOST_TEST((told.waits.back() == WaitsFor::libvirt));
    BOOST_REQUIRE(::virDomainSuspend(vm.get()) == 0);
  };
  BOOST_TEST(
      (lifecycle.pass(phases::kPause, what, {.ask = ask, .refresh = [&] { is_refreshed = true; }}) == Ended::done));
  BOOST_TEST(is_refreshed);
  BOOST_TEST(fired() == words({phases::kPause.before, phases::kPause.after}), boost::test_tools::per_element());
  lifecycle.finish();
  BOOST_TEST(written().runs.empty());
}

BOOST_FIXTURE_TEST_CASE(what_a_stop_ends_is_told_while_it_is_waited_for_and_no_longer, Fixture) {
  auto lifecycle = this->lifecycle(vm_commands::kSave);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  auto what = subject();
  lifecycle.pass(phases::kHibernate, what,
                 {.ask = [&] { BOOST_TEST((told.waits.back() == WaitsFor::libvirt_job)); }, .hears_stop = true});
  BOOST_TEST((told.waits.back() == WaitsFor::itself));
}

BOOST_FIXTURE_TEST_CASE(after_a_veto_libvirt_is_not_asked_and_hooks_take_back_what_they_did, Fixture) {
  BOOST_REQUIRE(::virDomainDestroy(vm.get()) == 0);
  record(phases::kStart);
  const auto last = phases::kStart.before.back();
  host.file(last, "60_veto", "#!/bin/sh\nexit 1\n");
  auto lifecycle = this->lifecycle(vm_commands::kStart);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  auto what = subject();
  BOOST_TEST((lifecycle.pass(phases::kStart, what, {.ask = [] { BOOST_ERROR("libvirt is asked"); }}) == Ended::vetoed));
  Lines wanted;  // no device of this VM has properties
  for (const auto& event : words({phases::kStart.before, phases::kStart.undo}))
    if (engine.settings().points.find(event)->ours.payload != PayloadKind::device_xml) wanted.push_back(event);
  BOOST_TEST(fired() == wanted, boost::test_tools::per_element());
  BOOST_TEST(written().runs.empty());
}

BOOST_FIXTURE_TEST_CASE(what_libvirt_refuses_fires_what_follows_a_failure_and_is_thrown_on, Fixture) {
  record(phases::kPlugNic);
  auto lifecycle = this->lifecycle(vm_commands::kAttachDevice);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  auto what = subject();
  what.device_xml = kNic;
  const auto refuse = [&] {
    const DomainHandle none(::virDomainLookupByName(connection.get(), "no such VM"));
    throw LibvirtError("Failed to attach device");
  };
  BOOST_CHECK_THROW(lifecycle.pass(phases::kPlugNic, what, {.ask = refuse}), LibvirtError);
  BOOST_TEST(fired() == words({phases::kPlugNic.before, phases::kPlugNic.failed}), boost::test_tools::per_element());
  BOOST_TEST(written().is_empty());
}

BOOST_FIXTURE_TEST_CASE(a_command_that_is_stopped_before_it_asks_libvirt_asks_nothing, Fixture) {
  auto lifecycle = this->lifecycle(vm_commands::kSuspend);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  stop.request_stop();
  auto what = subject();
  BOOST_TEST(
      (lifecycle.pass(phases::kPause, what, {.ask = [] { BOOST_ERROR("libvirt is asked"); }}) == Ended::cancelled));
  BOOST_TEST(written().is_empty());
}

BOOST_FIXTURE_TEST_CASE(what_takes_back_is_not_stopped_also_after_a_failure_of_its_own, Fixture) {
  record(phases::kContinue);
  auto lifecycle = this->lifecycle(vm_commands::kSave);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  stop.request_stop();
  auto what = subject();
  BOOST_TEST((lifecycle.pass(phases::kHibernate, what) == Ended::cancelled));
  lifecycle.take_back_from_here();
  BOOST_CHECK_THROW(lifecycle.pass(phases::kContinue, what, {.ask = [] { throw Error(Errc::refused, "no"); }}), Error);
  bool is_asked = false;
  BOOST_TEST((lifecycle.pass(phases::kContinue, what, {.ask = [&] { is_asked = true; }}) == Ended::done));
  BOOST_TEST(is_asked);
  BOOST_TEST(fired() == words({phases::kContinue.before, phases::kContinue.after}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_phase_in_which_libvirt_does_nothing_fires_all_the_same, Fixture) {
  record(phases::kDehibernated);
  auto lifecycle = this->lifecycle(vm_commands::kRestore);
  BOOST_TEST_REQUIRE(lifecycle.begin(connection.get(), uuid, WhenLeft::refuse));
  auto what = subject();
  BOOST_TEST((lifecycle.pass(phases::kDehibernated, what) == Ended::done));
  BOOST_TEST(fired() == words({phases::kDehibernated.after}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(what_a_killed_command_left_is_refused_told_or_overruled, Fixture) {
  const auto leave = [&](bool hooks_ran, const Phase& phase) {
    VmRun run;
    run.command = "start";
    run.phase = &phase;
    run.hooks_ran = hooks_ran;
    VmJournal(directory).change([&](VmRecord& record) { record.runs[host_uuid] = run; });
  };
  const auto begins = [&](WhenLeft when_left) {
    return lifecycle(vm_commands::kResume).begin(connection.get(), uuid, when_left);
  };
  leave(true, phases::kStart);
  for (const auto when : {WhenLeft::refuse, WhenLeft::refuse_start})
    BOOST_CHECK_EXCEPTION(begins(when), Error, [](const Error& error) { return error.code() == Errc::refused; });
  BOOST_TEST(begins(WhenLeft::tell));
  BOOST_TEST(mentions(told.notes, "was killed before it came to its end, before libvirt was asked; hooks had run"));
  leave(true, phases::kPause);
  BOOST_CHECK_THROW(begins(WhenLeft::refuse), Error);
  BOOST_TEST(begins(WhenLeft::refuse_start));
  leave(false, phases::kStart);
  BOOST_TEST(begins(WhenLeft::refuse));
  host.write("run/vms/" + uuid + "/record", "no record");
  BOOST_CHECK_THROW(begins(WhenLeft::tell), Error);
  BOOST_TEST(begins(WhenLeft::overrule));
  BOOST_TEST(written().is_empty());
}

BOOST_FIXTURE_TEST_CASE(who_does_not_want_to_wait_is_told_who_holds_the_vm, Fixture) {
  auto holder = lifecycle(vm_commands::kSuspend);
  BOOST_TEST_REQUIRE(holder.begin(connection.get(), uuid, WhenLeft::refuse));
  auto other = lifecycle(vm_commands::kResume);
  BOOST_CHECK_EXCEPTION(other.begin(connection.get(), uuid, WhenLeft::refuse), Error,
                        [](const Error& error) { return error.code() == Errc::refused; });
  BOOST_TEST(mentions(told.notes, "waits for another command, which holds the VM"));  // it has written nothing down yet
}
