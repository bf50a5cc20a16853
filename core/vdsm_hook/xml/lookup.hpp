// One value out of an XML document.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// The text of the first element at PATH, which has the local names from the root on, whatever their namespaces; `*` is
/// any name:
/// "*/host/uuid". The text of elements inside of it does not belong to it. nullopt: there is no such element, or the
/// document is not well-formed up to its end. What comes behind it is not read.
std::optional<std::string> text_at(std::string_view xml, std::string_view path);

/// The value of the root's attribute NAME that is in no namespace; nullopt: there is none. Only the root's tag is read.
std::optional<std::string> root_attribute(std::string_view xml, std::string_view name);

}  // namespace vdsm_hook
