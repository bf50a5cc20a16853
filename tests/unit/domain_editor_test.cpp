#define BOOST_TEST_MODULE domain_editor
#include <tinyxml2.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "edit_checks.hpp"
#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using std::string_literals::operator""s;

namespace {

const std::string kSpace = "xmlns:ovirt-vm='http://ovirt.org/vm/1.0'";
const std::string kMac = "52:54:00:00:00:0a";
const std::string kDevices =
    "<devices><interface type='bridge'><mac address='52:54:00:00:00:0A'/></interface><disk><target "
    "dev='vda'/></disk></devices>";

std::string with_metadata(const std::string& metadata) {
  return "<domain><name>a</name>" + metadata + kDevices + "</domain>";
}
std::string with_vm(const std::string& inside) {
  return with_metadata("<metadata><ovirt-vm:vm " + kSpace + ">" + inside + "</ovirt-vm:vm></metadata>");
}
std::string with_custom(const std::string& inside) {
  return with_vm("<ovirt-vm:custom>" + inside + "</ovirt-vm:custom>");
}
std::string with_device(const std::string& attributes, const std::string& inside = "") {
  return with_vm("<ovirt-vm:device " + attributes + ">" + inside + "</ovirt-vm:device>");
}
std::string of_devices(const std::string& devices) {
  return "<domain><name>a</name><devices>" + devices + "</devices></domain>";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

const std::string kLines = R"(<domain type="kvm">
  <name>a</name>
  <uuid>aaaaaaaa-0000-0000-0000-000000000001</uuid>
  <metadata>
    <other:x xmlns:other="u"/>
    <ovirt-vm:vm xmlns:ovirt-vm="http://ovirt.org/vm/1.0">
      <ovirt-vm:custom>
        <ovirt-vm:a>1</ovirt-vm:a>
        <ovirt-vm:b>2</ovirt-vm:b>
      </ovirt-vm:custom>
      <ovirt-vm:device mac_address="52:54:00:00:00:0a">
        <ovirt-vm:custom>
          <ovirt-vm:a>3</ovirt-vm:a>
        </ovirt-vm:custom>
      </ovirt-vm:device>
    </ovirt-vm:vm>
  </metadata>
  <devices>
    <interface type="bridge">
      <mac address="52:54:00:00:00:0A"/>
    </interface>
    <disk>
      <target dev="vda"/>
    </disk>
  </devices>
</domain>
)";

struct Document {
  const char* what;
  std::string text;
  bool comes_back = true;  // setting what is new and unsetting it gives every byte again
};

const std::vector<Document>& documents() {
  const std::string space = "http://ovirt.org/vm/1.0";
  static const std::vector<Document> all{
      {"no metadata", with_metadata("")},
      {"no metadata, on lines", "<domain>\n  <name>a</name>\n  " + kDevices + "\n</domain>\n"},
      {"empty <metadata/>", with_metadata("<metadata/>"), false},
      {"empty <metadata></metadata>", with_metadata("<metadata></metadata>"), false},
      {"blank metadata", with_metadata("<metadata>\n\n\t </metadata>"), false},
      {"nothing but devices", "<domain>" + kDevices + "</domain>"},
      {"foreign metadata only", with_metadata("<metadata><x:y xmlns:x='u'><x:vm/></x:y></metadata>")},
      {"foreign metadata on lines",
       "<domain>\n  <metadata>\n    <y xmlns='u'/>\n  </metadata>\n  " + kDevices + "\n</domain>"},
      {"vm without custom", with_vm("<ovirt-vm:cpu/>")},
      {"empty vm", with_vm(""), false},
      {"empty <custom/>", with_vm("<ovirt-vm:cpu/><ovirt-vm:custom/>"), false},
      {"empty <custom ></custom >", with_vm("<ovirt-vm:custom ></ovirt-vm:custom >"), false},
      {"custom with several", with_custom("<ovirt-vm:a>1</ovirt-vm:a><ovirt-vm:b>2</ovirt-vm:b><ovirt-vm:c/>")},
      {"on lines", kLines},
      {"with tabs", replaced(kLines, "  ", "\t")},
      {"with CRLF", replaced(kLines, "\n", "\r\n")},
      {"with CRLF in one place", replaced(kLines, "kvm\">\n", "kvm\">\r\n")},
      {"with bare CR", replaced(kLines, "\n", "\r")},
      {"with an XML declaration", "<?xml version='1.0' encoding='utf-8'?>\n" + kLines},
      {"with a BOM", "\xEF\xBB\xBF" + kLines},
      {"with a BOM and a declaration",
       "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>" + kLines},
      {"behind a stylesheet that speaks of an encoding", "<?xml-stylesheet encoding='x'?>" + kLines},
      {"with attributes in single quotes", replaced(kLines, "\"", "'")},
      {"another prefix", replaced(kLines, "ovirt-vm:", "o:")
                             .replace(replaced(kLines, "ovirt-vm:", "o:").find("xmlns:ovirt-vm"), 14, "xmlns:o")},
      {"default namespace",
       with_metadata("<metadata><vm xmlns='" + space + "'><custom><a>1</a></custom><device mac_address='" + kMac +
                     "'><custom><a>2</a></custom></device></vm></metadata>")},
      {"namespace on the domain",
       replaced(with_custom("<ovirt-vm:a>1</ovirt-vm:a>"), " " + kSpace, "").replace(0, 7, "<domain " + kSpace)},
      {"namespace on the inner elements",
       with_metadata("<metadata><x:vm xmlns:x='" + space + "'><custom xmlns='" + space + "'><y:a xmlns:y='" + space +
                     "'>1</y:a></custom></x:vm></metadata>")},
      {"prefix bound to another namespace",
       "<domain xmlns:ovirt-vm='u'><name>a</name><metadata><ovirt-vm:vm><ovirt-vm:custom/></ovirt-vm:vm></metadata>" +
           kDevices + "</domain>"},
      {"prefix bound to another namespace inside",
       with_metadata("<metadata><x:vm xmlns:x='" + space +
                     "' xmlns:ovirt-vm='u'><x:custom><ovirt-vm:a>no</ovirt-vm:a></x:custom></x:vm></metadata>")},
      {"comments, CDATA and processing instructions",
       with_custom("<!-- <ovirt-vm:a>9</ovirt-vm:a> --><ovirt-vm:a>x<![CDATA[<y>]]>z<!-- no --><?pi "
                   "no?></ovirt-vm:a><![CDATA[ ]]><?pi?>")},
      {"elements in a property", with_custom("<ovirt-vm:a>x<inner>y<ovirt-vm:a>z</ovirt-vm:a></inner>w</ovirt-vm:a>")},
      {"a property in several lines", with_custom("\n<ovirt-vm:a\n x = '1'\n>\n1\n</ovirt-vm:a\n>\n")},
      {"header in odd order",
       "<domain>\n  <title>t</title>\n  <vcpu>1</vcpu>\n  <uuid/>\n  <description>\n</description>\n  <name>a</name>\n "
       " " +
           kDevices + "\n</domain>"},
      {"metadata behind the devices",
       "<domain><name>a</name>" + kDevices + "<metadata><ovirt-vm:vm " + kSpace +
           "><ovirt-vm:custom><ovirt-vm:a>1</ovirt-vm:a></ovirt-vm:custom></ovirt-vm:vm></metadata></domain>"},
      {"name behind the devices", "<domain>" + kDevices + "<name>a</name></domain>"},
      {"a header in one line with what follows",
       "<domain>\n  <name>a</name><memory>1</memory>\n  " + kDevices + "\n</domain>"},
      {"oVirt's own element for the device",
       with_device("alias='ua-1' mac_address='52:54:00:00:00:0A'", "<ovirt-vm:network>n</ovirt-vm:network>")},
      {"many attributes and blanks", with_device("  devtype = 'interface'\n mac_address =\n'" + kMac + "' ", "<x/>")},
  };
  return all;
}

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all{
      {{}, false, "a", "new"},    {{}, false, "a", "1"},   {{}, false, "a", {}},       {{}, false, "zz", "new"},
      {{}, false, "zz", {}},      {{}, false, "c", ""},    {kMac, false, "a", "new"},  {kMac, false, "a", {}},
      {kMac, false, "zz", "new"}, {kMac, false, "zz", {}}, {"vda", false, "a", "new"}, {"vda", false, "a", {}},
      {kMac, true, "", "red"},    {kMac, true, "", {}},
  };
  return all;
}

