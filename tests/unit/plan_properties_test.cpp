// What reaches the hooks: properties of document and request, and the VM's identity.
#define BOOST_TEST_MODULE plan_properties
#include <boost/test/unit_test.hpp>

#include "plan_host.hpp"
#include "vdsm_hook/base/limits.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using Names = std::vector<std::string>;
using std::string_literals::operator""s;
using boost::test_tools::per_element;

namespace {

// The administrator defines a, b and good, so that the documents' are delivered.
struct Host : PlanHost {
  Host() {
    dir.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'a=.*;b=.*;good=.*'\n");
    for (const auto& event : {kVetoes, kLogs, kDevice, kJson, kHostJson, kNone}) hook(event, "50_a");
  }
};

Names words(const Variables& variables) {
  Names found;
  for (const auto& [name, value] : variables) found.push_back(name + "=" + value);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_requests_properties_are_laid_over_the_documents) {
  const Host host;
  for (const auto& event : {kVetoes, kDevice, kJson}) {
    auto asked = request(event, domain("<o:a>1</o:a><o:b>3</o:b>"));
    BOOST_TEST(words(host.prepare(asked).vm_properties) == (Names{"a=1", "b=3"}), per_element());
    asked.properties = {{"c", "4"}, {"a", "5"}, {"c", "6"}};
    BOOST_TEST(words(host.prepare(asked).vm_properties) == (Names{"a=5", "b=3", "c=6"}), per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_device_property_stays_the_devices_and_a_difference_is_noted) {
  const Host host;
  host.dir.file("config/properties.toml",
                "[UserDefinedVMProperties]\n'4.8' = 'a=.*;b=.*'\n"
                "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={a=.*;b=.*;c=.*}}'\n");
  auto asked = request(kDevice, domain("<o:a>vm</o:a><o:b>same</o:b>"));
  asked.device_properties = {{"a", "device"}, {"b", "same"}, {"c", "x"}};
  const auto prepared = host.prepare(asked);
  BOOST_TEST(words(prepared.device_properties) == (Names{"a=device", "b=same", "c=x"}), per_element());
  BOOST_TEST(words(prepared.vm_properties) == (Names{"a=vm", "b=same"}), per_element());
  BOOST_TEST(prepared.plan.notes == Names{"the VM's property a replaces the device's"}, per_element());
}

BOOST_AUTO_TEST_CASE(what_an_event_does_not_deliver_is_left_out_with_a_note_and_no_condition_sees_it) {
  const Host host;
  host.hook(kHostJson, "50_a", "[when]\nany_property = ['a']\n");
  auto asked = request(kHostJson, domain("<o:a>1</o:a>"));
  asked.properties = {{"a", "1"}};
  auto prepared = host.prepare(asked);
  BOOST_TEST(prepared.vm_properties.empty());
  BOOST_TEST(lines(prepared.plan) == Names{"50_a: property a is not set"}, per_element());
  BOOST_REQUIRE(prepared.plan.notes.size() == 1U);
  check_words(prepared.plan.notes[0], {kHostJson, "VM's properties"});

  asked = request(kVetoes);
  asked.device_properties = {{"a", "1"}};
  prepared = host.prepare(asked);
  BOOST_TEST(prepared.device_properties.empty());
  BOOST_REQUIRE(prepared.plan.notes.size() == 1U);
  check_words(prepared.plan.notes[0], {kVetoes, "device's properties"});
}

BOOST_AUTO_TEST_CASE(a_request_with_a_name_or_value_that_may_not_be_set_is_wrong_use) {
  const Host host;
  const std::vector<std::pair<std::string, std::string>> rows{
      {"PATH", "x"},       {"LD_PRELOAD", "x"}, {"vmId", "x"},  {"_hook_domxml", "x"}, {"VDSM_HOOK_EVENT", "x"},
      {"HTTP_PROXY", "x"}, {"", "x"},           {"9a", "x"},    {"a-b", "x"},          {"a=b", "x"},
      {"a\0b"s, "x"},      {"a", "x\ny"},       {"a", "x\0y"s}, {"a", "\xFF"},         {"a", std::string(200000, 'x')},
      {"\x1B[2J", "x"}};
  for (const auto& entry : rows) {
    for (auto member : {&Request::properties, &Request::device_properties, &Request::parameters}) {
      auto asked = request(kDevice);
      asked.*member = {{"good", "1"}, entry};
      check_error([&] { host.plan(asked); }, Errc::wrong_use,
                  {entry.first.find_first_of("\0\x1B"s) == std::string::npos ? "'" + entry.first + "'" : ""});
    }
  }
}

BOOST_AUTO_TEST_CASE(it_is_wrong_use_also_where_nothing_would_run) {
  const PlanHost host;
  auto asked = request(kVetoes);
  asked.properties = {{"PATH", "x"}};
  check_error([&] { host.plan(asked); }, Errc::wrong_use, {"'PATH'", "reserved"});
}

BOOST_AUTO_TEST_CASE(upstreams_rules_refuse_only_what_no_process_can_be_given) {
  const Host host;
  const std::vector<std::pair<std::string, std::string>> allowed{
      {"PATH", "x"}, {"_hook_domxml", "x"},          {"9a", "x"}, {"a-b", "x"}, {"a", "x\ny"},
      {"a", "\xFF"}, {"a", std::string(200000, 'x')}};
  const std::vector<std::pair<std::string, std::string>> refused{
      {"", "x"}, {"a=b", "x"}, {"a\0b"s, "x"}, {"a", "x\0y"s}};
  auto asked = request(kVetoes);
  asked.compat_vdsm = true;
  for (const auto& entry : allowed) {
    asked.properties = {entry};
    BOOST_TEST(host.prepare(asked).vm_properties == asked.properties);
  }
  for (const auto& entry : refused) {
    asked.properties = {entry};
    check_error([&] { host.plan(asked); }, Errc::wrong_use, {});
  }
}

BOOST_AUTO_TEST_CASE(a_property_of_the_document_that_may_not_be_set_vetoes_where_the_event_can_and_blocks_every_hook) {
  const Host host;
  for (const auto& custom :
       {"<o:PATH>x</o:PATH>"s, "<o:LD_PRELOAD>x</o:LD_PRELOAD>"s, "<o:a-b>x</o:a-b>"s, "<o:a>x\ny</o:a>"s,
        "<o:vmId>x</o:vmId>"s, "<o:a>&#x85;</o:a>"s, "<o:a>" + std::string(200000, 'x') + "</o:a>"}) {
    const auto prepared = host.prepare(request(kVetoes, domain("<o:good>1</o:good>" + custom)));
    BOOST_TEST(prepared.plan.is_blocked);
    BOOST_REQUIRE(prepared.plan.problems.size() == 1U);
    BOOST_TEST(prepared.plan.problems[0].vetoes);
    check_words(prepared.plan.problems[0].what, {"custom property"});
    BOOST_TEST(lines(prepared.plan) == Names{"50_a: nothing is started: see the problems"}, per_element());
  }
}

BOOST_AUTO_TEST_CASE(elsewhere_it_is_left_out_and_named) {
  const Host host;
  const auto prepared = host.prepare(request(kLogs, domain("<o:PATH>x</o:PATH><o:good>1</o:good>")));
  BOOST_TEST(!prepared.plan.is_blocked);
  BOOST_TEST(lines(prepared.plan) == Names{"50_a"}, per_element());
  BOOST_TEST(words(prepared.vm_properties) == Names{"good=1"}, per_element());
  BOOST_REQUIRE(prepared.plan.problems.size() == 1U);
  BOOST_TEST(!prepared.plan.problems[0].vetoes);
  check_words(prepared.plan.problems[0].what, {"PATH"});
  check_words(prepared.plan.problems[0].why, {"reserved", "left out"});
}

BOOST_AUTO_TEST_CASE(a_value_that_may_not_be_set_can_be_replaced_by_the_caller) {
  const Host host;
  auto asked = request(kVetoes, domain("<o:a>x\ny</o:a>"));
  asked.properties = {{"a", "good"}};
  const auto prepared = host.prepare(asked);
  BOOST_TEST((prepared.plan.problems.empty() && !prepared.plan.is_blocked));
  BOOST_TEST(words(prepared.vm_properties) == Names{"a=good"}, per_element());
}

BOOST_AUTO_TEST_CASE(upstreams_rules_deliver_what_the_document_has) {
  const Host host;
  auto asked = request(kVetoes, domain("<o:PATH>x</o:PATH><o:a>x\ny</o:a>"));
  asked.compat_vdsm = true;
  const auto prepared = host.prepare(asked);
  BOOST_TEST((prepared.plan.problems.empty() && !prepared.plan.is_blocked));
  BOOST_TEST(words(prepared.vm_properties) == (Names{"PATH=x", "a=x\ny"}), per_element());
}

BOOST_AUTO_TEST_CASE(the_vms_id_and_name_come_from_the_request_or_the_domain) {
  const Host host;
  const std::string other = "1e4a0b1c-7d2f-4c3a-9b1e-0123456789ab";
  struct Row {
    std::string domain_xml, given, id, name, note;  // no note: none at all
  };
  const std::vector<Row> rows{
      {domain(), "", kUuid, "web-1", ""},
      {domain("", "web-1", ""), "", "", "web-1", ""},
      {domain("", "web-1", ""), other, other, "web-1", ""},
      {domain(), kUuid, kUuid, "web-1", ""},
      {domain(), "0E4A0B1C-7D2F-4C3A-9B1E-0123456789AB", "0E4A0B1C-7D2F-4C3A-9B1E-0123456789AB", "web-1", ""},
      {domain(), other, other, "web-1", other},
      {domain("", "web-1", "not-a-uuid"), "", "", "web-1", "'not-a-uuid' is no UUID"},
      {domain("", "web-1", "not-a-uuid"), other, other, "web-1", "not-a-uuid"},
      {domain("", "", ""), "", "", "", ""},
  };
  for (const auto& row : rows) {
    for (const auto& event : {kVetoes, kDevice, kJson, kNone}) {
      auto asked = request(event, row.domain_xml);
      asked.vm_id = row.given;
      const auto plan = host.plan(asked);
      BOOST_TEST(plan.vm_id == row.id, event << " " << row.domain_xml);
      BOOST_TEST(plan.vm_name == row.name, event << " " << row.domain_xml);
      BOOST_TEST(plan.notes.size() == (row.note.empty() ? 0U : 1U), event << " " << row.domain_xml);
      if (!plan.notes.empty()) check_words(plan.notes[0], {row.note});
    }
  }
  auto asked = request(kDevice, "");
  asked.vm_id = other;
  BOOST_TEST(host.plan(asked).vm_id == other);
}

BOOST_AUTO_TEST_CASE(a_vm_id_is_a_uuid_and_by_upstreams_rules_a_plain_name_too) {
  const Host host;
  struct Row {
    std::string id;
    bool strict, compat;
  };
  const std::vector<Row> rows{{kUuid, true, true},
                              {"web-1", false, true},
                              {"a.b_C-9", false, true},
                              {"a b", false, false},
                              {"../x", false, false},
                              {"a/b", false, false},
                              {"..", false, false},
                              {".", false, false},
                              {"\xC3\xA9", false, false},
                              {"a\n", false, false},
                              {"{" + std::string(kUuid) + "}", false, false}};
  for (const auto& row : rows) {
    for (const bool compat : {false, true}) {
      auto asked = request(kVetoes);
      asked.vm_id = row.id;
      asked.compat_vdsm = compat;
      BOOST_TEST_CONTEXT(row.id << (compat ? " by upstream's rules" : "")) {
        if (compat ? row.compat : row.strict) {
          BOOST_TEST(host.plan(asked).vm_id == row.id);
        } else {
          check_error([&] { host.plan(asked); }, Errc::wrong_use, {"VM id"});
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_identity_to_keep_is_the_payloads_and_not_the_domains) {
  const Host host;
  const auto at_vm = host.prepare(request(kVetoes)).identity;
  BOOST_TEST((at_vm.root == "domain" && at_vm.name == "web-1" && at_vm.uuid == kUuid));
  const auto at_device = host.prepare(request(kDevice)).identity;
  BOOST_TEST((at_device.root == "interface" && at_device.name.empty() && at_device.uuid.empty()));
  BOOST_TEST(host.prepare(request(kJson)).identity.root.empty());
}

BOOST_AUTO_TEST_CASE(upstreams_column_of_the_table_is_used_by_upstreams_rules) {
  const PlanHost host;
  for (const auto& point : builtin_hook_points()) {
    for (const bool compat : {false, true}) {
      Request asked;
      asked.event = point.name;
      asked.compat_vdsm = compat;
      const auto kind = point.rules(compat).payload;
      if (kind != PayloadKind::none) asked.document = kind == PayloadKind::json ? "{}" : "<domain/>";
      BOOST_TEST((host.plan(asked).rules == point.rules(compat)), point.name);
    }
  }
}
