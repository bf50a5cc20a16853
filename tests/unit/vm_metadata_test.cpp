// Custom properties of libvirt's VMs, on libvirt's test driver.
#define BOOST_TEST_MODULE vm_metadata
#include <boost/test/unit_test.hpp>

#include "vdsm_hook/libvirt/vm_metadata.hpp"
#include "vdsm_hook/properties/metadata.hpp"

using namespace vdsm_hook;

namespace {

constexpr const char* kUri = "http://ovirt.org/vm/1.0";
constexpr unsigned kConfig = VIR_DOMAIN_AFFECT_CONFIG, kLive = VIR_DOMAIN_AFFECT_LIVE;

std::string domain_with(const std::string& metadata) {
  return "<domain type='test'><name>a &amp; b</name><metadata>" + metadata +
         "</metadata><memory>65536</memory><os><type>hvm</type></os><devices>" +
         "<interface type='user'><mac address='52:54:00:00:00:01'/></interface><interface type='user'><mac "
         "address='52:54:00:00:00:02'/></interface>" +
         "<disk type='file'><source file='/x'/><target dev='vda' bus='virtio'/></disk></devices></domain>";
}

// A defined VM; test:///default is this process' own.
struct Vm {
  explicit Vm(const std::string& metadata)
      : domain(::virDomainDefineXML(connection.get(), domain_with(metadata).c_str())) {
    BOOST_REQUIRE_MESSAGE(domain, ::virGetLastErrorMessage());
  }

  VmMetadata metadata(unsigned affect = kConfig) { return VmMetadata(domain.get(), affect); }
  std::string xml(unsigned affect = kConfig) {
    return xml_of(domain.get(), affect == kConfig ? unsigned{VIR_DOMAIN_XML_INACTIVE} : 0U);
  }
  PropertyValues values(unsigned affect = kConfig) { return read_domain_facts(xml(affect)).custom_properties; }
  void start() { BOOST_REQUIRE_EQUAL(::virDomainCreate(domain.get()), 0); }
  void set(const std::string& name, const std::string& value, unsigned affect = kConfig) {
    auto change = metadata(affect);
    change.editor().set_vm({{name, value}});
    BOOST_TEST(change.save());
  }

