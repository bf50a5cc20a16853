#include "vdsm_hook/libvirt/vm_metadata.hpp"

#include <algorithm>

#include "vdsm_hook/properties/devices.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

const std::string kNamespace(kOvirtVmNamespace);
const std::string kPlainRoot = "<vm";  // as libvirt gives and takes it: without prefix and namespace
const std::string kRoot = kPlainRoot + " xmlns=\"" + kNamespace + "\"";

// What must be known of the element of oVirt's namespace in <metadata> before libvirt is asked for it: its prefix, and
// whether attributes are in that namespace.
class ElementReader final : public XmlHandler {
 public:
  explicit ElementReader(std::string_view document) : document_(document) {}

  void start(const XmlName& name, const XmlAttributes& attributes) override {
    ++depth_;
    if (depth_ == 2) is_in_metadata_ = name.local == "metadata" && name.space.empty();
    if (depth_ >= 3 && is_in_metadata_ && attributes.has_space(kNamespace)) has_attributes = true;
    if (depth_ != 3 || !is_in_metadata_ || name.space != kNamespace) return;
    const auto raw = document_.substr(tag().begin + 1, tag().end - tag().begin - 1);
    const auto colon = raw.substr(0, raw.find_first_of(" \t\r\n/>")).find(':');
    if (prefix.empty() && colon != std::string_view::npos) prefix = raw.substr(0, colon);
  }
  void end() override { --depth_; }
  void text(std::string_view) override {}

  std::string prefix;
  bool has_attributes = false;

 private:
  std::string_view document_;
  std::size_t depth_ = 0;
  bool is_in_metadata_ = false;
};

[[noreturn]] void cannot_change(virDomain* domain, const std::string& why) {
  throw Error(Errc::bad_document,
              "the metadata of the VM '" + name_of(domain) + "' " + why + ": change them with virsh edit first");
}

std::string key_of(virDomain* domain, const std::string& xml) {
  ElementReader reader(xml);
  static_cast<void>(read_xml(xml, reader));
  // libvirt 9.0 reads freed memory in its daemon when it is asked for such an element.
  if (reader.has_attributes)
    cannot_change(domain, "have attributes in the namespace " + kNamespace + ", which libvirt cannot hand out");
  return reader.prefix.empty() ? "ovirt-vm" : reader.prefix;
}

// The element with its namespace, which libvirt leaves out.
std::string read_element(virDomain* domain, unsigned affect, const std::string& key) {
  const LibvirtText text(::virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, kNamespace.c_str(), affect));
  if (!text) {
    const LibvirtError error("cannot read the metadata of domain", domain);
    if (error.libvirt_code() != VIR_ERR_NO_DOMAIN_METADATA) throw error;
    return kRoot + "/>";
  }
  std::string element(text.get());
  const auto name_end = element.find_first_of(" \t\r\n/>", 1);
  if (element.substr(0, name_end) != kPlainRoot)
    cannot_change(domain, "have another element of the namespace " + kNamespace + " than <vm>");
  const auto tag_end = element.find('>');
  if (element.substr(0, tag_end).find(" xmlns=\"") != std::string::npos)
    cannot_change(domain, "have a default namespace that libvirt cannot keep");
  // libvirt declares the key itself, and refuses one that is there.
  const auto declared = " xmlns:" + key + "=\"" + kNamespace + "\"";
  if (const auto at = element.find(declared); at < tag_end) element.erase(at, declared.size());
  return kRoot + element.substr(kPlainRoot.size());
}

bool say_the_same(const DomainFacts& a, const DomainFacts& b) {
  return a.custom_properties == b.custom_properties &&
         std::equal(a.devices.begin(), a.devices.end(), b.devices.begin(), b.devices.end(),
                    [](const DeviceMetadata& one, const DeviceMetadata& other) {
                      return one.attributes == other.attributes && one.profile == other.profile &&
                             one.properties == other.properties && one.written_out == other.written_out;
                    });
}

std::string behind_metadata(const std::string& xml) {
  std::string text = "\n</metadata>\n<devices>\n";
  for (const auto& device : device_elements(xml)) text += device.xml + "\n";
  return text + "</devices>\n</domain>\n";
}

}  // namespace

VmMetadata::VmMetadata(virDomain* domain, unsigned affect)
    : VmMetadata(domain, affect,
                 xml_of(domain, affect == VIR_DOMAIN_AFFECT_CONFIG ? unsigned{VIR_DOMAIN_XML_INACTIVE} : 0U)) {}

VmMetadata::VmMetadata(virDomain* domain, unsigned affect, const std::string& xml)
    : domain_(domain),
      affect_(affect),
      key_(key_of(domain, xml)),
      before_("<domain>\n<name>" + xml_escaped(name_of(domain)) + "</name>\n<uuid>" + uuid_of(domain) +
              "</uuid>\n<metadata>\n"),
      behind_(behind_metadata(xml)),
      saved_(before_ + read_element(domain, affect, key_) + behind_),
      editor_(saved_) {
  // What is in no namespace becomes oVirt's on the way: a property that hooks do not see now would be one.
  if (!say_the_same(DomainEditor(xml).facts(), editor_.facts()))
    cannot_change(domain, "have elements or attributes whose namespace libvirt does not keep apart from oVirt's");
}

bool VmMetadata::save() {
  const auto& document = editor_.document();
  if (document == saved_) return false;
  std::string element;  // empty: nothing is left of it
  if (document.starts_with(before_ + kRoot)) {
    const auto begin = before_.size() + kRoot.size();
    element = kPlainRoot + document.substr(begin, document.size() - behind_.size() - begin);
  }
  if (::virDomainSetMetadata(domain_, VIR_DOMAIN_METADATA_ELEMENT, element.empty() ? nullptr : element.c_str(),
                             key_.c_str(), kNamespace.c_str(), affect_) != 0)
    throw LibvirtError(std::string("Unable to modify metadata of ") +
                           (affect_ == VIR_DOMAIN_AFFECT_LIVE ? "the running" : "the definition of") + " domain",
                       domain_);
  saved_ = document;
  return true;
}

}  // namespace vdsm_hook
