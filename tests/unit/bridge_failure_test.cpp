// What becomes of a call when something is wrong: vetoes, changes that get lost, the VM's own scripts, a broken engine.
#define BOOST_TEST_MODULE bridge_failure
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include "bridge_host.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

void check_has(const std::string& text, std::string_view words) {
  BOOST_TEST(mentions(text, words), text << " does not say " << words);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_veto_fails_the_call_names_the_hook_and_fires_nothing_more) {
  BridgeFixture bridge;
  bridge.script("prepare/begin", "touch " + bridge.host.root() + "/ran\n");
  bridge.hook("before_device_create", "50_refuse", "echo 'no such network' >&2\nexit 1\n");
  const auto result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 1);
  BOOST_TEST(result.output.empty());
  const auto errors = text_of(result, Level::error);
  check_has(errors, "before_device_create: error: " + bridge.host.event_dir("before_device_create") +
                        "/50_refuse: 50_refuse failed at before_device_create");
  check_has(errors, "\nno such network");
  BOOST_TEST(bridge.fired() == "before_device_create");  // of the first device
  BOOST_TEST(!boost::filesystem::exists(bridge.host.root() + "/ran"));
  BOOST_TEST(bridge.seen() == "");
}

BOOST_AUTO_TEST_CASE(a_refused_filter_gives_no_document) {
  BridgeFixture bridge;
  bridge.hook("before_vm_dehibernate", "20_edit", "sed -i s/restart/destroy/ $_hook_domxml\n");
  bridge.hook("before_vm_dehibernate", "30_refuse", "exit 2\n");
  const auto result = bridge.call("restore", "begin");
  BOOST_TEST(result.exit_code == 1);
  BOOST_TEST(result.output.empty());
  BOOST_TEST(bridge.seen() == "");
}

BOOST_AUTO_TEST_CASE(a_failure_where_nothing_can_be_vetoed_is_a_warning) {
  BridgeFixture bridge;
  bridge.set_seen("prepare");
  bridge.hook("after_vm_start", "50_fail", "echo oops >&2\nexit 1\n");
  const auto result = bridge.call("started", "begin");
  BOOST_TEST(result.exit_code == 0);
  check_has(text_of(result, Level::warning), "after_vm_start: warning: ");
  check_has(text_of(result, Level::warning), "\noops");
  BOOST_TEST(bridge.fired() == joined(kAfterStart));
}

BOOST_AUTO_TEST_CASE(what_hooks_say_that_did_well_is_information) {
  BridgeFixture bridge;
  bridge.hook("before_vm_start", "20_say", "echo pinned >&2\n");
  const auto result = bridge.call("prepare", "begin");
  check_has(text_of(result, Level::info),
            "before_vm_start: " + bridge.host.event_dir("before_vm_start") + "/20_say said: pinned\n");
}

BOOST_AUTO_TEST_CASE(what_nothing_on_the_host_defines_is_withheld_with_a_warning) {
  BridgeFixture host;
  host.settings.delivers_undefined = false;
  host.write("etc/properties.toml", "");
  const auto result = host.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 0);
  BOOST_TEST(text_of(result, Level::warning).find("custom property colour of the metadata of disk vda: withheld") !=
             std::string::npos);
  for (const auto& line : host.lines()) BOOST_TEST(line.find("||") != std::string::npos, line);
}

BOOST_AUTO_TEST_CASE(changes_that_libvirt_cannot_use_are_named_and_fail_the_call_where_that_is_wanted) {
  BridgeFixture bridge;
  bridge.hook("before_vm_start", "20_edit", "sed -i s/restart/destroy/ $_hook_domxml\n");
  bridge.hook("before_vm_start", "30_read", "cp $_hook_domxml " + bridge.host.root() + "/later\n");
  bridge.hook("before_device_create", "20_edit", "sed -i s/user/bridge/ $_hook_domxml\n");
  for (const bool is_strict : {false, true}) {
    bridge.settings.bridge_is_strict = is_strict;
    const auto result = bridge.call("prepare", "begin");
    const auto level = is_strict ? Level::error : Level::warning;
    BOOST_TEST(result.exit_code == (is_strict ? 1 : 0));
    BOOST_TEST(result.output.empty());
    check_has(text_of(result, level), "before_device_create/20_edit changed the document");
    BOOST_TEST(mentions(text_of(result, level), "before_vm_start/20_edit changed the document") ==
               !is_strict);  // the device's was enough
    BOOST_TEST(!mentions(text_of(result, level), "30_read"));
    BOOST_TEST(text_of(result, is_strict ? Level::warning : Level::error) == "");
  }
  check_has(bridge.host.read("later"), "destroy");  // later hooks of the event see it
}

