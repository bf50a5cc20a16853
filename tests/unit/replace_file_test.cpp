#define BOOST_TEST_MODULE replace_file
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <functional>
#include <thread>

#include "support.hpp"
#include "system_calls.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

struct stat stat_of(const std::string& path) {
  struct stat st {};
  BOOST_REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st;
}

// No file may grow beyond this many bytes, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// A child process that locks NAME, says so, and holds it until it is told to go or is killed.
class Holder {
 public:
  explicit Holder(const std::string& name) {
    int said[2], told[2];
    BOOST_REQUIRE((::pipe2(said, O_CLOEXEC) == 0 && ::pipe2(told, O_CLOEXEC) == 0));
    child_ = ::fork();
    if (child_ == 0) {
      ::close(told[1]);
      try {
        const auto lock = lock_file(name, true);
        char byte = 'x';
        if (::write(said[1], &byte, 1) == 1 && ::read(told[0], &byte, 1) < 0) ::_exit(1);
      } catch (...) {
      }
      ::_exit(0);
    }
    ::close(told[0]);
    ::close(said[1]);
    said_ = UniqueFd(said[0]);
    told_ = UniqueFd(told[1]);
  }
  ~Holder() { end(0); }
  int said() const { return said_.get(); }
  bool has_it() {
    char byte = 0;
    return ::read(said_.get(), &byte, 1) == 1;
  }
  void end(int signal) {
    if (child_ <= 0) return;
    told_ = UniqueFd();
    if (signal != 0) ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
  UniqueFd said_, told_;
};

constexpr gid_t kGroup = 54321;

// What Error says ACTION ends with, as a process of the stranger that is in kGroup too; "" without one.
std::string as_member_of_group(const std::function<void()>& action) {
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const gid_t groups[] = {kGroup};
    std::string text = "cannot become the stranger";
    if (::setgroups(1, groups) == 0 && ::setegid(kStranger) == 0 && ::seteuid(kStranger) == 0) {
      try {
        action();
        text.clear();
      } catch (const std::exception& error) {
        text = error.what();
      }
    }
    ::_exit(::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  const UniqueFd from(ends[0]);
  const auto text = read_to_end(from.get(), 10000, "the child");
  int status = -1;
  BOOST_REQUIRE((::waitpid(child, &status, 0) == child && status == 0));
  return text.value_or("");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_new_file_has_the_data_and_is_its_owners_alone) {
  const TempDir dir;
  replace_file(dir / "new", "data");
  BOOST_TEST(content_of(dir / "new") == "data");
  BOOST_TEST((stat_of(dir / "new").st_mode & 07777) == 0600U);
  BOOST_TEST(count_entries(dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(a_name_without_a_directory_is_in_the_working_directory) {
  const TempDir dir;
  const auto before = boost::filesystem::current_path();
  boost::filesystem::current_path(dir.path());
  replace_file("new", "data");
  boost::filesystem::current_path(before);
  BOOST_TEST(content_of(dir / "new") == "data");
}

BOOST_AUTO_TEST_CASE(the_old_file_is_another_one_and_keeps_its_mode) {
  const TempDir dir;
  for (const mode_t mode : {0644U, 0600U, 0755U, 0640U, 0444U}) {
    const auto path = dir.file("old", "a longer content than before", mode);
    const auto inode = stat_of(path).st_ino;
    replace_file(path, "");
    BOOST_TEST(content_of(path).empty());
    BOOST_TEST((stat_of(path).st_mode & 07777) == mode);
    BOOST_TEST(stat_of(path).st_ino != inode);
    BOOST_TEST(count_entries(dir.path()) == 1U);
    boost::filesystem::remove(path);
  }
}

BOOST_AUTO_TEST_CASE(the_owner_of_a_file_whose_content_is_changed_is_kept, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto path = dir.file("old", "before", 0640);
  BOOST_REQUIRE(::chown(path.c_str(), kStranger, kStranger) == 0);
  ReplaceableFile file(path);
  file.lock();
  BOOST_TEST(file.read(100).value_or("") == "before");
  file.replace("after");
  BOOST_TEST(stat_of(path).st_uid == kStranger);
  BOOST_TEST(stat_of(path).st_gid == kStranger);
  BOOST_TEST((stat_of(path).st_mode & 07777) == 0640U);
}

BOOST_AUTO_TEST_CASE(a_file_that_another_made_first_gives_its_rights_to_nobody,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("sticky", 01777);
  dir.dir("his");
  dir.chown("his", kStranger);
  const auto root_file = dir.file("root_file", "public", 0644);
  const auto theirs = dir.file("sticky/theirs", "", 0666);
  dir.chown("sticky/theirs", kStranger);
  BOOST_REQUIRE(::link(root_file.c_str(), (dir / "sticky/second_name").c_str()) == 0);
  dir.file("his/moved_there", "of root", 0666);
  for (const auto& path : {theirs, dir / "sticky/second_name", dir / "his/moved_there"}) {
    replace_file(path, "secret");
    BOOST_TEST(content_of(path) == "secret");
    BOOST_TEST(stat_of(path).st_uid == 0U);
    BOOST_TEST(stat_of(path).st_gid == 0U);
    BOOST_TEST((stat_of(path).st_mode & 07777) == 0600U, path);
  }
  BOOST_TEST(content_of(root_file) == "public");
}

BOOST_AUTO_TEST_CASE(a_file_of_another_where_it_cannot_be_removed_is_an_error,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("sticky", 01777);
  const auto path = dir.file("sticky/theirs", "before", 0666);
  BOOST_TEST(as_member_of_group([&] { replace_file(path, "secret"); }).find("cannot replace " + path) == 0U);
  BOOST_TEST(content_of(path) == "before");
  BOOST_TEST(count_entries(dir / "sticky") == 1U);
}

BOOST_AUTO_TEST_CASE(a_link_of_another_is_followed_to_nothing_that_is_replaced,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto victim = dir.file("root/victim", "precious", 0600);
  for (const auto mode : {01777U, 0755U}) {
    dir.dir("theirs", mode);
    dir.link("theirs/last", "../root/victim");
    dir.link("theirs/new", "../root/new");
    dir.link("theirs/part", "../root");
    for (const auto* name : {"theirs/last", "theirs/new", "theirs/part"}) dir.chown(name, kStranger);
    if (mode == 0755U) dir.chown("theirs", kStranger);
    for (const auto* name : {"theirs/last", "theirs/new", "theirs/part/victim", "theirs/part/new"}) {
      check_error([&] { replace_file(dir / name, "data"); }, Errc::engine_failure,
                  {dir / name, "is a link of uid 65534", "give the path"});
      check_error([&] { ReplaceableFile file(dir / name); }, Errc::wrong_use, {dir / name, "is a link of uid 65534"});
    }
    check_error([&] { lock_file(dir / "theirs/part/new", true); }, Errc::wrong_use, {"is a link of uid 65534"});
    BOOST_TEST(content_of(victim) == "precious");
    BOOST_TEST(count_entries(dir / "root") == 1U);
    boost::filesystem::remove_all(dir / "theirs");
  }
}

// The kernel says EACCES where fs.protected_symlinks is set, and a directory that may not be searched says it, too.
BOOST_AUTO_TEST_CASE(what_cannot_be_looked_at_is_not_taken_for_missing, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("open", 0777);
  dir.file("closed/file", "before", 0666);
  dir.chmod("closed", 0700);
  dir.link("open/link", "../closed/file");
  BOOST_TEST(as_member_of_group([&] {
               replace_file(dir / "open/link", "data");
             }).find("Permission denied at " + dir / "closed") != std::string::npos);
  BOOST_TEST(S_ISLNK(stat_of(dir / "open/link").st_mode));
  BOOST_TEST(content_of(dir / "closed/file") == "before");
}

namespace {

// With files that have no name, and on a file system or under a kernel without them.
const std::vector<std::vector<CallRule>> kWays{{}, {kNoTmpfile}, {{SYS_linkat, ENOENT}}};

std::vector<CallRule> also(std::vector<CallRule> rules, CallRule one) {
  rules.insert(rules.begin(), one);  // the first that fits counts
  return rules;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_kill_at_any_step_leaves_the_old_file_and_nothing_that_the_next_writer_does_not_remove) {
  int left_something = 0;
  for (const auto& way : kWays)
    for (const long step :
         {SYS_openat, SYS_write, SYS_fsync, SYS_flock, SYS_linkat, SYS_fchown, SYS_fchmod, SYS_renameat}) {
      const TempDir dir;
      const auto path = dir.file("old", "before", 0640);
      const auto said = in_process(also(way, {step}), [&] { replace_file(path, "half"); });
      const bool is_unused = step == SYS_linkat && way.size() == 1 && way[0].number == SYS_openat;
      BOOST_TEST(said == (is_unused ? "" : "SIGSYS"), "step " << step);
      BOOST_TEST(content_of(path) == (is_unused ? "half" : "before"));
      left_something += count_entries(dir.path()) == 2U;
      BOOST_TEST(in_process(way, [&] { replace_file(path, "after"); }) == "");
      BOOST_TEST(content_of(path) == "after");
      BOOST_TEST((stat_of(path).st_mode & 07777) == 0640U);
      BOOST_TEST(count_entries(dir.path()) == 1U, "after step " << step);
    }
  BOOST_TEST(left_something >= 6);  // or the steps are not those of a replacement any more
}

BOOST_AUTO_TEST_CASE(whoever_replaces_the_file_next_removes_what_another_left_of_a_new_one) {
  const TempDir dir;
  const auto path = dir / std::string(250, 'n');
  for (const auto& way : kWays) {
    BOOST_TEST(in_process(also(way, {SYS_renameat}), [&] { replace_file(path, "secret"); }) == "SIGSYS");
    BOOST_TEST(count_entries(dir.path()) == 1U);
    BOOST_TEST(!boost::filesystem::exists(path));
    replace_file(path, "data");
    BOOST_TEST(count_entries(dir.path()) == 1U);
    BOOST_TEST(content_of(path) == "data");
    boost::filesystem::remove(path);
  }
}

BOOST_AUTO_TEST_CASE(writers_of_one_file_take_turns) {
  const TempDir dir;
  const auto path = dir / "file";
  for (const auto& way : kWays) {
    std::vector<std::string> said(4);
    {
      std::vector<std::jthread> writers;
      for (auto& of_one : said)
        writers.emplace_back([&] {
          of_one = in_process(way, [&] {
            for (int i = 0; i < 50; ++i) replace_file(path, std::string(1000, static_cast<char>('a' + i % 26)));
          });
        });
    }
    for (const auto& of_one : said) BOOST_TEST(of_one == "");
    const auto content = content_of(path);
    BOOST_TEST(content == std::string(1000, content.at(0)));
    BOOST_TEST(count_entries(dir.path()) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_writer_that_lives_is_waited_for) {
  const TempDir dir;
  const auto path = dir / "file";
  Holder other(dir.file(".file.vdsm-hook-new", "half", 0600));
  BOOST_REQUIRE(other.has_it());
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd from(ends[0]);
  std::jthread writer([&, to = UniqueFd(ends[1])] {
    replace_file(path, "data");
    write_all(to.get(), "x", "pipe");
  });
  pollfd nothing{from.get(), POLLIN, 0};
  BOOST_TEST(::poll(&nothing, 1, 100) == 0);
  other.end(SIGKILL);
  writer.join();
  BOOST_TEST(content_of(path) == "data");
  BOOST_TEST(count_entries(dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(what_others_put_in_the_way_is_removed_or_named, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("sticky", 01777);
  const auto path = dir / "sticky/file", beside = dir / "sticky/.file.vdsm-hook-new";
  const auto victim = dir.file("victim", "precious");
  dir.link("sticky/.file.vdsm-hook-new", victim);
  replace_file(path, "data");
  dir.file("sticky/.file.vdsm-hook-new", "theirs", 0666);
  dir.chown("sticky/.file.vdsm-hook-new", kStranger);
  replace_file(path, "more");
  BOOST_TEST(content_of(path) == "more");
  BOOST_TEST(count_entries(dir / "sticky") == 1U);
  BOOST_TEST(content_of(victim) == "precious");
  dir.dir("sticky/.file.vdsm-hook-new");
  check_error([&] { replace_file(path, "lost"); }, Errc::engine_failure, {path, ".file.vdsm-hook-new is in the way"});
  boost::filesystem::remove(beside);
  dir.file("sticky/.new.vdsm-hook-new", "of root", 0600);
  BOOST_TEST(as_member_of_group([&] {
               replace_file(dir / "sticky/new", "lost");
             }).find(".new.vdsm-hook-new is in the way") != std::string::npos);
  BOOST_TEST(content_of(path) == "more");
}

BOOST_AUTO_TEST_CASE(somebody_who_may_not_give_files_away_still_replaces_the_content,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("open", 0777);
  for (const mode_t mode : {0644U, 0600U, 0666U, 04755U}) {
    const auto path = dir.file("open/old", "before", mode);
    BOOST_TEST(as_user(kStranger, [&] {
      replace_file(path, "after");
      return true;
    }));
    BOOST_TEST(content_of(path) == "after");
    BOOST_TEST(stat_of(path).st_uid == kStranger);
    BOOST_TEST((stat_of(path).st_mode & 07777) == (mode & 01777U));
    boost::filesystem::remove(path);
  }
}

BOOST_AUTO_TEST_CASE(a_group_that_one_is_in_is_kept, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("open", 0777);
  const auto path = dir.file("open/old", "before");
  for (const uid_t owner : {uid_t{0}, kStranger}) {
    BOOST_REQUIRE(::chown(path.c_str(), owner, kGroup) == 0);
    dir.chmod("open/old", 0664);
    BOOST_TEST(as_member_of_group([&] { replace_file(path, "after"); }) == "");
    BOOST_TEST(content_of(path) == "after");
    BOOST_TEST(stat_of(path).st_uid == kStranger);
    BOOST_TEST(stat_of(path).st_gid == kGroup);
    BOOST_TEST((stat_of(path).st_mode & 07777) == 0664U);
  }
}

BOOST_AUTO_TEST_CASE(a_group_that_cannot_be_kept_and_has_rights_of_its_own_is_an_error,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("open", 0777);
  const auto path = dir.file("open/old", "before");
  for (const mode_t mode : {0664U, 0660U, 0640U, 0604U}) {
    BOOST_REQUIRE(::chown(path.c_str(), kStranger, kGroup + 1) == 0);
    dir.chmod("open/old", mode);
    const auto text = as_member_of_group([&] { replace_file(path, "after"); });
    BOOST_TEST(text.find("cannot keep the group " + std::to_string(kGroup + 1) + " of " + path) == 0U, text);
    BOOST_TEST(content_of(path) == "before");
    BOOST_TEST((stat_of(path).st_mode & 07777) == mode);
    BOOST_TEST(count_entries(dir / "open") == 1U);
  }
}

BOOST_AUTO_TEST_CASE(what_a_link_points_to_is_replaced_and_the_link_stays) {
  const TempDir dir;
  const auto target = dir.file("elsewhere/target", "before", 0640);
  dir.dir("here");
  for (const auto& text : {target, std::string("../elsewhere/target")}) {
    const auto link = dir.link("here/link", text);
    replace_file(link, text);
    BOOST_TEST(S_ISLNK(stat_of(link).st_mode));
    BOOST_TEST(content_of(target) == text);
    BOOST_TEST((stat_of(target).st_mode & 07777) == 0640U);
    BOOST_TEST(count_entries(dir / "here") == 1U);
    BOOST_TEST(count_entries(dir / "elsewhere") == 1U);
    boost::filesystem::remove(link);
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_is_put_there_after_reading_is_not_followed) {
  const TempDir dir;
  const auto victim = dir.file("root/victim", "precious", 0600);
  const auto path = dir.file("users/file", "before");
  for (const bool is_locked : {true, false}) {
    ReplaceableFile file(path);
    if (is_locked) file.lock();
    BOOST_TEST(file.read(1000).value_or("none") == "before");
    boost::filesystem::rename(path, path + ".aside");
    dir.link("users/file", victim);
    check_error([&] { file.replace("after"); }, Errc::engine_failure,
                {path, "was replaced by somebody else", "nothing was changed"});
    BOOST_TEST(content_of(victim) == "precious");
    BOOST_TEST(S_ISLNK(stat_of(path).st_mode));
    BOOST_TEST(count_entries(dir / "users") == 2U);
    boost::filesystem::rename(path + ".aside", path);
    file.replace("before");  // it is the file that was read again
  }
}

BOOST_AUTO_TEST_CASE(another_file_of_the_name_or_none_is_not_replaced_after_reading) {
  const TempDir dir;
  const auto path = dir.file("file", "before");
  ReplaceableFile file(path);
  BOOST_TEST(file.read(1000).value_or("none") == "before");
  boost::filesystem::remove(path);
  check_error([&] { file.replace("after"); }, Errc::engine_failure, {"was replaced by somebody else"});
  BOOST_TEST(count_entries(dir.path()) == 0U);
  dir.file("file", "another");
  check_error([&] { file.replace("after"); }, Errc::engine_failure, {"was replaced by somebody else"});
  BOOST_TEST(content_of(path) == "another");
}

BOOST_AUTO_TEST_CASE(what_was_not_there_is_made_unless_somebody_else_makes_it) {
  const TempDir dir;
  ReplaceableFile first(dir / "file"), second(dir / "file");
  BOOST_TEST(!first.read(1000).has_value());
  BOOST_TEST(!second.read(1000).has_value());
  first.replace("first", 0644);
  BOOST_TEST((stat_of(dir / "file").st_mode & 07777) == 0644U);
  check_error([&] { second.replace("second"); }, Errc::engine_failure, {"was replaced by somebody else"});
  BOOST_TEST(content_of(dir / "file") == "first");
  check_error([&] { ReplaceableFile(dir / "missing").lock(); }, Errc::wrong_use, {"No such file"});
  check_error([&] { ReplaceableFile(dir / "missing/file"); }, Errc::wrong_use, {"No such file"});
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_swapped_after_reading_is_not_gone_into) {
  const TempDir dir;
  const auto victim = dir.file("root/file", "precious");
  const auto path = dir.file("users/file", "before");
  ReplaceableFile file(path);
  file.lock();
  BOOST_TEST(file.read(1000).value_or("none") == "before");
  boost::filesystem::rename(dir / "users", dir / "aside");
  dir.link("users", "root");
  file.replace("after");
  BOOST_TEST(content_of(victim) == "precious");
  BOOST_TEST(content_of(dir / "aside/file") == "after");
}

BOOST_AUTO_TEST_CASE(a_link_from_the_beginning_is_followed_once) {
  const TempDir dir;
  const auto target = dir.file("target", "before"), victim = dir.file("victim", "precious");
  const auto link = dir.link("link", "target");
  ReplaceableFile file(link);
  file.lock();
  boost::filesystem::remove(link);
  dir.link("link", "victim");
  BOOST_TEST(file.read(1000).value_or("none") == "before");
  file.replace("after");
  BOOST_TEST(content_of(target) == "after");
  BOOST_TEST(content_of(victim) == "precious");
}

BOOST_AUTO_TEST_CASE(a_link_between_finding_and_reading_and_one_to_nothing_are_errors) {
  const TempDir dir;
  const auto path = dir.file("file", "before");
  dir.file("victim", "precious");
  ReplaceableFile file(path);
  boost::filesystem::remove(path);
  dir.link("file", "victim");
  check_error([&] { file.lock(); }, Errc::wrong_use, {path, "link"});
  check_error([&] { file.read(1000); }, Errc::wrong_use, {path, "link"});
  const auto lost = dir.link("lost", "nowhere");
  check_error([&] { ReplaceableFile(lost).read(1000); }, Errc::wrong_use, {lost, "link"});
  check_error([&] { ReplaceableFile(dir.fifo("pipe")).read(1000); }, Errc::wrong_use, {"not a regular file"});
  check_error([&] { ReplaceableFile(dir / "victim").read(3); }, Errc::wrong_use, {"larger than 3 bytes"});
}

BOOST_AUTO_TEST_CASE(a_lock_is_not_made_through_a_link) {
  const TempDir dir;
  const auto link = dir.link("lock", "elsewhere");
  check_error([&] { lock_file(link, true); }, Errc::wrong_use, {link});
  BOOST_TEST(count_entries(dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_file_reads_what_has_the_name_then) {
  const TempDir dir;
  const auto path = dir.file("file", "old");
  ReplaceableFile first(path);
  first.lock();
  std::string seen;
  {
    std::jthread second([&] {
      ReplaceableFile file(path);
      file.lock();
      seen = file.read(1000).value_or("none");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first.replace("new");
    first = ReplaceableFile(path);  // lets go
  }
  BOOST_TEST(seen == "new");
}

BOOST_AUTO_TEST_CASE(a_failure_leaves_the_old_content_and_nothing_beside_it) {
  const TempDir dir;
  const auto path = dir.file("old", "before");
  {
    const FileSizeLimit limit(4096);
    check_error([&] { replace_file(path, std::string(100000, 'x')); }, Errc::engine_failure, {path, "File too large"});
    check_error([&] { replace_file(dir / "new", std::string(100000, 'x')); }, Errc::engine_failure, {dir / "new"});
  }
  BOOST_TEST(content_of(path) == "before");
  BOOST_TEST(count_entries(dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_not_there_or_not_ours_is_named, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto path = dir.file("old", "before");
  check_error([&] { replace_file(dir / "missing/new", "data"); }, Errc::engine_failure,
              {dir / "missing/new", "No such file"});
  check_error([&] { replace_file(path + "/new", "data"); }, Errc::engine_failure, {"Not a directory"});
  BOOST_TEST(as_user(kStranger, [&] {
    try {
      replace_file(path, "after");
    } catch (const Error& error) {
      return error.code() == make_error_code(Errc::engine_failure);
    }
    return false;
  }));
  BOOST_TEST(content_of(path) == "before");
}

BOOST_AUTO_TEST_CASE(a_device_is_written_to_as_it_stands) {
  replace_file("/dev/null", "data");
  BOOST_TEST(S_ISCHR(stat_of("/dev/null").st_mode));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_written_to_as_it_stands) {
  const TempDir dir;
  const auto path = dir.fifo("pipe");
  std::optional<std::string> got;
  std::thread reader([&] {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    got = read_to_end(fd.get(), 1000000, path);
  });
  replace_file(path, std::string(200000, 'x'));
  reader.join();
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->size() == 200000U);
  BOOST_TEST(S_ISFIFO(stat_of(path).st_mode));
}

BOOST_AUTO_TEST_CASE(a_pipe_of_another_gets_nothing_where_everybody_could_have_put_it,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  dir.dir("sticky", 01777);
  dir.dir("his", 0755);
  for (const auto* name : {"sticky/theirs", "sticky/mine", "his/theirs"}) {
    const UniqueFd reader(::open(dir.fifo(name).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (std::string_view(name).ends_with("theirs")) dir.chown(name, kStranger);
    if (std::string_view(name).starts_with("his")) dir.chown("his", kStranger);
    const auto path = dir / name;
    const bool is_refused = std::string_view(name) == "sticky/theirs";
    if (is_refused)
      check_error([&] { replace_file(path, "data"); }, Errc::engine_failure,
                  {"is a pipe of uid 65534", "everybody can write"});
    else
      replace_file(path, "data");
    char read[8];
    BOOST_TEST(::read(reader.get(), read, sizeof read) == (is_refused ? -1 : 4), name);
  }
}

BOOST_AUTO_TEST_CASE(a_directory_or_a_socket_cannot_be_written_and_stays) {
  const TempDir dir;
  const auto sub = dir.dir("sub");
  check_error([&] { replace_file(sub, "data"); }, Errc::engine_failure, {sub, "directory"});
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = dir / "socket";
  BOOST_REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  check_error([&] { replace_file(path, "data"); }, Errc::engine_failure, {path});
  BOOST_TEST(S_ISSOCK(stat_of(path).st_mode));
}

BOOST_AUTO_TEST_CASE(a_lock_is_on_an_existing_file_or_makes_a_private_empty_one) {
  const TempDir dir;
  const auto path = dir.file("old", "content", 0644);
  static_cast<void>(lock_file(path, false));
  BOOST_TEST(content_of(path) == "content");
  BOOST_TEST((stat_of(path).st_mode & 07777) == 0644U);
  check_error([&] { lock_file(dir / "new", false); }, Errc::wrong_use, {dir / "new", "No such file"});
  check_error([&] { lock_file(dir / "missing/new", true); }, Errc::wrong_use, {"No such file"});
  static_cast<void>(lock_file(dir / "new", true));
  BOOST_TEST(content_of(dir / "new").empty());
  BOOST_TEST((stat_of(dir / "new").st_mode & 07777) == 0600U);
}

BOOST_AUTO_TEST_CASE(who_has_a_lock_keeps_others_out_until_it_ends_or_is_killed) {
  const TempDir dir;
  const auto path = dir.file("lock", "");
  for (const int signal : {0, SIGKILL}) {
    Holder holder(path);
    BOOST_REQUIRE(holder.has_it());
    const UniqueFd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    BOOST_TEST(::flock(other.get(), LOCK_EX | LOCK_NB) == -1);
    holder.end(signal);
    const auto mine = lock_file(path, false);
    BOOST_TEST(::flock(other.get(), LOCK_EX | LOCK_NB) == -1);
  }
}

// Each reads a number and writes the next one: without the lock some would be lost.
BOOST_AUTO_TEST_CASE(processes_that_lock_work_one_after_another) {
  const TempDir dir;
  const auto number = dir.file("number", "0"), lock = dir / "lock";
  std::vector<pid_t> children;
  for (int p = 0; p < 4; ++p) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    for (int i = 0; i < 100; ++i) {
      const auto held = lock_file(lock, true);
      const auto next = std::stoi(content_of(number)) + 1;
      std::ofstream(number, std::ios::trunc) << next;
    }
    ::_exit(0);
  }
  for (const auto child : children) {
    int status = -1;
    BOOST_TEST((::waitpid(child, &status, 0) == child && status == 0));
  }
  BOOST_TEST(content_of(number) == "400");
}

BOOST_AUTO_TEST_CASE(what_is_locked_is_what_has_the_name_then) {
  const TempDir dir;
  const auto path = dir.file("file", "old");
  Holder first(path);
  BOOST_REQUIRE(first.has_it());
  Holder waiting(path);  // for the old file, or the new one when it comes late
  replace_file(path, "new");
  auto second = lock_file(path, false);
  first.end(SIGKILL);
  // The one that waits now has the old file's lock, if anything: that must not be enough for it.
  struct stat locked {};
  BOOST_REQUIRE(::fstat(second.get(), &locked) == 0);
  BOOST_TEST(locked.st_ino == stat_of(path).st_ino);
  pollfd nothing{waiting.said(), POLLIN, 0};
  BOOST_TEST(::poll(&nothing, 1, 100) == 0);
  second = UniqueFd();
  BOOST_TEST(waiting.has_it());
  const UniqueFd other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  BOOST_TEST(::flock(other.get(), LOCK_EX | LOCK_NB) == -1);
}
