// Custom properties where they live: in the metadata of a domain XML, in oVirt's form.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vdsm_hook {

/// The namespace of oVirt's metadata; the prefix may be any.
inline constexpr std::string_view kOvirtVmNamespace = "http://ovirt.org/vm/1.0";

/// What a domain XML says about whose it is.
struct DomainFacts {
  std::string name;  ///< empty: there is none
  std::string uuid;  ///< without blanks around
  /// The VM's own custom properties, /domain/metadata/{ovirt}vm/{ovirt}custom/{ovirt}NAME, in the order of the document;
  /// names and values are not judged.
  std::vector<std::pair<std::string, std::string>> custom_properties;
};

/// Reads DOMAIN_XML only as far as it must: libvirt writes all of this first. So nothing is said about the rest, and of
/// a document that is not well-formed comes what stands in front of the error.
DomainFacts read_domain_facts(std::string_view domain_xml);

}  // namespace vdsm_hook
