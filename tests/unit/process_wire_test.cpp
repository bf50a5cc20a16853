// What goes between an engine and its helper: the environment that hooks have in common.
#define BOOST_TEST_MODULE process_wire
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "runners.hpp"
#include "vdsm_hook/process/wire.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Entries = std::vector<std::string>;

namespace {

std::shared_ptr<const Entries> common(const std::string& name, std::size_t bytes) {
  return std::make_shared<const Entries>(Entries{name + "=" + std::string(bytes, 'x'), "EMPTY="});
}

Entries lines(const std::string& text) {
  Entries found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) found.push_back(line);
  return found;
}

Batch there_and_back(const std::string& message) {
  return unpack_batch(std::string_view(message).substr(sizeof(std::uint64_t)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_hooks_have_in_common_is_sent_and_kept_once) {
  const auto large = common("A", 1'400'000);
  std::vector<ProcessSpec> specs(300, ProcessSpec{"/hook", {"VDSM_HOOK_NAME=a"}, {}, {}});
  for (auto& spec : specs) spec.common_environment = large;
  const auto message = pack(specs, {});
  BOOST_TEST(message.size() < 1'600'000U);
  const auto batch = there_and_back(message);
  BOOST_REQUIRE(batch.specs.size() == 300U);
  BOOST_TEST(*batch.specs[0].common_environment == *large, boost::test_tools::per_element());
  for (const auto& spec : batch.specs) BOOST_TEST(spec.common_environment == batch.specs[0].common_environment);
}

BOOST_AUTO_TEST_CASE(each_hook_gets_its_own_of_several_and_none_where_it_has_none) {
  const auto a = common("A", 1), b = common("B", 2);
  std::vector<ProcessSpec> specs(6, ProcessSpec{"/hook", {}, {}, {}});
  specs[1].common_environment = specs[2].common_environment = specs[4].common_environment = a;
  specs[3].common_environment = b;
  const auto batch = there_and_back(pack(specs, {}));
  BOOST_REQUIRE(batch.specs.size() == specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto &sent = specs[i].common_environment, &came = batch.specs[i].common_environment;
    BOOST_TEST((sent == nullptr) == (came == nullptr));
    if (sent && came) BOOST_TEST(*sent == *came, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_hook_finds_its_own_entries_behind_those_in_common) {
  for (const std::string kind : {"local", "helper"}) {
    const Host host;
    auto given = spec(host, "1_print-env");
    given.is_marked = false;
    auto expected = given.environment;
    given.common_environment = common("A", 3);
    expected.insert(expected.begin(), given.common_environment->begin(), given.common_environment->end());
    BOOST_TEST(lines(make_runner(kind)->run(given, {}).out.text) == expected, boost::test_tools::per_element());
  }
}
