// What oVirt's own engine-config says of a value that it would refuse, too: scripts look for its words.
#pragma once

#include <string>
#include <string_view>

#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook::cli {

/// oVirt's reason to refuse TEXT for KEY; empty: oVirt would take it. Its network key may not be emptied; ours may.
/// Patterns of that key, the only ones that it compiles, are judged by Pattern. Never throws for what TEXT says.
std::string refusal_by_ovirt(DefinitionKey key, std::string_view text);

/// What oVirt's merge makes of TEXT and LATER, which is what its errors show: each item that is not there word for
/// word, behind.
std::string appended_items(std::string_view text, std::string_view later);

}  // namespace vdsm_hook::cli
