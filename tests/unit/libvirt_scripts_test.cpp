// A call of libvirt's: what its scripts get, and what becomes of what they do.
#define BOOST_TEST_MODULE libvirt_scripts
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "libvirt_host.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

const std::string kFailed = "Hook script execution failed: internal error: Child process (";

// A filter that puts WHAT in front of the end of the document.
std::string filter(const std::string& what) { return "sed 's|</domain>|" + what + "</domain>|'"; }
std::string with(const std::string& what) {
  auto text = kDomain;
  return text.insert(text.find("</domain>"), what);
}

}  // namespace

BOOST_DATA_TEST_CASE(nothing_to_run_is_fine_and_needs_no_sound_document, data::make({"start", "migrate", "restore"})) {
  const LibvirtHost host;
  auto call = qemu(sample);
  call.input = "nonsense";
  const auto report = host.call(call);
  BOOST_TEST(!report.failed);
  BOOST_TEST(!report.changed);
  BOOST_TEST(report.document == "nonsense");
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_script_gets_four_arguments_and_the_document,
                     data::make(kRunners) *
                         data::make({"web-1", "web 01", "it's; $(id) \"x\"", "new\nline", "-v", "\xe2\x82\xac"}),
                     runner, name) {
  const LibvirtHost host;
  const auto path = host.put("qemu", "#!/bin/sh\nprintf '%s|' \"$0\" \"$@\" >&2\ncat >&2\n");
  auto call = qemu("release", name);
  call.extra = "from snapshot";
  const auto report = host.call(call, runner);
  BOOST_REQUIRE(report.scripts.size() == 1U);
  BOOST_TEST(report.scripts[0].process.err.text ==
             path + "|" + std::string(name) + "|release|end|from snapshot|" + kDomain);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(the_environment_is_what_libvirt_gives_and_no_more, data::make(kRunners)) {
  const auto said = in_child([&runner = sample] {
    const LibvirtHost host;
    host.put("qemu", "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >&2\n");
    ::clearenv();
    for (const char* name : {"TMPDIR", "LOGNAME", "USER", "HOME", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR", "LANG",
                             "LC_ALL", "VDSM_HOOK_HOOKS_DIR"})
      ::setenv(name, name, 1);
    ::setenv("PATH", "/usr/bin:/bin", 1);
    return host.call(qemu("start"), runner).scripts[0].process.err.text;
  });
  BOOST_TEST(said ==
             "LC_ALL=C\nLD_LIBRARY_PATH=LD_LIBRARY_PATH\nPATH=/usr/bin:/"
             "bin\nHOME=HOME\nUSER=USER\nLOGNAME=LOGNAME\nTMPDIR=TMPDIR\n");
}

BOOST_AUTO_TEST_CASE(all_run_even_after_one_has_failed_and_then_the_call_has_failed) {
  for (const std::string bad : {"qemu", "qemu.d/10", "qemu.d/20"}) {
    const LibvirtHost host;
    for (const std::string name : {"qemu.d/20", "qemu", "qemu.d/10"}) host.note(name, name == bad ? "exit 1" : "");
    const auto report = host.call(qemu("prepare"));
    BOOST_TEST(report.failed);
    BOOST_TEST(host.ran() == "qemu 10 20 ");
    for (const auto& script : report.scripts) BOOST_TEST(script.failed == (script.path == host.dir() + "/" + bad));
  }
}

BOOST_AUTO_TEST_CASE(the_error_is_in_libvirts_words) {
  struct Row {
    std::string object, script, command, words;
  };
  const std::vector<Row> rows{
      {"t1", "echo 'forbidden startup' >&2; exit 1", "t1", "unexpected exit status 1: forbidden startup"},
      {"t1", "exit 3", "t1", "unexpected exit status 3"},
      {"t1", "kill -9 $$", "t1", "unexpected fatal signal 9"},
      {"t1", "printf 'one\\ntwo\\n' >&2; exit 4", "t1", "unexpected exit status 4: one\ntwo"},
      {"a b", "exit 1", "'a b'", "unexpected exit status 1"},
      {"it's $(x);y", "exit 1", "'it'\\''s $(x);y'", "unexpected exit status 1"},
      {"a~b{c}%+,:@", "exit 1", "'a~b{c}%+,:@'", "unexpected exit status 1"},
      {"a=b%+,:@/_", "exit 1", "a=b%+,:@/_", "unexpected exit status 1"},
      {"\xc3\xbcmlaut", "exit 1", "\xc3\xbcmlaut", "unexpected exit status 1"},
      {"new\nline", "exit 1", "'new\nline'", "unexpected exit status 1"},
  };
  for (const auto& row : rows) {
    const auto said = in_child([&row] {
      const LibvirtHost host;
      const auto path = host.put("qemu", "#!/bin/sh\n" + row.script + "\n");
      ::clearenv();
      ::setenv("HOME", "/root", 1);
      ::setenv("PATH", "/usr/bin:/bin", 1);
      auto text = host.call(qemu("prepare", row.object)).error;
      const auto at = text.find(path);
      return at == std::string::npos ? text : text.replace(at, path.size(), "PATH");
    });
    BOOST_TEST(said == kFailed + "LC_ALL=C PATH=/usr/bin:/bin HOME=/root PATH " + row.command + " prepare begin -) " +
                           row.words);
  }
}

BOOST_AUTO_TEST_CASE(each_that_fails_is_named) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\necho first >&2; exit 1\n");
  host.put("qemu.d/10", "#!/nonexistent/python\n");
  host.put("qemu.d/20", "echo a text without an interpreter\n");  // libvirtd does not start it either
  host.put("qemu.d/30", "#!/bin/sh\n", 0757);
  const auto report = host.call(qemu("start"));
  BOOST_TEST(report.failed);
  for (const char* words :
       {"exit status 1: first", "/nonexistent/python (first line", "#!/bin/sh", "qemu.d/30 is not run: untrusted"})
    BOOST_TEST(mentions(report.error, words), words << " is not in " << report.error);
  BOOST_TEST(std::count(report.error.begin(), report.error.end(), '\n') == 3);
  BOOST_TEST(report.scripts.size() == 3U);
  BOOST_TEST((report.scripts[2].process.kind == Kind::not_started));
}

