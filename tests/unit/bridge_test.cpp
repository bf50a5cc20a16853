// What libvirt's calls become: which events, for which devices, after what was seen before.
#define BOOST_TEST_MODULE bridge
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include "bridge_host.hpp"
#include "support.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

struct Row {
  const char *operation, *sub_operation, *seen;
  Words events;
  const char* then;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.operation << " after '" << row.seen << "'";
}

// The contract's table, and what cannot be but is.
const Row kRows[] = {
    {"prepare", "begin", "", kBeforeStart, "prepare"},
    {"prepare", "begin", "prepare", kBeforeStart, "prepare"},  // the release of the last one was never seen
    {"prepare", "begin", "running", kBeforeStart, "prepare"},
    {"prepare", "begin", "arriving", kBeforeStart, "prepare"},
    {"prepare", "begin", "migrate", kBeforeStart, "prepare"},  // the document does not tell that it is not a cold start
    {"prepare", "begin", "restore", kBeforeStart, "prepare"},
    {"start", "begin", "prepare", {}, "prepare"},
    {"started", "begin", "prepare", kAfterStart, "running"},
    {"started", "begin", "", {}, ""},
    {"migrate", "begin", "", kArrive, "migrate"},
    {"migrate", "begin", "running", kArrive, "migrate"},
    {"restore", "begin", "", kResume, "restore"},
    {"stopped", "end", "running", {}, "running"},
    {"release", "end", "running", kGone, ""},
    {"release", "end", "prepare", kGone, ""},
    {"release", "end", "", kGone, ""},
    {"reconnect", "begin", "", {}, ""},
    {"attach", "begin", "", {}, ""},
    {"unheard-of", "begin", "running", {}, "running"},
};
const char* const kGuestDrivers[] = {"qemu", "lxc", "libxl", "bhyve"};

}  // namespace

BOOST_DATA_TEST_CASE(each_call_fires_what_the_contract_says, data::make(kGuestDrivers) * data::make(kRows), driver,
                     row) {
  BridgeFixture bridge;
  bridge.set_seen(row.seen);
  bridge.goes_well(row.operation, row.sub_operation, driver);
  BOOST_TEST(bridge.fired() == joined(row.events));
  BOOST_TEST(bridge.seen() == row.then);
}

BOOST_AUTO_TEST_CASE(the_daemons_calls_fire_events_of_the_host) {
  BridgeFixture bridge;
  for (const auto& [operation, sub, events] :
       {std::tuple("start", "-", "before_vdsm_start"), {"reload", "begin", ""}, {"shutdown", "-", "after_vdsm_stop"}}) {
    bridge.goes_well(operation, sub, "daemon");
    BOOST_TEST(bridge.fired() == events);
  }
}

BOOST_AUTO_TEST_CASE(a_start_a_migration_and_a_restore_are_told_apart) {
  BridgeFixture bridge;
  const auto start = [&bridge](const std::string& document) {
    for (const auto* operation : {"prepare", "start", "started"})
      bridge.goes_well(operation, "begin", "qemu", document);
    return bridge.fired();
  };
  const auto live = as_running(kVm);
  BOOST_TEST(start(kVm) == joined(kBeforeStart) + " " + joined(kAfterStart));
  bridge.goes_well("migrate", "begin", "qemu", live);
  BOOST_TEST(bridge.fired() == joined(kArrive));
  BOOST_TEST(start(live) == "");
  bridge.goes_well("restore", "begin", "qemu", live);
  BOOST_TEST(bridge.fired() == joined(kResume));
  BOOST_TEST(start(live) == joined(kResumed));
  bridge.goes_well("release", "end");
  BOOST_TEST(bridge.fired() == joined(kGone));
  BOOST_TEST(start(live) == joined(kBeforeStart) + " " + joined(kAfterStart));
}