std::string shown(const Operation& operation) {
  return (operation.device ? *operation.device + " " : "") + (operation.is_profile ? "profile" : operation.name) + "=" +
         operation.value.value_or("(nothing)");
}

// The properties of the VM as another library reads them; prefixes are those of kSpace.
Model read_by_tinyxml2(const std::string& document) {
  tinyxml2::XMLDocument parsed;
  BOOST_REQUIRE(parsed.Parse(document.data(), document.size()) == tinyxml2::XML_SUCCESS);
  const tinyxml2::XMLElement* element = parsed.RootElement();
  for (const auto* name : {"metadata", "ovirt-vm:vm", "ovirt-vm:custom"})
    if (element != nullptr) element = element->FirstChildElement(name);
  Model model;
  for (element = element == nullptr ? nullptr : element->FirstChildElement(); element != nullptr;
       element = element->NextSiblingElement())
    model[std::string(element->Name()).substr(9)] = element->GetText() == nullptr ? "" : element->GetText();
  return model;
}

void set(DomainEditor& editor, const std::string& name, const std::optional<std::string>& value) {
  editor.set_vm({{name, value}});
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_change_is_read_again_and_touches_nothing_else_in_every_form_of_document) {
  for (const auto& row : documents())
    for (const auto& operation : operations()) BOOST_TEST_CONTEXT(row.what << ", " << shown(operation)) {
        DomainEditor editor(row.text);
        BOOST_TEST(wrong_with(editor, operation) == "");
      }
}