BOOST_DATA_TEST_CASE(a_filters_output_is_the_document_for_the_next_and_of_the_call,
                     data::make(kRunners) * data::make({"migrate", "restore"}), runner, operation) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\n" + filter("<a/>") + "\n");
  host.put("qemu.d/10", "#!/bin/sh\ncat >&2\n");           // says nothing: unchanged
  host.put("qemu.d/20", "#!/bin/sh\nprintf ' \\n\\t'\n");  // nothing but blanks: likewise
  host.put("qemu.d/30", "#!/bin/sh\n" + filter("<b/>") + "\n");
  const auto report = host.call(qemu(operation), runner);
  BOOST_TEST(!report.failed, report.error);
  BOOST_TEST(report.changed);
  BOOST_TEST(report.document == with("<a/><b/>"));
  BOOST_TEST(report.scripts[1].process.err.text == with("<a/>"));
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(report.scripts[i].changed == (i == 0 || i == 3));
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(elsewhere_the_output_is_not_used,
                     data::make({"prepare", "start", "started", "stopped", "release", "reconnect", "attach"})) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\necho '<domain/>'\n");
  host.put("qemu.d/10", "#!/bin/sh\ncat >&2\n");
  const auto report = host.call(qemu(sample));
  BOOST_TEST(!report.failed);
  BOOST_TEST(!report.changed);
  BOOST_TEST(report.document == kDomain);
  BOOST_TEST(report.scripts[1].process.err.text == kDomain);
}

BOOST_AUTO_TEST_CASE(a_broken_document_fails_the_script_and_goes_no_further) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"echo '<domain>'", "not well-formed at line 2"},
      {"echo nonsense; cat", "not well-formed at line 1"},
      {"echo '<network/>'", "domain"},
      {"sed s/web-1/web-2/", "name"},
      {"sed 's/<uuid>8c/<uuid>9c/'", "uuid"},
      {"cat; echo '<domain/>'", "not well-formed at line 7"},
      {filter("<a/>") + "; exit 1", "unexpected exit status 1"}};
  for (const auto& [script, words] : rows) {
    const LibvirtHost host;
    host.put("qemu", "#!/bin/sh\n" + script + "\n");
    host.put("qemu.d/10", "#!/bin/sh\ncat >&2\n");
    const auto report = host.call(qemu("migrate"));
    BOOST_TEST(report.failed, script);
    BOOST_TEST(report.scripts[0].failed, script);
    BOOST_TEST(mentions(report.error, words), words << " is not in " << report.error);
    BOOST_TEST(report.document == kDomain);
    BOOST_TEST(report.scripts[1].process.err.text == kDomain);
  }
}

