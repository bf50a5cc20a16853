#define BOOST_TEST_MODULE open_path
#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "system_calls.hpp"
#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/open_path.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

// With the kernel's openat2() and without it: whatever holds for one way holds for the other.
const std::vector<std::vector<CallRule>> kWays{{}, {kNoOpenat2}};

// What the file PATH has, or the reason without the path.
std::string content_by(const std::string& path, Links links = Links::kernel, int flags = O_RDONLY) {
  const auto opened = open_path(path, flags, links);
  return opened ? *read_to_end(opened.fd.get(), 100000, path) : std::to_string(opened.error) + " " + opened.why;
}

template <class Action>
void both_ways(Action action) {
  for (const auto& way : kWays) {
    const auto said = in_process(way, [&] {
      const auto wrong = action();
      if (!wrong.empty()) throw Error(Errc::wrong_use, wrong);
    });
    BOOST_TEST(said == "", (way.empty() ? "with openat2: " : "without openat2: ") << said);
  }
}

struct Row {
  std::string path, wanted;  // the beginning
};

std::string differences(const std::vector<Row>& rows, Links links, int flags = O_RDONLY) {
  std::string all;
  for (const auto& row : rows) {
    const auto got = content_by(row.path, links, flags);
    if (!got.starts_with(row.wanted)) all += row.path + ": '" + got + "' instead of '" + row.wanted + "'\n";
  }
  return all;
}

std::string number(int error) { return std::to_string(error) + " "; }

}  // namespace

BOOST_AUTO_TEST_CASE(paths_are_read_as_the_kernel_reads_them) {
  const TempDir dir;
  dir.file("a/b/file", "content");
  dir.link("direct", dir / "a/b/file");
  dir.link("to_dir", "a/b");
  dir.link("a/up", "..");
  dir.link("chain", "to_dir/file");
  dir.link("lost", "nowhere");
  dir.link("loop", "loop");
  dir.link("root", "/");
  const auto self = "/proc/self/cwd";
  both_ways([&] {
    if (::chdir((dir / "a").c_str()) != 0) return std::string("chdir");
    return differences({{dir / "a/b/file", "content"},
                        {dir / "a//b/./file", "content"},
                        {dir / "a/b/../b/file", "content"},
                        {"b/file", "content"},
                        {"./b/file", "content"},
                        {"../direct", "content"},
                        {dir / "to_dir/file", "content"},
                        {dir / "chain", "content"},
                        {dir / "a/up/a/up/to_dir/../b/file", "content"},
                        {dir / "root" + dir.path() + "/chain", "content"},
                        {std::string(self) + "/b/file", "content"},
                        {"/proc/self/status", "Name:"},
                        {dir / "missing", number(ENOENT)},
                        {dir / "missing/file", number(ENOENT)},
                        {dir / "lost", number(ENOENT)},
                        {dir / "loop", number(ELOOP)},
                        {dir / "a/b/file/", number(ENOTDIR)},
                        {dir / "direct/", number(ENOTDIR)},
                        {dir / "a/b/file/more", number(ENOTDIR)},
                        {"", number(ENOENT)},
                        {dir / "a/b/file" + std::string(1, '\0') + "x", number(ENOENT)},
                        {dir / std::string(300, 'x'), number(ENAMETOOLONG)},
                        {"/" + std::string(5000, '/'), number(ENAMETOOLONG)}},
                       Links::own);
  });
}

BOOST_AUTO_TEST_CASE(what_is_asked_of_the_last_part_holds_both_ways) {
  const TempDir dir;
  dir.file("file", "content");
  dir.link("link", "file");
  dir.dir("sub");
  dir.link("to_sub", "sub");
  both_ways([&] {
    auto all =
        differences({{dir / "link", number(ELOOP)}, {dir / "file", "content"}}, Links::kernel, O_RDONLY | O_NOFOLLOW);
    all += differences({{dir / "file", number(EEXIST)}, {dir / "link", number(EEXIST)}}, Links::kernel,
                       O_RDWR | O_CREAT | O_EXCL);
    all += differences({{dir / "file", number(ENOTDIR)}, {dir / "link", number(ENOTDIR)}}, Links::kernel,
                       O_RDONLY | O_DIRECTORY);
    if (!open_path(dir / "to_sub", O_RDONLY | O_DIRECTORY)) all += "a link to a directory\n";
    if (!open_path("/", O_PATH | O_DIRECTORY) || !open_path(".", O_PATH)) all += "a path without names\n";
    if (!S_ISLNK(status_of(dir / "link", false)->st_mode)) all += "a link itself\n";
    if (!S_ISREG(status_of(dir / "link")->st_mode)) all += "what a link leads to\n";
    const auto made = open_path(dir / "new", O_WRONLY | O_CREAT, Links::own, 0640);
    struct stat st {};
    if (!made || ::fstat(made.fd.get(), &st) != 0 || (st.st_mode & 07777) != 0640) all += "a new file\n";
    if ((::fcntl(made.fd.get(), F_GETFD) & FD_CLOEXEC) == 0) all += "close on exec\n";
    boost::filesystem::remove(dir / "new");
    return all;
  });
}

