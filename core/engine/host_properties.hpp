// What is known on this host about custom properties: who defines them, who reads them, and the administrator's store.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/file_stamp.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/engine/sidecar.hpp"
#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook {

/// The store of the configuration directory. Throws bad_configuration also for a file that others could have written.
PropertyStore read_store(const Settings& settings);
/// update_store() on it; a file that read_store() would not take is left alone.
void change_store(const Settings& settings, const std::function<void(PropertyStore&)>& change);

}  // namespace vdsm_hook
