#define BOOST_TEST_MODULE hookpoints
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/filesystem.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/hookpoints/hookpoints.hpp"

namespace fs = boost::filesystem;
namespace data = boost::unit_test::data;
using namespace vdsm_hook;

namespace {

struct Fact {
  std::string name;
  HookPointRules rules;
};

// What upstream does, written down apart from the table.
std::vector<Fact> upstream() {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/upstream_hookpoints.txt");
  std::vector<Fact> facts;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string payload, used, raises, vm, device;
    Fact fact;
    words >> fact.name >> payload >> used >> raises >> vm >> device;
    fact.rules = {payload_kind(payload).value(), used == "yes", raises == "yes", vm == "yes", device == "yes"};
    facts.push_back(fact);
  }
  return facts;
}

template <class Predicate>
auto count(const std::vector<Fact>& facts, Predicate predicate) {
  return std::count_if(facts.begin(), facts.end(), predicate);
}

// A site's directory of hook points, gone afterwards.
struct SiteDir {
  SiteDir() : path(fs::temp_directory_path() / fs::unique_path("hookpoints-%%%%%%%%")) { fs::create_directory(path); }
  ~SiteDir() {
    boost::system::error_code ignored;
    fs::remove_all(path, ignored);
  }
  SiteDir(const SiteDir&) = delete;
  SiteDir& operator=(const SiteDir&) = delete;

  std::string add(const std::string& name, const std::string& content) const {
    const auto file = (path / name).string();
    std::ofstream(file) << content;
    return file;
  }
  HookPoints load() const { return HookPoints::load(path.string()); }

  fs::path path;
};

// The error that LOAD ends with; a failed check when there is none.
template <class Load>
Error error_of(Load load) {
  try {
    load();
  } catch (const Error& error) {
    return error;
  }
  BOOST_ERROR("nothing was thrown");
  return {Errc::engine_failure, ""};
}

// Loading fails as bad configuration, and the text starts with WHERE and has WORDS in it.
void check_refused(const SiteDir& site, const std::string& where, const std::string& words) {
  const auto error = error_of([&] { return site.load(); });
  const std::string text = error.what();
  BOOST_TEST(error.code() == make_error_code(Errc::bad_configuration));
  BOOST_TEST(text.substr(0, where.size()) == where);
  BOOST_TEST(text.find(words) != std::string::npos, text << " does not say " << words);
}

// Root may read everything.
boost::test_tools::assertion_result not_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(::geteuid() != 0);
  result.message() << "run as another user than root";
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_facts_about_upstream_are_58_points_of_which_24_raise_and_13_use_the_result) {
  const auto facts = upstream();
  BOOST_TEST(facts.size() == 58U);
  BOOST_TEST(count(facts, [](const auto& f) { return f.rules.vetoes; }) == 24);
  BOOST_TEST(count(facts, [](const auto& f) { return f.rules.result_used; }) == 13);
}

BOOST_AUTO_TEST_CASE(the_vdsm_column_says_what_upstream_does) {
  for (const auto& fact : upstream()) {
    const auto* point = HookPoints().find(fact.name);
    BOOST_REQUIRE_MESSAGE(point != nullptr, fact.name);
    BOOST_CHECK_MESSAGE(point->vdsm == fact.rules, fact.name);
    BOOST_CHECK_MESSAGE(&point->rules(true) == &point->vdsm && &point->rules(false) == &point->ours, fact.name);
  }
}

BOOST_AUTO_TEST_CASE(ours_differs_from_upstream_at_ten_points_and_nowhere_else) {
  using enum PayloadKind;
  const std::map<std::string, HookPointRules> differences{
      {"before_vm_dehibernate", {domain_xml, true, true, true, false, true}},
      {"after_vm_dehibernate", {domain_xml, false, false, true, false, true}},
      {"before_device_migrate_destination", {device_xml, false, true, true, true, true}},
      {"before_vm_migrate_destination", {domain_xml, true, true, true, false, true}},
      {"after_vm_migrate_destination", {domain_xml, false, false, true, false, true}},
      {"after_device_migrate_destination", {device_xml, false, false, true, true, true}},
      {"before_device_destroy", {device_xml, false, false, true, true}},
      {"before_vm_destroy", {domain_xml, false, false, true, false}},
      {"before_set_num_of_cpus", {domain_xml, false, true, true, false}},
      {"after_set_num_of_cpus", {domain_xml, false, false, true, false}},
  };
  for (const auto& fact : upstream()) {
    const auto different = differences.find(fact.name);
    const auto& expected = different == differences.end() ? fact.rules : different->second;
    BOOST_CHECK_MESSAGE(HookPoints().find(fact.name)->ours == expected, fact.name);
    BOOST_CHECK_MESSAGE((expected == fact.rules) == (different == differences.end()), fact.name);
  }
}

BOOST_AUTO_TEST_CASE(the_points_come_in_the_order_of_the_table) {
  const auto facts = upstream();
  const auto points = builtin_hook_points();
  BOOST_REQUIRE(points.size() >= facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i) BOOST_TEST(points[i].name == facts[i].name);
}

