// One attribute of an element changed, the rest of the bytes left as they are. Inside core/vdsm_hook/libvirt only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// XML, an element or a start tag, well-formed, with ATTRIBUTE of its first tag set to VALUE; nullopt: without it.
std::string with_attribute(std::string xml, std::string_view attribute, const std::optional<std::string>& value);

}  // namespace vdsm_hook