BOOST_AUTO_TEST_CASE(strict_says_nothing_about_changes_that_are_used) {
  BridgeFixture bridge;
  bridge.settings.bridge_is_strict = true;
  bridge.hook("before_vm_migrate_destination", "20_edit", "sed -i s/restart/destroy/ $_hook_domxml\n");
  const auto result = bridge.call("migrate", "begin");
  BOOST_TEST(result.exit_code == 0);
  check_has(result.output, "destroy");
}

BOOST_AUTO_TEST_CASE(a_hook_that_needs_libvirt_is_not_started_with_a_warning_and_no_veto) {
  BridgeFixture bridge;
  for (const std::string name : {"20_ask", "30_other"}) {
    bridge.hook("before_vm_start", name, "touch " + bridge.host.root() + "/asked\n");
    bridge.host.file("before_vm_start", name + ".toml",
                     "needs_libvirt = true\n" + std::string(name == "30_other" ? "[when]\nvm = [\"other\"]\n" : ""),
                     0644);
  }
  const auto result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 0);
  BOOST_TEST(!boost::filesystem::exists(bridge.host.root() + "/asked"));
  check_has(text_of(result, Level::warning), "20_ask: not run, because it needs libvirt");
  BOOST_TEST(!mentions(text_of(result, Level::warning), "30_other"));  // it had nothing to do anyway
}

BOOST_AUTO_TEST_CASE(that_libvirt_cannot_be_hidden_is_said_and_hooks_run) {
  BridgeFixture bridge;
  bridge.cannot_hide = true;
  const auto result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 0);
  check_has(text_of(result, Level::warning), "libvirt is not hidden from hooks");
  check_has(text_of(result, Level::warning), "not allowed");
  BOOST_TEST(bridge.hidden == "hide ");
  BOOST_TEST(bridge.fired() == joined(kBeforeStart));
}

BOOST_AUTO_TEST_CASE(the_vms_scripts_run_after_the_events_and_see_libvirt) {
  BridgeFixture bridge;
  bridge.script("prepare/begin/10-a", "echo \"tree $*|\" >>" + bridge.host.root() + "/events\n");
  const auto result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 0);
  BOOST_TEST(bridge.fired() == joined(kBeforeStart) + " tree web 1 prepare begin -");
  BOOST_TEST(bridge.hidden == "hide show ");
}

BOOST_AUTO_TEST_CASE(the_first_script_of_the_vm_that_fails_is_the_last_and_fails_the_call) {
  BridgeFixture bridge;
  bridge.script("prepare/begin/10-a", "echo 'the GPU is in use' >&2\nexit 3\n");
  bridge.script("prepare/begin/20-b", "touch " + bridge.host.root() + "/later\n");
  const auto result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 1);
  check_has(text_of(result, Level::error), "the GPU is in use");
  check_has(text_of(result, Level::error), "10-a");
  BOOST_TEST(!boost::filesystem::exists(bridge.host.root() + "/later"));
  BOOST_TEST(bridge.seen() == "");
}

BOOST_AUTO_TEST_CASE(the_vms_script_that_fails_is_named_with_the_call) {
  BridgeFixture bridge;
  const auto path = bridge.script("prepare/begin/10-a", "echo 'the GPU is in use' >&2\nexit 3\n");
  BOOST_TEST(text_of(bridge.call("prepare", "begin"), Level::error) ==
             "error: " + path + " of VM web 1 failed at prepare begin: exit code 3: the GPU is in use\n");
}

BOOST_AUTO_TEST_CASE(an_operation_of_a_later_libvirt_does_not_filter) {
  BridgeFixture bridge;
  bridge.script("unheard-of/begin", "touch " + bridge.host.root() + "/ran\necho '<domain/>'\n");
  bridge.goes_well("unheard-of", "begin");
  BOOST_TEST(boost::filesystem::exists(bridge.host.root() + "/ran"));
}

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_read_loses_no_event_of_a_vms_end_and_refuses_its_start) {
  BridgeFixture bridge;
  bridge.write("run/vms/" + kUuid + "/record", "nonsense");
  bridge.script("release/end", "touch " + bridge.host.root() + "/ran\n");
  auto result = bridge.call("release", "end");
  BOOST_TEST(result.exit_code == 0);
  BOOST_TEST(bridge.fired() == joined(kGone));
  check_has(text_of(result, Level::warning),
            "/record, where it is written down what happens to the VM, cannot be read");
  BOOST_TEST(boost::filesystem::exists(bridge.host.root() + "/ran"));
  result = bridge.call("prepare", "begin");
  BOOST_TEST(result.exit_code == 1);
  check_has(text_of(result, Level::error), "cannot be read");
}

