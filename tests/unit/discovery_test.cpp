#define BOOST_TEST_MODULE discovery
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <clocale>
#include <map>
#include <random>

#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/discovery/discovery.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Names = std::vector<std::string>;
using Reason = IgnoredFile::Reason;
using boost::test_tools::per_element;

namespace {

const TempDir* g_dir = nullptr;

// Two layers, vendor below admin; names of files are relative to them: "vendor/event/50_a".
struct Host {
  Host() { g_dir = &dir; }
  Discovery find() const { return discover("event", rules); }

  TempDir dir;
  DiscoveryRules rules{
      .layers = {dir / "vendor", dir / "admin"}, .checks_trust = true, .skips_leftovers = true, .trust = Trust()};
};

Names hooks(const Discovery& found) {
  Names names;
  for (const auto& hook : found.hooks) names.push_back(hook.path.substr(g_dir->path().size() + 1));
  return names;
}

// "vendor/event/50_a: masked", in the order of the answer.
Names ignored(const Discovery& found) {
  Names lines;
  for (const auto& file : found.ignored)
    lines.push_back(file.path.substr(g_dir->path().size() + 1) + ": " + std::string(to_string(file.reason)));
  return lines;
}

void check(const Discovery& found, const Names& wanted_hooks, const Names& wanted_ignored) {
  BOOST_TEST(hooks(found) == wanted_hooks, per_element());
  BOOST_TEST(ignored(found) == wanted_ignored, per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(missing_directories_are_fine) {
  const Host host;
  check(host.find(), {}, {});
  host.dir.dir("vendor");
  check(host.find(), {}, {});
  host.dir.dir("admin/event");
  check(host.find(), {}, {});
  check(discover("event", DiscoveryRules()), {}, {});
}

BOOST_AUTO_TEST_CASE(the_directories_are_read_anew_every_time) {
  const Host host;
  check(host.find(), {}, {});
  host.dir.hook("vendor/event/50_a");
  check(host.find(), {"vendor/event/50_a"}, {});
  host.dir.chmod("vendor/event/50_a", 0644);
  check(host.find(), {}, {"vendor/event/50_a: not executable"});
  boost::filesystem::remove(host.dir / "vendor/event/50_a");
  check(host.find(), {}, {});
}

BOOST_AUTO_TEST_CASE(only_the_events_own_directory_is_looked_at) {
  const Host host;
  host.dir.hook("vendor/event2/50_a");
  host.dir.hook("vendor/50_b");
  check(host.find(), {}, {});
}

BOOST_AUTO_TEST_CASE(both_layers_make_one_list_in_the_order_of_the_names) {
  const Host host;
  for (const std::string name : {"vendor/event/10_a", "admin/event/20_b", "vendor/event/30_c"}) host.dir.hook(name);
  const auto found = host.find();
  check(found, {"vendor/event/10_a", "admin/event/20_b", "vendor/event/30_c"}, {});
  BOOST_TEST(found.hooks[1].name == "20_b");
  BOOST_TEST(found.hooks[1].layer == host.dir / "admin");
}

BOOST_AUTO_TEST_CASE(the_order_is_that_of_the_bytes_in_every_locale_and_however_they_were_made) {
  const Names in_order{"10_a",
                       "50_A",
                       "50_B",
                       "50_a",
                       "50_a-b",
                       "50_a.sh",
                       "50_aa",
                       "50_b",
                       "9_c",
                       "A",
                       "Z",
                       "_",
                       "a",
                       "z",
                       "\x7F",
                       "\xC3\x84",
                       "\xC3\xA4",
                       "\xE2\x82\xAC",
                       "\xF0\x9F\x98\x80",
                       "\xFF"};
  std::mt19937 random(7);
  for (const char* locale : {"C", "C.UTF-8", "en_US.UTF-8", "de_DE.UTF-8", "cs_CZ.UTF-8", "tr_TR.UTF-8"}) {
    if (std::setlocale(LC_ALL, locale) == nullptr) {
      BOOST_TEST_MESSAGE("skipped: the locale " << locale << " is not installed");
      continue;
    }
    const Host host;
    Names shuffled = in_order;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (const auto& name : shuffled) host.dir.hook("vendor/event/" + name);
    Names names;
    for (const auto& hook : host.find().hooks) names.push_back(hook.name);
    BOOST_TEST(names == in_order, per_element());
  }
  std::setlocale(LC_ALL, "C");
}

BOOST_AUTO_TEST_CASE(every_file_that_is_not_run_has_its_verdict) {
  const Host host;
  host.dir.hook("vendor/event/50_good");
  host.dir.file("vendor/event/not_executable", "#!/bin/sh\n", 0644);
  host.dir.hook("vendor/event/50_a.rpmsave");
  host.dir.dir("vendor/event/directory");
  host.dir.link("vendor/event/link_to_directory", "directory");
  host.dir.fifo("vendor/event/pipe");
  host.dir.link("vendor/event/link_to_device", "/dev/zero");
  host.dir.link("vendor/event/dangling", "/nonexistent");
  host.dir.link("vendor/event/loop", "loop");
  host.dir.file("vendor/event/empty", "", 0755);
  host.dir.link("vendor/event/null", "/dev/null");
  host.dir.file("vendor/event/open", "#!/bin/sh\n", 0777);
  host.dir.file("vendor/event/setuid", "#!/bin/sh\n", 04755);
  host.dir.file("vendor/event/setgid", "#!/bin/sh\n", 02755);
  host.dir.link("vendor/event/good_link", "50_good");
  check(host.find(), {"vendor/event/50_good", "vendor/event/good_link"},
        {"vendor/event/50_a.rpmsave: leftover name", "vendor/event/dangling: not a regular file",
         "vendor/event/directory: sub-directory", "vendor/event/empty: masked",
         "vendor/event/link_to_device: not a regular file", "vendor/event/link_to_directory: sub-directory",
         "vendor/event/loop: not a regular file", "vendor/event/not_executable: not executable",
         "vendor/event/null: masked", "vendor/event/open: untrusted", "vendor/event/pipe: not a regular file",
         "vendor/event/setgid: untrusted", "vendor/event/setuid: untrusted"});
  for (const auto& file : host.find().ignored) {
    BOOST_TEST(!file.text.empty(), file.path);
    BOOST_TEST(file.is_problem() == (file.reason == Reason::untrusted), file.path);
    BOOST_TEST(file.is_deliberate() == (file.reason == Reason::masked), file.path);
  }
}

BOOST_AUTO_TEST_CASE(trust_is_judged_before_what_a_file_is_otherwise) {
  const Host host;
  host.dir.file("vendor/event/10_emptied", "", 0777);
  host.dir.file("vendor/event/20_switched_off", "#!/bin/sh\n", 0666);
  host.dir.file("vendor/event/30_module.py", "import os\n", 0664);
  host.dir.file("vendor/event/40_both", "", 0622);
  host.dir.dir("open", 0777);
  host.dir.file("open/empty", "");
  host.dir.file("open/off", "#!/bin/sh\n");
  host.dir.dir("open/directory");
  for (const std::string name : {"empty", "off", "directory", "nothing", "null"})
    host.dir.link("vendor/event/50_" + name, "../../open/" + name);
  host.dir.link("open/null", "/dev/null");
  const auto found = host.find();
  BOOST_TEST(found.hooks.empty());
  BOOST_TEST(found.ignored.size() == 9U);
  for (const auto& file : found.ignored) BOOST_TEST((file.reason == Reason::untrusted), file.path << ": " << file.text);
}

BOOST_AUTO_TEST_CASE(a_stranger_masks_and_switches_off_nothing, *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.dir.file("vendor/event/10_emptied", "", 0755);
  host.dir.file("vendor/event/20_switched_off", "#!/bin/sh\n", 0644);
  host.dir.link("vendor/event/30_null", "/dev/null");
  host.dir.link("vendor/event/40_nothing", "nothing");
  host.dir.file("vendor/event/50_old.rpmsave", "", 0644);  // its name was given by whoever may write the directory
  host.dir.dir("vendor/event/60_directory");
  for (const std::string name :
       {"10_emptied", "20_switched_off", "30_null", "40_nothing", "50_old.rpmsave", "60_directory"})
    host.dir.chown("vendor/event/" + name, kStranger);
  check(host.find(), {},
        {"vendor/event/10_emptied: untrusted", "vendor/event/20_switched_off: untrusted",
         "vendor/event/30_null: untrusted", "vendor/event/40_nothing: untrusted",
         "vendor/event/50_old.rpmsave: leftover name", "vendor/event/60_directory: sub-directory"});
}

BOOST_AUTO_TEST_CASE(a_socket_is_not_a_regular_file) {
  const Host host;
  host.dir.dir("vendor/event");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = host.dir / "vendor/event/socket";
  BOOST_REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  host.dir.chmod("vendor/event/socket", 0755);
  check(host.find(), {}, {"vendor/event/socket: not a regular file"});
}

BOOST_AUTO_TEST_CASE(any_execute_bit_switches_a_hook_on) {
  const Host host;
  for (const auto& [name, mode] : std::map<std::string, mode_t>{{"1", 0700}, {"2", 0410}, {"3", 0401}, {"4", 0111}})
    host.dir.file("vendor/event/" + name, "x", mode);
  BOOST_TEST(host.find().hooks.size() == 4U);
}

BOOST_AUTO_TEST_CASE(leftover_names_of_every_kind_never_run) {
  const Names leftovers{"50_a~",         "50_a.bak",         "50_a.swp",      "50_a.orig",
                        "50_a.rej",      "50_a.rpmsave",     "50_a.rpmnew",   "50_a.rpmorig",
                        "50_a.dpkg-old", "50_a.dpkg-dist",   "50_a.dpkg-new", "50_a.dpkg-tmp",
                        "50_a.dpkg-",    "50_a.ucf-old",     "50_a.ucf-dist", "50_a.ucf-new",
                        ".50_a",         ".50_a.swp",        "..a",           "~",
                        "50_a.toml~",    "50_a.toml.rpmsave"};
  const Names plain{"50_a",          "50_a.sh",   "50_a.BAK", "50_abak", "50_a.bak.sh", "50_a.dpkg",
                    "50_a.dpkg_old", "50_a.ucfx", "rpmsave",  "50~a",    "bak"};
  const Host host;
  for (const auto& name : leftovers) {
    BOOST_TEST(is_leftover_name(name), name);
    host.dir.hook("vendor/event/" + name);
  }
  for (const auto& name : plain) {
    BOOST_TEST(!is_leftover_name(name), name);
    host.dir.hook("vendor/event/" + name);
  }
  const auto found = host.find();
  BOOST_TEST(found.hooks.size() == plain.size());
  BOOST_TEST(found.ignored.size() == leftovers.size());
  for (const auto& file : found.ignored) BOOST_TEST((file.reason == Reason::leftover), file.path);
}

BOOST_AUTO_TEST_CASE(upstreams_rules_let_leftovers_run_but_not_dot_files) {
  Host host;
  host.rules.skips_leftovers = false;
  for (const std::string name : {"50_a.rpmsave", "50_a~", ".50_a"}) host.dir.hook("vendor/event/" + name);
  host.dir.file("vendor/event/50_b~", "x", 0644);
  check(host.find(), {"vendor/event/50_a.rpmsave", "vendor/event/50_a~"},
        {"vendor/event/.50_a: leftover name", "vendor/event/50_b~: not executable"});
}

BOOST_AUTO_TEST_CASE(upstreams_rules_look_at_no_owner_and_mode) {
  Host host;
  host.rules.checks_trust = false;
  host.dir.file("vendor/event/open", "x", 0777);
  host.dir.file("vendor/event/setuid", "x", 04755);
  host.dir.file("vendor/event/open.toml", "", 0666);
  host.dir.dir("elsewhere", 0777);
  host.dir.hook("elsewhere/program");
  host.dir.link("vendor/event/link", "../../elsewhere/program");
  host.dir.chmod("vendor/event", 0777);
  host.dir.chmod("vendor", 0777);
  const auto found = host.find();
  check(found, {"vendor/event/link", "vendor/event/open", "vendor/event/setuid"}, {});
  BOOST_TEST(found.hooks[1].sidecar == host.dir / "vendor/event/open.toml");
  BOOST_TEST(found.hooks[1].sidecar_doubt.empty());
}

BOOST_AUTO_TEST_CASE(helper_modules_and_caches_are_passed_over_in_silence) {
  const Host host;
  host.dir.file("vendor/event/helper.py", "x = 1\n", 0644);
  host.dir.file("vendor/event/helper.pyc", "x", 0644);
  host.dir.file("vendor/event/__init__.py", "", 0644);
  host.dir.file("admin/event/__init__.py", "", 0644);
  host.dir.file("vendor/event/__pycache__/helper.cpython-311.pyc", "x", 0644);
  host.dir.hook("vendor/event/50_hook.py");
  check(host.find(), {"vendor/event/50_hook.py"}, {});
}

BOOST_AUTO_TEST_CASE(links_to_hooks_are_followed_when_they_can_be_trusted) {
  const Host host;
  host.dir.hook("lib/program");
  host.dir.link("vendor/event/relative", "../../lib/program");
  host.dir.link("vendor/event/absolute", host.dir / "lib/program");
  host.dir.link("vendor/event/twice", "relative");
  check(host.find(), {"vendor/event/absolute", "vendor/event/relative", "vendor/event/twice"}, {});
  host.dir.chmod("lib", 0777);
  const auto found = host.find();
  check(found, {},
        {"vendor/event/absolute: untrusted", "vendor/event/relative: untrusted", "vendor/event/twice: untrusted"});
  for (const auto& file : found.ignored) BOOST_TEST(file.text.find(host.dir / "lib") != std::string::npos, file.text);
}

BOOST_AUTO_TEST_CASE(a_linked_set_uid_program_is_refused) {
  const Host host;
  host.dir.file("lib/program", "x", 04755);
  host.dir.link("vendor/event/50_a", "../../lib/program");
  check(host.find(), {}, {"vendor/event/50_a: untrusted"});
}

BOOST_AUTO_TEST_CASE(an_event_directory_may_be_a_link) {
  const Host host;
  host.dir.hook("elsewhere/50_a");
  host.dir.dir("vendor");
  host.dir.link("vendor/event", "../elsewhere");
  check(host.find(), {"vendor/event/50_a"}, {});
}

BOOST_AUTO_TEST_CASE(an_event_that_is_no_directory_is_a_problem) {
  for (const int kind : {0, 1, 2, 3}) {
    const Host host;
    host.dir.hook("admin/event/50_a");
    if (kind == 0) host.dir.file("vendor/event", "x", 0755);
    if (kind == 1) host.dir.fifo("vendor/event");
    if (kind == 2) host.dir.link("vendor/event", "/nonexistent");
    if (kind == 3) host.dir.link("vendor/event", "event");
    const auto found = host.find();
    BOOST_TEST_CONTEXT("kind " << kind) check(found, {"admin/event/50_a"}, {"vendor/event: unreadable"});
    BOOST_REQUIRE(found.ignored.size() == 1U);
    BOOST_TEST(found.ignored[0].is_problem());
    BOOST_TEST(!found.ignored[0].text.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_a_file_is_a_problem) {
  const Host host;
  host.dir.file("vendor", "x", 0755);
  check(host.find(), {}, {"vendor/event: unreadable"});
}

BOOST_AUTO_TEST_CASE(a_directory_that_may_not_be_listed_or_entered_is_a_problem,
                     *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.dir.hook("vendor/event/50_a");
  host.dir.hook("admin/event/60_b");
  const auto is_problem = [&](const std::string& path) {
    const auto found = host.find();
    return found.ignored.size() == 1 && found.ignored[0].path == host.dir / path &&
           found.ignored[0].reason == Reason::unreadable && found.hooks.size() == 1;
  };
  host.dir.chmod("vendor/event", 0711);
  BOOST_TEST(as_user(kStranger, [&] { return is_problem("vendor/event"); }));
  host.dir.chmod("vendor/event", 0744);  // its names can be listed, and nothing more
  BOOST_TEST(as_user(kStranger, [&] { return is_problem("vendor/event/50_a"); }));
  host.dir.chmod("vendor/event", 0755);
  host.dir.chmod("vendor", 0700);
  BOOST_TEST(as_user(kStranger, [&] { return is_problem("vendor/event"); }));
}

BOOST_AUTO_TEST_CASE(more_entries_than_are_looked_at_are_a_problem) {
  const Host host;
  for (std::size_t i = 0; i < kMaxHooks; ++i) host.dir.file("vendor/event/" + std::to_string(i), "", 0644);
  const auto problem_of = [](const Discovery& found) {
    return std::find_if(found.ignored.begin(), found.ignored.end(), [](const auto& file) { return file.is_problem(); });
  };
  auto found = host.find();
  BOOST_TEST((problem_of(found) == found.ignored.end()));
  host.dir.file("vendor/event/more", "", 0644);
  found = host.find();
  const auto problem = problem_of(found);
  BOOST_REQUIRE((problem != found.ignored.end()));
  BOOST_TEST(problem->path == host.dir / "vendor/event");
  BOOST_TEST(problem->text.find(std::to_string(kMaxHooks)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_untrusted_directory_is_one_problem_and_stops_no_other_layer) {
  for (const std::string name : {"vendor/event", "vendor"}) {
    const Host host;
    host.dir.hook("vendor/event/50_a");
    host.dir.hook("admin/event/60_b");
    host.dir.chmod(name, 0777);
    const auto found = host.find();
    check(found, {"admin/event/60_b"}, {"vendor/event: untrusted"});
    BOOST_TEST(found.ignored[0].text.find(host.dir / name) != std::string::npos, found.ignored[0].text);
  }
}

BOOST_AUTO_TEST_CASE(an_untrusted_file_is_named_and_stops_no_other_hook) {
  const Host host;
  host.dir.file("vendor/event/50_a", "x", 0777);
  host.dir.hook("vendor/event/60_b");
  check(host.find(), {"vendor/event/60_b"}, {"vendor/event/50_a: untrusted"});
}
