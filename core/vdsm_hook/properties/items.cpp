#include "vdsm_hook/properties/items.hpp"

#include <algorithm>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/names.hpp"
#include "vdsm_hook/xml/secrets.hpp"

namespace vdsm_hook {

PropertyItems read_items(std::string_view text) {
  PropertyItems found;
  while (!text.empty() && found.fault.empty()) {
    const auto item = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const auto equals = item.find('=');
    const auto name = item.substr(0, equals);
    const auto place = "item " + std::to_string(found.items.size() + 1);
    // The rest of a password that a ; divided has no name of its own.
    const bool is_secret = is_secret_name(name) || (!found.items.empty() && is_secret_name(found.items.back().name));
    const auto shown = place + (is_secret ? "" : ", '" + printable(item.substr(0, 80)) + "'");
    if (item.empty()) {
      found.fault = place + " is empty: one ; stands between two items";
    } else if (equals == std::string_view::npos) {
      found.fault = shown + ", has no =; a ; always ends an item";
    } else if (const auto why = refused_identifier(name)) {
      found.fault = shown + ": " + *why;
    } else if (found.items.size() == kMaxProperties) {
      found.fault = "there are more than " + std::to_string(kMaxProperties) + " items";
    } else {
      found.items.push_back({name, item.substr(equals + 1)});
    }
    if (!found.fault.empty()) found.wrong_item = item;
  }
  return found;
}

}  // namespace vdsm_hook