BOOST_AUTO_TEST_CASE(what_is_set_and_unset_again_leaves_every_byte_as_it_was) {
  for (const auto& row : documents())
    for (const std::optional<std::string>& device :
         {std::optional<std::string>(), std::optional(kMac), std::optional("vda"s)}) {
      DomainEditor editor(row.text);
      const auto change = [&](std::optional<std::string> x, std::optional<std::string> y) {
        const std::vector<PropertyChange> changes{{"new_x", std::move(x)}, {"new_y", std::move(y)}};
        if (device) return editor.set_device(editor.find_device(*device), changes);
        editor.set_vm(changes);
      };
      change("1", "2");
      change(std::nullopt, "3");
      change(std::nullopt, std::nullopt);
      const bool is_in_empty_custom = std::string_view(row.what).starts_with("empty <custom/>") && device;
      if (row.comes_back || is_in_empty_custom)
        BOOST_TEST((editor.document() == row.text), row.what << ": " << editor.document());
    }
}

BOOST_AUTO_TEST_CASE(setting_what_is_there_and_unsetting_what_is_not_changes_no_byte) {
  for (const auto& row : documents()) {
    DomainEditor editor(row.text);
    std::vector<PropertyChange> same{{"not_there", std::nullopt}};
    for (const auto& [name, value] : editor.facts().custom_properties)
      if (value.find('\n') == std::string::npos) same.push_back({name, value});
    editor.set_vm(same);
    BOOST_TEST((editor.document() == row.text), row.what);
    editor.set_device(editor.find_device(kMac), {{"not_there", std::nullopt}});
    editor.set_profile(editor.find_device(kMac), std::nullopt);
    BOOST_TEST((editor.document() == row.text), row.what);
  }
}

BOOST_AUTO_TEST_CASE(new_elements_stand_as_the_ones_beside_them_do) {
  const std::string vm = "<ovirt-vm:vm xmlns:ovirt-vm=\"http://ovirt.org/vm/1.0\">";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"<domain/>", "<domain>\n  <metadata>\n    " + vm +
                        "\n      <ovirt-vm:custom>\n        <ovirt-vm:z>1</ovirt-vm:z>\n      </ovirt-vm:custom>\n    "
                        "</ovirt-vm:vm>\n  </metadata>\n</domain>"},
      {"<domain>\n</domain>\n", "<domain>\n  <metadata>\n    " + vm +
                                    "\n      <ovirt-vm:custom>\n        <ovirt-vm:z>1</ovirt-vm:z>\n      "
                                    "</ovirt-vm:custom>\n    </ovirt-vm:vm>\n  </metadata>\n</domain>\n"},
      {"<domain><name>a</name></domain>",
       "<domain><name>a</name><metadata>" + vm +
           "<ovirt-vm:custom><ovirt-vm:z>1</ovirt-vm:z></ovirt-vm:custom></ovirt-vm:vm></metadata></domain>"},
      {"<domain>\r\n\t<metadata/>\r\n</domain>",
       "<domain>\r\n\t<metadata>\r\n\t\t" + vm +
           "\r\n\t\t\t<ovirt-vm:custom>\r\n\t\t\t\t<ovirt-vm:z>1</ovirt-vm:z>\r\n\t\t\t"
           "</ovirt-vm:custom>\r\n\t\t</ovirt-vm:vm>\r\n\t</metadata>\r\n</domain>"},
      {with_custom("<ovirt-vm:a/>"), with_custom("<ovirt-vm:a/><ovirt-vm:z>1</ovirt-vm:z>")},
      {with_custom("\n   <ovirt-vm:a/>\n"), with_custom("\n   <ovirt-vm:a/>\n   <ovirt-vm:z>1</ovirt-vm:z>\n")},
  };
  for (const auto& [before, after] : rows) {
    DomainEditor editor(before);
    set(editor, "z", "1");
    BOOST_TEST(editor.document() == after);
  }
  DomainEditor editor(kLines);
  editor.set_device(editor.find_device("vda"), {{"a", "4"}});
  BOOST_TEST(difference(kLines, editor.document())
                 .inserted.find("devtype=\"disk\" name=\"vda\">\n        <ovirt-vm:custom>\n          <ovirt-vm:a>4") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_changes_are_made_at_once) {
  DomainEditor editor(with_custom("<ovirt-vm:a>1</ovirt-vm:a><ovirt-vm:b>2</ovirt-vm:b><ovirt-vm:c/>"));
  editor.set_vm({{"c", "3"}, {"z", "26"}, {"a", std::nullopt}, {"b", "two"}, {"y", ""}});
  BOOST_TEST((editor.facts().custom_properties == PropertyValues{{"b", "two"}, {"c", "3"}, {"z", "26"}, {"y", ""}}));
  editor.set_vm({{"b", std::nullopt}, {"c", std::nullopt}, {"z", std::nullopt}, {"y", std::nullopt}});
  BOOST_TEST(editor.document() == with_metadata(""));
  editor.set_vm({});
  BOOST_TEST(editor.document() == with_metadata(""));
}

