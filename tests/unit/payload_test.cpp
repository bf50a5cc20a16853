#define BOOST_TEST_MODULE payload
#include <boost/test/unit_test.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/payload/soundness.hpp"

using namespace vdsm_hook;
using std::string_literals::operator""s;

namespace {

constexpr const char* kUuid = "0e4a0b1c-7d2f-4c3a-9b1e-0123456789ab";

std::string domain(const std::string& inside) { return "<domain type='kvm'>" + inside + "</domain>"; }
std::string vm(const std::string& name, const std::string& uuid) {
  return domain("<name>" + name + "</name><uuid>" + uuid + "</uuid>");
}

DocumentIdentity identity_of(PayloadKind kind, const std::string& document) {
  DocumentIdentity identity;
  const auto why = unsound(kind, document, identity);
  BOOST_TEST(!why.has_value(), why.value_or("") << " in " << document);
  return identity;
}

void check_unsound(PayloadKind kind, const std::string& document, const std::string& words) {
  DocumentIdentity identity;
  const auto why = unsound(kind, document, identity);
  BOOST_REQUIRE_MESSAGE(why.has_value(), document.substr(0, 80) << " was taken");
  BOOST_TEST(why->find(words) != std::string::npos, *why << " does not say " << words);
}

std::string nested(std::size_t depth, const std::string& open, const std::string& close, const std::string& inside) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += inside;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_event_without_payload_has_nothing_to_judge) {
  for (const auto& document : {""s, "<"s, "\xFF"s}) {
    const auto identity = identity_of(PayloadKind::none, document);
    BOOST_TEST((identity.root.empty() && identity.uuid.empty() && identity.name.empty()));
  }
}

BOOST_AUTO_TEST_CASE(a_domains_identity_is_its_root_name_and_uuid) {
  const auto identity = identity_of(PayloadKind::domain_xml, "<?xml version='1.0'?>\n<!-- c -->" + vm("web 1", kUuid));
  BOOST_TEST(identity.root == "domain");
  BOOST_TEST(identity.root_space.empty());
  BOOST_TEST(identity.name == "web 1");
  BOOST_TEST(identity.uuid == kUuid);
}

BOOST_AUTO_TEST_CASE(name_and_uuid_are_read_as_libvirt_reads_them) {
  struct Row {
    const char* what;
    std::string inside, name, uuid;
  };
  const std::vector<Row> rows{
      {"neither", "", "", ""},
      {"blanks around the uuid", "<uuid>\n  u1\t</uuid><name> n </name>", " n ", "u1"},
      {"entities and CDATA", "<name>a&amp;<![CDATA[<b>]]>&#99;</name>", "a&<b>c", ""},
      {"a comment within", "<name>a<!-- x -->b</name>", "ab", ""},
      {"deeper ones are other things", "<devices><name>d</name><uuid>d</uuid></devices><name>n</name>", "n", ""},
      {"in a metadata element", "<metadata><x:name xmlns:x='u'>m</x:name></metadata>", "", ""},
      {"in another namespace", "<x:name xmlns:x='u'>m</x:name><name>n</name>", "n", ""},
      {"upper case is another element", "<NAME>m</NAME>", "", ""},
  };
  for (const auto& row : rows) {
    const auto identity = identity_of(PayloadKind::domain_xml, domain(row.inside));
    BOOST_TEST(identity.name == row.name, row.what);
    BOOST_TEST(identity.uuid == row.uuid, row.what);
  }
}

// Of two, libvirt takes the first, and others the last, or both.
BOOST_AUTO_TEST_CASE(what_readers_could_take_differently_is_unsound) {
  const std::string uuid = "<uuid>" + std::string(kUuid) + "</uuid>";
  const std::vector<std::pair<std::string, std::string>> domains{
      {"<name>web</name><uuid/>" + uuid, "two elements <uuid>, in line 1"},
      {"<name>web</name>" + uuid + "\n<uuid/>", "two elements <uuid>, in line 2"},
      {"<name>web</name><name>-01</name>" + uuid, "two elements <name>"},
      {"<name/><name>web</name>" + uuid, "two elements <name>"},
      {"<name>we<b>b</b></name>" + uuid, "an element in its <name>"},
      {"<name>we<x:b xmlns:x='u'/>b</name>" + uuid, "an element in its <name>"},
      {"<name>web</name><uuid><b/>" + std::string(kUuid) + "</uuid>", "an element in its <uuid>"},
      {"<metadata/><metadata/>", "two elements <metadata>"},
      {"<devices><interface><mac/><mac address='52:54:00:00:00:01'/></interface></devices>",
       "two elements <mac> in a device"},
      {"<devices/><devices><disk><alias name='a'/><target dev='vda'/><alias name='b'/></disk></devices>",
       "two elements <alias>"},
      {"<devices><disk><target dev='vda'/><target dev='vdb'/></disk></devices>", "two elements <target>"},
      {"<devices><hostdev><address/><source/><address/></hostdev></devices>", "two elements <address>"}};
  for (const auto& [inside, words] : domains) check_unsound(PayloadKind::domain_xml, domain(inside), words);
  check_unsound(PayloadKind::device_xml, "<interface><mac/><mac address='52:54:00:00:00:01'/></interface>",
                "two elements <mac>");
  const std::vector<std::string> sound{
      "<name>web</name>" + uuid + "<x:name xmlns:x='u'>x</x:name><x:uuid xmlns:x='u'/>",
      "<name>w<!-- -->e<?pi?>b</name>" + uuid,
      "<devices><interface><mac/></interface><interface><mac/></interface></devices>",
      "<devices><hostdev><source><address/></source><address/></hostdev></devices>",
      "<devices><interface><mac/><x:mac xmlns:x='u'/></interface></devices>",
      "<cputune><mac/><mac/></cputune>",
      "<devices><disk><backingStore><target/><target/></backingStore></disk></devices>"};
  for (const auto& inside : sound) identity_of(PayloadKind::domain_xml, domain(inside));
}

