// Events with many hooks and many properties.
#define BOOST_TEST_MODULE engine_many
#include <boost/test/unit_test.hpp>

#include "host.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;

// Hooks are handed over some at a time, and after one that edits the rest anew.
BOOST_AUTO_TEST_CASE(each_of_many_hooks_runs_once_and_in_order_with_all_properties) {
  const Host host;
  constexpr int hooks = 150, properties = 200;
  std::string expected;
  for (int i = 0; i < hooks; ++i) {
    const auto name = std::to_string(100 + i) + "_a";
    const std::string edit =
        i % 70 == 3 ? "sed -i \"s|</domain>|<by hook='$VDSM_HOOK_NAME'/></domain>|\" \"$_hook_domxml\"\n" : "";
    host.file(
        vetoing_point().name, name,
        "#!/bin/sh\n[ \"$VDSM_HOOK_NAME\" = \"${0##*/}\" ] && [ ${#p0} = 5000 ] && [ ${#p199} = 5000 ] || exit 2\n" +
            edit);
    if (!edit.empty()) expected += "<by hook='" + name + "'/>";
  }
  auto request = host.request(vetoing_point());
  for (int i = 0; i < properties; ++i) request.properties.emplace_back("p" + std::to_string(i), std::string(5000, 'x'));
  const auto report = host.run(request);
  BOOST_TEST(!report.vetoed);
  BOOST_REQUIRE(report.hooks.size() == std::size_t{hooks});
  for (const auto& hook : report.hooks) BOOST_TEST((hook.ran && !hook.failed), hook.name << ": " << hook.reason);
  BOOST_TEST(mentions(report.document, expected), report.document);
}
