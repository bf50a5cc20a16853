// Plans and reports as JSON, in the forms of the schemas that are installed.
#pragma once

#include <boost/json/value.hpp>

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook {

/// All of it but the document and the secrets. Texts are fit for a terminal.
boost::json::value to_json(const Report& report);
boost::json::value to_json(const Plan& plan);

}  // namespace vdsm_hook
