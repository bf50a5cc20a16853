// What is written down of a VM.
#define BOOST_TEST_MODULE vm_journal
#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "support.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"
#include "vdsm_hook/libvirt_hooks/vm_lock.hpp"

using namespace vdsm_hook;
using vdsm_hook::test::TempDir;

namespace {

const std::string kVm = "aaaaaaaa-2222-4333-8444-555555555555", kHost = "11111111-2222-4333-8444-555555555555",
                  kOther = "22222222-2222-4333-8444-555555555555";

std::unique_ptr<VmLock> lock_now(const TempDir& dir, const std::string& host = kHost) {
  return VmLock::take({dir.path(), kVm}, host, {}, [] { return false; });
}

VmJournal journal_in(const TempDir& dir) { return VmJournal(VmDirectory(dir.path(), kVm)); }

void write_run(VmJournal& journal, const VmRun& run) {
  journal.change([&](VmRecord& record) { record.runs[kHost] = run; });
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
  auto journal = journal_in(dir);
  BOOST_TEST(!journal.run_of(kHost));
  const auto lock = lock_now(dir);
  const auto run = some_run();
  write_run(journal, run);
  const auto read = VmJournal(VmDirectory(dir.path(), "AAAAAAAA-2222-4333-8444-555555555555")).run_of(kHost);
  BOOST_REQUIRE(read);
  BOOST_TEST(read->command == run.command);
  BOOST_TEST(read->pid == run.pid);
  BOOST_TEST(read->since == run.since);
  BOOST_TEST(read->phase == run.phase);
  BOOST_TEST(read->next_phases == run.next_phases);
  BOOST_TEST((read->stage == run.stage && read->hooks_ran));
  BOOST_TEST_REQUIRE(read->fired.size() == 2U);
  BOOST_TEST((read->find_fired("before_device_create", "interface 52:54:00:00:00:01") != nullptr &&
              read->fired[0].is_over && !read->fired[1].is_over));
  BOOST_TEST((read->find_fired("before_device_create", "disk vda") == nullptr));
  BOOST_TEST(read->device == run.device);
  BOOST_TEST(read->own_events == run.own_events);
  BOOST_TEST((read->created == run.created));
  BOOST_TEST((read->properties == run.properties && read->parameters == run.parameters));
  BOOST_TEST(read->document == run.document);
  BOOST_TEST(!journal.run_of(kOther));
  for (int i = 0; i < 2; ++i) journal.change([](VmRecord& record) { record.runs.erase(kHost); });
  BOOST_TEST(!journal.run_of(kHost));
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
  auto journal = journal_in(dir);
  write_run(journal, some_run());
  const auto file = dir.path() + "/vms/" + kVm + "/record";
  const auto good = vdsm_hook::test::content_of(file);
  for (const auto& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string("\xff"),
        with(good, "\"version\":1", "\"version\":2"), with(good, "\"phase\":\"start\"", "\"phase\":\"hatch\""),
        with(good, "\"continue\"", "\"hatch\""), with(good, "\"acting\"", "\"dreaming\""),
        with(good, "\"pid\":42", "\"pid\":42,\"mood\":1"), with(good, "\"pid\":42", "\"pid\":\"42\""),
        with(good, "\"expected\"", "\"unexpected\"")}) {
    dir.file("vms/" + kVm + "/record", text);
    const auto names_it = [&](const Error& error) {
      return error.code() == Errc::engine_failure && std::string(error.what()).find(file) != std::string::npos;
    };
    BOOST_CHECK_EXCEPTION(journal.run_of(kHost), Error, names_it);
    BOOST_CHECK_EXCEPTION(write_run(journal, some_run()), Error, names_it);
    BOOST_CHECK_EXCEPTION(journal.is_fired_by_command("after_vm_start"), Error, names_it);
    BOOST_TEST(vdsm_hook::test::content_of(file) == text);
  }
  journal.forget();
  BOOST_TEST(!journal.run_of(kHost));
  write_run(journal, some_run());
}

BOOST_AUTO_TEST_CASE(what_the_first_version_wrote_down_cannot_be_read_and_can_be_forgotten) {
  const TempDir dir;
  auto journal = journal_in(dir);
  const auto file = dir.file("vms/" + kVm + "/" + kHost + ".run", R"({"command":"start","phase":"start"})");
  BOOST_CHECK_EXCEPTION(journal.read(), Error,
                        [&](const Error& error) { return std::string(error.what()).find(file) != std::string::npos; });
  journal.forget();
  BOOST_TEST(!journal.run_of(kHost));
}

BOOST_AUTO_TEST_CASE(changes_of_many_at_once_are_all_kept_and_a_writer_that_was_killed_is_in_nobodys_way) {
  const TempDir dir;
  dir.file("vms/" + kVm + "/record.new", "half of a rec");
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&dir] {
      auto journal = journal_in(dir);
      for (int i = 0; i < 25; ++i) journal.change([](VmRecord& record) { record.expect("after_vm_pause"); });
    });
  writers.clear();
  auto journal = journal_in(dir);
  BOOST_TEST(journal.read().expected.size() == 100U);
  for (int i = 0; i < 100; ++i) BOOST_TEST(journal.take_expected("after_vm_pause"));
  BOOST_TEST(!journal.take_expected("after_vm_pause"));
  BOOST_TEST(!boost::filesystem::exists(dir.path() + "/vms/" + kVm));  // nothing is known of it any more
}

BOOST_AUTO_TEST_CASE(what_the_bridge_fired_is_noted_for_whoever_recovers_a_killed_command_and_not_for_one_that_runs) {
  const TempDir dir;
  auto journal = journal_in(dir), bridge = journal_in(dir);
  auto held = lock_now(dir);
  write_run(journal, some_run());
  bridge.note_fired("after_vm_destroy");
  BOOST_TEST((journal.run_of(kHost)->find_fired("after_vm_destroy", "") == nullptr));
  held.reset();
  bridge.note_fired("after_device_destroy");
  const auto run = journal.run_of(kHost);
  const auto* fired = run->find_fired("after_device_destroy", "whichever device");
  BOOST_TEST((fired != nullptr && fired->is_over));
}

BOOST_AUTO_TEST_CASE(what_a_command_fires_itself_is_its_matter_once_it_has_asked_libvirt_and_while_it_runs) {
  const TempDir dir;
  auto journal = journal_in(dir);
  auto held = lock_now(dir);
  auto run = some_run();
  run.stage = VmRun::Stage::before;
  write_run(journal, run);
  BOOST_TEST(!journal.is_fired_by_command("after_vm_start"));
  write_run(journal, some_run());
  BOOST_TEST(journal.is_fired_by_command("after_vm_start"));
  BOOST_TEST(!journal.is_fired_by_command("after_vm_destroy"));
  held.reset();
  BOOST_TEST(!journal.is_fired_by_command("after_vm_start"));  // of a run that was killed
}

BOOST_AUTO_TEST_CASE(a_uuid_is_no_path) {
  for (const auto& uuid : std::vector<std::string>{"", "..", "../x", "/etc", kVm + "/..", kVm + "\n"})
    BOOST_CHECK_THROW(VmDirectory("/run/x", uuid), Error);
}

BOOST_AUTO_TEST_CASE(vms_with_a_directory_are_those_that_have_a_uuids) {
  const TempDir dir;
  BOOST_TEST(vms_with_directory(dir.path()).empty());
  dir.file("vms/" + kVm + "/record", "");
  dir.file("vms/somebodys/file", "");
  BOOST_TEST((vms_with_directory(dir.path()) == std::vector<std::string>{kVm}));
}
