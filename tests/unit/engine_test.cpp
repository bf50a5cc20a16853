// One event from request to report: order, environment, payload file, what is refused before anything starts.
#define BOOST_TEST_MODULE engine
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "host.hpp"

namespace data = boost::unit_test::data;
namespace fs = boost::filesystem;
using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using Kind = ProcessOutcome::Kind;

namespace {

std::string with_custom(const std::string& properties) {
  auto text = kDomain;
  return text.insert(text.rfind("</"), "  <metadata xmlns:o='http://ovirt.org/vm/1.0'><o:vm><o:custom>" + properties +
                                           "</o:custom></o:vm></metadata>\n");
}

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) found.push_back(line);
  std::sort(found.begin(), found.end());
  return found;
}

// What a hook at POINT finds in its environment, by name; "-": not set.
std::string variable(const Report& report, const std::string& name) {
  for (const auto& line : sorted_lines(report.hooks.at(0).process.out.text))
    if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
  return "-";
}

const HookPoint& device_point() { return point(PayloadKind::device_xml, true, true); }
const HookPoint& json_point() { return point(PayloadKind::json, true, true); }
const HookPoint& empty_point() { return point(PayloadKind::none, false, false); }

}  // namespace

BOOST_AUTO_TEST_CASE(without_hooks_the_document_is_returned_as_it_came_and_nothing_is_made) {
  const Host host;
  fs::remove(host.runtime_dir());
  auto request = host.request(vetoing_point());
  request.document = "not even XML";
  const auto report = host.run(request);
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(report.document == request.document);
  BOOST_TEST(!report.changed);
  BOOST_TEST(!fs::exists(host.runtime_dir()));
}