BOOST_AUTO_TEST_CASE(every_text_of_one_line_is_a_value) {
  for (const auto& value :
       {""s, "]]>"s, "<![CDATA[x]]>"s, "<&>\"'"s, "</ovirt-vm:a><b>&#65;"s, "\xF0\x9F\x98\x80\xC3\xA9"s, "  a  b  "s,
        " "s, "a;b=c"s, "\\n$(x)`%"s, std::string(65536, 'x'), std::string(65536, '&')}) {
    for (const auto& text :
         {with_metadata(""), with_custom("<ovirt-vm:a>1</ovirt-vm:a>"), with_custom("<ovirt-vm:a/>"), kLines}) {
      DomainEditor editor(text);
      BOOST_TEST(wrong_with(editor, {{}, false, "a", value}) == "", value.substr(0, 40));
      BOOST_TEST(wrong_with(editor, {kMac, false, "a", value}) == "", value.substr(0, 40));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_name_or_value_is_wrong_use_and_changes_nothing) {
  const auto text = with_custom("<ovirt-vm:a>1</ovirt-vm:a>");
  DomainEditor editor(text);
  for (const auto& name : {"PATH"s, "LD_PRELOAD"s, "9a"s, "a-b"s, ""s, "a b"s, "x:a"s, "\xC3\xA9"s, "a\0"s}) {
    check_error([&] { set(editor, name, "1"); }, Errc::wrong_use, {"name"});
    check_error([&] { set(editor, name, std::nullopt); }, Errc::wrong_use, {"name"});
    check_error([&] { editor.set_device(0, {{name, "1"}}); }, Errc::wrong_use, {"name"});
  }
  for (const auto& value :
       {"a\nb"s, "a\tb"s, "\r"s, "\0"s, "\x01"s, "\x7F"s, "\xC2\x85"s, "\xFF"s, "\xC3"s, "\xED\xA0\x80"s,
        "\xEF\xBF\xBE"s, "\xEF\xBF\xBF"s, std::string(kMaxEnvironmentString, 'x')}) {
    check_error([&] { set(editor, "a", value); }, Errc::wrong_use, {"'a'"});
    check_error([&] { editor.set_device(0, {{"a", value}}); }, Errc::wrong_use, {"'a'"});
  }
  for (const auto& profile : {""s, "a\nb"s, " a"s, "\xFF"s, "\xEF\xBF\xBF"s, std::string(256, 'x')})
    check_error([&] { editor.set_profile(0, profile); }, Errc::wrong_use, {"vNIC profile"});
  check_error([&] { editor.set_vm({{"z", "1"}, {"a", "2"}, {"z", "3"}}); }, Errc::wrong_use, {"'z'", "twice"});
  check_error([&] { editor.set_vm({{"a", "2"}, {"a", std::nullopt}}); }, Errc::wrong_use, {"'a'", "twice"});
  BOOST_TEST(editor.document() == text);
}

BOOST_AUTO_TEST_CASE(what_may_be_there_once_and_is_there_twice_is_told_with_both_lines) {
  const std::string vm = "<ovirt-vm:vm " + kSpace + "/>", custom = "<ovirt-vm:custom/>",
                    a = "<ovirt-vm:a>1</ovirt-vm:a>";
  const std::string profile = "<ovirt-vm:vnic_profile>x</ovirt-vm:vnic_profile>", of_nic = "mac_address='" + kMac + "'";
  const auto on_vm = [](DomainEditor& editor) { set(editor, "a", "2"); };
  const auto on_vm_unset = [](DomainEditor& editor) { set(editor, "a", std::nullopt); };
  const auto on_nic = [](DomainEditor& editor) { editor.set_device(0, {{"a", "2"}}); };
  const auto on_profile = [](DomainEditor& editor) { editor.set_profile(0, "red"); };
  const auto on_profile_unset = [](DomainEditor& editor) { editor.set_profile(0, std::nullopt); };
  struct Row {
    std::string document, element;
    std::function<void(DomainEditor&)> change;
  };
  const Row rows[] = {
      {with_metadata("\n<metadata/>\n\n<metadata/>"), "<metadata>", on_vm},
      {with_metadata("\n<metadata/>\n\n<metadata/>"), "<metadata>", on_vm_unset},
      {with_metadata("<metadata>\n" + vm + "\n\n" + vm + "</metadata>"), "vm>", on_nic},
      {with_vm("\n" + custom + "\n\n" + custom), "custom>", on_vm},
      {with_custom("\n" + a + "\n\n" + a), "a>", on_vm},
      {with_custom("\n" + a + "\n\n" + a), "a>", on_vm_unset},
      {with_device(of_nic, "\n" + custom + "\n\n" + custom), "custom>", on_nic},
      {with_device(of_nic, "<ovirt-vm:custom>\n" + a + "\n\n" + a + "</ovirt-vm:custom>"), "a>", on_nic},
      {with_device(of_nic, "\n" + profile + "\n\n" + profile), "vnic_profile>", on_profile},
      {with_device(of_nic, "\n" + profile + "\n\n" + profile), "vnic_profile>", on_profile_unset},
      {with_vm("\n<ovirt-vm:device " + of_nic + "/>\n\n<ovirt-vm:device " + of_nic + "/>"), "interface " + kMac,
       on_nic},
      {with_vm("\n<ovirt-vm:device " + of_nic + "/>\n\n<ovirt-vm:device " + of_nic + "/>"), "interface " + kMac,
       on_profile},
  };
  for (const auto& row : rows) {
    const auto change = [&row] {
      DomainEditor editor(row.document);
      row.change(editor);
    };
    check_error(change, Errc::bad_document, {row.element, "lines 2 and 4"});
  }
  // What is not asked for does not matter.
  DomainEditor editor(with_custom(a + a));
  set(editor, "z", "1");
  BOOST_TEST(editor.document() == with_custom(a + a + "<ovirt-vm:z>1</ovirt-vm:z>"));
}

BOOST_AUTO_TEST_CASE(what_is_no_sound_domain_is_a_bad_document) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows{
      {"", {"empty"}},
      {" \n", {"line 2"}},
      {"<domain>\n<a></b></domain>", {"line 2", "mismatched"}},
      {"<domain/><domain/>", {"line 1"}},
      {"<domain><x:y/></domain>", {"prefix"}},
      {"<domain>\xFF</domain>", {"line 1"}},
      {"<!DOCTYPE domain><domain/>", {"DTD"}},
      {"<network/>", {"<domain>"}},
      {"<x:domain xmlns:x='u'/>", {"<domain>"}},
      {"<a><domain/></a>", {"<domain>"}},
      {"{}", {"not well-formed"}},
  };
  for (const auto& row : rows) check_error([&] { DomainEditor editor(row.first); }, Errc::bad_document, row.second);
}

BOOST_AUTO_TEST_CASE(another_encoding_than_utf_8_is_refused) {
  const std::string plain = "<domain><name>a</name></domain>";
  std::string wide = "\xFF\xFE";
  for (const char c : plain) wide += {c, '\0'};
  const std::vector<std::pair<std::string, std::string>> rows{
      {"<?xml version='1.0' encoding='ISO-8859-1'?><domain><name>\xE9</name></domain>", "ISO-8859-1"},
      {"<?xml version='1.0' encoding=\"us-ascii\"?>" + plain, "us-ascii"},
      {wide, "UTF-16"},
  };
  for (const auto& [text, encoding] : rows)
    check_error([&, &document = text] { DomainEditor editor(document); }, Errc::bad_document, {encoding, "UTF-8"});
}

BOOST_AUTO_TEST_CASE(large_deep_and_wide_documents_are_changed_in_time) {
  const auto start = std::chrono::steady_clock::now();
  std::string properties, nest, back, nics;
  for (std::size_t i = 0; i + 2 < kMaxProperties; ++i)
    properties +=
        "<ovirt-vm:p" + std::to_string(i) + ">" + std::to_string(i) + "</ovirt-vm:p" + std::to_string(i) + ">\n";
  for (std::size_t i = 0; i < kMaxNesting - 4; ++i) nest += "<x>", back += "</x>";
  for (std::size_t i = 1; i < kMaxDevices; ++i) nics += "<interface><source/></interface>";
  const std::string large = "<ovirt-vm:snapshot>" + std::string(10U << 20, 'x') + "</ovirt-vm:snapshot>";
  for (const auto& text :
       {with_custom(properties), with_vm(nest + back), with_vm(large), with_vm(large + "<ovirt-vm:custom/>"),
        with_metadata(nest + back), of_devices(nics + "<disk><target dev='vda'/></disk>")}) {
    DomainEditor editor(text);
    for (const std::optional<std::string>& value : {std::optional("new"s), std::optional<std::string>()}) {
      set(editor, "p500", value);
      set(editor, "z", value);
      editor.set_device(editor.find_device("vda"), {{"a", value}});
    }
    BOOST_TEST(difference(text, editor.document()).inserted == "");
  }
  std::vector<PropertyChange> all;
  for (int i = 0; i < 2000; ++i)
    all.push_back({"p" + std::to_string(i), i % 2 == 0 ? std::optional("new"s) : std::nullopt});
  DomainEditor editor(with_custom(properties));
  editor.set_vm(all);
  BOOST_TEST(editor.facts().custom_properties.size() == 1000U);
  BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(60)));
}