BOOST_AUTO_TEST_CASE(every_point_is_built_in_well_named_and_explained) {
  for (const auto& point : builtin_hook_points()) {
    BOOST_TEST_CONTEXT(point.name) {
      BOOST_TEST(is_event_name(point.name));
      BOOST_TEST(point.origin.empty());
      BOOST_TEST(!point.fires.empty());
      BOOST_TEST(!point.follows.empty());
      BOOST_TEST(!(point.ours.result_used && point.ours.payload == PayloadKind::none));
    }
  }
  const auto* restored = HookPoints().find("before_vm_dehibernate");
  BOOST_TEST(restored->parameters.find("FROM_SNAPSHOT") == 0U);
  BOOST_REQUIRE(restored->parameter_list.size() == 1U);
  BOOST_TEST(restored->parameter_list[0].name == "FROM_SNAPSHOT");
}

BOOST_AUTO_TEST_CASE(every_built_in_point_is_found_at_its_place_in_the_table) {
  const HookPoints points;
  BOOST_TEST(points.all().data() == builtin_hook_points().data());
  for (const auto& point : builtin_hook_points()) BOOST_TEST(points.find(point.name) == &point);
}

BOOST_DATA_TEST_CASE(unknown_names_are_not_found,
                     data::make({"", "a", "zzz", "before_vm_star", "before_vm_startx", "Before_vm_start",
                                 "../before_vm_start", "before_vm_start/"})) {
  BOOST_TEST(HookPoints().find(sample) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_nearly_right_is_suggested) {
  const HookPoints points;
  BOOST_TEST(points.did_you_mean("before_vm_strat") == " (did you mean before_vm_start?)");
  BOOST_TEST(points.did_you_mean("after_nic_hotplugfail") == " (did you mean after_nic_hotplug_fail?)");
  BOOST_TEST(points.did_you_mean("quite_something_else_altogether") == "");
}

BOOST_AUTO_TEST_CASE(no_site_directory_means_the_built_in_points_only) {
  const SiteDir site;
  BOOST_TEST(HookPoints::load((site.path / "none").string()).all().data() == builtin_hook_points().data());
  BOOST_TEST(site.load().all().data() == builtin_hook_points().data());
}

BOOST_AUTO_TEST_CASE(a_site_point_takes_its_defaults_from_its_payload) {
  using enum PayloadKind;
  const SiteDir site;
  site.add("all.toml",
           "[d]\npayload = \"domxml\"\n[x]\npayload = \"device_xml\"\n[j]\npayload = \"json\"\n[n]\npayload "
           "= \"none\"\n");
  const auto points = site.load();
  const std::vector<std::pair<std::string, HookPointRules>> expected{{"d", {domain_xml, false, false, true, false}},
                                                                     {"x", {device_xml, false, false, true, true}},
                                                                     {"j", {json, false, false, false, false}},
                                                                     {"n", {none, false, false, false, false}}};
  for (const auto& [name, rules] : expected) {
    const auto* point = points.find(name);
    BOOST_REQUIRE_MESSAGE(point != nullptr, name);
    BOOST_CHECK_MESSAGE(point->ours == rules && point->vdsm == rules, name);
    BOOST_CHECK_MESSAGE(point->parameters.empty() && point->fires.empty() && point->follows.empty(), name);
  }
}

BOOST_AUTO_TEST_CASE(a_site_point_has_what_its_file_says_and_outlives_the_object_that_loaded_it) {
  const SiteDir site;
  const auto file =
      site.add("10-backup.toml",
               "[before_backup]\npayload = \"json\"\nresult_used = true\nvetoes = true\n"
               "vm_properties = true\ndevice_properties = true\nfrom_elsewhere = true\nparameters = \"TARGET\"\n"
               "fires = \"Before a backup.\"\nfollows = \"First.\"\n");
  HookPoints points;
  {
    const auto loaded = site.load();
    points = loaded;
  }
  const auto* point = points.find("before_backup");
  BOOST_REQUIRE(point != nullptr);
  BOOST_CHECK((point->ours == HookPointRules{PayloadKind::json, true, true, true, true, true}));
  BOOST_CHECK((point->vdsm == HookPointRules{PayloadKind::json, true, true, true, true, false}));
  BOOST_TEST(point->parameters == "TARGET");
  BOOST_TEST(point->fires == "Before a backup.");
  BOOST_TEST(point->follows == "First.");
  BOOST_TEST(point->origin == file);
  BOOST_TEST(points.did_you_mean("before_backpu") == " (did you mean before_backup?)");
  BOOST_TEST(points.find("before_vm_start") == HookPoints().find("before_vm_start"));
}

BOOST_AUTO_TEST_CASE(site_files_are_read_in_byte_order_after_the_built_in_points) {
  const SiteDir site;
  site.add("b.toml", "[two]\npayload = \"none\"\n[one]\npayload = \"none\"\n");
  site.add("B.toml", "[zero]\npayload = \"none\"\n");
  site.add("10.toml", "[first]\npayload = \"none\"\n");
  const auto points = site.load();
  const auto all = points.all();
  const auto built_in = builtin_hook_points();
  BOOST_REQUIRE(all.size() == built_in.size() + 4);
  BOOST_TEST(all[0].name == built_in[0].name);
  const std::array expected{"first", "zero", "two", "one"};
  for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST(all[built_in.size() + i].name == expected[i]);
}

BOOST_AUTO_TEST_CASE(only_regular_files_that_end_in_toml_are_read) {
  const SiteDir site, elsewhere;
  for (const auto* name : {"a.toml~", "a.toml.rpmsave", ".a.toml", "README", "toml"}) site.add(name, "not TOML at all");
  fs::create_directory(site.path / "directory.toml");
  BOOST_REQUIRE(::mkfifo((site.path / "fifo.toml").c_str(), 0600) == 0);
  fs::create_symlink("/nonexistent", site.path / "dangling.toml");
  fs::create_symlink(elsewhere.add("x.toml", "[linked]\npayload = \"none\"\n"), site.path / "link.toml");
  const auto points = site.load();
  BOOST_TEST(points.all().size() == builtin_hook_points().size() + 1);
  BOOST_TEST(points.find("linked") != nullptr);
}

struct Refusal {
  std::string what, content;
  int line;
  std::string words;
  friend std::ostream& operator<<(std::ostream& out, const Refusal& r) { return out << r.what; }
};

const std::vector<Refusal> kRefusals{
    {"clash with a built-in point", "[mine]\npayload = \"none\"\n\n[before_vm_start]\npayload = \"domxml\"\n", 4,
     "built-in"},
    {"the same name twice", "[mine]\npayload = \"none\"\n[mine]\npayload = \"none\"\n", 3, "mine"},
    {"name with a slash", "\n[\"../x\"]\npayload = \"none\"\n", 2, "not the name of an event"},
    {"empty name", "[\"\"]\npayload = \"none\"\n", 1, "not the name of an event"},
    {"name with a dot first", "[\".x\"]\npayload = \"none\"\n", 1, "not the name of an event"},
    {"name that is too long", "[" + std::string(65, 'a') + "]\npayload = \"none\"\n", 1, "not the name of an event"},
    {"name with a control character", "[\"a\\u001bb\"]\npayload = \"none\"\n", 1, "'a\\x1bb'"},
    {"a point that is no table", "# points\nmine = true\n", 2, "must be a table"},
    {"unknown key", "[mine]\npayload = \"none\"\nvetos = true\n", 3, "unknown key 'vetos' (did you mean vetoes?)"},
    {"a column of upstream's", "[mine]\npayload = \"none\"\n[mine.vdsm]\nvetoes = true\n", 3, "unknown key 'vdsm'"},
    {"no payload", "\n[mine]\nvetoes = true\n", 2, "payload is missing"},
    {"unknown payload", "[mine]\npayload = \"xml\"\n", 2, "not \"xml\""},
    {"payload of another type", "[mine]\npayload = 7\n", 2, "payload"},
    {"text for a truth", "[mine]\npayload = \"none\"\nvetoes = \"yes\"\n", 3, "vetoes"},
    {"number for a text", "[mine]\npayload = \"none\"\nfires = 1\n", 3, "fires"},
    {"text of two lines", "[mine]\npayload = \"none\"\nfollows = \"a\\nb\"\n", 3, "one line"},
    {"text with a control character", "[mine]\npayload = \"none\"\nparameters = \"\\u001b[2J\"\n", 3, "one line"},
    {"the result of nothing used", "[mine]\npayload = \"none\"\nresult_used = true\n", 3, "its payload is none"},
    {"not TOML", "[mine]\npayload = \n", 2, "not TOML"},
};

BOOST_DATA_TEST_CASE(a_wrong_site_file_is_refused_with_file_and_line, data::make(kRefusals)) {
  const SiteDir site;
  const auto file = site.add("site.toml", sample.content);
  check_refused(site, file + ":" + std::to_string(sample.line) + ":", sample.words);
}

BOOST_AUTO_TEST_CASE(a_clash_between_two_site_files_names_both) {
  const SiteDir site;
  const auto first = site.add("a.toml", "[mine]\npayload = \"none\"\n");
  const auto second = site.add("b.toml", "\n\n[mine]\npayload = \"none\"\n");
  check_refused(site, second + ":3: ", "from " + first);
}

BOOST_AUTO_TEST_CASE(a_file_in_place_of_the_directory_is_refused) {
  const SiteDir site;
  const auto file = site.add("hookpoints.d", "");
  const auto error = error_of([&] { return HookPoints::load(file); });
  BOOST_TEST(error.code() == make_error_code(Errc::bad_configuration));
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_read_is_a_failure_of_the_engine,
                     *boost::unit_test::precondition(not_root)) {
  const SiteDir site;
  BOOST_REQUIRE(::chmod(site.path.c_str(), 0) == 0);
  const auto error = error_of([&] { return site.load(); });
  BOOST_TEST(error.code() == make_error_code(Errc::engine_failure));
  ::chmod(site.path.c_str(), 0700);
}
