// Disks as hooks know them.
#define BOOST_TEST_MODULE disks
#include <boost/test/unit_test.hpp>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/libvirt/disks.hpp"

using namespace vdsm_hook;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_disk_without_a_volume_has_no_json) {
  BOOST_TEST(disk_to_json("<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>") == "");
  BOOST_TEST(disk_to_json("<disk type='file'><source index='1'/><target dev='hda'/></disk>") == "");
  BOOST_TEST(disk_to_json("<disk type='block'><source dev='/dev/a&amp;b'/></disk>") ==
             R"({"type":"disk","path":"/dev/a&b","diskType":"block"})");
}

BOOST_AUTO_TEST_CASE(a_changed_path_is_all_that_changes) {
  const std::string xml =
      "<disk type='file'>\n  <driver name='qemu'  type='raw'/><source file='/a'  "
      "startupPolicy='x'><seclabel/></source>\n</disk>";
  const auto json = disk_to_json(xml);
  BOOST_TEST(changed_disk(xml, json, json).xml == xml);
  const auto changed =
      changed_disk(xml, json, R"({"type":"disk","path":"/b&'","format":"qcow2","diskType":"block","new":1})");
  BOOST_TEST(has(changed.xml, "startupPolicy='x'><seclabel/></source>\n</disk>"), changed.xml);
  BOOST_TEST(has(changed.xml, "<driver name='qemu'  type='qcow2'/>"), changed.xml);
  BOOST_TEST(disk_to_json(changed.xml) == R"({"type":"disk","path":"/b&'","format":"qcow2","diskType":"file"})");
  BOOST_TEST((changed.unused == std::vector<std::string>{"diskType", "new"}));
  for (const auto* bad :
       {"[]", "7", R"({"path":7})", R"({"path":null})", R"({"path":["/a"]})", R"({"path":"/a\u0001"})",
        R"({"path":"/a\u0000"})", R"({"format":"\u001b[2J"})", R"({"path":"/\ufffe"})", R"({"path":"/\uffff"})"})
    BOOST_CHECK_THROW(changed_disk(xml, json, bad), Error);
  BOOST_TEST(
      disk_to_json(changed_disk(xml, json, R"({"path":"/a\t\r\n\u00e9\ud83d\ude00"})").xml).find(R"(/a\t\r\n)") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(json_as_deep_as_the_engine_takes_is_read) {
  const std::string xml = "<disk type='file'><source file='/a'/></disk>", json = disk_to_json(xml);
  for (const auto depth : {std::size_t{33}, kMaxNesting - 1}) {
    const auto left = R"({"path":"/b","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
    BOOST_TEST(has(changed_disk(xml, json, left).xml, "file='/b'"));
  }
}