namespace {

const std::string kSome = of_devices(
    "<interface><mac address='52:54:00:00:00:0A'/><target dev='vnet0'/><alias name='net0'/>"
    "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>"
    "<interface><mac address='52:54:00:00:00:0b'/></interface>"
    "<disk><target dev='vda'/><alias name='ua-disk'/></disk>"
    "<hostdev type='mdev'><source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"
    "<hostdev type='pci'><source><address domain='0' bus='0x06' slot='0x02' function='0x1'/></source>"
    "<address type='pci' bus='0x02' slot='0x00'/></hostdev>"
    "<controller type='usb'><address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x7'/></controller>"
    "<memballoon model='virtio'/><video/><video/>");

}  // namespace

BOOST_AUTO_TEST_CASE(a_device_is_found_by_each_thing_that_tells_it) {
  const DomainEditor editor(kSome);
  const std::vector<std::pair<std::string, std::size_t>> rows{{"52:54:00:00:00:0a", 0},
                                                              {"52:54:00:00:00:0A", 0},
                                                              {"52:54:00:00:00:0B", 1},
                                                              {"vnet0", 0},
                                                              {"net0", 0},
                                                              {"0000:01:00.0", 0},
                                                              {"interface:1", 0},
                                                              {"interface:2", 1},
                                                              {"vda", 2},
                                                              {"ua-disk", 2},
                                                              {"disk:1", 2},
                                                              {"c2177883-f1bb-47f0-914d-32a22e3a8804", 3},
                                                              {"mdev:1", 3},
                                                              {"0000:06:02.1", 4},
                                                              {"hostdev:1", 4},
                                                              {"0000:00:1d.7", 5},
                                                              {"controller:1", 5},
                                                              {"balloon:1", 6},
                                                              {"memballoon:1", 6},
                                                              {"video:1", 7},
                                                              {"video:2", 8}};
  for (const auto& [selector, place] : rows) BOOST_TEST(editor.find_device(selector) == place, selector);
}

