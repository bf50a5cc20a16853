// What kind of document a hook point carries.
#pragma once

#include <optional>
#include <string_view>

namespace vdsm_hook {

enum class PayloadKind { none, domain_xml, device_xml, json };

/// The word for KIND in the hook point table and in every JSON output.
constexpr std::string_view to_string(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::none: return "none";
    case PayloadKind::domain_xml: return "domxml";
    case PayloadKind::device_xml: return "device_xml";
    case PayloadKind::json: return "json";
  }
  return "none";
}

constexpr std::optional<PayloadKind> payload_kind(std::string_view word) {
  for (auto kind : {PayloadKind::none, PayloadKind::domain_xml, PayloadKind::device_xml, PayloadKind::json})
    if (word == to_string(kind)) return kind;
  return std::nullopt;
}

}  // namespace vdsm_hook
