// Which calls libvirt makes, and which files are its scripts.
#define BOOST_TEST_MODULE libvirt_find
#include <unistd.h>

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "libvirt_host.hpp"
#include "vdsm_hook/base/text.hpp"

namespace data = boost::unit_test::data;
namespace fs = boost::filesystem;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Paths_ = std::vector<std::string>;
using Reason = IgnoredFile::Reason;

namespace {

std::string refusal_of(const LibvirtCall& call) {
  std::string text;
  BOOST_TEST(error_code_of([&] { operation_of(call); }, &text) == make_error_code(Errc::wrong_use));
  return text;
}

Discovery vm_scripts(const LibvirtHost& host, const std::string& vm) {
  return find_vm_scripts(host.dir(), qemu("start", vm), Trust());
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_calls_are_those_that_libvirt_documents) {
  std::string all;
  for (const auto& driver : libvirt_drivers())
    for (const auto& operation : driver.operations) {
      const LibvirtCall call{
          std::string(driver.name), "-", std::string(operation.name), std::string(operation.sub_operation), "-", {}};
      BOOST_TEST(&operation_of(call) == &operation);
      if (operation.filters) all += std::string(driver.name) + " " + std::string(operation.name) + ", ";
    }
  BOOST_TEST(all == "qemu migrate, qemu restore, libxl migrate, ");
  BOOST_TEST(libvirt_drivers().size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_call_that_libvirt_does_not_make_is_refused_with_the_nearest) {
  BOOST_TEST(mentions(refusal_of({"qemi", "a", "start", "begin", "-", {}}), "did you mean qemu?"));
  BOOST_TEST(mentions(refusal_of({"../x", "a", "start", "begin", "-", {}}), "daemon, qemu, lxc"));
  BOOST_TEST(mentions(refusal_of({"qemu", "a", "prepair", "begin", "-", {}}), "did you mean prepare?"));
  BOOST_TEST(mentions(refusal_of({"qemu", "a", "plugged", "begin", "-", {}}), "operation of qemu"));
  BOOST_TEST(mentions(refusal_of({"lxc", "a", "migrate", "begin", "-", {}}), "operation of lxc"));
  BOOST_TEST(mentions(refusal_of({"qemu", "a", "stopped", "begin", "-", {}}), "'end', not 'begin'"));
  BOOST_TEST(mentions(refusal_of({"daemon", "-", "start", "begin", "start", {}}), "'-', not 'begin'"));
  BOOST_TEST(mentions(refusal_of({"qemu", "", "start", "begin", "-", {}}), "empty"));
  BOOST_TEST(mentions(refusal_of({"qemu", std::string("a\0b", 3), "start", "begin", "-", {}}), "NUL"));
}

BOOST_AUTO_TEST_CASE(the_main_script_is_first_and_the_others_come_in_byte_order) {
  Paths_ names{"qemu", "qemu.d/10", "qemu.d/9", "qemu.d/B", "qemu.d/a"};
  const Paths_ expected = names;
  std::sort(names.begin(), names.end());
  int permutations = 0;
  do {
    const LibvirtHost host;
    for (const auto& name : names) host.put(name);
    BOOST_TEST(paths_of(find_driver_scripts(host.dir(), "qemu", Trust()).hooks, host.dir()) == expected,
               boost::test_tools::per_element());
    ++permutations;
  } while (std::next_permutation(names.begin(), names.end()));
  BOOST_TEST(permutations == 120);
}

BOOST_AUTO_TEST_CASE(what_is_there_is_looked_up_at_every_call) {
  const LibvirtHost host;
  BOOST_TEST(find_driver_scripts(host.dir() + "/none", "qemu", Trust()).hooks.empty());
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust()).ignored.empty());
  host.put("qemu.d/10");
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust()).hooks.size() == 1U);
  host.put("qemu");
  host.put("lxc");
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust()).hooks.size() == 2U);
  fs::remove_all(host.dir());
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust()).hooks.empty());
}