BOOST_AUTO_TEST_CASE(a_filter_wants_a_sound_document) {
  const LibvirtHost host;
  host.note("qemu");
  auto call = qemu("migrate");
  for (const std::string input : {"", "nonsense", "<network/>"}) {
    call.input = input;
    BOOST_TEST(error_code_of([&] { host.call(call); }) == make_error_code(Errc::bad_document));
  }
  BOOST_TEST(host.ran() == "");
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_document_of_10_mb_goes_through_and_one_over_the_bound_does_not, data::make(kRunners)) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\n" + filter("<a/>") + "\n");
  auto call = qemu("restore");
  call.input = with("<!--" + std::string(10U << 20, 'x') + "-->");
  auto report = host.call(call, sample);
  BOOST_TEST(!report.failed, report.error);
  BOOST_TEST(report.document.size() == call.input.size() + 4);
  auto settings = host.settings();
  settings.max_payload_bytes = call.input.size();
  report = call_libvirt_scripts(call, host.dir(), settings, *make_runner(sample));
  BOOST_TEST(report.failed);
  BOOST_TEST(mentions(report.error, "printed more than"), report.error.substr(0, 200));
  BOOST_TEST(report.document.size() == call.input.size());
}

BOOST_DATA_TEST_CASE(a_script_that_does_not_read_a_large_document_is_fine, data::make(kRunners)) {
  const LibvirtHost host;
  host.put("qemu");
  auto call = qemu("start");
  call.input = std::string(10U << 20, 'x');
  BOOST_TEST(!host.call(call, sample).failed);
}

BOOST_DATA_TEST_CASE(huge_outputs_are_bounded, data::make(kRunners)) {
  const LibvirtHost host;
  host.put("qemu",
           "#!/bin/sh\nhead -c 30000000 /dev/zero | tr '\\0' x\nhead -c 30000000 /dev/zero | tr '\\0' y >&2\necho the "
           "end >&2\nexit 1\n");
  const auto report = host.call(qemu("start"), sample);
  BOOST_TEST(report.scripts[0].process.out.text.size() == kOutputTailBytes);
  BOOST_TEST(report.error.size() < kOutputTailBytes + 2000);
  BOOST_TEST(report.error.ends_with("the end"));
  BOOST_TEST(mentions(report.error, "unexpected exit status 1: [...] yyy"));
}

