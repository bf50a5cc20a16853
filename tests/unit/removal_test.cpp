#define BOOST_TEST_MODULE removal
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "system_calls.hpp"
#include "vdsm_hook/base/removal.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

const std::vector<std::vector<CallRule>> kWays{{}, {kNoOpenat2}};

// DEPTH directories, each in the one before it, and a file in every tenth.
void nest(const std::string& top, int depth) {
  UniqueFd here(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    BOOST_REQUIRE(::mkdirat(here.get(), "d", 0755) == 0);
    here.reset(::openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (i % 10 == 0) UniqueFd(::openat(here.get(), "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
}

// As another process that may open few files. Returns what remove_tree() returns.
bool removes(const std::string& parent, const std::string& name, const std::vector<CallRule>& way,
             rlim_t descriptors = 1024) {
  const auto said = in_process(way, [&] {
    const auto directory = Directory::open(parent);
    const rlimit few{descriptors, descriptors};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) throw Error(Errc::wrong_use, "no limit");
    throw Error(Errc::wrong_use, remove_tree(directory, name) ? "gone" : "left");
  });
  BOOST_TEST((said == "gone" || said == "left"), said);
  return said == "gone";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_depth_that_no_path_and_no_number_of_descriptors_reaches_is_removed) {
  for (const auto& way : kWays) {
    const TempDir dir;
    dir.dir("tree/side/more");
    dir.file("tree/side/more/file", "x");
    nest(dir / "tree", 8000);
    BOOST_TEST(removes(dir.path(), "tree", way, 16));
    BOOST_TEST(count_entries(dir.path()) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(many_entries_of_every_kind_are_removed) {
  const TempDir dir;
  dir.dir("tree");
  for (int i = 0; i < 1000; ++i) {
    const auto number = std::to_string(i);
    dir.dir("tree/d" + number + "/e");
    dir.file("tree/f" + number, "x");
    dir.file("tree/d" + number + "/e/f", "x");
  }
  dir.link("tree/link", "f1");
  dir.fifo("tree/pipe");
  dir.dir("tree/.vdsm-hook-gone-0");
  const auto directory = Directory::open(dir / "tree");
  BOOST_TEST(remove_contents(directory));
  BOOST_TEST(count_entries(dir / "tree") == 0U);
  BOOST_TEST(remove_tree(Directory::open(dir.path()), "tree"));
  BOOST_TEST(!remove_tree(Directory::open(dir.path()), "tree"));
}

BOOST_AUTO_TEST_CASE(links_are_removed_and_not_followed) {
  const TempDir dir;
  dir.file("precious/file", "x");
  dir.dir("tree/sub");
  dir.link("tree/to_dir", dir / "precious");
  dir.link("tree/sub/to_file", "../../precious/file");
  dir.link("itself", "precious");
  const auto directory = Directory::open(dir.path());
  BOOST_TEST(remove_tree(directory, "tree"));
  BOOST_TEST(!remove_tree(directory, "itself"));
  BOOST_TEST(content_of(dir / "precious/file") == "x");
  BOOST_TEST(count_entries(dir.path()) == 2U);
}

BOOST_AUTO_TEST_CASE(mount_points_are_left_with_what_they_have, *boost::unit_test::precondition(as_root)) {
  for (const auto& way : kWays) {
    const TempDir dir;
    dir.file("precious/file", "x");
    dir.dir("tree/deep/er/mounted");
    dir.file("tree/deep/file", "x");
    dir.dir("itself");
    const auto said = in_process(way, [&] {
      const auto mount = [&](const std::string& at) {
        return ::mount((dir / "precious").c_str(), (dir / at).c_str(), nullptr, MS_BIND, nullptr) == 0;
      };
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          !mount("tree/deep/er/mounted") || !mount("itself"))
        throw Error(Errc::wrong_use, "cannot mount");
      const auto directory = Directory::open(dir.path());
      if (remove_tree(directory, "tree") || remove_tree(directory, "itself"))
        throw Error(Errc::wrong_use, "it says that they are gone");
    });
    BOOST_TEST(said == "");
    BOOST_TEST(content_of(dir / "precious/file") == "x");
    BOOST_TEST(!boost::filesystem::exists(dir / "tree/deep/file"));
    BOOST_TEST(removes(dir.path(), "tree", way));  // there they are not mounted
  }
}

BOOST_AUTO_TEST_CASE(rights_that_somebody_took_from_himself_are_no_obstacle, *boost::unit_test::precondition(as_root)) {
  for (const auto& way : kWays) {
    const TempDir dir;
    dir.dir("his", 0777);
    const auto said = in_stranger(
        [&] {
          for (const auto* name : {"his/tree", "his/tree/a", "his/tree/a/b"}) ::mkdir((dir / name).c_str(), 0700);
          for (const auto* name : {"his/tree/a/b", "his/tree/a", "his/tree"}) ::chmod((dir / name).c_str(), 0);
          if (!remove_tree(Directory::open(dir / "his"), "tree")) throw Error(Errc::wrong_use, "it stays");
        },
        way);
    BOOST_TEST(said == "");
    BOOST_TEST(count_entries(dir / "his") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_directory_of_another_is_left_alone, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.file("tree/file", "x");
  dir.chown("tree", kStranger);
  BOOST_TEST(!remove_tree(Directory::open(dir.path()), "tree"));
  BOOST_TEST(content_of(dir / "tree/file") == "x");
}