BOOST_AUTO_TEST_CASE(only_utf_8_is_sound) {
  const auto plain = vm("web", kUuid);
  std::string wide = "\xFF\xFE";
  for (const char c : plain) wide += {c, '\0'};
  for (const auto kind : {PayloadKind::domain_xml, PayloadKind::device_xml}) {
    check_unsound(kind, wide, "UTF-16");
    check_unsound(kind, wide.substr(2), "UTF-16");
    check_unsound(kind,
                  "<?xml version='1.0' encoding='ISO-8859-1'?>" + vm("w\xE9"
                                                                     "b",
                                                                     kUuid),
                  "ISO-8859-1");
    check_unsound(kind, "<?xml version='1.0' encoding='us-ascii'?>" + plain, "only UTF-8");
    identity_of(kind, "<?xml version='1.0' encoding='utf-8'?>" + plain);
    identity_of(kind, "\xEF\xBB\xBF" + plain);
  }
}

BOOST_AUTO_TEST_CASE(xml_may_be_nested_as_deep_as_the_limit) {
  for (const auto kind : {PayloadKind::domain_xml, PayloadKind::device_xml}) {
    identity_of(kind, domain(nested(kMaxNesting - 1, "<a>", "</a>", "")));
    check_unsound(kind, domain(nested(kMaxNesting, "<a>", "</a>", "")), "deep");
    check_unsound(kind, domain(nested(1000000, "<a>", "", "")), "deep");
  }
}

BOOST_AUTO_TEST_CASE(a_domains_root_is_called_domain) {
  check_unsound(PayloadKind::domain_xml, "<interface/>", "<interface>, not <domain>");
  check_unsound(PayloadKind::domain_xml, "<Domain/>", "<Domain>");
  check_unsound(PayloadKind::domain_xml, "<domain xmlns='u'/>", "of the namespace 'u'");
  check_unsound(PayloadKind::domain_xml, "<x:domain xmlns:x='u'/>", "of the namespace 'u'");
  check_unsound(PayloadKind::domain_xml, "<domainsnapshot>" + vm("a", kUuid) + "</domainsnapshot>", "<domainsnapshot>");
}

BOOST_AUTO_TEST_CASE(xml_that_is_not_well_formed_is_named_with_line_and_column) {
  for (const auto kind : {PayloadKind::domain_xml, PayloadKind::device_xml}) {
    check_unsound(kind, "", "line 1, column 1");
    check_unsound(kind, "<domain>\n  <name>\n</domain>", "line 3, column 3: mismatched tag");
    check_unsound(kind, "<domain/><domain/>", "line 1, column 10");
    check_unsound(kind, "<domain>\n<q:x/></domain>", "line 2, column 1: unbound prefix");
    check_unsound(kind, "<domain>&nbsp;</domain>", "undefined entity");
    check_unsound(kind, "<domain>\xFF</domain>", "line 1, column 9");
    check_unsound(kind, "<domain>&#0;</domain>", "line 1, column 9");
    check_unsound(kind, "text<domain/>", "line 1");
    check_unsound(kind, "<!DOCTYPE domain><domain/>", "DTD");
    check_unsound(kind, "{}", "line 1, column 1");
    check_unsound(kind, "<domain>\0</domain>"s, "line 1, column 9");
  }
}

BOOST_AUTO_TEST_CASE(a_devices_identity_is_its_root_alone) {
  const auto identity = identity_of(PayloadKind::device_xml, "<disk><name>a</name><uuid>b</uuid></disk>");
  BOOST_TEST(identity.root == "disk");
  BOOST_TEST(identity.name.empty());
  BOOST_TEST(identity.uuid.empty());
  BOOST_TEST(identity_of(PayloadKind::device_xml, "<x:disk xmlns:x='u'/>").root_space == "u");
}

BOOST_AUTO_TEST_CASE(json_is_taken_whatever_value_it_is) {
  for (const auto& document : {"{}"s, "[]"s, "null"s, "true"s, "-1.5e3"s, "\"\xC3\xA9\\u00e9\""s,
                               " \r\n\t{\"a\": [1, {}]} \n"s, "{\"a\":1,\"a\":2}"s, "18446744073709551615"s})
    identity_of(PayloadKind::json, document);
}