BOOST_DATA_TEST_CASE(a_script_that_writes_its_input_changes_nothing_for_the_next, data::make(kRunners)) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\necho broken >/proc/self/fd/0\nrm -f \"$(readlink /proc/$$/fd/0)\"\n");
  host.put("qemu.d/10", "#!/bin/sh\ncat >&2\n");
  BOOST_TEST(host.call(qemu("start"), sample).scripts[1].process.err.text == kDomain);
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(the_deadline_stops_the_whole_tree_and_the_next_still_runs,
                     data::make(kRunners) * data::make({"sleep 1000", "setsid sleep 1000",
                                                        "env -i setsid sh -c 'trap \"\" TERM; sleep 1000'"}),
                     runner, child) {
  const LibvirtHost host;
  BOOST_REQUIRE(::mkfifo((host.root() + "/fifo").c_str(), 0600) == 0);
  UniqueFd reader(::open((host.root() + "/fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  host.put("qemu", "#!/bin/sh\nexec 3>'" + host.root() + "/fifo'\n" + child + " &\nwait\n");
  host.note("qemu.d/10");
  auto settings = host.settings();
  settings.deadline = 300ms;
  const auto report = call_libvirt_scripts(qemu("start"), host.dir(), settings, *make_runner(runner));
  BOOST_TEST(report.failed);
  BOOST_TEST(mentions(report.error, ") no end within its deadline of 300ms"), report.error);
  BOOST_TEST(host.ran() == "10 ");
  char byte = 0;
  BOOST_TEST(::read(reader.get(), &byte, 1) == 0, "somebody still holds the pipe");
  reader.reset();
  host.check_nothing_left();
}

BOOST_DATA_TEST_CASE(a_cancelled_call_starts_nothing_more, data::make(kRunners)) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\ntouch '" + host.root() + "/ready'\nsleep 1000\n");
  host.note("qemu.d/10");
  std::stop_source source;
  const std::jthread canceller([&] {
    eventually([&] { return boost::filesystem::exists(host.root() + "/ready"); });
    source.request_stop();
  });
  const auto report = host.call(qemu("start"), sample, source.get_token());
  BOOST_TEST(report.failed);
  BOOST_TEST(report.is_cancelled);
  BOOST_TEST(mentions(report.scripts[1].reason, "not reached"));
  BOOST_TEST(host.ran() == "");
}

BOOST_AUTO_TEST_CASE(the_daemons_scripts_get_an_empty_input) {
  const LibvirtHost host;
  host.put("daemon", "#!/bin/sh\nprintf '%s|' \"$@\" >&2\nwc -c >&2\n");
  const auto report = host.call({"daemon", "-", "reload", "begin", "SIGHUP", {}});
  BOOST_TEST(report.scripts[0].process.err.text == "-|reload|begin|SIGHUP|0\n");
}

BOOST_DATA_TEST_CASE(in_a_vms_tree_the_first_failure_is_the_last, data::make(kRunners)) {
  const LibvirtHost host;
  const std::string tree = "qemu.d/web-1/start/begin/";
  host.put(tree + "10",
           "echo \"$*\" >&2; echo '10' >>'" + host.root() + "/ran'\n");  // without #!, as the dispatchers ran it
  host.note(tree + "20", "cat >&2; exit 1");
  host.note(tree + "30");
  host.note("qemu");
  const auto report = host.run_tree(qemu("start"), sample);
  BOOST_TEST(report.failed);
  BOOST_TEST(host.ran() == "10 20 ");
  BOOST_TEST(report.scripts[0].process.err.text == "web-1 start begin -\n");
  BOOST_TEST(report.scripts[1].process.err.text == kDomain);
  BOOST_TEST(mentions(report.scripts[2].reason, "not reached"));
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(in_a_vms_tree_an_untrusted_file_stops_all) {
  const LibvirtHost host;
  host.note("qemu.d/web-1/start/begin/10");
  host.put("qemu.d/web-1/start/begin/20", "#!/bin/sh\n", 0777);
  const auto report = host.run_tree(qemu("start"));
  BOOST_TEST(report.failed);
  BOOST_TEST(host.ran() == "");
  BOOST_TEST(mentions(report.error, "20 is not run: untrusted"));
  BOOST_TEST(mentions(report.scripts[0].reason, "20 is not run"));
}

BOOST_AUTO_TEST_CASE(a_script_whose_interpreter_others_can_write_is_not_run_and_fails_the_call) {
  const LibvirtHost host;
  const auto interpreter = host.put("../shell", "#!/bin/sh\nexec /bin/sh \"$@\"\n");
  for (const std::string tree : {"qemu.d", "qemu.d/web-1/start/begin"}) {
    host.put(tree + "/10", "#!" + interpreter + "\necho 10 >>'" + host.root() + "/ran'\n");
    host.note(tree + "/20");
  }
  BOOST_TEST(!host.call(qemu("start")).failed);
  BOOST_TEST(!host.run_tree(qemu("start")).failed);
  BOOST_TEST(host.ran() == "10 20 10 20 ");
  host.write("ran", "");
  ::chmod(interpreter.c_str(), 0777);
  for (const bool is_tree : {false, true}) {
    const auto report = is_tree ? host.run_tree(qemu("start")) : host.call(qemu("start"));
    BOOST_TEST(report.failed);
    BOOST_REQUIRE(report.scripts.size() == 2U);
    BOOST_TEST((report.scripts[0].failed && !report.scripts[0].ran && report.scripts[1].ran != is_tree));
    BOOST_TEST(mentions(report.error, "/shell is writable by everybody"), report.error);
  }
  BOOST_TEST(host.ran() == "20 ");  // libvirt's rule for a driver's scripts: the others run all the same
}

BOOST_DATA_TEST_CASE(a_password_in_what_scripts_say_is_hidden, data::make(kRunners) * data::make({"start", "restore"}),
                     runner, operation) {
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\ncat >&2; echo 'it is hunter two' >&2; exit 1\n");
  auto call = qemu(operation);
  call.input = with("<devices><graphics type='vnc' passwd='hunter\ntwo'/></devices>");
  const auto report = host.call(call, runner);
  BOOST_TEST(report.failed);
  BOOST_TEST(report.document == call.input);
  for (const auto& text : {report.error, report.scripts.at(0).process.err.text}) {
    BOOST_TEST(mentions(text, "it is ***"), text);
    BOOST_TEST(!mentions(text, "hunter"), text);
  }
}

// It has the file as its standard input, and goes on when it has ended.
BOOST_DATA_TEST_CASE(what_a_script_left_running_edits_nothing_that_the_next_gets, data::make(kRunners)) {
  const LibvirtHost host;
  const auto go = host.dir() + "/go", ready = host.dir() + "/ready";
  host.put("qemu", "#!/bin/sh\nfile=$(readlink /proc/self/fd/0)\n(while [ ! -e " + go +
                       " ]; do sleep 0.01; done; echo junk >\"$file\"; : >" + ready +
                       ") </dev/null >/dev/null 2>&1 &\nexit 0\n");
  host.put("qemu.d/10", "#!/bin/sh\n: >" + go + "; while [ ! -e " + ready + " ]; do sleep 0.01; done; cat >&2\n");
  const auto report = host.call(qemu("start"), sample);
  BOOST_TEST(report.scripts.at(1).process.err.text == kDomain);
}
