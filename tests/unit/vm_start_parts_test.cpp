// The parts of a start that are libraries of their own: launch flags, disks, whose change libvirt refuses.
#define BOOST_TEST_MODULE vm_start_parts
#include <libvirt/virterror.h>

#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/libvirt/blame.hpp"
#include "vdsm_hook/libvirt/disks.hpp"
#include "vdsm_hook/libvirt/launch_flags.hpp"

using namespace vdsm_hook;
using vdsm_hook::test::TempDir;

namespace {

const std::string kVm = "11111111-2222-4333-8444-555555555555";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool exists(const std::string& path) { return boost::filesystem::exists(boost::filesystem::symlink_status(path)); }
std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

// ---- launch flags

BOOST_AUTO_TEST_CASE(launch_flags_are_a_decimal_number_in_a_file_that_is_gone_afterwards) {
  const TempDir dir;
  const auto flags_dir = dir / "flags", file = flags_dir + "/" + kVm + "/launchflags";
  {
    LaunchFlags flags(flags_dir, kVm, 1);
    BOOST_TEST(content(file) == "1\n");
    for (const auto& [text, expected] : {std::pair("0", 0U), {"16\n", 16U}, {" 33 \n", 33U}}) {
      dir.file("flags/" + kVm + "/launchflags", text);
      BOOST_TEST(flags.read_back() == "");
      BOOST_TEST(flags.flags() == expected);
    }
  }
  BOOST_TEST(!exists(flags_dir + "/" + kVm));
}

BOOST_AUTO_TEST_CASE(bad_launch_flags_are_refused_and_written_anew) {
  const TempDir dir;
  LaunchFlags flags(dir.path(), kVm, 1);
  for (const std::string text : {"", "paused", "4096", "4", "8", "2", "3", "-1", "+1", "0x1", "1 1", "4294967296", "1\n1", "99999999999999999999999999"}) {
    dir.file(kVm + "/launchflags", text);
    BOOST_TEST(has(flags.read_back(), "they are 1 as before"), text);
    BOOST_TEST(flags.flags() == 1U);
    BOOST_TEST(content(dir / (kVm + "/launchflags")) == "1\n");
  }
  dir.file(kVm + "/launchflags", std::string(1 << 20, '1'));
  BOOST_TEST(flags.read_back() != "");
}

BOOST_AUTO_TEST_CASE(launch_flags_are_not_written_through_what_a_hook_put_there) {
  const TempDir dir;
  LaunchFlags flags(dir.path(), kVm, 1);
  const auto file = dir / (kVm + "/launchflags"), victim = dir.file("victim", "1");
  for (const bool is_link : {true, false}) {
    boost::filesystem::remove(file);
    is_link ? dir.link(kVm + "/launchflags", victim) : dir.fifo(kVm + "/launchflags");
    BOOST_TEST(has(flags.read_back(), "are in no file any more"));
    BOOST_TEST(boost::filesystem::is_regular_file(boost::filesystem::symlink_status(file)));
    BOOST_TEST(content(victim) == "1");
  }
  boost::filesystem::remove(file);
  dir.dir(kVm + "/launchflags");
  BOOST_CHECK_THROW(flags.read_back(), Error);
}

BOOST_AUTO_TEST_CASE(launch_flags_of_a_killed_start_are_forgotten_and_nothing_else) {
  const TempDir dir;
  LaunchFlags::forget(dir.path(), kVm);  // nothing is there
  dir.file(kVm + "/launchflags", "1");
  dir.file("other/launchflags", "1");
  LaunchFlags::forget(dir.path(), kVm);
  BOOST_TEST(!exists(dir / kVm));
  dir.file(kVm + "/launchflags", "1");
  dir.file(kVm + "/somebodys", "1");
  LaunchFlags::forget(dir.path(), kVm);
  BOOST_TEST(exists(dir / (kVm + "/somebodys")));
  BOOST_TEST(!exists(dir / (kVm + "/launchflags")));
  BOOST_TEST(exists(dir / "other/launchflags"));
}

// ---- disks

BOOST_AUTO_TEST_CASE(a_disk_without_a_volume_has_no_json) {
  BOOST_TEST(disk_to_json("<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>") == "");
  BOOST_TEST(disk_to_json("<disk type='file'><source index='1'/><target dev='hda'/></disk>") == "");
  BOOST_TEST(disk_to_json("<disk type='block'><source dev='/dev/a&amp;b'/></disk>") == R"({"type":"disk","path":"/dev/a&b","diskType":"block"})");
}

BOOST_AUTO_TEST_CASE(a_changed_path_is_all_that_changes) {
  const std::string xml = "<disk type='file'>\n  <driver name='qemu'  type='raw'/><source file='/a'  startupPolicy='x'><seclabel/></source>\n</disk>";
  const auto json = disk_to_json(xml);
  BOOST_TEST(changed_disk(xml, json, json).xml == xml);
  const auto changed = changed_disk(xml, json, R"({"type":"disk","path":"/b&'","format":"qcow2","diskType":"block","new":1})");
  BOOST_TEST(has(changed.xml, "startupPolicy='x'><seclabel/></source>\n</disk>"), changed.xml);
  BOOST_TEST(has(changed.xml, "<driver name='qemu'  type='qcow2'/>"), changed.xml);
  BOOST_TEST(disk_to_json(changed.xml) == R"({"type":"disk","path":"/b&'","format":"qcow2","diskType":"file"})");
  BOOST_TEST((changed.unused == std::vector<std::string>{"diskType", "new"}));
  for (const auto* bad : {"[]", "7", R"({"path":7})", R"({"path":null})", R"({"path":["/a"]})",
                          R"({"path":"/a\u0001"})", R"({"path":"/a\u0000"})", R"({"format":"\u001b[2J"})", R"({"path":"/\ufffe"})", R"({"path":"/\uffff"})"})
    BOOST_CHECK_THROW(changed_disk(xml, json, bad), Error);
  BOOST_TEST(disk_to_json(changed_disk(xml, json, R"({"path":"/a\t\r\n\u00e9\ud83d\ude00"})").xml).find(R"(/a\t\r\n)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(json_as_deep_as_the_engine_takes_is_read) {
  const std::string xml = "<disk type='file'><source file='/a'/></disk>", json = disk_to_json(xml);
  for (const auto depth : {std::size_t{33}, kMaxNesting - 1}) {
    const auto left = R"({"path":"/b","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
    BOOST_TEST(has(changed_disk(xml, json, left).xml, "file='/b'"));
  }
}

// ---- whose change it is

BOOST_AUTO_TEST_CASE(the_hook_is_named_that_put_in_what_the_error_quotes) {
  const Edit a{"before_vm_start/50_a", "@@ -1 +1 @@\n <domain>\n+<target bus='warp'/>\n"}, b{"before_vm_start/60_b", "-<x>warp</x>\n+<title>b</title>\n"};
  BOOST_TEST(blame("unknown bus 'warp'", VIR_ERR_XML_ERROR, {}) == "");
  for (const int code : {VIR_ERR_XML_ERROR, VIR_ERR_SYSTEM_ERROR}) BOOST_TEST(blame("unknown bus 'warp'", code, {a, b}) == "what libvirt refuses was put into the domain XML by before_vm_start/50_a");
  for (const auto* error : {"unsupported", "no 'other' thing", "'", "an 'open", "''", "'x'"})
    for (const int code : {VIR_ERR_XML_ERROR, VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INTERNAL_ERROR, VIR_ERR_OPERATION_FAILED})
      BOOST_TEST(blame(error, code, {a, b}) == "the domain XML that libvirt refused was changed by before_vm_start/50_a, before_vm_start/60_b", error);
}

BOOST_AUTO_TEST_CASE(what_is_not_about_the_document_is_blamed_on_no_hook) {
  const Edit edit{"before_vm_start/50_a", "+<title>a</title>\n"};
  for (const int code : {VIR_ERR_RPC, VIR_ERR_SYSTEM_ERROR, VIR_ERR_HOOK_SCRIPT_FAILED, VIR_ERR_NO_MEMORY, VIR_ERR_ACCESS_DENIED, VIR_ERR_OPERATION_TIMEOUT})
    BOOST_TEST(blame("End of file while reading data: Input/output error", code, {edit}) == "", code);
}
