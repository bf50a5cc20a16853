#define BOOST_TEST_MODULE lifecycles
#include <toml++/toml.h>
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "vdsm_hook/hookpoints/hookpoints.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"

using namespace vdsm_hook;

namespace {

using Words = std::vector<std::string>;

const toml::table& table() {
  static const auto read = toml::parse_file(VDSM_HOOK_TEST_DATA "/../../hookpoints/lifecycles.toml");
  return read;
}

Words words(EventNames names) { return {names.begin(), names.end()}; }

Words words(Phases phases) {
  Words names;
  for (const auto* phase : phases) names.emplace_back(phase->name);
  return names;
}

Words words(const toml::node_view<const toml::node>& list) {
  Words found;
  if (const auto* array = list.as_array())
    for (const auto& one : *array) found.push_back(one.value<std::string>().value());
  return found;
}

// KIND's tables with their names, in the order of the file.
std::vector<std::pair<std::string, const toml::table*>> named(std::string_view kind) {
  std::vector<std::pair<std::string, const toml::table*>> found;
  for (const auto& [name, value] : *table()[kind].as_table())
    found.emplace_back(std::string(name.str()), value.as_table());
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.second->source().begin.line < b.second->source().begin.line; });
  return found;
}

template <typename Kind>
Kind of(const toml::table& row, std::string_view key, Kind otherwise) {
  return row[key].value<Kind>().value_or(otherwise);
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_phase_is_the_tables) {
  const auto rows = named("phase");
  BOOST_TEST(rows.size() > 10U);
  for (const auto& [name, row] : rows) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST_REQUIRE((find_phase(name) != nullptr));
      const auto& one = *find_phase(name);
      BOOST_TEST(one.name == name);
      BOOST_TEST(one.does == of<std::string>(*row, "does", ""));
      BOOST_TEST(words(one.devices) == words((*row)["devices"]));
      BOOST_TEST(words(one.before) == words((*row)["before"]));
      BOOST_TEST(words(one.result_unused) == words((*row)["result_unused"]));
      BOOST_TEST(words(one.after) == words((*row)["after"]));
      BOOST_TEST(words(one.failed) == words((*row)["failed"]));
      BOOST_TEST(words(one.undo) == words((*row)["undo"]));
      constexpr std::string_view kStates[] = {"", "on", "running", "paused", "off", "attached", "detached"};
      BOOST_TEST(kStates[static_cast<std::size_t>(one.state_after)] == of<std::string>(*row, "state_after", ""));
      BOOST_TEST(one.reason == of<std::string>(*row, "reason", ""));
      BOOST_TEST(one.is_watched == of(*row, "is_watched", false));
      BOOST_TEST(one.failed_after_veto == of(*row, "failed_after_veto", false));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_phase_that_there_is_not_is_not_found) {
  BOOST_TEST((find_phase("strat") == nullptr));
  BOOST_TEST((find_phase("") == nullptr));
}

BOOST_AUTO_TEST_CASE(a_row_is_known_by_its_name) {
  BOOST_TEST(&phases::kPlugNic == find_phase("plug_nic"));
  BOOST_TEST(phases::kContinue.name == "continue");
  BOOST_TEST(vm_commands::kSetVcpus.name == "set-vcpus");
  BOOST_TEST(seen::kMigrate == bridge_row("qemu", "migrate", "begin", "")->then.value());
}

BOOST_AUTO_TEST_CASE(the_phase_for_a_device_is_the_commands_own) {
  BOOST_TEST(phase_for_device(vm_commands::kAttachDevice, "disk") == &phases::kPlugDisk);
  BOOST_TEST(phase_for_device(vm_commands::kDetachDevice, "interface") == &phases::kUnplugNic);
  BOOST_TEST((phase_for_device(vm_commands::kDetachDevice, "memory") == nullptr));
  BOOST_TEST((phase_for_device(vm_commands::kStart, "disk") == nullptr));
}

BOOST_AUTO_TEST_CASE(the_commands_are_the_tables_in_its_order) {
  const auto rows = named("command");
  const auto facts = vm_commands_in_order();
  BOOST_TEST_REQUIRE(facts.size() == rows.size());
  BOOST_TEST(facts.size() == 21U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    BOOST_TEST_CONTEXT(rows[i].first) {
      BOOST_TEST(facts[i]->name == rows[i].first);
      BOOST_TEST(facts[i]->summary == of<std::string>(*rows[i].second, "summary", ""));
      BOOST_TEST(facts[i]->note == of<std::string>(*rows[i].second, "note", ""));
      BOOST_TEST(words(facts[i]->phases) == words((*rows[i].second)["phases"]));
      BOOST_TEST(words(facts[i]->also_phases) == words((*rows[i].second)["also_phases"]));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_hook_point_of_a_phase_is_one_and_those_that_veto_come_before) {
  HookPoints points;
  for (const auto& [name, row] : named("phase")) {
    const auto& one = *find_phase(name);
    for (const auto events : {one.before, one.after, one.failed, one.undo})
      for (const auto event : events) BOOST_TEST(points.find(event) != nullptr, event);
    for (const auto events : {one.after, one.failed, one.undo})
      for (const auto event : events) BOOST_TEST(!points.find(event)->rules(false).vetoes, name << ": " << event);
  }
}

BOOST_AUTO_TEST_CASE(every_call_of_the_bridge_finds_its_row) {
  const auto* rows = table()["bridge"].as_array();
  BOOST_TEST_REQUIRE(rows->size() > 10U);
  for (const auto& node : *rows) {
    const auto& row = *node.as_table();
    const auto call = of<std::string>(row, "call", "");
    const auto blank = call.find(' ');
    const auto operation = call.substr(0, blank), sub = call.substr(blank + 1);
    const auto seen = row["seen"].value<std::string>();
    Words drivers;
    for (const auto& driver : words(row["drivers"])) {
      if (driver == "guest")
        drivers.insert(drivers.end(), {"qemu", "lxc", "libxl", "bhyve"});
      else
        drivers.push_back(driver);
    }
    for (const auto& driver : drivers) {
      BOOST_TEST_CONTEXT(driver << " " << call << " seen " << seen.value_or("whatever")) {
        const auto* found =
            bridge_row(driver, operation, sub == "*" ? "anything" : sub, seen.value_or("something else"));
        BOOST_TEST_REQUIRE(found != nullptr);
        BOOST_TEST(words(found->drivers) == drivers);
        BOOST_TEST(words(found->events) == words(row["events"]));
        BOOST_TEST(words(found->parameters) == words(row["parameters"]));
        BOOST_TEST((found->seen == seen));
        BOOST_TEST((found->then == row["then"].value<std::string>()));
        BOOST_TEST(found->needs_memory == of(row, "needs_memory", false));
        BOOST_TEST(found->is_filter == of(row, "is_filter", false));
        BOOST_TEST(found->never_fails == of(row, "never_fails", false));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_call_that_the_table_has_not_finds_no_row) {
  BOOST_TEST(bridge_row("qemu", "prepare", "end", "") == nullptr);
  BOOST_TEST(bridge_row("qemu", "start", "begin", "prepare") == nullptr);
  BOOST_TEST(bridge_row("network", "start", "begin", "") == nullptr);
  BOOST_TEST(bridge_row("daemon", "prepare", "begin", "") == nullptr);
  BOOST_TEST(bridge_row("qemu", "started", "begin", "nothing that counts") == nullptr);
}
