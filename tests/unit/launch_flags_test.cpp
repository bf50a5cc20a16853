// The flags that a VM is started with, where hooks change them.
#define BOOST_TEST_MODULE launch_flags
#include <boost/test/unit_test.hpp>

#include "support.hpp"
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
  for (const std::string text : {"", "paused", "4096", "4", "8", "2", "3", "-1", "+1", "0x1", "1 1", "4294967296",
                                 "1\n1", "99999999999999999999999999"}) {
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
