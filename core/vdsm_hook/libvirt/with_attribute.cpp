#include "vdsm_hook/libvirt/with_attribute.hpp"

#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

std::string with_attribute(std::string xml, std::string_view attribute, const std::optional<std::string>& value) {
  // Attribute by attribute, so that nothing in a value is taken for a name.
  auto at = xml.find_first_of(" \t\r\n/>", xml.find('<') + 1);
  const auto end_of_name = at;
  while (true) {
    const auto name = xml.find_first_not_of(kBlanks, at);
    if (xml[name] == '/' || xml[name] == '>') break;
    const auto name_end = xml.find_first_of(" \t\r\n=", name);
    const auto open = xml.find_first_of("'\"", name_end);
    const auto close = xml.find(xml[open], open + 1);
    if (std::string_view(xml).substr(name, name_end - name) != attribute) {
      at = close + 1;
    } else if (value) {
      return xml.replace(open, close + 1 - open, "'" + xml_escaped(*value) + "'");
    } else {
      return xml.erase(at, close + 1 - at);
    }
  }
  return value ? xml.insert(end_of_name, " " + std::string(attribute) + "='" + xml_escaped(*value) + "'") : xml;
}

}  // namespace vdsm_hook