BOOST_AUTO_TEST_CASE(the_vms_scripts_filter_what_the_hooks_left) {
  BridgeFixture bridge;
  bridge.hook("before_vm_dehibernate", "20_edit", "sed -i s/restart/destroy/ $_hook_domxml\n");
  bridge.script("restore/begin", "sed 's|<on_reboot>destroy|<title>t</title>&|'\n");
  const auto result = bridge.call("restore", "begin");
  BOOST_TEST(result.exit_code == 0);
  check_has(result.output, "<title>t</title><on_reboot>destroy<");
  BOOST_TEST(bridge.seen() == "restore");
}

BOOST_DATA_TEST_CASE(calls_that_never_fail_do_not, data::make({"stopped", "release", "reconnect", "attach"}),
                     operation) {
  BridgeFixture bridge;
  bridge.set_seen("running");
  const auto is_end = std::string(operation) == "stopped" || std::string(operation) == "release";
  const auto sub = is_end ? "end" : "begin";
  bridge.hook("after_vm_destroy", "50_fail", "exit 2\n");
  bridge.script(std::string(operation) + "/" + sub, "exit 1\n");
  const auto result = bridge.call(operation, sub);
  BOOST_TEST(result.exit_code == 0);
  check_has(text_of(result, Level::warning) + text_of(result, Level::error), operation);
  BOOST_TEST(bridge.seen() == (std::string(operation) == "release" ? "" : "running"));
  BOOST_TEST(bridge.call(operation, sub, "-", "qemu", "<broken").exit_code == 0);
}

BOOST_AUTO_TEST_CASE(the_daemon_is_never_kept_from_starting) {
  BridgeFixture bridge;
  bridge.hook("before_vdsm_start", "50_fail", "exit 2\n");
  const auto result = bridge.call("start", "-", "-", "daemon");
  BOOST_TEST(result.exit_code == 0);
  check_has(text_of(result, Level::warning), "50_fail");
}

BOOST_AUTO_TEST_CASE(an_engine_that_cannot_work_stops_what_could_be_vetoed_and_nothing_else) {
  BridgeFixture bridge;
  const auto broken = "<domain><uuid>" + kUuid + "</uuid><metadata></domain>";
  bridge.set_seen("prepare");
  auto result = bridge.call("started", "begin", "-", "qemu", broken);
  BOOST_TEST(result.exit_code == 0);
  check_has(text_of(result, Level::warning), "warning: ");
  result = bridge.call("prepare", "begin", "-", "qemu", broken);
  BOOST_TEST(result.exit_code == 1);
  check_has(text_of(result, Level::error), "error: the document for before_vm_start is ");
  boost::filesystem::remove_all(bridge.host.root() + "/run/vms");
  bridge.host.write("run/vms", "in the way");
  result = bridge.call("migrate", "begin");  // what is seen cannot be kept, so what follows would be taken for a start
  BOOST_TEST(result.exit_code == 1);
  check_has(text_of(result, Level::error), "vms");
  boost::filesystem::remove(bridge.host.root() + "/run/vms");
}

BOOST_AUTO_TEST_CASE(a_call_that_stops_before_it_is_looked_at_fails_where_an_event_could_veto) {
  const auto refuses = [](const std::string& driver, const std::string& operation, const std::string& sub) {
    return must_refuse({driver, "vm", operation, sub, "-", ""});
  };
  for (const auto* operation : {"prepare", "migrate", "restore"})
    BOOST_TEST(refuses("qemu", operation, "begin"), operation);
  for (const auto* operation : {"start", "started", "reconnect", "attach"})
    BOOST_TEST(!refuses("qemu", operation, "begin"), operation);
  for (const auto* operation : {"stopped", "release"}) BOOST_TEST(!refuses("lxc", operation, "end"), operation);
  for (const auto* operation : {"start", "shutdown"}) BOOST_TEST(!refuses("daemon", operation, "-"), operation);
  BOOST_TEST(!refuses("network", "start", "begin"));
}