BOOST_AUTO_TEST_CASE(hooks_run_in_byte_order_and_each_sees_what_the_one_before_left) {
  const Host host;
  const std::vector<std::string> order{"10_payload-edit", "50_B+payload-rename", "50_a+payload-edit", "9_payload-edit"};
  for (const auto* name : {"9_payload-edit", "10_payload-edit"}) host.hook(vetoing_point().name, name);
  // The part behind "_" is what it does, so these two are scripts.
  for (const auto* name : {"50_a+payload-edit", "50_B+payload-rename"})
    host.file(vetoing_point().name, name, "sed -i \"s|</domain>|<by hook='${0##*/}'/></domain>|\" \"$_hook_domxml\"\n");
  const auto report = host.run(vetoing_point());
  std::vector<std::string> ran;
  std::string expected;
  for (const auto& hook : report.hooks) ran.push_back(hook.name);
  for (const auto& name : order) expected += "<by hook='" + name + "'/>";
  BOOST_TEST(ran == order, boost::test_tools::per_element());
  BOOST_TEST(mentions(report.document, expected), report.document);
  BOOST_TEST(report.changed);
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(an_untouched_document_comes_back_byte_for_byte) {
  const Host host;
  host.hook(vetoing_point().name, "10_exit-0");
  auto request = host.request(vetoing_point());
  request.document = "\xef\xbb\xbf<domain\t><uuid>\r\n x</uuid ><a b='x&#10;y'/><!-- --></domain>\r\n\n";
  const auto report = host.run(request);
  BOOST_TEST(report.document == request.document);
  BOOST_TEST(!report.changed);
}

BOOST_AUTO_TEST_CASE(the_environment_is_built_from_nothing) {
  const Host host;
  host.hook(vetoing_point().name, "10_print-env");
  ::setenv("OF_THE_CALLER", "1", 1);
  const auto report = host.run(vetoing_point());
  ::unsetenv("OF_THE_CALLER");
  const auto run_id = variable(report, "VDSM_HOOK_RUN_ID");
  auto home = is_root({}) ? std::string("/root") : std::string(::getenv("HOME"));
  std::vector<std::string> expected{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                    "LANG=C.UTF-8",
                                    "HOME=" + home,
                                    "FAULT_DIR=" + host.root(),
                                    "vmId=" + kUuid,
                                    "PYTHONPATH=/nonexistent/python",
                                    "PYTHONPYCACHEPREFIX=" + host.settings().paths.runtime_dir + "/pycache",
                                    "_hook_domxml=" + host.runtime_dir() + "/vdsm-hook-run-" + run_id + "/payload",
                                    "VDSM_HOOK_EVENT=" + std::string(vetoing_point().name),
                                    "VDSM_HOOK_API=1",
                                    "VDSM_HOOK_RUN_ID=" + run_id,
                                    "VDSM_HOOK_LAUNCHFLAGS_DIR=" + host.settings().paths.launchflags_dir,
                                    "VDSM_HOOK_NAME=10_print-env",
                                    "VDSM_HOOK_SDK_SHELL=" + host.settings().paths.sdk_shell_dir};
  expected.push_back("VDSM_HOOK_MARK=" + variable(report, "VDSM_HOOK_MARK"));
  std::sort(expected.begin(), expected.end());
  BOOST_TEST(sorted_lines(report.hooks.at(0).process.out.text) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(later_parts_of_the_environment_win) {
  const Host host;
  const auto& point = device_point();
  host.hook(point.name, "10_print-env");
  host.file(point.name, "10_print-env.toml", "[vm_properties]\nD = '.*'\nE = '.*'\n",
            0644);  // or the document's would be withheld
  auto settings = host.settings();
  settings.environment = {
      {"A", "configured"}, {"B", "configured"}, {"http_proxy", "http://p"}, {"PATH", "/opt/bin:/bin"}};
  auto request = host.request(point);
  request.domain_xml = with_custom("<o:D>document</o:D><o:E>document</o:E>");
  request.parameters.insert(request.parameters.end(), {{"B", "parameter"}, {"C", "parameter"}});
  request.device_properties = {{"C", "device"}, {"D", "device"}};
  request.properties = {{"E", "given"}};
  const auto report = Engine(settings).run(request);
  const std::vector<std::pair<std::string, std::string>> rows{
      {"A", "configured"}, {"B", "parameter"},         {"C", "device"},           {"D", "document"},
      {"E", "given"},      {"http_proxy", "http://p"}, {"PATH", "/opt/bin:/bin"}, {"vmId", kUuid}};
  for (const auto& [name, value] : rows) BOOST_TEST(variable(report, name) == value, name);
  BOOST_TEST(std::count(report.notes.begin(), report.notes.end(), "the VM's property D replaces the device's") == 1);
}

BOOST_AUTO_TEST_CASE(device_properties_go_to_device_events_only) {
  const Host host;
  host.hook(vetoing_point().name, "10_print-env");
  auto request = host.request(vetoing_point());
  request.device_properties = {{"OF_A_DEVICE", "1"}};
  BOOST_TEST(variable(host.run(request), "OF_A_DEVICE") == "-");
}

BOOST_AUTO_TEST_CASE(the_vm_id_is_a_uuid_or_nothing) {
  const Host host;
  host.hook(vetoing_point().name, "10_print-env");
  host.hook(json_point().name, "10_print-env");
  auto request = host.request(vetoing_point());
  request.document.replace(request.document.find(kUuid), kUuid.size(), "x");
  const auto odd = host.run(request);
  BOOST_TEST(variable(odd, "vmId") == "-");
  BOOST_TEST(mentions(odd.notes.at(0), "no UUID"));
  request.vm_id = "11111111-2222-3333-4444-555555555555";
  BOOST_TEST(variable(host.run(request), "vmId") == request.vm_id);
  BOOST_TEST(variable(host.run(json_point()), "vmId") == "-");
  auto with_domain = host.request(json_point());
  with_domain.domain_xml = kDomain;
  BOOST_TEST(variable(host.run(with_domain), "vmId") == kUuid);
  request.vm_id = "vm-1";
  BOOST_TEST(error_code_of([&] { host.run(request); }) == make_error_code(Errc::wrong_use));
}

BOOST_AUTO_TEST_CASE(the_payload_file_is_private) {
  const Host host;
  host.file(
      vetoing_point().name, "10_stat",
      "stat -c '%a %u %s' \"$_hook_domxml\"; stat -c '%a %u' \"${_hook_domxml%/*}\"; ls -A \"${_hook_domxml%/*}\"\n");
  const auto uid = std::to_string(::geteuid());
  BOOST_TEST(host.run(vetoing_point()).hooks.at(0).process.out.text ==
             "600 " + uid + " " + std::to_string(kDomain.size()) + "\n700 " + uid + "\npayload\n");
}

BOOST_AUTO_TEST_CASE(a_json_event_has_its_own_variable) {
  const Host host;
  host.hook(json_point().name, "10_print-env+payload-edit");
  const auto report = host.run(json_point());
  BOOST_TEST(variable(report, "_hook_domxml") == "-");
  BOOST_TEST(variable(report, "_hook_json") != "-");
  BOOST_TEST(report.document == "{\"10_print-env+payload-edit\":1,\"disk\": {\"path\": \"/x\"}}");
}

// Whatever the hook before did to it.
BOOST_DATA_TEST_CASE(an_event_without_payload_has_an_empty_file_for_each_hook,
                     data::make({"exit-0", "payload-delete", "doc-json", "payload-grow", "payload-directory",
                                 "directory-remove"})) {
  const Host host;
  host.hook(empty_point().name, "10_" + std::string(sample));
  host.file(empty_point().name, "20_stat", "stat -c '%F %a %s' \"$_hook_domxml\"\n");
  const auto report = host.run(empty_point());
  BOOST_TEST(report.hooks.at(1).process.out.text == "regular empty file 600 0\n");
  BOOST_TEST(report.problems.empty());
  BOOST_TEST(report.document == "");
  host.check_nothing_left();
}

BOOST_AUTO_TEST_CASE(changes_at_an_event_that_does_not_use_them_reach_the_next_hooks_only) {
  const Host host;
  host.hook(logging_point().name, "10_payload-edit");
  host.hook(logging_point().name, "20_saw");
  const auto report = host.run(logging_point());
  BOOST_TEST(report.hooks.at(0).adopted);
  BOOST_TEST(mentions(host.seen_by("20_saw"), "10_payload-edit"));
  BOOST_TEST(report.document == kDomain);
  BOOST_TEST(!report.changed);
  BOOST_TEST(mentions(report.notes.at(0), "not used"));
}

BOOST_AUTO_TEST_CASE(a_larger_document_than_the_limit_is_discarded_at_the_limit_it_is_taken) {
  const Host host;
  host.hook(vetoing_point().name, "10_payload-edit");
  auto settings = host.settings();
  const auto size = kDomain.size() + std::string("<by hook='10_payload-edit'/>").size();
  settings.max_payload_bytes = size - 1;
  BOOST_TEST(mentions(Engine(settings).run(host.request(vetoing_point())).problems.at(0).why,
                      "more than the limit of " + std::to_string(size - 1)));
  settings.max_payload_bytes = size;
  BOOST_TEST(!Engine(settings).run(host.request(vetoing_point())).vetoed);
}

BOOST_AUTO_TEST_CASE(a_diff_is_made_where_it_is_wanted_also_of_what_was_discarded) {
  const Host host;
  host.hook(vetoing_point().name, "10_payload-edit");
  host.hook(vetoing_point().name, "20_payload-edit+exit-1");
  auto request = host.request(vetoing_point());
  BOOST_TEST(host.run(request).hooks.at(0).diff == "");
  request.wants_diffs = true;
  const auto report = host.run(request);
  BOOST_TEST(mentions(report.hooks.at(0).diff, "+<by hook='10_payload-edit'/></domain>"));
  BOOST_TEST(mentions(report.hooks.at(1).diff, "20_payload-edit"));
}

BOOST_AUTO_TEST_CASE(a_plan_starts_and_writes_nothing) {
  const Host host;
  host.hook(vetoing_point().name, "10_ready");
  fs::remove(host.runtime_dir());
  const auto plan = Engine(host.settings()).plan(host.request(vetoing_point()));
  BOOST_TEST(plan.hooks.size() == 1U);
  BOOST_TEST(plan.hooks.at(0).runs);
  BOOST_TEST(plan.vm_name == "web-1");
  BOOST_TEST(host.read("ready") == "");
  BOOST_TEST(!fs::exists(host.runtime_dir()));
}

BOOST_AUTO_TEST_CASE(a_hook_is_skipped_when_the_caller_says_so) {
  const Host host;
  host.hook(vetoing_point().name, "10_exit-1");
  auto request = host.request(vetoing_point());
  request.skip = {"10_exit-1"};
  const auto report = host.run(request);
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(!report.hooks.at(0).ran);
  request.skip = {"10_exit-2"};
  std::string text;
  BOOST_TEST(error_code_of([&] { host.run(request); }, &text) == make_error_code(Errc::wrong_use));
  BOOST_TEST(mentions(text, "did you mean 10_exit-1"));
}

BOOST_DATA_TEST_CASE(an_event_that_is_none_is_refused,
                     data::make(std::vector<std::string>{"", "../x", "/x", "a/b", ".x", "..", "a b", "a\nb",
                                                         std::string(300, 'x')}) *
                         data::make({false, true}),
                     event, is_adhoc) {
  const Host host;
  auto request = host.request(vetoing_point());
  request.event = event;
  if (is_adhoc) request.adhoc = PayloadKind::domain_xml;
  BOOST_TEST(error_code_of([&] { host.run(request); }) == make_error_code(Errc::wrong_use));
  BOOST_TEST(error_code_of([&] { Engine(host.settings()).plan(request); }) == make_error_code(Errc::wrong_use));
}

BOOST_AUTO_TEST_CASE(an_unknown_event_is_refused_with_the_nearest_name_unless_it_is_meant) {
  const Host host;
  auto request = host.request(vetoing_point());
  request.event += "x";
  host.hook(request.event, "10_payload-edit");
  std::string text;
  BOOST_TEST(error_code_of([&] { host.run(request); }, &text) == make_error_code(Errc::wrong_use));
  BOOST_TEST(mentions(text, "did you mean " + std::string(vetoing_point().name)));
  request.adhoc = PayloadKind::domain_xml;
  BOOST_TEST(host.run(request).changed);
}

BOOST_AUTO_TEST_CASE(a_document_of_the_wrong_kind_is_refused_before_anything_starts) {
  struct Row {
    const HookPoint& point;
    std::string document, domain;
    Errc code;
  };
  const std::vector<Row> rows{{vetoing_point(), "", "", Errc::wrong_use},
                              {empty_point(), "<domain/>", "", Errc::wrong_use},
                              {vetoing_point(), "<domain>", "", Errc::bad_document},
                              {vetoing_point(), "<!DOCTYPE domain><domain/>", "", Errc::bad_document},
                              {vetoing_point(), "<network/>", "", Errc::bad_document},
                              {vetoing_point(), kJson, "", Errc::bad_document},
                              {json_point(), kDomain, "", Errc::bad_document},
                              {json_point(), kJson, "<domain>", Errc::bad_document},
                              {device_point(), "<a/><b/>", "", Errc::bad_document}};
  const Host host;
  for (const auto& event : {vetoing_point().name, json_point().name, empty_point().name, device_point().name})
    host.hook(event, "10_ready");
  for (const auto& row : rows) {
    auto request = host.request(row.point);
    request.document = row.document;
    request.domain_xml = row.domain;
    BOOST_TEST(error_code_of([&] { host.run(request); }) == make_error_code(row.code), row.document);
  }
  BOOST_TEST(host.read("ready") == "");
  host.check_nothing_left();
}