BOOST_AUTO_TEST_CASE(devices_with_properties_come_in_the_order_of_the_document_each_with_its_own_xml) {
  BridgeFixture bridge;
  bridge.hook("before_device_create", "20_keep", "cat $_hook_domxml >>" + bridge.host.root() + "/devices\n");
  bridge.goes_well("prepare", "begin");
  BOOST_TEST(bridge.host.read("devices") == kDisk + kNic);
  BOOST_TEST(bridge.document() == kVm);
  const Words expected{"before_device_create|" + kUuid + "|blue|", "before_device_create|" + kUuid + "|red|",
                       "before_vm_start|" + kUuid + "||"};
  BOOST_TEST(bridge.lines() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_domain_without_metadata_fires_no_event_of_a_device) {
  BridgeFixture bridge;
  BOOST_TEST(bridge.call("prepare", "begin", "-", "qemu", kDomain).exit_code == 0);
  BOOST_TEST(bridge.fired() == "before_vm_start");
}

BOOST_AUTO_TEST_CASE(hooks_get_the_reason_where_libvirt_gives_one) {
  BridgeFixture bridge;
  for (const std::string reason : {"destroyed", "from snapshot", "-"}) {
    BOOST_TEST(bridge.call("release", "end", reason).exit_code == 0);
    for (const auto& line : bridge.lines())
      BOOST_TEST(line.substr(line.rfind('|') + 1) == (reason == "-" ? "" : reason));
  }
  bridge.goes_well("restore", "begin");
  BOOST_TEST(bridge.lines() == Words{"before_vm_dehibernate|" + kUuid + "||False"}, boost::test_tools::per_element());
}

namespace {

// What may stand for a start that comes next, after WHAT was said of a VM whose document was BEFORE. None of it is what
// was said, or it cannot be told.
struct Doubtful {
  const char* why;
  std::string before, next, definition;
};
const Doubtful kDoubtful[] = {
    {"without its memory", kVm, kVm, kVm},
    {"refused, and started by its definition", as_running(kVm), kVm, kVm},
    {"without its memory, of a definition with the part of a VM that runs", as_running(kVm), as_running(kVm),
     as_running(kVm)},
    {"by a driver whose documents do not tell", kVm, kVm, ""},
    {"what was said without that part", kVm, as_running(kVm), ""},
};
std::ostream& operator<<(std::ostream& out, const Doubtful& row) { return out << row.why; }

}  // namespace

BOOST_DATA_TEST_CASE(a_start_that_may_not_be_what_was_said_before_is_one_whenever_it_comes,
                     data::make({"migrate", "restore"}) * data::make(kDoubtful), operation, row) {
  BridgeFixture bridge;
  if (!row.definition.empty()) bridge.write("libvirt/qemu/web 1.xml", row.definition);
  BOOST_TEST(bridge.call(operation, "begin", "-", "qemu", row.before).exit_code == 0);
  bridge.fired();
  bridge.hook("before_vm_start", "50_veto", "exit 2\n");
  BOOST_TEST(bridge.call("prepare", "begin", "-", "qemu", row.next).exit_code == 1);
  BOOST_TEST(bridge.fired() == joined(kBeforeStart));
}

BOOST_DATA_TEST_CASE(a_vm_that_comes_with_its_memory_is_known_by_qemus_command_line, data::make({"migrate", "restore"}),
                     operation) {
  BridgeFixture bridge;
  const auto live = as_running(kVm);
  for (const bool is_incoming : {true, false}) {
    bridge.goes_well(operation, "begin", "qemu", live);
    bridge.goes_well("prepare", "begin", "qemu", live);
    bridge.fired();
    const Words arguments = is_incoming ? Words{"-incoming", "defer"} : Words{"-name", "x-incoming"};
    // A QEMU by its command line: a shell that reads a pipe nobody writes to.
    int held[2];
    BOOST_TEST_REQUIRE(::pipe(held) == 0);
    const pid_t qemu = ::fork();
    if (qemu == 0) {
      ::dup2(held[0], 0);
      ::close(held[1]);
      ::execl("/bin/sh", "sh", "-c", "read never", arguments[0].c_str(), arguments[1].c_str(), nullptr);
      ::_exit(1);
    }
    ::close(held[0]);
    bridge.write("run-libvirt/qemu/web 1.pid", std::to_string(qemu));
    BOOST_TEST(eventually([&] { return content_of("/proc/" + std::to_string(qemu) + "/cmdline").starts_with("sh"); }));
    const auto result = bridge.call("started", "begin", "-", "qemu", live);
    BOOST_TEST((result.exit_code == 0) == is_incoming);
    BOOST_TEST(bridge.fired() == (is_incoming && std::string(operation) == "restore" ? joined(kResumed) : ""));
    BOOST_TEST(bridge.seen() == (is_incoming ? "running" : ""));  // the next start is one
    ::close(held[1]);
    ::waitpid(qemu, nullptr, 0);
    boost::filesystem::remove(bridge.host.root() + "/run-libvirt/qemu/web 1.pid");
  }
}

BOOST_AUTO_TEST_CASE(events_that_a_command_fires_itself_are_left_out_and_the_state_is_kept) {
  BridgeFixture bridge;
  auto journal = bridge.journal();
  const std::string host_uuid = "11111111-2222-3333-4444-555555555555";
  auto lock = VmLock::take(bridge.vm_directory(), host_uuid, {}, [] { return false; });
  BOOST_TEST_REQUIRE(static_cast<bool>(lock));
  VmRun run;
  run.command = "start";
  run.phase = &phases::kStart;
  run.own_events = {"before_device_create", "before_vm_start", "after_vm_start"};
  journal.change([&](VmRecord& record) { record.runs[host_uuid] = run; });
  bridge.goes_well("prepare", "begin");
  BOOST_TEST(bridge.fired() == joined(kBeforeStart));  // it has not asked libvirt yet: somebody else did
  run.stage = VmRun::Stage::acting;
  journal.change([&](VmRecord& record) { record.runs[host_uuid] = run; });
  bridge.goes_well("prepare", "begin");
  BOOST_TEST(bridge.fired() == "");
  BOOST_TEST(bridge.seen() == "prepare");
  bridge.goes_well("started", "begin");
  BOOST_TEST(bridge.fired() == "after_device_create after_device_create");
  lock.reset();  // that it left a run behind says nothing
  bridge.goes_well("prepare", "begin");
  BOOST_TEST(bridge.fired() == joined(kBeforeStart));
}

BOOST_AUTO_TEST_CASE(libvirt_goes_on_with_the_document_of_a_filter_if_it_changed) {
  BridgeFixture bridge;
  bridge.goes_well("migrate", "begin");
  for (const auto* event : {"before_vm_migrate_destination", "before_vm_dehibernate"})
    bridge.hook(event, "20_edit", "sed -i s/restart/destroy/ $_hook_domxml\n");
  auto expected = kVm;
  expected.replace(expected.find("restart"), 7, "destroy");
  for (const auto* operation : {"migrate", "restore"}) {
    const auto result = bridge.call(operation, "begin");
    BOOST_TEST(result.exit_code == 0);
    BOOST_TEST(result.output == expected);
    BOOST_TEST(text_of(result, Level::warning) == "");
  }
}

BOOST_AUTO_TEST_CASE(libvirt_is_hidden_once_and_only_when_something_runs) {
  BridgeFixture bridge;
  bridge.goes_well("prepare", "begin");
  BOOST_TEST(bridge.hidden == "hide ");
  bridge.hidden.clear();
  bridge.goes_well("start", "begin");
  bridge.goes_well("stopped", "end");
  BOOST_TEST(bridge.hidden == "");
  for (const auto* event : {"after_vm_start", "after_device_create"})
    bridge.host.file(event, "10_record.toml", "[when]\nvm = [\"other\"]\n", 0644);
  bridge.goes_well("started", "begin");
  BOOST_TEST(bridge.fired() == joined(kBeforeStart));
  BOOST_TEST(bridge.hidden == "");
}

BOOST_AUTO_TEST_CASE(the_events_of_the_table_are_hook_points) {
  for (const auto* driver : {"qemu", "daemon"})
    for (const auto& row : kRows)
      if (const auto* found = bridge_row(driver, row.operation, row.sub_operation, row.seen))
        for (const auto event : found->events) BOOST_TEST((HookPoints().find(event) != nullptr), event);
}
