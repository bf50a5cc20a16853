#define BOOST_TEST_MODULE replace_file
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <thread>

#include "support.hpp"
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

BOOST_AUTO_TEST_CASE(the_owner_of_the_old_file_is_kept, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto path = dir.file("old", "before");
  BOOST_REQUIRE(::chown(path.c_str(), kStranger, kStranger) == 0);
  replace_file(path, "after");
  BOOST_TEST(stat_of(path).st_uid == kStranger);
  BOOST_TEST(stat_of(path).st_gid == kStranger);
}

BOOST_AUTO_TEST_CASE(somebody_who_may_not_give_files_away_still_replaces_the_content,
                     *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto path = dir.file("open/old", "before", 0664);
  dir.chmod("open", 0777);
  BOOST_TEST(as_user(kStranger, [&] {
    replace_file(path, "after");
    return true;
  }));
  BOOST_TEST(content_of(path) == "after");
  BOOST_TEST((stat_of(path).st_mode & 07777) == 0664U);
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

BOOST_AUTO_TEST_CASE(a_failure_leaves_the_old_content_and_nothing_beside_it) {
  const TempDir dir;
  const auto path = dir.file("old", "before");
  {
    const FileSizeLimit limit(4096);
    check_error([&] { replace_file(path, std::string(100000, 'x')); }, Errc::engine_failure,
                {path, "File too large"});
    check_error([&] { replace_file(dir / "new", std::string(100000, 'x')); }, Errc::engine_failure,
                {dir / "new"});
  }
  BOOST_TEST(content_of(path) == "before");
  BOOST_TEST(count_entries(dir.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_not_there_or_not_ours_is_named,
                     *boost::unit_test::precondition(as_root)) {
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
