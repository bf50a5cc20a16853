// Plans and reports as JSON: the forms of the schemas in schemas/.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook::cli {

boost::json::value to_json(const Report& report);
boost::json::value to_json(const Plan& plan);
/// VALUE on one line, with a line end.
std::string to_line(const boost::json::value& value);

}  // namespace vdsm_hook::cli