BOOST_AUTO_TEST_CASE(what_is_not_json_is_refused_with_the_byte) {
  const std::vector<std::pair<std::string, std::string>> rows{{"", "byte 1:"},
                                                              {" ", "byte 2:"},
                                                              {"{", "byte 2:"},
                                                              {"{} {}", "byte 4:"},
                                                              {"{}x", "byte 3:"},
                                                              {"[1,]", "byte 4:"},
                                                              {"{'a':1}", "byte 2:"},
                                                              {"nul", "not JSON"},
                                                              {"NaN", "byte 1:"},
                                                              {"01", "not JSON"},
                                                              {"\"\xFF\"", "not JSON"},
                                                              {"\"\xED\xA0\x80\"", "not JSON"},
                                                              {"\"\\ud800\"", "not JSON"},
                                                              {"// c\n{}", "byte 1:"},
                                                              {"<domain/>", "byte 1:"},
                                                              {"\xEF\xBB\xBF{}", "byte 1:"},
                                                              {"{}\0"s, "byte 3:"},
                                                              {"\"a\nb\"", "not JSON"},
                                                              {"[1", "not JSON"},
                                                              {"[Infinity]", "not JSON"}};
  for (const auto& [document, words] : rows) check_unsound(PayloadKind::json, document, words);
}

BOOST_AUTO_TEST_CASE(json_may_be_nested_as_deep_as_the_limit) {
  for (const auto& [open, close, inside] : {std::tuple{"["s, "]"s, ""s}, std::tuple{"{\"a\":"s, "}"s, "1"s}}) {
    identity_of(PayloadKind::json, nested(kMaxNesting, open, close, inside));
    check_unsound(PayloadKind::json, nested(kMaxNesting + 1, open, close, inside), "deep");
    check_unsound(PayloadKind::json, nested(1000000, open, close, inside), "deep");
    check_unsound(PayloadKind::json, nested(1000000, open, "", ""), "deep");
  }
}

BOOST_AUTO_TEST_CASE(the_identity_of_an_earlier_document_never_stays) {
  DocumentIdentity identity{"space", "root", "uuid", "name"};
  BOOST_TEST(!unsound(PayloadKind::domain_xml, "<domain/>", identity).has_value());
  BOOST_TEST((identity.uuid.empty() && identity.name.empty() && identity.root_space.empty()));
}

BOOST_AUTO_TEST_CASE(a_vm_that_became_another_is_noticed) {
  const auto before = vm("web", kUuid);
  struct Row {
    PayloadKind kind;
    std::string before, after, words;  // no words: it is the same
  };
  const std::vector<Row> rows{
      {PayloadKind::domain_xml, before, before, ""},
      {PayloadKind::domain_xml, before, domain("<uuid>\n " + std::string(kUuid) + "\n</uuid><vcpu/><name>web</name>"),
       ""},
      {PayloadKind::domain_xml, before, vm("web2", kUuid), "<name> was changed from 'web' to 'web2'"},
      {PayloadKind::domain_xml, before, vm("web ", kUuid), "<name> was changed"},
      {PayloadKind::domain_xml, before, vm("", kUuid), "<name> was changed from 'web' to nothing"},
      {PayloadKind::domain_xml, before, vm("web", "1e4a0b1c-7d2f-4c3a-9b1e-0123456789ab"), "<uuid> was changed"},
      {PayloadKind::domain_xml, before, domain("<name>web</name>"),
       "<uuid> was changed from '" + std::string(kUuid) + "' to nothing"},
      {PayloadKind::domain_xml, domain("<name>web</name>"), before, "<uuid> was changed from nothing to"},
      {PayloadKind::domain_xml, before, domain(before), "changed"},
      {PayloadKind::device_xml, "<disk/>", "<disk a='b'/>", ""},
      {PayloadKind::device_xml, "<disk/>", "<interface/>", "root element was changed from 'disk' to 'interface'"},
      {PayloadKind::device_xml, "<disk/>", "<disk xmlns='u'/>", "root element"},
      {PayloadKind::device_xml, "<x:disk xmlns:x='u'/>", "<disk xmlns='u'/>", ""},
      {PayloadKind::json, "{}", "[1]", ""},
  };
  for (const auto& row : rows) {
    const auto why = moved(identity_of(row.kind, row.before), identity_of(row.kind, row.after));
    BOOST_TEST(why.has_value() == !row.words.empty(), why.value_or("nothing moved") << ": " << row.after);
    if (why) BOOST_TEST(why->find(row.words) != std::string::npos, *why << " does not say " << row.words);
  }
}

BOOST_AUTO_TEST_CASE(what_a_hook_wrote_is_shown_fit_for_a_terminal) {
  const auto why = moved({"", "domain", "", "web"}, {"", "domain", "", "\x1B[2J"});
  BOOST_REQUIRE(why.has_value());
  BOOST_TEST(why->find('\x1B') == std::string::npos);
}