BOOST_AUTO_TEST_CASE(a_link_of_another_in_a_directory_of_everybodys_is_not_followed_in_any_part,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.file("mine/file", "content");
  dir.dir("sticky", 01777);
  dir.dir("open", 0777);
  for (const auto* place : {"sticky", "open"}) {
    const std::string in(place);
    dir.link(in + "/last", "../mine/file");
    dir.link(in + "/part", "../mine");
    dir.link(in + "/of_root", "../mine/file");
    dir.link("by_way_of_" + in, in + "/last");
    dir.chown(in + "/last", kStranger);
    dir.chown(in + "/part", kStranger);
    both_ways([&] {
      auto all = std::string();
      for (const auto links : {Links::kernel, Links::own})
        all +=
            differences({{dir / (in + "/last"), number(ELOOP) + dir / (in + "/last") + " is a link of uid 65534"},
                         {dir / (in + "/part/file"), number(ELOOP) + dir / (in + "/part") + " is a link of uid 65534"},
                         {dir / ("by_way_of_" + in), number(ELOOP) + dir / (in + "/last")},
                         {dir / (in + "/of_root"), "content"}},
                        links);
      return all;
    });
  }
}

BOOST_AUTO_TEST_CASE(a_link_of_another_in_a_directory_of_his_is_followed_for_reading_only,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.file("mine/file", "content");
  for (const mode_t mode : {0755U, 0777U, 01777U}) {
    dir.dir("his", mode);
    dir.link("his/link", "../mine/file");
    dir.chown("his", kStranger);
    dir.chown("his/link", kStranger);
    both_ways([&] {
      return differences({{dir / "his/link", "content"}}, Links::kernel) +
             differences({{dir / "his/link", number(ELOOP) + dir / "his/link" + " is a link of uid 65534"}},
                         Links::own);
    });
    boost::filesystem::remove_all(dir / "his");
  }
}

BOOST_AUTO_TEST_CASE(a_directory_that_may_not_be_searched_is_named_and_is_not_a_missing_file,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.file("closed/sub/file", "content");
  dir.link("way", "closed/sub");
  dir.chmod("closed", 0700);
  both_ways([&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(kStranger) != 0 || ::setuid(kStranger) != 0)
      return std::string("no stranger");
    return differences({{dir / "closed/sub/file", number(EACCES) + "Permission denied at " + dir / "closed"},
                        {dir / "closed/nothing", number(EACCES)},
                        {dir / "way/file", number(EACCES) + "Permission denied at " + dir / "closed"}},
                       Links::kernel);
  });
}

BOOST_AUTO_TEST_CASE(what_has_no_name_but_in_proc_is_opened) {
  const TempDir dir;
  dir.file("file", "content");
  const UniqueFd held(::open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC));
  boost::filesystem::remove(dir / "file");
  both_ways([&] {
    const auto number = std::to_string(held.get());
    return differences({{"/proc/self/fd/" + number, "content"}, {"/dev/fd/" + number, "content"}}, Links::own);
  });
}

BOOST_AUTO_TEST_CASE(who_may_run_a_file_is_asked_of_what_a_path_leads_to) {
  const TempDir dir;
  dir.hook("hook");
  dir.file("plain", "x");
  dir.link("link", "hook");
  both_ways([&] {
    const bool right = may_execute(dir / "hook") && may_execute(dir / "link") && !may_execute(dir / "plain") &&
                       !may_execute(dir / "missing") && may_execute(dir.path());
    return std::string(right ? "" : "wrong");
  });
}
