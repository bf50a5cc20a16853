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
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/engine/sidecar.hpp"
#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/store.hpp"

namespace vdsm_hook {

/// The store of the configuration directory. Throws bad_configuration also for a file that others could have written.
PropertyStore read_store(const Settings& settings);
/// update_store() on it; a file that read_store() would not take is left alone.
void change_store(const Settings& settings, const std::function<void(PropertyStore&)>& change);

/// A store that was read already; read again when its file changed. Thread-safe.
class StoreCache {
 public:
  /// Throws as read_store().
  std::shared_ptr<const PropertyStore> get(const Settings& settings);

 private:
  std::mutex mutex_;
  std::optional<FileStamp> stamp_;
  std::shared_ptr<const PropertyStore> store_;
};

/// An installed hook that may read properties.
struct PropertyReader {
  std::string event, name, path;
  std::shared_ptr<const Sidecar> sidecar;  ///< null: it has none, or none that can be read
};

/// The properties that there are on this host.
struct HostProperties {
  /// Of the installed hooks, replaced by oVirt's own, replaced by the administrator's. What a hook has a condition on
  /// and nobody declares may have any value.
  Definitions vm;
  DeviceDefinitions device;
  Definitions network;
  std::vector<PropertyReader> hooks;  ///< in the order of the hook points, then as they run

  /// The hooks that read the property, as "EVENT/NAME": those whose sidecar declares it or has a condition on it, and
  /// those without a sidecar whose file has its name as a word.
  std::vector<std::string> readers_of_vm_property(std::string_view name) const;
  /// TYPE: of the device.
  std::vector<std::string> readers_of_device_property(std::string_view type, std::string_view name) const;
};

/// Looks at the sidecars of every installed hook. One that is wrong declares nothing: it is a problem where its hook
/// should run.
HostProperties find_host_properties(const Settings& settings, const PropertyStore& store, SidecarCache& sidecars,
                                    bool compat_vdsm = false);

/// What was found already, and is found again when a directory or file has changed that it was made from. Thread-safe.
class HostPropertiesCache {
 public:
  /// HERE: the hooks of EVENT as they are now, which are not looked at again. EVENT need be no hook point of the
  /// settings.
  std::shared_ptr<const HostProperties> get(const Settings& settings, const std::shared_ptr<const PropertyStore>& store,
                                            SidecarCache& sidecars, const std::string& event,
                                            const std::vector<HookFile>& here);

 private:
  struct Watched {
    std::size_t layer;
    std::string event, name;  // below the layer
    std::optional<FileStamp> stamp;
  };
  bool is_current(const Settings& settings, SidecarCache& sidecars, const std::string& event,
                  const std::vector<HookFile>& here) const;

  std::mutex mutex_;
  std::shared_ptr<const PropertyStore> store_;
  std::vector<Watched> watched_;
  std::shared_ptr<const HostProperties> host_;
};

}  // namespace vdsm_hook