BOOST_AUTO_TEST_CASE(no_device_and_more_than_one_are_listed) {
  const DomainEditor editor(kSome);
  for (const auto& selector : {"", ":", "vdb", "video:3", "video:0", "video:", "video", "0000:02:00.0",
                               "52:54:00:00:00:0", "NET0", "interface:01"})
    check_error([&] { editor.find_device(selector); }, Errc::wrong_use,
                {"no device", selector, "interface 52:54:00:00:00:0a", "disk vda", "video:2"});
  check_error([] { DomainEditor("<domain/>").find_device("vda"); }, Errc::wrong_use, {"it has none"});
  const DomainEditor twins(
      of_devices("<interface><mac address='52:54:00:00:00:0a'/></interface><interface><mac "
                 "address='52:54:00:00:00:0A'/></interface>"
                 "<disk><alias name='x'/></disk><video><alias name='x'/></video>"));
  check_error([&] { twins.find_device(kMac); }, Errc::wrong_use, {"more than one", "interface:1", "interface:2"});
  check_error([&] { twins.find_device("x"); }, Errc::wrong_use, {"more than one", "disk:1", "video:1"});
  std::string many;
  for (int i = 0; i < 30; ++i) many += "<video/>";
  check_error([&] { DomainEditor(of_devices(many)).find_device("x"); }, Errc::wrong_use, {"video:20", "10 more"});
}