BOOST_AUTO_TEST_CASE(every_file_that_is_not_run_has_its_reason) {
  struct Row {
    const char* name;
    Reason reason;
    bool is_problem;
  };
  const std::vector<Row> rows{
      {"qemu", Reason::not_executable, false},          {"qemu.d/.hidden", Reason::leftover, false},
      {"qemu.d/10.rpmsave", Reason::leftover, false},   {"qemu.d/10~", Reason::leftover, false},
      {"qemu.d/20-off", Reason::not_executable, false}, {"qemu.d/30-open", Reason::untrusted, true},
      {"qemu.d/40-pipe", Reason::not_regular, false},   {"qemu.d/50-nowhere", Reason::not_regular, false},
      {"qemu.d/60-empty", Reason::masked, false}};
  const LibvirtHost host;
  host.put("qemu", "#!/bin/sh\n", 0644);
  for (const char* name : {"qemu.d/.hidden", "qemu.d/10.rpmsave", "qemu.d/10~"}) host.put(name);
  host.put("qemu.d/20-off", "#!/bin/sh\n", 0644);
  host.put("qemu.d/30-open", "#!/bin/sh\n", 0757);
  BOOST_REQUIRE(::mkfifo((host.dir() + "/qemu.d/40-pipe").c_str(), 0755) == 0);
  fs::create_symlink("/nonexistent", host.dir() + "/qemu.d/50-nowhere");
  host.put("qemu.d/60-empty", "");
  fs::create_directory(host.dir() + "/qemu.d/web-1");  // a VM's tree
  const auto found = find_driver_scripts(host.dir(), "qemu", Trust());
  BOOST_TEST(found.hooks.empty());
  BOOST_REQUIRE(found.ignored.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    BOOST_TEST(found.ignored[i].path == host.dir() + "/" + rows[i].name);
    BOOST_TEST((found.ignored[i].reason == rows[i].reason), rows[i].name);
    BOOST_TEST(found.ignored[i].is_problem() == rows[i].is_problem, rows[i].name);
  }
}

BOOST_AUTO_TEST_CASE(a_main_script_that_is_a_directory_and_a_directory_that_is_a_file_are_named) {
  const LibvirtHost host;
  fs::create_directory(host.dir() + "/qemu");
  host.put("qemu.d");
  const auto found = find_driver_scripts(host.dir(), "qemu", Trust());
  BOOST_REQUIRE(found.ignored.size() == 2U);
  BOOST_TEST((found.ignored[0].reason == Reason::subdirectory));
  BOOST_TEST((found.ignored[1].reason == Reason::unreadable));
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_can_write_taints_its_scripts) {
  for (const char* open : {"", "/qemu.d"}) {
    const LibvirtHost host;
    host.put("qemu.d/10");
    ::chmod((host.dir() + open).c_str(), 0777);
    const auto found = find_driver_scripts(host.dir(), "qemu", Trust());
    BOOST_TEST(found.hooks.empty());
    BOOST_TEST(
        std::any_of(found.ignored.begin(), found.ignored.end(), [](const auto& file) { return file.is_problem(); }));
  }
}

BOOST_AUTO_TEST_CASE(a_vms_tree_is_a_file_or_a_directory_of_files) {
  const LibvirtHost host;
  BOOST_TEST(vm_scripts(host, "web-1").hooks.empty());
  host.put("qemu.d/web-1/start/begin");
  host.put("qemu.d/other/start/begin");
  BOOST_TEST(paths_of(vm_scripts(host, "web-1").hooks, host.dir()) == Paths_{"qemu.d/web-1/start/begin"},
             boost::test_tools::per_element());
  fs::remove(host.dir() + "/qemu.d/web-1/start/begin");
  for (const char* name : {"9", "10", "B", "a", "a~"}) host.put(std::string("qemu.d/web-1/start/begin/") + name);
  fs::create_directory(host.dir() + "/qemu.d/web-1/start/begin/deeper");
  const auto found = vm_scripts(host, "web-1");
  const std::string tree = host.dir() + "/qemu.d/web-1/start/begin";
  BOOST_TEST(paths_of(found.hooks, tree) == (Paths_{"10", "9", "B", "a"}), boost::test_tools::per_element());
  BOOST_TEST(found.ignored.size() == 2U);  // a~ and deeper
  BOOST_TEST(find_vm_scripts(host.dir(), qemu("stopped"), Trust()).hooks.empty());
}

BOOST_AUTO_TEST_CASE(a_file_of_the_vms_name_is_a_script_of_the_driver_and_no_tree) {
  const LibvirtHost host;
  host.put("qemu.d/web-1");
  const auto found = vm_scripts(host, "web-1");
  BOOST_TEST(found.hooks.size() + found.ignored.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_vm_may_have_any_name_that_a_directory_can_have) {
  std::string long_name;
  while (long_name.size() + 3 <= 255) long_name += "\xe2\x82\xac";  // 85 euro signs: 255 bytes
  BOOST_REQUIRE(long_name.size() == 255U);
  for (const std::string& vm :
       {std::string("web 01"), std::string("it's \"it\""), std::string("a; touch x"), std::string("$(id)`id`"),
        std::string("new\nline"), std::string("-rf"), std::string("..."), std::string(".git"), std::string("*"),
        std::string("\xff\xfe"), long_name}) {
    const LibvirtHost host;
    host.put("qemu.d/" + vm + "/start/begin");
    const auto found = vm_scripts(host, vm);
    BOOST_REQUIRE_MESSAGE(found.hooks.size() == 1U, printable(vm));
    BOOST_TEST(found.hooks[0].path == host.dir() + "/qemu.d/" + vm + "/start/begin");
  }
}

BOOST_AUTO_TEST_CASE(a_name_that_no_directory_can_have_has_no_tree) {
  const LibvirtHost host;
  host.put("qemu.d/start/begin");      // what "." would find
  host.put("start/begin");             // what ".." would find
  host.put("qemu.d/a/b/start/begin");  // what "a/b" would find
  host.put("qemu.d/a/start/begin");    // what "a\0b" and "a/" would find
  for (const std::string& vm :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a/"), std::string("/a"),
        std::string("../qemu.d/a"), std::string("a\0b", 3), std::string(256, 'a')}) {
    const auto found = vm_scripts(host, vm);
    BOOST_TEST(found.hooks.size() + found.ignored.size() == 0U, printable(vm));
  }
  auto call = qemu("start", "a");
  call.sub_operation = "../../b/start/begin";
  BOOST_TEST(find_vm_scripts(host.dir(), call, Trust()).hooks.empty());
}

