// Which custom properties there are, and what their values may be.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/pattern.hpp"

namespace vdsm_hook {

struct Definition {
  std::string name;
  Pattern pattern;
  std::string declared_by;  ///< who defined it, for people: "vdsm-hook-macspoof", "oVirt", "UserDefinedVMProperties"
};

/// Definitions of one kind of thing, by name, in the order in which the names came up.
class Definitions {
 public:
  /// Adds DEFINITION, or puts it in the place of the one with its name.
  void set(Definition definition);
  /// All of LATER, each by set().
  void merge(const Definitions& later);
  /// nullptr: there is none. Valid until the next set().
  const Definition* find(std::string_view name) const;
  std::span<const Definition> all() const { return all_; }
  /// The name that was most likely meant by NAME; empty when none is close.
  std::string_view nearest(std::string_view name) const;

 private:
  std::vector<Definition> all_;
  std::unordered_map<std::string, std::size_t, StringHash, std::equal_to<>> places_;
};

/// By device type. A type without a block is not in it.
using DeviceDefinitions = std::map<std::string, Definitions, std::less<>>;

/// Those for devices of TYPE; none for a type without a block. Valid as long as DEFINITIONS.
const Definitions& definitions_of(std::string_view type, const DeviceDefinitions& definitions);

/// A pattern for VALUE and nothing else, as far as a definition can say that in one word of a shell: it has no ; and no
/// '.
std::string pattern_of(std::string_view value);
/// The command that defines NAME, of VMs or of devices of DEVICE_TYPE, by a PATTERN without ; and '.
std::string define_command(std::string_view name, std::string_view pattern, std::string_view device_type);

/// The types of devices that can have properties: oVirt's general types.
std::span<const std::string_view> device_types();
bool is_device_type(std::string_view type);

/// "name=regex;name=regex", as in oVirt's UserDefinedVMProperties. A regex cannot hold a ';'. Errors: wrong_use, which
/// says what is wrong and where: the form, a name that may not be used, a name that is defined twice, a pattern (see
/// Pattern), too many or too much. Source: oVirt; there patterns are compiled when they are first used, the last of two
/// definitions wins without a word, and the loader takes what the setter refuses.
Definitions parse_vm_definitions(std::string_view text, const std::string& declared_by);

/// "{type=interface;prop={name=regex;name=regex}};{type=disk;prop={...}}", as in oVirt's CustomDeviceProperties.
/// Between blocks stands one ';', their order is free, each type has at most one. A block ends at the first "}}" in
/// front of a ';' or the end, so regexes may hold braces. Errors: as above. Source: oVirt; there a forgotten ';' makes
/// one pattern of two blocks, and types must come in a fixed order.
DeviceDefinitions parse_device_definitions(std::string_view text, const std::string& declared_by);

/// What oVirt defines by itself at its newest compatibility level, 4.8.
Definitions predefined_vm_properties();
DeviceDefinitions predefined_device_properties();
Definitions predefined_network_properties();

}  // namespace vdsm_hook