BOOST_AUTO_TEST_CASE(what_is_written_about_a_device_finds_that_device_again) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"interface:1", " mac_address=\"52:54:00:00:00:0a\""},
      {"interface:2", " mac_address=\"52:54:00:00:00:0b\""},
      {"vda", " devtype=\"disk\" alias=\"ua-disk\""},
      {"mdev:1", " devtype=\"mdev\" address=\"c2177883-f1bb-47f0-914d-32a22e3a8804\""},
      {"hostdev:1", " devtype=\"hostdev\" address=\"0000:06:02.1\""},
      {"controller:1", " devtype=\"controller\" address=\"0000:00:1d.7\""},
  };
  for (const auto& [selector, attributes] : rows) {
    DomainEditor editor(kSome);
    const auto place = editor.find_device(selector);
    editor.set_device(place, {{"a", "1"}});
    BOOST_TEST(editor.document().find("<ovirt-vm:device" + attributes + ">") != std::string::npos, editor.document());
    for (std::size_t i = 0; i < editor.devices().size(); ++i)
      BOOST_TEST((editor.facts().about(editor.devices()[i]) != nullptr) == (i == place), selector);
    editor.set_device(place, {{"a", std::nullopt}});
    BOOST_TEST(editor.document() == kSome);
  }
  // Blanks of every kind in an attribute.
  DomainEditor editor(of_devices("<disk><target dev='a&#10;b&#9;&amp;&quot;&#13;'/></disk>"));
  editor.set_device(0, {{"a", "1"}});
  BOOST_TEST(editor.facts().about(editor.devices()[0]) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_device_that_nothing_tells_from_others_is_refused_with_a_way_out) {
  DomainEditor editor(kSome);
  check_error(
      [&] {
        editor.set_device(editor.find_device("video:2"), {{"a", "1"}});
      },
      Errc::wrong_use, {"video:2", "ua-video-2"});
  check_error([&] { editor.set_profile(editor.find_device("balloon:1"), "red"); }, Errc::wrong_use,
              {"balloon:1", "ua-"});
  editor.set_device(editor.find_device("video:2"), {{"a", std::nullopt}});  // there is nothing to take out
  editor.set_profile(editor.find_device("video:2"), std::nullopt);
  const std::string nic = "<interface><mac address='" + kMac + "'/></interface>";
  DomainEditor twins(of_devices(nic + nic));
  check_error(
      [&] {
        twins.set_device(1, {{"a", "1"}});
      },
      Errc::wrong_use, {"cannot be told", "interface:1", "interface:2"});
  BOOST_TEST(editor.document() == kSome);
}

BOOST_AUTO_TEST_CASE(an_element_that_is_there_for_a_device_is_used) {
  for (const auto& attributes : {"alias='ua-1' mac_address='52:54:00:00:00:0A'"s, "mac_address='" + kMac + "'",
                                 "devtype='interface' mac_address='" + kMac + "'"}) {
    DomainEditor editor(with_device(attributes, "<ovirt-vm:network>n</ovirt-vm:network>"));
    editor.set_device(0, {{"a", "1"}});
    editor.set_profile(0, "red");
    BOOST_TEST(editor.document() ==
               with_device(
                   attributes,
                   "<ovirt-vm:network>n</ovirt-vm:network><ovirt-vm:custom><ovirt-vm:a>1</ovirt-vm:a></ovirt-vm:custom>"
                   "<ovirt-vm:vnic_profile>red</ovirt-vm:vnic_profile>"));
  }
  // That of another one is not: an empty MAC address is nobody's.
  for (const auto& attributes : {"mac_address=''"s, "devtype='interface' name='vda'"s, "name=''"s}) {
    DomainEditor editor(with_device(attributes, "<x/>"));
    editor.set_device(editor.find_device("vda"), {{"a", "1"}});
    BOOST_TEST(editor.facts().devices.size() == 2U, attributes);
  }
}

BOOST_AUTO_TEST_CASE(a_profile_is_set_replaced_and_taken_out) {
  DomainEditor editor(kLines);
  const auto nic = editor.find_device(kMac), disk = editor.find_device("vda");
  for (const std::string name : {"red", "a & b < c", "\xC3\xA9 1", "'\""}) {
    editor.set_profile(nic, name);
    editor.set_profile(disk, name);
    BOOST_TEST(editor.facts().about(editor.devices()[nic])->profile == name);
    BOOST_TEST(editor.facts().about(editor.devices()[disk])->profile == name);
  }
  editor.set_profile(nic, std::nullopt);
  editor.set_profile(disk, std::nullopt);
  BOOST_TEST(editor.document() == kLines);
}

