#define BOOST_TEST_MODULE private_file
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "system_calls.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/payload/private_file.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

// As a process that is killed leaves it, with what a hook made in it.
std::string abandoned(const TempDir& dir, const std::string& runtime_dir) {
  const auto name = runtime_dir + "/vdsm-hook-run-" + random_uuid();
  dir.file(name + "/payload", "secret", 0600);
  dir.file(name + "/of_hook/deep/file", "x");
  dir.chmod(name, 0700);
  return name;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_killed_process_left_is_removed_and_nothing_else) {
  const TempDir dir;
  const auto left = abandoned(dir, "run");
  const std::vector<std::string> of_others{random_uuid(), "vdsm-hook-run-" + random_uuid() + "x", "vdsm-hook-run-",
                                           "pycache", ".vdsm-hook-run-" + random_uuid()};
  for (const auto& name : of_others) dir.file("run/" + name + "/payload", "precious");
  dir.file("run/vdsm-hook-run-" + random_uuid(), "no directory");
  { const PrivateFile file(dir / "run", random_uuid(), "document"); }
  BOOST_TEST(!boost::filesystem::exists(dir / left));
  for (const auto& name : of_others) BOOST_TEST(content_of(dir / "run/" + name + "/payload") == "precious", name);
  BOOST_TEST(count_entries(dir / "run") == of_others.size() + 1);
}

BOOST_AUTO_TEST_CASE(what_belongs_to_another_user_is_left, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto left = abandoned(dir, "run");
  dir.chown(left, kStranger);
  { const PrivateFile file(dir / "run", random_uuid(), "document"); }
  BOOST_TEST(content_of(dir / left + "/payload") == "secret");
}

BOOST_AUTO_TEST_CASE(a_link_in_the_place_of_what_was_left_is_not_followed) {
  const TempDir dir;
  dir.file("precious/payload", "x");
  dir.link("run/vdsm-hook-run-" + random_uuid(), "../precious");
  { const PrivateFile file(dir / "run", random_uuid(), "document"); }
  BOOST_TEST(content_of(dir / "precious/payload") == "x");
}

// As /tmp/vdsm-hook-UID is where there is no XDG_RUNTIME_DIR.
BOOST_AUTO_TEST_CASE(a_runtime_directory_behind_a_link_of_another_user_is_refused,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("home");
  const std::vector<std::string> of_victim{"home/" + random_uuid(), abandoned(dir, "home")};
  dir.file(of_victim[0] + "/payload", "precious");
  for (const auto& entry : boost::filesystem::recursive_directory_iterator(dir / "home"))
    BOOST_REQUIRE(::lchown(entry.path().c_str(), kStranger, kStranger) == 0);
  dir.chown("home", kStranger);
  dir.dir("tmp", 01777);
  dir.link("tmp/vdsm-hook-65534", "../home");
  dir.link("tmp/part", "../home");
  for (const uid_t owner : {uid_t{12345}, kStranger}) {
    dir.chown("tmp/vdsm-hook-65534", owner);
    const auto said =
        in_stranger([&] { const PrivateFile file(dir / "tmp/vdsm-hook-65534", random_uuid(), "document"); });
    BOOST_TEST(said.find(dir / "tmp/vdsm-hook-65534: it is a link") != std::string::npos, said);
  }
  dir.chown("tmp/part", 12345);
  const auto said = in_stranger([&] { const PrivateFile file(dir / "tmp/part/run", random_uuid(), "document"); });
  BOOST_TEST(said.find(dir / "tmp/part is a link of uid 12345") != std::string::npos, said);
  for (const auto& name : of_victim) BOOST_TEST(boost::filesystem::exists(dir / name + "/payload"));
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_could_have_made_is_refused, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("tmp", 01777);
  dir.dir("tmp/theirs");
  dir.chown("tmp/theirs", 12345);
  dir.dir("tmp/open", 0775);
  for (const auto* name : {"tmp/theirs", "tmp/open", "tmp"})
    check_error([&] { const PrivateFile file(dir / name, random_uuid(), "document"); }, Errc::engine_failure,
                {dir / name, "must be a directory of this user"});
  dir.file("tmp/file", "");
  check_error([&] { const PrivateFile file(dir / "tmp/file", random_uuid(), "document"); }, Errc::engine_failure,
              {dir / "tmp/file", "Not a directory"});
}

BOOST_AUTO_TEST_CASE(however_deep_a_hook_nests_directories_beside_the_payload_they_go) {
  const TempDir dir;
  dir.dir("run");
  const auto said = in_process({}, [&] {
    const PrivateFile file(dir / "run", random_uuid(), "document");
    UniqueFd here(::open(boost::filesystem::path(file.path()).parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < 3000; ++i) {
      ::mkdirat(here.get(), "d", 0700);
      here.reset(::openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    const rlimit few{32, 32};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  BOOST_TEST(said == "");
  BOOST_TEST(count_entries(dir / "run") == 0U);
}
