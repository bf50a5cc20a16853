// Layers of hooks directories: which of two files with one name decides.
#define BOOST_TEST_MODULE layers
#include <boost/test/unit_test.hpp>
#include <functional>

#include "support.hpp"
#include "vdsm_hook/discovery/discovery.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Names = std::vector<std::string>;
using boost::test_tools::per_element;

namespace {

struct Host {
  Discovery find(bool checks_trust = true) const {
    return discover("event", {.layers = {dir / "1", dir / "2", dir / "3"},
                              .checks_trust = checks_trust,
                              .skips_leftovers = true,
                              .trust = Trust()});
  }
  // Hooks, then what is ignored, without the event's part of the path: "1/50_a", "2/50_a: masked".
  Names answer(bool checks_trust = true) const {
    const auto found = find(checks_trust);
    const auto brief = [&](const std::string& path) {
      const auto below = path.substr(dir.path().size() + 1);
      return below.find('/') == std::string::npos ? below : below.substr(0, 2) + path.substr(path.rfind('/') + 1);
    };
    Names lines;
    for (const auto& hook : found.hooks) lines.push_back(brief(hook.path));
    for (const auto& file : found.ignored)
      lines.push_back(brief(file.path) + ": " + std::string(to_string(file.reason)));
    return lines;
  }

  // What may stand in a layer under the one name.
  void put(int layer, const std::string& what) const {
    const auto name = std::to_string(layer) + "/event/50_a";
    if (what == "hook") dir.hook(name);
    if (what == "null") dir.link(name, "/dev/null");
    if (what == "empty") dir.file(name, "", 0644);
    if (what == "open empty") dir.file(name, "", 0666);
    if (what == "untrusted") dir.file(name, "#!/bin/sh\n", 0777);
    if (what == "open off") dir.file(name, "#!/bin/sh\n", 0666);
    if (what == "off") dir.file(name, "#!/bin/sh\n", 0644);
    if (what == "directory") dir.dir(name);
    if (what == "dangling") dir.link(name, "/nonexistent");
  }

  TempDir dir;
};

}  // namespace

BOOST_AUTO_TEST_CASE(of_files_with_one_name_the_strongest_layers_decides) {
  struct Row {
    Names layers;  // from the weakest
    Names answer;
  };
  const std::vector<Row> rows{
      {{"hook", "", ""}, {"1/50_a"}},
      {{"hook", "hook", ""}, {"2/50_a", "1/50_a: overridden"}},
      {{"hook", "hook", "hook"}, {"3/50_a", "1/50_a: overridden", "2/50_a: overridden"}},
      {{"hook", "", "hook"}, {"3/50_a", "1/50_a: overridden"}},
      // Masks, of both kinds.
      {{"hook", "null", ""}, {"1/50_a: masked", "2/50_a: masked"}},
      {{"hook", "empty", ""}, {"1/50_a: masked", "2/50_a: masked"}},
      {{"untrusted", "null", ""}, {"1/50_a: masked", "2/50_a: masked"}},
      {{"null", "", ""}, {"1/50_a: masked"}},
      {{"null", "null", ""}, {"1/50_a: masked", "2/50_a: masked"}},
      {{"null", "hook", ""}, {"2/50_a", "1/50_a: overridden"}},
      {{"hook", "null", "hook"}, {"3/50_a", "1/50_a: overridden", "2/50_a: overridden"}},
      {{"hook", "hook", "null"}, {"1/50_a: masked", "2/50_a: masked", "3/50_a: masked"}},
      // What others could write is not run, and neither is what it hides.
      {{"hook", "untrusted", ""}, {"1/50_a: overridden", "2/50_a: untrusted"}},
      {{"untrusted", "hook", ""}, {"2/50_a", "1/50_a: overridden"}},
      {{"untrusted", "", "untrusted"}, {"1/50_a: overridden", "3/50_a: untrusted"}},
      // Who could write it could have emptied it, or taken its mode away.
      {{"hook", "open empty", ""}, {"1/50_a: overridden", "2/50_a: untrusted"}},
      {{"hook", "open off", ""}, {"1/50_a: overridden", "2/50_a: untrusted"}},
      {{"open empty", "null", ""}, {"1/50_a: masked", "2/50_a: masked"}},
      // What is no hook hides none.
      {{"hook", "off", ""}, {"1/50_a", "2/50_a: not executable"}},
      {{"hook", "directory", ""}, {"1/50_a", "2/50_a: sub-directory"}},
      {{"hook", "dangling", ""}, {"1/50_a", "2/50_a: not a regular file"}},
      {{"off", "null", ""}, {"1/50_a: not executable", "2/50_a: masked"}},
      {{"hook", "off", "null"}, {"1/50_a: masked", "2/50_a: not executable", "3/50_a: masked"}},
  };
  for (const auto& row : rows) {
    const Host host;
    for (int layer = 0; layer < 3; ++layer) host.put(layer + 1, row.layers[static_cast<std::size_t>(layer)]);
    BOOST_TEST_CONTEXT(row.layers[0] << ", " << row.layers[1] << ", " << row.layers[2])
    BOOST_TEST(host.answer() == row.answer, per_element());
  }
}