BOOST_AUTO_TEST_CASE(every_directory_of_a_tree_must_be_trusted) {
  for (const std::string open :
       {"qemu.d", "qemu.d/web-1", "qemu.d/web-1/start", "qemu.d/web-1/start/begin", "qemu.d/web-1/start/begin/10"})
    for (const mode_t mode : {0777, 0775, 01777}) {
      const LibvirtHost host;
      host.put("qemu.d/web-1/start/begin/10");
      ::chmod((host.dir() + "/" + open).c_str(), mode);
      const auto found = vm_scripts(host, "web-1");
      BOOST_TEST(found.hooks.empty(), open);
      BOOST_REQUIRE(found.ignored.size() == 1U);
      BOOST_TEST((found.ignored[0].reason == Reason::untrusted), open);
    }
}

BOOST_AUTO_TEST_CASE(what_is_missing_in_a_tree_that_others_can_write_is_a_problem) {
  for (const std::string open : {"", "/qemu.d", "/qemu.d/web-1", "/qemu.d/web-1/start"}) {
    const LibvirtHost host;
    fs::create_directories(host.dir() + "/qemu.d/web-1/start");
    BOOST_TEST(vm_scripts(host, "web-1").ignored.empty());
    ::chmod((host.dir() + open).c_str(), 0777);
    const auto found = vm_scripts(host, "web-1");
    BOOST_REQUIRE_MESSAGE(found.ignored.size() == 1U, open);
    BOOST_TEST((found.ignored[0].reason == Reason::untrusted), open);
    BOOST_TEST(mentions(found.ignored[0].text, host.dir() + open + " is writable"), found.ignored[0].text);
  }
}

BOOST_AUTO_TEST_CASE(a_tree_in_whose_place_others_can_put_a_file_is_a_problem) {
  const LibvirtHost host;
  fs::create_directories(host.dir() + "/qemu.d");
  fs::create_directories(host.root() + "/elsewhere");
  std::ofstream(host.root() + "/elsewhere/web-1") << "x";
  fs::create_symlink(host.root() + "/elsewhere/web-1", host.dir() + "/qemu.d/web-1");
  BOOST_TEST(vm_scripts(host, "web-1").ignored.empty());
  ::chmod((host.root() + "/elsewhere").c_str(), 0777);
  const auto found = vm_scripts(host, "web-1");
  BOOST_REQUIRE(found.ignored.size() == 1U);
  BOOST_TEST((found.ignored[0].reason == Reason::untrusted));
}

BOOST_AUTO_TEST_CASE(a_link_is_followed_to_trusted_places_only) {
  const LibvirtHost host;
  fs::create_directories(host.root() + "/elsewhere/begin");
  host.put("../elsewhere/begin/10");
  fs::create_directories(host.dir() + "/qemu.d/web-1");
  fs::create_directory_symlink(host.root() + "/elsewhere", host.dir() + "/qemu.d/web-1/start");
  BOOST_TEST(vm_scripts(host, "web-1").hooks.size() == 1U);
  ::chmod((host.root() + "/elsewhere").c_str(), 0777);
  const auto found = vm_scripts(host, "web-1");
  BOOST_TEST(found.hooks.empty());
  BOOST_REQUIRE(found.ignored.size() == 1U);
  BOOST_TEST(mentions(found.ignored[0].text, "/elsewhere is writable"), found.ignored[0].text);
}

BOOST_AUTO_TEST_CASE(a_script_of_a_stranger_is_not_trusted, *boost::unit_test::precondition(is_root)) {
  const LibvirtHost host;
  BOOST_REQUIRE(::chown(host.put("qemu").c_str(), 65534, 0) == 0);
  BOOST_REQUIRE(::chown(host.put("qemu.d/web-1/start/begin").c_str(), 65534, 0) == 0);
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust()).hooks.empty());
  BOOST_TEST(vm_scripts(host, "web-1").hooks.empty());
  BOOST_TEST(find_driver_scripts(host.dir(), "qemu", Trust({65534})).hooks.size() == 1U);
}