BOOST_AUTO_TEST_CASE(two_thousand_random_changes_of_random_documents_keep_every_promise) {
  std::mt19937 random(20);
  const auto pick = [&random](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  const std::vector<std::string> gaps{"", "", "\n", "\n  ", "\r\n\t", " ", "<!-- c -->", "\n<?pi x?>\n", "\n    "};
  const std::vector<std::string> names{"a", "b", "c", "vm", "custom", "device", "_9"};
  const std::vector<std::string> values{"", "1", "<&>", "]]>", " x ", "\xF0\x9F\x98\x80", "\"'", "&amp;"};
  const std::vector<std::string> raw{"", "1", "&lt;&#38;", "<![CDATA[<x>]]>", "x<!-- y -->z", "\n1\n", "<x>y</x>"};
  const auto custom = [&] {
    std::string inside;
    for (const auto& name : names)
      if (random() % 3 == 0) inside += pick(gaps) + "<ovirt-vm:" + name + ">" + pick(raw) + "</ovirt-vm:" + name + ">";
    return random() % 4 == 0 ? "<ovirt-vm:custom/>" : "<ovirt-vm:custom>" + inside + pick(gaps) + "</ovirt-vm:custom>";
  };
  const auto maybe = [&](const std::string& text) { return random() % 2 == 0 ? pick(gaps) + text : pick(gaps); };
  for (int round = 0; round < 200; ++round) {
    const auto vm =
        "<ovirt-vm:vm " + kSpace + ">" + maybe(custom()) +
        maybe("<ovirt-vm:device mac_address='" + kMac + "'>" + maybe(custom()) + pick(gaps) + "</ovirt-vm:device>") +
        maybe("<x/>") + pick(gaps) + "</ovirt-vm:vm>";
    const auto text = "<domain>" + maybe("<name>a</name>") + maybe("<title/>") +
                      maybe("<metadata>" + maybe("<y xmlns='u'/>") + maybe(vm) + pick(gaps) + "</metadata>") +
                      pick(gaps) + kDevices + pick(gaps) + "</domain>" + pick({"", "\n"});
    DomainEditor editor(text);
    auto model = model_of(editor.facts().custom_properties);
    for (int step = 0; step < 10; ++step) {
      Operation operation{{}, random() % 6 == 0, pick(names), {}};
      if (random() % 3 != 0) operation.value = operation.is_profile ? "red" : pick(values);
      if (operation.is_profile || random() % 2 == 0) operation.device = pick({kMac, "vda"});
      const auto before = editor.document();
      const auto wrong = wrong_with(editor, operation);
      BOOST_REQUIRE_MESSAGE(wrong.empty(), wrong << "\n" << shown(operation) << " in\n" << before);
      if (operation.device) continue;
      if (operation.value) {
        model[operation.name] = *operation.value;
      } else {
        model.erase(operation.name);
      }
      BOOST_REQUIRE((model_of(editor.facts().custom_properties) == model));
      // tinyxml2 takes no processing instructions, and leaves blanks out.
      if (operation.value && trimmed(*operation.value) == *operation.value &&
          editor.document().find("<?") == std::string::npos)
        BOOST_TEST(read_by_tinyxml2(editor.document())[operation.name] == *operation.value);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_written_out_of_a_profile_is_replaced_and_never_the_devices_own) {
  const std::string of_nic = "mac_address='" + kMac + "'",
                    refers = "<ovirt-vm:vnic_profile>a\"b</ovirt-vm:vnic_profile>",
                    own = "<ovirt-vm:custom><ovirt-vm:speed>1</ovirt-vm:speed></ovirt-vm:custom>";
  const auto original = with_device(of_nic, refers + own);
  DomainEditor editor(original);
  editor.write_out({{0, {{"speed", "10"}, {"duplex", "half"}}}});
  const auto marked = "<ovirt-vm:duplex profile=\"a&quot;b\">half</ovirt-vm:duplex></ovirt-vm:custom>"s;
  BOOST_TEST(editor.document() ==
             with_device(of_nic, refers + "<ovirt-vm:custom><ovirt-vm:speed>1</ovirt-vm:speed>" + marked));
  BOOST_TEST((editor.facts().devices[0].properties == PropertyValues{{"speed", "1"}}));
  BOOST_TEST((editor.facts().devices[0].written_out == PropertyValues{{"duplex", "half"}}));
  editor.write_out({{0, {{"duplex", "full"}, {"mtu", "9"}}}});
  BOOST_TEST((editor.facts().devices[0].written_out == PropertyValues{{"duplex", "full"}, {"mtu", "9"}}));
  editor.set_device(0, {{"mtu", "8"}});
  BOOST_TEST((editor.facts().devices[0].properties == PropertyValues{{"speed", "1"}, {"mtu", "8"}}));
  editor.set_device(0, {{"mtu", std::nullopt}});
  editor.write_out({{0, {}}});
  BOOST_TEST(editor.document() == original);
  editor.write_out({{0, {{"duplex", "half"}}}});
  editor.set_profile(0, "other");
  BOOST_TEST(editor.facts().devices[0].written_out.empty());
  editor.set_profile(0, std::nullopt);
  BOOST_TEST(editor.document() == with_device(of_nic, own));
}

BOOST_AUTO_TEST_CASE(metadata_about_no_device_or_several_are_misfits) {
  const auto twins = "<ovirt-vm:device name='x'/>\n<ovirt-vm:device name='y'/>\n<ovirt-vm:device name='z'/>"s;
  const auto document = "<domain><metadata><ovirt-vm:vm " + kSpace + ">" + twins +
                        "</ovirt-vm:vm></metadata><devices><disk><target dev='x'/></disk>"
                        "<interface><target dev='x'/></interface><disk><target dev='z'/></disk></devices></domain>";
  const auto found = DomainEditor(document).misfits();
  BOOST_REQUIRE(found.size() == 2U);
  BOOST_TEST(found[0] == "line 1: this metadata is about more than one device: disk:1, interface:1");
  BOOST_TEST(found[1] == "line 2: this metadata is about no device of the domain");
}