BOOST_AUTO_TEST_CASE(masks_work_under_upstreams_rules_too) {
  for (const std::string mask : {"null", "empty"}) {
    const Host host;
    host.put(1, "untrusted");
    host.put(2, mask);
    BOOST_TEST(host.answer(false) == (Names{"1/50_a: masked", "2/50_a: masked"}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_link_to_an_empty_file_is_a_mask_and_one_to_another_device_is_not) {
  const Host host;
  host.put(1, "hook");
  host.dir.file("nothing", "", 0644);
  host.dir.link("2/event/50_a", "../../nothing");
  BOOST_TEST(host.answer() == (Names{"1/50_a: masked", "2/50_a: masked"}), per_element());
  boost::filesystem::remove(host.dir / "2/event/50_a");
  host.dir.link("2/event/50_a", "/dev/zero");
  BOOST_TEST(host.answer() == (Names{"1/50_a", "2/50_a: not a regular file"}), per_element());
}

BOOST_AUTO_TEST_CASE(an_empty_module_masks_a_hook_of_its_name_and_is_else_only_a_module) {
  const Host host;
  host.dir.file("2/event/50_a.py", "", 0644);
  BOOST_TEST(host.answer() == Names{}, per_element());
  host.dir.hook("1/event/50_a.py");
  BOOST_TEST(host.answer() == (Names{"1/50_a.py: masked", "2/50_a.py: masked"}), per_element());
}

BOOST_AUTO_TEST_CASE(verdicts_say_which_file_they_come_from) {
  const Host host;
  host.put(1, "hook");
  host.put(2, "hook");
  BOOST_TEST(host.find().ignored[0].text.find(host.dir / "2/event/50_a") != std::string::npos);
  BOOST_TEST(host.find().ignored[0].is_deliberate());
}

BOOST_AUTO_TEST_CASE(a_sidecar_speaks_for_the_hook_beside_it_or_one_of_a_weaker_layer) {
  struct Row {
    std::vector<int> hooks, sidecars;
    int wanted;  // the layer whose sidecar counts; 0: none
  };
  const std::vector<Row> rows{{{1}, {}, 0},     {{1}, {1}, 1},    {{1}, {2}, 2},       {{1}, {1, 2}, 2},
                              {{1}, {1, 3}, 3}, {{1, 2}, {1}, 0}, {{1, 2}, {1, 2}, 2}, {{2}, {1}, 0},
                              {{2}, {1, 3}, 3}, {{3}, {1, 2}, 0}, {{1, 3}, {2}, 0}};
  for (const auto& row : rows) {
    const Host host;
    for (const int layer : row.hooks) host.put(layer, "hook");
    for (const int layer : row.sidecars) host.dir.file(std::to_string(layer) + "/event/50_a.toml", "# \n");
    const auto found = host.find();
    BOOST_REQUIRE(found.hooks.size() == 1U);
    BOOST_TEST(found.hooks[0].sidecar ==
               (row.wanted == 0 ? "" : host.dir / (std::to_string(row.wanted) + "/event/50_a.toml")));
    BOOST_TEST(found.hooks[0].sidecar_doubt.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_sidecar_is_never_a_hook_and_has_no_verdict) {
  const Host host;
  host.dir.file("1/event/50_a.toml", "# \n", 0755);
  host.dir.file("1/event/50_b.toml", "# \n", 0777);
  host.dir.file("1/event/50_c.toml", "", 0644);
  BOOST_TEST(host.answer() == Names{}, per_element());
}

BOOST_AUTO_TEST_CASE(a_sidecar_that_is_a_link_to_dev_null_takes_a_weaker_ones_conditions_away) {
  const Host host;
  host.put(1, "hook");
  host.dir.file("1/event/50_a.toml", "timeout = '1s'\n");
  host.dir.link("2/event/50_a.toml", "/dev/null");
  const auto found = host.find();
  BOOST_REQUIRE(found.hooks.size() == 1U);
  BOOST_TEST(found.hooks[0].sidecar.empty());
  BOOST_TEST(found.hooks[0].sidecar_doubt.empty());
}

BOOST_AUTO_TEST_CASE(a_sidecar_that_others_could_write_is_doubted) {
  struct Row {
    const char* what;
    std::function<void(const TempDir&)> make;
    std::string words;
  };
  const std::vector<Row> rows{
      {"open", [](const TempDir& dir) { dir.file("1/event/50_a.toml", "", 0666); }, "everybody"},
      {"group", [](const TempDir& dir) { dir.file("1/event/50_a.toml", "", 0664); }, "its group"},
      {"link to an open file",
       [](const TempDir& dir) {
         dir.file("lib/x.toml", "", 0666);
         dir.link("1/event/50_a.toml", "../../lib/x.toml");
       },
       "lib/x.toml"},
      {"link into an open directory",
       [](const TempDir& dir) {
         dir.file("lib/x.toml", "");
         dir.chmod("lib", 0777);
         dir.link("1/event/50_a.toml", "../../lib/x.toml");
       },
       "lib is writable"},
      {"link through an open directory to nothing",
       [](const TempDir& dir) {
         dir.dir("lib", 0777);
         dir.link("1/event/50_a.toml", "../../lib/nothing");
       },
       "lib is writable"},
      {"open, of a stronger layer",
       [](const TempDir& dir) {
         dir.file("1/event/50_a.toml", "");
         dir.file("2/event/50_a.toml", "", 0666);
       },
       "2/event/50_a.toml"},
  };
  for (const auto& row : rows) {
    const Host host;
    host.put(1, "hook");
    row.make(host.dir);
    const auto found = host.find();
    BOOST_REQUIRE_MESSAGE(found.hooks.size() == 1U, row.what);
    BOOST_TEST(found.hooks[0].sidecar_doubt.find(row.words) != std::string::npos,
               row.what << ": " << found.hooks[0].sidecar_doubt);
    BOOST_TEST(host.find(false).hooks[0].sidecar_doubt.empty(), row.what);
  }
}

BOOST_AUTO_TEST_CASE(owners_count_for_hooks_sidecars_and_links, *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.put(1, "hook");
  host.dir.file("1/event/50_a.toml", "");
  host.dir.hook("1/event/60_b");
  host.dir.link("1/event/70_c", "50_a");
  for (const std::string name : {"50_a.toml", "60_b", "70_c"}) host.dir.chown("1/event/" + name, kStranger);
  BOOST_TEST(host.answer() == (Names{"1/50_a", "1/60_b: untrusted", "1/70_c: untrusted"}), per_element());
  BOOST_TEST(host.find().hooks[0].sidecar_doubt.find("65534") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_mask_of_a_sidecar_must_be_somebodys_who_is_trusted, *boost::unit_test::precondition(as_root)) {
  const Host host;
  host.put(1, "hook");
  host.dir.file("1/event/50_a.toml", "timeout = '1s'\n");
  host.dir.link("2/event/50_a.toml", "/dev/null");
  host.dir.chown("2/event/50_a.toml", kStranger);
  BOOST_TEST(host.find().hooks[0].sidecar_doubt.find("65534") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_layer_that_others_can_write_may_speak_of_does_not_run) {
  for (const std::string open : {"2/event", "2"}) {
    const Host host;
    for (const std::string name : {"1/event/50_a", "1/event/60_b", "1/event/70_c", "3/event/80_d"}) host.dir.hook(name);
    host.dir.link("2/event/50_a", "/dev/null");
    host.dir.file("2/event/60_b.toml", "[when]\nvm = ['other']\n");
    host.dir.link("2/event/80_d", "/dev/null");  // the third layer is the stronger one
    host.dir.chmod(open, 0775);
    BOOST_TEST(
        host.answer() == (Names{"1/70_c", "3/80_d", "1/50_a: in doubt", "1/60_b: in doubt", "2/event: untrusted"}),
        per_element());
    const auto found = host.find();
    BOOST_TEST(found.lacks_a_layer);
    for (const auto& file : found.ignored) {
      BOOST_TEST(file.is_problem(), file.path);
      BOOST_TEST(file.text.find(host.dir / "2") != std::string::npos, file.text);
    }
    BOOST_TEST(!host.find(false).lacks_a_layer);
    BOOST_TEST(host.answer(false) ==
                   (Names{"1/60_b", "1/70_c", "3/80_d", "1/50_a: masked", "2/50_a: masked", "2/80_d: overridden"}),
               per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_cannot_be_read_may_speak_of_every_hook_of_weaker_ones) {
  for (const std::string broken : {"a file", "a link to nothing", "a layer that is a link to nothing", "taken away"}) {
    const Host host;
    for (const std::string name : {"1/event/50_a", "3/event/80_d"}) host.dir.hook(name);
    if (broken == "a file") host.dir.file("2/event", "x");
    if (broken == "a link to nothing") host.dir.link("2/event", "nothing");
    if (broken == "a layer that is a link to nothing") host.dir.link("2", "nothing");
    if (broken == "taken away") host.dir.dir("2", 0777);
    const auto found = host.find();
    BOOST_TEST_CONTEXT(broken) {
      BOOST_TEST(found.lacks_a_layer);
      BOOST_REQUIRE(found.hooks.size() == 1U);
      BOOST_TEST(found.hooks[0].path == host.dir / "3/event/80_d");
      BOOST_REQUIRE(found.ignored.size() == 2U);
      BOOST_TEST((found.ignored[0].reason == IgnoredFile::Reason::in_doubt));
      BOOST_TEST(found.ignored[1].is_problem());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_layer_that_lacks_the_event_is_fine_where_nobody_else_can_have_taken_it_away) {
  const Host host;
  host.dir.hook("1/event/50_a");
  host.dir.dir("2");
  BOOST_TEST(host.answer() == Names{"1/50_a"}, per_element());
  BOOST_TEST(!host.find().lacks_a_layer);
  host.dir.chmod("2", 0777);
  BOOST_TEST(host.answer() == (Names{"1/50_a: in doubt", "2: untrusted"}), per_element());
  BOOST_TEST(host.answer(false) == Names{"1/50_a"}, per_element());
}
