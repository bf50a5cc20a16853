// Custom properties where they live: in the metadata of a domain XML, in oVirt's form.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vdsm_hook {

/// The namespace of oVirt's metadata; the prefix may be any.
inline constexpr std::string_view kOvirtVmNamespace = "http://ovirt.org/vm/1.0";

/// The VM's own custom properties, /domain/metadata/{ovirt}vm/{ovirt}custom/{ovirt}NAME, in the order of the document;
/// names and values are not judged. Of a document that is not well-formed: those in front of the error.
std::vector<std::pair<std::string, std::string>> vm_custom_properties(std::string_view domain_xml);

}  // namespace vdsm_hook
