#include "vdsm_hook/cli/json.hpp"

#include <boost/json/serialize.hpp>

namespace vdsm_hook::cli {

std::string to_line(const boost::json::value& value) { return boost::json::serialize(value) + "\n"; }

}  // namespace vdsm_hook::cli
