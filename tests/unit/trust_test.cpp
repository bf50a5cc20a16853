#define BOOST_TEST_MODULE trust
#include <boost/test/unit_test.hpp>
#include <functional>

#include "support.hpp"
#include "vdsm_hook/discovery/trust.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

// The directories lie under a sticky one (/tmp), as they may; everything below is the hooks' own.

namespace {

struct Layer {
  Layer() {
    dir.dir("hooks");
    event = dir.dir("hooks/event");
    hook = dir.hook("hooks/event/50_a");
  }
  std::optional<std::string> doubt(const Trust& trust = Trust()) const { return trust.doubt(hook, root); }

  TempDir dir;
  std::string root = dir / "hooks", event, hook;
};

void check_doubt(const std::optional<std::string>& why, const std::vector<std::string>& words) {
  BOOST_REQUIRE_MESSAGE(why.has_value(), "it is trusted; wanted: " << words.front());
  for (const auto& word : words) BOOST_TEST(why->find(word) != std::string::npos, *why << " does not say " << word);
}

void check_trusted(const std::optional<std::string>& why) { BOOST_TEST(!why.has_value(), why.value_or("")); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_hook_whose_whole_path_is_ours_is_trusted) {
  const Layer layer;
  check_trusted(layer.doubt());
  check_trusted(Trust().doubt(layer.event, layer.root));
  check_trusted(Trust().doubt("/bin/sh", "/bin"));
}

BOOST_AUTO_TEST_CASE(what_group_or_others_may_write_is_not_trusted_wherever_it_stands) {
  for (const std::string name : {"hooks/event/50_a", "hooks/event", "hooks", "."}) {
    for (const auto& [bits, who] :
         {std::pair{0020U, "its group"}, std::pair{0002U, "everybody"}, std::pair{0022U, "everybody"}}) {
      const Layer layer;
      const auto path = layer.dir.chmod(name, 0755 | bits);
      BOOST_TEST_CONTEXT(name << " with " << bits)
      check_doubt(layer.doubt(), {name == "." ? layer.dir.path() : path, who, "chmod go-w"});
    }
  }
}

BOOST_AUTO_TEST_CASE(what_belongs_to_a_stranger_is_not_trusted_wherever_it_stands,
                     *boost::unit_test::precondition(as_root)) {
  for (const std::string name : {"hooks/event/50_a", "hooks/event", "hooks", "."}) {
    const Layer layer;
    layer.dir.chown(name, kStranger);
    BOOST_TEST_CONTEXT(name)
    check_doubt(layer.doubt(), {name == "." ? layer.dir.path() : layer.dir / name, "65534", "chown"});
  }
}

BOOST_AUTO_TEST_CASE(a_configured_uid_is_trusted_and_no_other, *boost::unit_test::precondition(as_root)) {
  const Layer layer;
  for (const std::string name : {"hooks/event/50_a", "hooks/event", "hooks"}) layer.dir.chown(name, kStranger);
  check_trusted(layer.doubt(Trust({kStranger})));
  check_trusted(layer.doubt(Trust({1, kStranger, 2})));
  check_doubt(layer.doubt(Trust({kStranger - 1})), {"65534"});
  check_doubt(layer.doubt(), {"65534"});
  layer.dir.chmod("hooks/event/50_a", 0775);
  check_doubt(layer.doubt(Trust({kStranger})), {"50_a", "its group"});
}

BOOST_AUTO_TEST_CASE(the_engines_own_user_and_root_are_trusted_also_when_it_is_not_root,
                     *boost::unit_test::precondition(as_root)) {
  const Layer own;
  for (const std::string name : {".", "hooks", "hooks/event", "hooks/event/50_a"}) own.dir.chown(name, kStranger);
  const Layer roots;
  BOOST_TEST(as_user(kStranger, [&] { return !own.doubt(); }));
  BOOST_TEST(as_user(kStranger, [&] { return !roots.doubt(); }));
  BOOST_TEST(as_user(kStranger - 1, [&] { return own.doubt().has_value(); }));
}

BOOST_AUTO_TEST_CASE(a_sticky_directory_is_let_pass_only_above_the_layers_root) {
  struct Row {
    std::string sticky;
    bool is_trusted;
  };
  for (const auto& [sticky, is_trusted] : {Row{".", true}, Row{"hooks", false}, Row{"hooks/event", false}}) {
    const Layer layer;
    layer.dir.chmod(sticky, 01777);
    BOOST_TEST(!layer.doubt().has_value() == is_trusted, sticky << ": " << layer.doubt().value_or("trusted"));
    layer.dir.chmod(sticky, 01775);
    BOOST_TEST(!layer.doubt().has_value() == is_trusted, sticky);
  }
}

BOOST_AUTO_TEST_CASE(a_sticky_layer_root_is_not_let_pass_however_it_is_spelled) {
  const Layer layer;
  layer.dir.chmod("hooks", 01777);
  layer.dir.dir("hooks/deeper");
  layer.dir.link("link", "hooks");
  layer.dir.link("hooks/up", "..");
  const auto& top = layer.dir.path();
  for (const auto& root :
       {layer.root, layer.root + "/", layer.root + "//", layer.root + "/.", "/" + layer.root, top + "/./hooks",
        layer.root + "/deeper/..", layer.root + "/../hooks", top + "/link", top + "/link/", layer.root + "/up/hooks"})
    check_doubt(Trust().doubt(root + "/event/50_a", root), {"everybody"});
}

BOOST_AUTO_TEST_CASE(a_layer_root_that_is_ours_is_trusted_however_it_is_spelled) {
  const Layer layer;
  layer.dir.dir("hooks/deeper");
  layer.dir.link("link", "hooks");
  const auto& top = layer.dir.path();
  for (const auto& root :
       {layer.root, layer.root + "/", layer.root + "//", layer.root + "/.", "/" + layer.root, top + "/./hooks",
        layer.root + "/deeper/..", layer.root + "/../hooks", top + "/link", top + "/link/", top + "/hooks/../link"})
    check_trusted(Trust().doubt(root + "/event/50_a", root));
}

BOOST_AUTO_TEST_CASE(a_sticky_directory_of_a_stranger_is_not_let_pass, *boost::unit_test::precondition(as_root)) {
  const Layer layer;
  layer.dir.chmod(".", 01777);
  layer.dir.chown(".", kStranger);
  check_doubt(layer.doubt(), {layer.dir.path(), "65534"});
}

BOOST_AUTO_TEST_CASE(a_link_is_judged_by_its_target_and_the_targets_directories) {
  for (const bool is_relative : {false, true}) {
    const Layer layer;
    layer.dir.hook("lib/deep/program");
    const auto link =
        layer.dir.link("hooks/event/60_link", is_relative ? "../../lib/deep/program" : layer.dir / "lib/deep/program");
    const auto doubt = [&] { return Trust().doubt(link, layer.root); };
    check_trusted(doubt());
    for (const std::string name : {"lib/deep/program", "lib/deep", "lib"}) {
      layer.dir.chmod(name, 0775);
      check_doubt(doubt(), {layer.dir / name, "its group"});
      layer.dir.chmod(name, 01777);
      check_doubt(doubt(), {layer.dir / name, "everybody"});  // sticky, but not above the layer
      layer.dir.chmod(name, 0755);
    }
    check_trusted(doubt());
  }
}

BOOST_AUTO_TEST_CASE(a_link_and_its_target_must_have_trusted_owners, *boost::unit_test::precondition(as_root)) {
  for (const std::string name : {"hooks/event/60_link", "lib/program", "lib"}) {
    const Layer layer;
    layer.dir.hook("lib/program");
    const auto link = layer.dir.link("hooks/event/60_link", "../../lib/program");
    layer.dir.chown(name, kStranger);
    check_doubt(Trust().doubt(link, layer.root), {layer.dir / name, "65534"});
  }
}

BOOST_AUTO_TEST_CASE(every_link_on_the_way_is_judged, *boost::unit_test::precondition(as_root)) {
  for (const std::string name : {"hooks/event/60_link", "second", "third"}) {
    const Layer layer;
    layer.dir.hook("lib/program");
    const auto link = layer.dir.link("hooks/event/60_link", "../../second/program");
    layer.dir.link("second", "third");
    layer.dir.link("third", layer.dir / "lib");
    check_trusted(Trust().doubt(link, layer.root));
    layer.dir.chown(name, kStranger);
    check_doubt(Trust().doubt(link, layer.root), {layer.dir / name, "65534"});
  }
}

BOOST_AUTO_TEST_CASE(two_dots_in_a_link_are_taken_from_where_the_way_has_led) {
  const Layer layer;
  layer.dir.hook("other/deep/program");
  layer.dir.hook("other/program");
  layer.dir.link("shortcut", "other/deep");
  // From other/deep, which the shortcut leads to, and not from beside the shortcut.
  const auto link = layer.dir.link("hooks/event/60_link", "../../shortcut/../program");
  check_trusted(Trust().doubt(link, layer.root));
  layer.dir.chmod("other/program", 0775);
  check_doubt(Trust().doubt(link, layer.root), {layer.dir / "other/program"});
  layer.dir.chmod("other/program", 0755);
  layer.dir.chmod("other/deep", 0777);
  check_doubt(Trust().doubt(link, layer.root), {layer.dir / "other/deep"});
}

BOOST_AUTO_TEST_CASE(two_dots_above_the_root_directory_stay_there) {
  check_trusted(Trust().doubt("/../../bin/sh", "/"));
}

BOOST_AUTO_TEST_CASE(links_that_lead_nowhere_are_not_trusted_and_end) {
  const Layer layer;
  const std::vector<std::pair<std::string, std::string>> rows{
      {"self", layer.event + "/self"},   {"ping", "pong"},      {"pong", "ping"},
      {"dangling", "/nonexistent/file"}, {"through", "50_a/x"}, {"grow", "grow/grow"}};
  for (const auto& [name, target] : rows) layer.dir.link("hooks/event/" + name, target);
  for (const auto& [name, target] : rows)
    BOOST_TEST(Trust().doubt(layer.event + "/" + name, layer.root).has_value(), name);
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_no_doubt_about_the_way_to_it) {
  const Layer layer;
  const std::vector<std::pair<std::string, std::string>> rows{{"self", layer.event + "/self"},
                                                              {"ping", "pong"},
                                                              {"pong", "ping"},
                                                              {"dangling", "nothing"},
                                                              {"through", "50_a/x"}};
  for (const auto& [name, target] : rows) layer.dir.link("hooks/event/" + name, target);
  layer.dir.dir("open", 0777);
  layer.dir.link("hooks/event/open", "../../open/nothing/at/all");
  for (const auto& [name, target] : rows) check_trusted(Trust().doubt_way(layer.event + "/" + name, layer.root));
  check_trusted(Trust().doubt_way(layer.event + "/nothing/at/all", layer.root));
  check_doubt(Trust().doubt_way(layer.event + "/open", layer.root), {layer.dir / "open", "everybody"});
  layer.dir.chmod("hooks", 0777);
  check_doubt(Trust().doubt_way(layer.root + "/nothing", layer.root), {layer.root, "everybody"});
}

BOOST_AUTO_TEST_CASE(a_chain_of_links_is_followed_as_far_as_the_kernel_does) {
  const Layer layer;
  layer.dir.hook("hooks/event/link0");
  for (int i = 1; i <= 60; ++i) layer.dir.link("hooks/event/link" + std::to_string(i), "link" + std::to_string(i - 1));
  for (int i = 1; i <= 60; ++i) {
    const auto path = layer.event + "/link" + std::to_string(i);
    BOOST_TEST(!Trust().doubt(path, layer.root).has_value() == (::access(path.c_str(), F_OK) == 0), path);
  }
}

BOOST_AUTO_TEST_CASE(an_event_directory_that_is_a_link_is_judged_as_any_other_link) {
  const Layer layer;
  layer.dir.hook("elsewhere/50_a");
  layer.dir.link("hooks/linked", "../elsewhere");
  const auto doubt = [&] { return Trust().doubt(layer.root + "/linked", layer.root); };
  check_trusted(doubt());
  layer.dir.chmod("elsewhere", 01777);
  check_doubt(doubt(), {layer.dir / "elsewhere", "everybody"});
}

BOOST_AUTO_TEST_CASE(a_name_with_control_characters_is_shown_fit_for_a_terminal) {
  const Layer layer;
  const auto path = layer.dir.file("hooks/event/\x1B[2J", "x", 0777);
  check_doubt(Trust().doubt(path, layer.root), {"\\x1b[2J"});
}

BOOST_AUTO_TEST_CASE(one_stat_alone_tells_owner_and_mode_only) {
  struct stat st {};
  st.st_uid = ::geteuid();
  st.st_mode = S_IFREG | 0644;
  check_trusted(Trust().doubt_itself(st, "x"));
  for (const mode_t mode : {0664U, 0646U, 0602U, 0620U}) {
    st.st_mode = S_IFREG | mode;
    check_doubt(Trust().doubt_itself(st, "x"), {"x is writable by"});
    check_trusted(Trust().doubt_owner(st, "x"));
  }
  for (const mode_t kind : {S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK}) {
    st.st_mode = kind | 0666;
    check_trusted(Trust().doubt_itself(st, "x"));  // it has no content that anybody could write
  }
  st.st_mode = S_IFREG | 0644;
  st.st_uid = 4242;
  check_doubt(Trust().doubt_itself(st, "x"), {"x belongs to uid 4242"});
  check_doubt(Trust().doubt_owner(st, "x"), {"x belongs to uid 4242"});
  check_trusted(Trust({4242}).doubt_itself(st, "x"));
}
