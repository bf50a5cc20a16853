#include "vdsm_hook/engine/host_properties.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/discovery/discovery.hpp"

namespace vdsm_hook {
namespace {

std::string store_file(const Settings& settings) { return settings.paths.config_dir + "/" + std::string(kStoreFile); }

bool exists(const std::string& path) {
  struct stat st{};
  return ::lstat(path.c_str(), &st) == 0;
}

// Throws for what somebody else can have written; VERB is what is not done then.
void check_trust(const Settings& settings, const std::string& path, const std::string& verb) {
  if (!exists(path)) return;
  if (const auto why = settings.trust.doubt(path, settings.paths.config_dir))
    throw Error(Errc::bad_configuration, store_file(settings) + " is not " + verb + ": " + *why);
}

// Whether the file's text has NAME as a word. Of a program in machine code too: its strings are in it.
bool has_word(const std::string& path, std::string_view name) {
  constexpr std::size_t max_bytes = 8U << 20;
  std::string text;
  try {
    text = read_regular_file(path, max_bytes);
  } catch (const Error&) {
    return false;
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const auto end = at + name.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) return true;
  }
  return false;
}

// A hook declares all its properties at each of its events. Where it has conditions on a property at some events and on
// others at the rest, the rest do not read it.
std::vector<std::string> readers_of(const std::vector<PropertyReader>& hooks, std::string_view name,
                                    Sidecar::Interest (Sidecar::*interest)(std::string_view) const) {
  const auto interest_of = [&](const PropertyReader& hook) {
    if (hook.sidecar) return (*hook.sidecar.*interest)(name);
    return has_word(hook.path, name) ? Sidecar::Interest::declared : Sidecar::Interest::none;
  };
  std::set<std::string> with_condition;
  for (const auto& hook : hooks)
    if (interest_of(hook) == Sidecar::Interest::condition) with_condition.insert(hook.sidecar->declared_by);
  std::vector<std::string> names;
  for (const auto& hook : hooks) {
    const auto found = interest_of(hook);
    const bool is_others = found == Sidecar::Interest::declared && hook.sidecar && hook.sidecar->has_property_conditions() &&
                           with_condition.contains(hook.sidecar->declared_by);
    if (found != Sidecar::Interest::none && !is_others) names.push_back(hook.event + "/" + hook.name);
  }
  return names;
}

// Most hook points have no hooks, and this is all that discover() need not be asked for then.
bool has_entries(const std::string& event, const std::vector<std::string>& layers) {
  return std::any_of(layers.begin(), layers.end(), [&event](const std::string& layer) {
    boost::system::error_code error;
    return !boost::filesystem::is_empty(layer + "/" + event, error) && !error;
  });
}

void merge(DeviceDefinitions& definitions, const DeviceDefinitions& later) {
  for (const auto& [type, of_type] : later) definitions[type].merge(of_type);
}

}  // namespace

PropertyStore read_store(const Settings& settings) {
  const auto file = store_file(settings);
  check_trust(settings, file, "read");
  return PropertyStore::read(file);
}

std::shared_ptr<const PropertyStore> StoreCache::get(const Settings& settings) {
  const auto stamp = FileStamp::of(store_file(settings));
  const std::lock_guard lock(mutex_);
  if (!store_ || stamp != stamp_) {
    store_ = std::make_shared<const PropertyStore>(read_store(settings));
    stamp_ = stamp;
  }
  return store_;
}

std::vector<std::string> HostProperties::readers_of_vm_property(std::string_view name) const {
  return readers_of(hooks, name, &Sidecar::in_vm_property);
}

std::vector<std::string> HostProperties::readers_of_device_property(std::string_view name) const {
  return readers_of(hooks, name, &Sidecar::in_device_property);
}

HostProperties find_host_properties(const Settings& settings, const PropertyStore& store, SidecarCache& sidecars,
                                    bool compat_vdsm, std::string_view event) {
  static const auto ovirts_vm = predefined_vm_properties();
  static const auto ovirts_device = predefined_device_properties();
  HostProperties host;
  std::vector<std::string> events;
  for (const auto& point : settings.points.all()) events.emplace_back(point.name);
  if (!event.empty() && settings.points.find(event) == nullptr) events.emplace_back(event);
  for (const auto& name : events) {
    if (!has_entries(name, settings.paths.hooks_dirs)) continue;
    const auto found = discover(name, {settings.paths.hooks_dirs, !compat_vdsm, !compat_vdsm, settings.trust});
    for (const auto& hook : found.hooks) {
      PropertyReader reader{name, hook.name, hook.path, nullptr};
      try {
        if (!hook.sidecar.empty() && hook.sidecar_doubt.empty())
          reader.sidecar = sidecars.get(hook.sidecar, hook.sidecar_stamp, settings.points, name);
      } catch (const Error& error) {
        if (error.code() != Errc::bad_configuration) throw;
      }
      if (reader.sidecar) {
        host.vm.merge(reader.sidecar->vm_properties);
        merge(host.device, reader.sidecar->device_properties);
      }
      host.hooks.push_back(std::move(reader));
    }
  }
  host.vm.merge(ovirts_vm);
  host.vm.merge(store.vm());
  merge(host.device, ovirts_device);
  merge(host.device, store.device());
  host.network = store.network();
  return host;
}

void change_store(const Settings& settings, const std::function<void(PropertyStore&)>& change) {
  const auto file = store_file(settings);
  check_trust(settings, exists(file) ? file : settings.paths.config_dir, "written");
  update_store(file, change);
}

}  // namespace vdsm_hook
