// What the unit tests share.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook::test {

/// A directory (0755) that is gone afterwards. Everything is made below it, with the mode that is asked for.
class TempDir {
 public:
  TempDir()
      : path_((boost::filesystem::temp_directory_path() / boost::filesystem::unique_path("vdsm-hook-test-%%%%%%%%"))
                  .string()) {
    ::umask(022);  // the trust rules would not like what 002 makes
    boost::filesystem::create_directory(path_);
    BOOST_REQUIRE(::chmod(path_.c_str(), 0755) == 0);
  }
  ~TempDir() {
    boost::system::error_code ignored;
    boost::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  /// Parent directories are made too. Returns the path.
  std::string dir(const std::string& name, mode_t mode = 0755) const {
    boost::filesystem::create_directories(*this / name);
    return chmod(name, mode);
  }
  std::string file(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    make_parent(name);
    std::ofstream(*this / name, std::ios::binary) << content;
    return chmod(name, mode);
  }
  std::string hook(const std::string& name) const { return file(name, "#!/bin/sh\n", 0755); }
  std::string link(const std::string& name, const std::string& target) const {
    make_parent(name);
    boost::filesystem::create_symlink(target, *this / name);
    return *this / name;
  }
  std::string fifo(const std::string& name) const {
    make_parent(name);
    BOOST_REQUIRE(::mkfifo((*this / name).c_str(), 0600) == 0);
    return *this / name;
  }
  std::string chmod(const std::string& name, mode_t mode) const {
    BOOST_REQUIRE(::chmod((*this / name).c_str(), mode) == 0);
    return *this / name;
  }
  /// Links are not followed.
  std::string chown(const std::string& name, uid_t uid) const {
    BOOST_REQUIRE(::lchown((*this / name).c_str(), uid, static_cast<gid_t>(-1)) == 0);
    return *this / name;
  }

 private:
  void make_parent(const std::string& name) const {
    boost::filesystem::create_directories(boost::filesystem::path(*this / name).parent_path());
  }
  std::string path_;
};

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::size_t count_entries(const std::string& directory) {
  const boost::filesystem::directory_iterator begin(directory), end;
  return static_cast<std::size_t>(std::distance(begin, end));
}

/// ACTION ends with Error CODE, and the text has every one of WORDS in it.
template <class Action>
void check_error(Action action, Errc code, const std::vector<std::string>& words) {
  try {
    action();
  } catch (const Error& error) {
    const std::string text = error.what();
    BOOST_TEST(error.code() == make_error_code(code), text << " is of the kind " << error.code().message());
    for (const auto& word : words) BOOST_TEST(text.find(word) != std::string::npos, text << " does not say " << word);
    return;
  }
  BOOST_ERROR("nothing was thrown; wanted: " << (words.empty() ? "" : words.front()));
}

/// Runs ACTION in a child process that is another user (and no longer root); true: it returned true.
template <class Action>
bool as_user(uid_t uid, Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    try {
      good = ::setgroups(0, nullptr) == 0 && ::setgid(uid) == 0 && ::setuid(uid) == 0 && action();
    } catch (...) {
    }
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  BOOST_REQUIRE(child > 0 && ::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// For cases that change owners or become another user.
inline boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(::geteuid() == 0);
  result.message() << "needs root";
  return result;
}

inline constexpr uid_t kStranger = 65534;

}  // namespace vdsm_hook::test
