// NAME=TEXT;NAME=TEXT: the form that values, and the definitions of VM and device properties, have in common.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook {

struct PropertyItem {
  std::string_view name;
  std::string_view text;  ///< behind the first '='; may be empty
};

/// What stands in a text, and why it goes no further.
struct PropertyItems {
  std::vector<PropertyItem> items;  ///< in order, those in front of the fault; names may come twice, or be reserved
  std::string fault;                ///< a sentence that names the item; empty: the whole text was read
  std::string_view wrong_item;      ///< what the fault is about
};

/// Reads TEXT, which may be empty and may end in one ';'. Nothing is trimmed, and nothing protects a ';'. The views
/// point into TEXT. Never throws for what the text says; time is linear.
PropertyItems read_items(std::string_view text);

}  // namespace vdsm_hook
