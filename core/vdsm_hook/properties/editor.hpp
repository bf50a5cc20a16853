// Changes custom properties in a domain XML and nothing else.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {

struct OutlineNode;

struct PropertyChange {
  std::string name;
  std::optional<std::string> value;  ///< nullopt: the property is taken out
};

/// A domain XML whose properties can be read and set. Every byte that is not about what is set stays as it was: what is
/// new goes in beside what is there, with its prefix and its indentation; elements that a change leaves empty go, too.
///
/// Errors: bad_document for what is not well-formed, no domain, has an element twice that may be there once (with the
/// lines) or is not in UTF-8 (to change it); wrong_use for names and values that cannot be a property's or a profile's,
/// and for a name that is changed twice at once.
class DomainEditor {
 public:
  explicit DomainEditor(std::string domain_xml);

  const std::string& document() const { return document_; }
  const DomainFacts& facts() const { return facts_; }
  std::span<const DeviceIdentity> devices() const { return devices_; }
  /// The place in devices() of the one that SELECTOR means: a MAC address, alias, target device or address, or TYPE:N
  /// for the Nth of its type in the order of the document. Throws wrong_use when there is none, or more than one: they
  /// are listed.
  std::size_t find_device(std::string_view selector) const;

  /// What is about no device of the domain, or about more than one: "line 7: this metadata is about ...".
  std::vector<std::string> misfits() const;

  void set_vm(const std::vector<PropertyChange>& changes);
  void set_device(std::size_t device, const std::vector<PropertyChange>& changes);
  /// PROFILE: nullopt takes the reference out, and what was written out of the profile.
  void set_profile(std::size_t device, const std::optional<std::string>& profile);

  struct ProfileOf {
    std::size_t device;
    PropertyValues properties;  ///< of its profile
  };
  /// Writes the properties of vNIC profiles among those of the devices that refer to them, marked as the profile's, in
  /// the place of what was written out before; a device's own of the same name stay alone. Time is linear in the
  /// document.
  void write_out(const std::vector<ProfileOf>& profiles);

 private:
  template <typename Change>
  void apply(const Change& change);

  std::string document_;
  std::shared_ptr<const std::vector<OutlineNode>> nodes_;
  DomainFacts facts_;
  std::vector<DeviceIdentity> devices_;
};

}  // namespace vdsm_hook
