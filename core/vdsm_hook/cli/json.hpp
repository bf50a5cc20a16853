// What commands print as JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "vdsm_hook/engine/json.hpp"

namespace vdsm_hook::cli {

/// VALUE on one line, with a line end.
std::string to_line(const boost::json::value& value);

using vdsm_hook::to_json;

}  // namespace vdsm_hook::cli