  ConnectionHandle connection = connect_to("test:///default");
  DomainHandle domain;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What stands in <metadata>.
std::string metadata_part(const std::string& xml) {
  const auto begin = xml.find("<metadata"), end = xml.find("</metadata>");
  return begin == std::string::npos || end == std::string::npos ? "" : xml.substr(begin, end - begin);
}

const std::string kRich =
    "<o:vm xmlns:o='http://ovirt.org/vm/1.0' xmlns:f='urn:f' a='1' f:b='2'><!-- in "
    "--><o:custom><o:colour>r&amp;d<![CDATA[<x>]]></o:colour></o:custom>"
    "<f:thing k='v'><f:deep>t</f:deep></f:thing><fd xmlns='urn:fd'><sub/></fd><?pi data?><o:device "
    "mac_address='52:54:00:00:00:02'><o:custom>"
    "<o:speed>10</o:speed></o:custom></o:device></o:vm><t:tune xmlns:t='http://ovirt.org/vm/tune/1.0'><t:q/></t:tune>";

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_property_makes_the_element_in_ovirts_form) {
  Vm vm("");
  vm.set("macspoof", "true");
  BOOST_TEST(has(vm.xml(), "<ovirt-vm:vm xmlns:ovirt-vm=\"http://ovirt.org/vm/1.0\">"), vm.xml());
  BOOST_TEST(has(vm.xml(), "<ovirt-vm:macspoof>true</ovirt-vm:macspoof>"), vm.xml());
  BOOST_TEST((vm.values() == PropertyValues{{"macspoof", "true"}}));
}

BOOST_AUTO_TEST_CASE(what_is_not_about_the_property_survives_with_its_prefix) {
  Vm vm(kRich);
  for (const char* round : {"1", "2", "3"}) vm.set("sap_agent", round);
  const auto after = metadata_part(vm.xml());
  for (const char* part : {"<o:vm ", "xmlns:o=\"http://ovirt.org/vm/1.0\"", "a=\"1\"", "f:b=\"2\"", "<!-- in -->",
                           "<o:colour>r&amp;d<![CDATA[<x>]]></o:colour>", "<f:thing k=\"v\">", "<f:deep>t</f:deep>",
                           "<fd xmlns=\"urn:fd\">", "<sub/>", "<?pi data?>", "<o:sap_agent>3</o:sap_agent>",
                           "<o:device mac_address=\"52:54:00:00:00:02\">", "<o:speed>10</o:speed>",
                           "<t:tune xmlns:t=\"http://ovirt.org/vm/tune/1.0\">", "<t:q/>"})
    BOOST_TEST(has(after, part), part << " in " << after);
  BOOST_TEST(!has(after, "ovirt-vm:"));
}

BOOST_AUTO_TEST_CASE(the_rest_of_the_domain_is_not_touched) {
  Vm vm(kRich);
  const auto without = [](std::string xml) { return xml.erase(xml.find("<metadata"), metadata_part(xml).size()); };
  const auto before = without(vm.xml());
  vm.set("sap_agent", "true");
  BOOST_TEST(without(vm.xml()) == before);
}

BOOST_AUTO_TEST_CASE(an_element_without_a_prefix_gets_one) {
  Vm vm("<vm xmlns='http://ovirt.org/vm/1.0'><custom><a>1</a></custom></vm>");
  vm.set("b", "2");
  vm.set("c", "3");
  BOOST_TEST((vm.values() == PropertyValues{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  BOOST_TEST(has(vm.xml(), "<ovirt-vm:a>1</ovirt-vm:a>"));
}

BOOST_AUTO_TEST_CASE(an_element_set_with_its_namespace_and_a_key_can_be_changed) {
  Vm vm("");
  BOOST_REQUIRE_EQUAL(::virDomainSetMetadata(vm.domain.get(), VIR_DOMAIN_METADATA_ELEMENT,
                                             "<vm xmlns='http://ovirt.org/vm/1.0'><custom><a>1</a></custom></vm>",
                                             "ovirt-vm", kUri, kConfig),
                      0);
  vm.set("b", "2");
  BOOST_TEST((vm.values() == PropertyValues{{"a", "1"}, {"b", "2"}}));
}

BOOST_AUTO_TEST_CASE(without_a_change_nothing_is_saved) {
  Vm vm(kRich);
  auto metadata = vm.metadata();
  const auto before = vm.xml();
  metadata.editor().set_vm({{"colour", "r&d<x>"}});
  BOOST_TEST(!metadata.save());
  BOOST_TEST(vm.xml() == before);
}

BOOST_AUTO_TEST_CASE(the_last_property_takes_the_element_with_it) {
  Vm vm("<t:tune xmlns:t='urn:t'/>");
  vm.set("macspoof", "true");
  auto metadata = vm.metadata();
  metadata.editor().set_vm({{"macspoof", std::nullopt}});
  BOOST_TEST(metadata.save());
  BOOST_TEST(!has(vm.xml(), "ovirt"), vm.xml());
  BOOST_TEST(has(vm.xml(), "<t:tune xmlns:t=\"urn:t\"/>"), vm.xml());
  BOOST_TEST(::virDomainGetMetadata(vm.domain.get(), VIR_DOMAIN_METADATA_ELEMENT, kUri, kConfig) == nullptr);
}

BOOST_AUTO_TEST_CASE(properties_of_devices_are_found_by_the_real_devices) {
  Vm vm(kRich);
  auto metadata = vm.metadata();
  auto& editor = metadata.editor();
  editor.set_device(editor.find_device("52:54:00:00:00:02"), {{"speed", "1000"}});
  editor.set_device(editor.find_device("vda"), {{"io", "x & y"}});
  BOOST_TEST(metadata.save());
  const auto facts = read_domain_facts(vm.xml());
  BOOST_REQUIRE_EQUAL(facts.devices.size(), 2);
  BOOST_TEST((facts.devices[0].properties == PropertyValues{{"speed", "1000"}}));
  BOOST_TEST((facts.devices[1].properties == PropertyValues{{"io", "x & y"}}));
  BOOST_TEST(editor.facts().name == "a & b");
  BOOST_TEST(editor.facts().uuid == uuid_of(vm.domain.get()));
}

BOOST_AUTO_TEST_CASE(what_runs_and_the_definition_keep_their_own_content) {
  Vm vm("");
  vm.start();
  vm.set("a", "live", kLive);
  vm.set("a", "defined");
  vm.set("only", "defined");
  vm.set("b", "both", kLive);
  vm.set("b", "both");
  BOOST_TEST((vm.values(kLive) == PropertyValues{{"a", "live"}, {"b", "both"}}));
  BOOST_TEST((vm.values() == PropertyValues{{"a", "defined"}, {"only", "defined"}, {"b", "both"}}));
}

BOOST_AUTO_TEST_CASE(values_come_back_as_they_were_given) {
  Vm vm("");
  for (const std::string value : {"", " x ", "a=b;c", "<&>\"'", "]]>", "\xC3\xA9\xF0\x9F\x98\x80", "x y"}) {
    vm.set("v", value);
    BOOST_TEST((vm.values() == PropertyValues{{"v", value}}), "'" << value << "' in " << vm.xml());
  }
}

BOOST_AUTO_TEST_CASE(metadata_that_libvirts_call_would_change_are_refused) {
  for (const char* metadata :
       {// a property that is none for hooks now
        "<o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom><macspoof>true</macspoof></o:custom></o:vm>",
        "<o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:device "
        "o:mac_address='52:54:00:00:00:01'><o:custom><o:a>1</o:a></o:custom></o:device></o:vm>",
        "<o:other xmlns:o='http://ovirt.org/vm/1.0'/>",
        "<o:vm xmlns:o='http://ovirt.org/vm/1.0' xmlns='urn:x'><thing/></o:vm>"}) {
    Vm vm(metadata);
    const auto before = vm.xml();
    BOOST_CHECK_EXCEPTION(vm.metadata(), Error, [](const Error& error) {
      return error.code() == Errc::bad_document && has(error.what(), "'a & b'");
    });
    BOOST_TEST(vm.xml() == before);
  }
}

BOOST_AUTO_TEST_CASE(what_libvirt_refuses_is_told_in_its_words) {
  Vm vm("");
  BOOST_CHECK_EXCEPTION(vm.metadata(kLive), LibvirtError,
                        [](const LibvirtError& error) { return has(error.libvirt_text(), "not running"); });
}
