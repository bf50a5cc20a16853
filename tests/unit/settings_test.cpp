#define BOOST_TEST_MODULE settings
#include <boost/test/unit_test.hpp>
#include <climits>
#include <cstdlib>

#include "support.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/engine/settings.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using boost::test_tools::per_element;

namespace {

// A host whose configuration is in a directory of its own; variables set here are gone afterwards.
class Host {
 public:
  Host() {
    forget_environment();
    paths_.hooks_dirs = {"/installed/hooks"};
    paths_.config_dir = dir.dir("etc");
    paths_.runtime_dir = "/installed/run";
  }
  ~Host() { forget_environment(); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  std::string configure(const std::string& text, mode_t mode = 0644) const {
    return dir.file("etc/vdsm-hook.toml", text, mode);
  }
  Settings load(const Settings::Moved& moved = {}) const { return Settings::load(paths_, moved); }

  TempDir dir;

 private:
  static void forget_environment() {
    for (const char* name :
         {"VDSM_HOOK_HOOKS_DIR", "VDSM_HOOK_CONFIG_DIR", "VDSM_HOOK_RUNTIME_DIR", "VDSM_HOOK_SDK_DIR"})
      ::unsetenv(name);
  }
  Paths paths_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(without_any_file_the_defaults_hold) {
  const Host host;
  const auto settings = host.load();
  BOOST_TEST(settings.paths.hooks_dirs == Texts{"/installed/hooks"}, per_element());
  BOOST_TEST(settings.paths.runtime_dir == "/installed/run");
  BOOST_TEST((settings.deadline == kDefaultDeadline && settings.grace == kDefaultGrace));
  BOOST_TEST(settings.max_payload_bytes == kMaxPayloadBytes);
  BOOST_TEST(settings.environment.empty());
  BOOST_TEST(settings.points.all().size() == builtin_hook_points().size());
}

BOOST_AUTO_TEST_CASE(what_nobody_defines_is_delivered_where_the_configuration_says_so) {
  const Host host;
  host.configure("[properties]\ndeliver_undefined = true\n");
  BOOST_TEST(host.load().delivers_undefined);
  for (const std::string wrong : {"deliver_undefined = 'yes'", "deliver_undefind = true"}) {
    host.configure("[properties]\n" + wrong + "\n");
    check_error([&] { host.load(); }, Errc::bad_configuration, {"vdsm-hook.toml:2: ", "deliver_undefin"});
  }
}

// It is commented out, so that a later version's defaults hold for those who change nothing.
BOOST_AUTO_TEST_CASE(the_installed_configuration_changes_nothing_and_shows_the_defaults) {
  const Host host;
  auto text = read_file(VDSM_HOOK_INSTALLED_CONFIGURATION, kMaxSettingsBytes);
  host.configure(text);
  BOOST_TEST(host.load().paths.runtime_dir == "/installed/run");
  for (auto at = text.find("\n#"); at != std::string::npos; at = text.find("\n#", at + 1))
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  host.configure(text);
  const auto settings = host.load();
  const auto installed = Paths::installed();
  BOOST_TEST(settings.paths.hooks_dirs == Texts(installed.hooks_dirs.begin(), installed.hooks_dirs.begin() + 2),
             per_element());
  BOOST_TEST(settings.paths.runtime_dir == "/run/vdsm-hook");
  BOOST_TEST(settings.paths.launchflags_dir == "/run/vdsm");
  BOOST_TEST((settings.deadline == kDefaultDeadline && settings.grace == kDefaultGrace));
  BOOST_TEST(settings.max_payload_bytes == kMaxPayloadBytes);
  BOOST_TEST((!settings.bridge_is_strict && !settings.delivers_undefined));
  BOOST_TEST(settings.environment.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_configuration_directory_that_is_missing_is_fine) {
  const Host host;
  BOOST_TEST(host.load({.hooks_dirs = {}, .config_dir = host.dir / "nowhere", .runtime_dir = {}}).paths.config_dir ==
             host.dir / "nowhere");
}

BOOST_AUTO_TEST_CASE(every_key_is_read) {
  const Host host;
  host.configure(
      "hooks_dirs = ['/a', '/b']\nruntime_dir = '/r'\ntimeout = '5min'\ngrace = '250ms'\nmax_payload_bytes = "
      "1024\n"
      "trusted_uids = [1000, 65534]\n[environment]\nhttp_proxy = 'p'\nLD_LIBRARY_PATH = '/l'\n\"a.b\" = "
      "''\n");
  const auto settings = host.load();
  BOOST_TEST(settings.paths.hooks_dirs == (Texts{"/a", "/b"}), per_element());
  BOOST_TEST(settings.paths.runtime_dir == "/r");
  BOOST_TEST((settings.deadline == 5min && settings.grace == 250ms));
  BOOST_TEST(settings.max_payload_bytes == 1024U);
  struct stat st {};
  st.st_mode = S_IFREG | 0644;
  for (const uid_t uid : {1000U, 65534U}) {
    st.st_uid = uid;
    BOOST_TEST(!settings.trust.doubt_itself(st, "x").has_value(), uid);
  }
  st.st_uid = 1001;
  BOOST_TEST(settings.trust.doubt_itself(st, "x").has_value());
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"http_proxy", "p"}, {"LD_LIBRARY_PATH", "/l"}, {"a.b", ""}};
  BOOST_TEST((settings.environment == wanted));
}

BOOST_AUTO_TEST_CASE(every_mistake_is_an_error_with_file_and_line) {
  const std::vector<std::pair<std::string, Texts>> rows{
      {"\ntimeuot = '1s'", {":2: unknown key 'timeuot'", "did you mean timeout?"}},
      {"hooks_dir = ['/a']", {":1: unknown key 'hooks_dir'", "did you mean hooks_dirs?"}},
      {"hooks_dirs = '/a'", {":1: hooks_dirs must be a list"}},
      {"hooks_dirs = ['a']", {":1: hooks_dirs", "'a' must be an absolute path"}},
      {"hooks_dirs = ['/a', '']", {":1: hooks_dirs", "absolute path"}},
      {"hooks_dirs = []", {":1: hooks_dirs", "at least one"}},
      {"runtime_dir = 'run'", {":1: runtime_dir must be an absolute path"}},
      {"runtime_dir = ''", {":1: runtime_dir must be an absolute path"}},
      {"runtime_dir = 1", {":1: runtime_dir must be a string"}},
      {"timeout = 600", {":1: timeout must be a string"}},
      {"timeout = '0s'", {":1: timeout", "not a duration"}},
      {"grace = 'never'", {":1: grace", "not a duration"}},
      {"max_payload_bytes = 1023", {":1: max_payload_bytes", "1024"}},
      {"max_payload_bytes = -1", {":1: max_payload_bytes", "1024"}},
      {"max_payload_bytes = 2147483648", {":1: max_payload_bytes", "2147483647"}},
      {"max_payload_bytes = '64M'", {":1: max_payload_bytes must be a whole number"}},
      {"trusted_uids = 0", {":1: trusted_uids must be a list"}},
      {"trusted_uids = ['root']", {":1: trusted_uids must be a list of whole numbers"}},
      {"trusted_uids = [-1]", {":1: trusted_uids", "-1"}},
      {"trusted_uids = [4294967295]", {":1: trusted_uids", "4294967295"}},
      {"environment = 'a=b'", {":1: environment must be a table"}},
      {"[environment]\na = 1", {":2: a must be a string"}},
      {"[environment]\nvmId = 'x'", {":2: vmId is set by the engine"}},
      {"[environment]\n_hook_domxml = 'x'", {":2: _hook_domxml is set by the engine"}},
      {"[environment]\nVDSM_HOOK_API = 'x'", {":2: VDSM_HOOK_API is set by the engine"}},
      {"[environment]\n\"a=b\" = 'x'", {":2: ", "no name"}},
      {"[environment]\n\"\" = 'x'", {":2: ", "no name"}},
      {"[environment]\n\"a\\u0000b\" = 'x'", {":2: ", "no name"}},
      {"[environment]\na = \"x\\ny\"", {":2: a:", "control"}},
      {"[environment]\na = '" + std::string(kMaxEnvironmentString, 'x') + "'", {":2: a:", "bytes"}},
      {"timeout", {":1:", "not TOML"}},
  };
  for (const auto& [text, words] : rows) {
    BOOST_TEST_CONTEXT(text.substr(0, 100)) {
      const Host host;
      auto with_file = words;
      with_file[0] = host.configure(text) + words[0];
      check_error([&] { host.load(); }, Errc::bad_configuration, with_file);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_largest_and_smallest_payload_limits_are_taken) {
  for (const std::size_t bytes : {std::size_t{1024}, static_cast<std::size_t>(INT_MAX)}) {
    const Host host;
    host.configure("max_payload_bytes = " + std::to_string(bytes));
    BOOST_TEST(host.load().max_payload_bytes == bytes);
  }
}

BOOST_AUTO_TEST_CASE(an_option_is_stronger_than_the_environment_and_that_than_the_configuration) {
  for (int given = 0; given < 8; ++given) {
    const bool configured = (given & 1) != 0, in_environment = (given & 2) != 0, as_option = (given & 4) != 0;
    const Host host;
    if (configured) host.configure("hooks_dirs = ['/file/hooks']\nruntime_dir = '/file/run'\n");
    if (in_environment) {
      ::setenv("VDSM_HOOK_HOOKS_DIR", "/env/hooks", 1);
      ::setenv("VDSM_HOOK_RUNTIME_DIR", "/env/run", 1);
    }
    const auto settings =
        host.load(as_option ? Settings::Moved{{"/option/hooks"}, "", "/option/run"} : Settings::Moved{});
    const std::string wanted = as_option ? "/option" : in_environment ? "/env" : configured ? "/file" : "/installed";
    BOOST_TEST(settings.paths.hooks_dirs == Texts{wanted + "/hooks"}, per_element());
    BOOST_TEST(settings.paths.runtime_dir == wanted + "/run");
  }
}

BOOST_AUTO_TEST_CASE(the_configuration_is_read_where_option_or_environment_moved_it) {
  const Host host;
  host.configure("timeout = '1s'");
  host.dir.file("env/vdsm-hook.toml", "timeout = '2s'");
  host.dir.file("option/vdsm-hook.toml", "timeout = '3s'");
  BOOST_TEST((host.load().deadline == 1s));
  ::setenv("VDSM_HOOK_CONFIG_DIR", (host.dir / "env").c_str(), 1);
  BOOST_TEST((host.load().deadline == 2s));
  const auto settings = host.load({.hooks_dirs = {}, .config_dir = host.dir / "option", .runtime_dir = {}});
  BOOST_TEST((settings.deadline == 3s));
  BOOST_TEST(settings.paths.config_dir == host.dir / "option");
}

BOOST_AUTO_TEST_CASE(places_become_absolute) {
  const Host host;
  const auto before = boost::filesystem::current_path();
  boost::filesystem::current_path(host.dir.path());
  const auto settings =
      host.load({.hooks_dirs = {"one", "./two", "/three"}, .config_dir = "etc", .runtime_dir = "run"});
  const auto here = boost::filesystem::current_path().string();
  boost::filesystem::current_path(before);
  BOOST_TEST(settings.paths.hooks_dirs == (Texts{here + "/one", here + "/./two", "/three"}), per_element());
  BOOST_TEST(settings.paths.config_dir == here + "/etc");
  BOOST_TEST(settings.paths.runtime_dir == here + "/run");
}

BOOST_AUTO_TEST_CASE(an_empty_hooks_directory_name_is_not_the_working_directory) {
  const Host host;
  check_error([&] { host.load({.hooks_dirs = {""}, .config_dir = {}, .runtime_dir = {}}); }, Errc::wrong_use,
              {"hooks directory"});
  check_error(
      [&] {
        host.load({.hooks_dirs = {"/a", ""}, .config_dir = {}, .runtime_dir = {}});
      },
      Errc::wrong_use, {"hooks directory"});
}

BOOST_AUTO_TEST_CASE(a_configuration_that_others_could_write_is_not_read) {
  for (const std::string name : {"etc/vdsm-hook.toml", "etc", "etc/hookpoints.d", "etc/hookpoints.d/site.toml"}) {
    const Host host;
    host.configure("timeout = '1s'");
    host.dir.file("etc/hookpoints.d/site.toml", "[my_event]\npayload = 'none'\n");
    BOOST_TEST(host.load().points.find("my_event") != nullptr);
    host.dir.chmod(name, 0777);
    BOOST_TEST_CONTEXT(name)
    check_error([&] { host.load(); }, Errc::bad_configuration, {host.dir / name, "everybody"});
  }
}

BOOST_AUTO_TEST_CASE(a_directory_from_which_others_could_have_taken_the_configuration_is_an_error) {
  for (const std::string name : {"etc", "etc/hookpoints.d"}) {
    const Host host;
    host.dir.dir("etc/hookpoints.d");
    host.load();
    host.dir.chmod(name, 0777);
    BOOST_TEST_CONTEXT(name)
    check_error([&] { host.load(); }, Errc::bad_configuration, {host.dir / name, "everybody"});
  }
}

BOOST_AUTO_TEST_CASE(a_configuration_that_cannot_be_looked_for_is_not_missing,
                     *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.configure("timeout = '1s'");
  host.dir.chmod("etc", 0700);
  BOOST_TEST(as_user(kStranger, [&] {
    try {
      host.load();
    } catch (const Error& error) {
      return error.code() == Errc::bad_configuration;
    }
    return false;
  }));
}

BOOST_AUTO_TEST_CASE(a_configuration_of_a_stranger_is_not_read_even_if_it_trusts_itself,
                     *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.configure("trusted_uids = [65534]");
  host.dir.chown("etc/vdsm-hook.toml", kStranger);
  check_error([&] { host.load(); }, Errc::bad_configuration, {"vdsm-hook.toml", "65534"});
}

BOOST_AUTO_TEST_CASE(configured_uids_may_own_the_sites_hook_points, *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.dir.file("etc/hookpoints.d/site.toml", "[my_event]\npayload = 'none'\n");
  host.dir.chown("etc/hookpoints.d/site.toml", kStranger);
  check_error([&] { host.load(); }, Errc::bad_configuration, {"site.toml", "65534"});
  host.configure("trusted_uids = [65534]");
  BOOST_TEST(host.load().points.find("my_event") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_wrong_hook_point_of_the_site_is_an_error_with_file_and_line) {
  const Host host;
  const auto file = host.dir.file("etc/hookpoints.d/site.toml", "[my_event]\npayload = 'xml'\n");
  check_error([&] { host.load(); }, Errc::bad_configuration, {file + ":2:"});
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_an_error_and_nobody_waits_for_it) {
  {
    const Host host;
    host.dir.fifo("etc/vdsm-hook.toml");
    check_error([&] { host.load(); }, Errc::bad_configuration, {"vdsm-hook.toml", "not a regular file"});
  }
  {
    const Host host;
    host.dir.dir("etc/vdsm-hook.toml");
    check_error([&] { host.load(); }, Errc::bad_configuration, {"vdsm-hook.toml", "not a regular file"});
  }
  const Host host;
  host.dir.link("etc/vdsm-hook.toml", "/nonexistent");
  check_error([&] { host.load(); }, Errc::bad_configuration, {"vdsm-hook.toml"});
}

BOOST_AUTO_TEST_CASE(a_user_has_hooks_and_run_time_files_of_his_own, *boost::unit_test::precondition(as_root)) {
  const Host host;
  BOOST_TEST(as_user(kStranger, [] {
    ::setenv("XDG_CONFIG_HOME", "/home/u/config", 1);
    ::setenv("XDG_RUNTIME_DIR", "/run/user/u", 1);
    const auto paths = Paths::installed();
    return paths.hooks_dirs.back() == "/home/u/config/vdsm-hook/hooks" &&
           paths.config_dir == "/home/u/config/vdsm-hook" && paths.runtime_dir == "/run/user/u/vdsm-hook";
  }));
  BOOST_TEST(as_user(kStranger, [] {
    ::unsetenv("XDG_CONFIG_HOME");
    ::unsetenv("XDG_RUNTIME_DIR");
    ::setenv("HOME", "/home/u", 1);
    const auto paths = Paths::installed();
    return paths.hooks_dirs.back() == "/home/u/.config/vdsm-hook/hooks" && paths.runtime_dir == "/tmp/vdsm-hook-65534";
  }));
}
