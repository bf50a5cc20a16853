#include "vdsm_hook/engine/host_properties.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/discovery/discovery.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

std::string store_file(const Settings& settings) { return settings.paths.config_dir + "/" + std::string(kStoreFile); }

bool exists(const std::string& path) { return status_of(path, false) || errno != ENOENT; }

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
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const auto end = at + name.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) return true;
  }
  return false;
}

// A hook declares all its properties at each of its events. Where it has conditions on a property at some events and on
// others at the rest, the rest do not read it.
template <typename InSidecar>
std::vector<std::string> readers_of(const std::vector<PropertyReader>& hooks, std::string_view name,
                                    const InSidecar& in_sidecar) {
  const auto interest_of = [&](const PropertyReader& hook) {
    if (hook.sidecar) return in_sidecar(*hook.sidecar);
    return has_word(hook.path, name) ? Sidecar::Interest::declared : Sidecar::Interest::none;
  };
  std::set<std::string> with_condition;
  for (const auto& hook : hooks)
    if (interest_of(hook) == Sidecar::Interest::condition) with_condition.insert(hook.sidecar->declared_by);
  std::vector<std::string> names;
  for (const auto& hook : hooks) {
    const auto found = interest_of(hook);
    const bool is_others = found == Sidecar::Interest::declared && hook.sidecar &&
                           hook.sidecar->has_property_conditions() &&
                           with_condition.contains(hook.sidecar->declared_by);
    if (found != Sidecar::Interest::none && !is_others) names.push_back(hook.event + "/" + hook.name);
  }
  return names;
}

// Most hook points have no hooks, and this is all that discover() need not be asked for then.
bool has_entries(const std::string& event, const std::vector<std::string>& layers) {
  return std::any_of(layers.begin(), layers.end(), [&event](const std::string& layer) {
    bool has_one = false;
    auto opened = open_path(layer + "/" + event, O_RDONLY | O_DIRECTORY);
    if (opened)
      Directory(std::move(opened.fd)).each_name([&has_one](const std::string&) { return has_one = true, false; });
    return has_one;
  });
}

Directory open_layer(const std::string& layer) { return Directory(open_path(layer, O_PATH | O_DIRECTORY).fd); }

std::optional<FileStamp> stamp_of(const Directory& layer, const std::string& name) {
  const auto st = layer ? layer.status(name, true) : std::nullopt;
  return st ? std::optional(FileStamp(*st)) : std::nullopt;
}

// Null: there is none, or none that can be read.
std::shared_ptr<const Sidecar> sidecar_of(const HookFile& hook, const std::string& event, const Settings& settings,
                                          SidecarCache& sidecars) {
  if (hook.sidecar.empty() || !hook.sidecar_doubt.empty()) return nullptr;
  try {
    return sidecars.get(hook.sidecar, hook.sidecar_stamp, settings.points, event);
  } catch (const Error& error) {
    if (error.code() != Errc::bad_configuration) throw;
    return nullptr;
  }
}

bool has_wrong_pattern(const Sidecar& sidecar) {
  try {
    sidecar.judge_patterns();
    return false;
  } catch (const Error& error) {
    if (error.code() != Errc::bad_configuration) throw;
    return true;
  }
}

// What SIDECAR has a condition on is what its hook reads, and so is defined by it.
void define_conditions(const Sidecar& sidecar, HostProperties& host) {
  static const auto any = Pattern::later(".*");
  const auto define = [&sidecar](Definitions& definitions, const std::string& name) {
    if (definitions.find(name) == nullptr) definitions.set({name, any, sidecar.declared_by});
  };
  const auto look_at = [&](const std::string& name, bool may_be_vms, bool may_be_devices) {
    if (refused_name(name)) return;
    const bool is_vms = sidecar.vm_properties.find(name) != nullptr,
               is_devices = sidecar.declares_device_property(name);
    if (may_be_vms && !is_devices) define(host.vm, name);
    if (may_be_devices && !is_vms && !is_devices)
      for (const auto type : device_types()) define(host.device[std::string(type)], name);
  };
  const auto look_at_all = [&look_at](const Conditions& when) {
    for (const auto& [name, pattern] : when.property) look_at(name, true, false);
    for (const auto& [name, pattern] : when.device_property) look_at(name, false, true);
    for (const auto& name : when.any_property) look_at(name, true, true);
  };
  look_at_all(sidecar.when);
  for (const auto& [event, when] : sidecar.when_event) look_at_all(when);
}

void merge(DeviceDefinitions& definitions, const DeviceDefinitions& later) {
  for (const auto& [type, of_type] : later) definitions[type].merge(of_type);
}

HostProperties merged(std::vector<PropertyReader> hooks, const PropertyStore& store) {
  static const auto ovirts_vm = predefined_vm_properties();
  static const auto ovirts_device = predefined_device_properties();
  static const auto ovirts_network = predefined_network_properties();
  HostProperties host;
  host.hooks = std::move(hooks);
  for (const auto& hook : host.hooks) {
    if (!hook.sidecar) continue;
    host.vm.merge(hook.sidecar->vm_properties);
    merge(host.device, hook.sidecar->device_properties);
  }
  for (const auto& hook : host.hooks)
    if (hook.sidecar) define_conditions(*hook.sidecar, host);
  host.vm.merge(ovirts_vm);
  host.vm.merge(store.vm());
  merge(host.device, ovirts_device);
  merge(host.device, store.device());
  host.network = ovirts_network;
  host.network.merge(store.network());
  return host;
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
  return readers_of(hooks, name, [name](const Sidecar& sidecar) { return sidecar.in_vm_property(name); });
}

std::vector<std::string> HostProperties::readers_of_device_property(std::string_view type,
                                                                    std::string_view name) const {
  return readers_of(hooks, name,
                    [type, name](const Sidecar& sidecar) { return sidecar.in_device_property(type, name); });
}

HostProperties find_host_properties(const Settings& settings, const PropertyStore& store, SidecarCache& sidecars,
                                    bool compat_vdsm) {
  std::vector<PropertyReader> hooks;
  for (const auto& point : settings.points.all()) {
    const std::string event(point.name);
    if (!has_entries(event, settings.paths.hooks_dirs)) continue;
    const auto found = discover(event, {settings.paths.hooks_dirs, !compat_vdsm, !compat_vdsm, settings.trust});
    for (const auto& hook : found.hooks) {
      auto sidecar = sidecar_of(hook, event, settings, sidecars);
      if (sidecar && has_wrong_pattern(*sidecar)) sidecar = nullptr;
      hooks.push_back({event, hook.name, hook.path, std::move(sidecar)});
    }
  }
  return merged(std::move(hooks), store);
}

// Most of the time goes into asking the kernel, which is faster from the layer on than from the root.
bool HostPropertiesCache::is_current(const Settings& settings, SidecarCache& sidecars, const std::string& event,
                                     const std::vector<HookFile>& here) const {
  auto known = host_->hooks.begin();
  for (const auto& hook : here) {
    known = std::find_if(known, host_->hooks.end(),
                         [&event](const PropertyReader& reader) { return reader.event == event; });
    if (known == host_->hooks.end() || known->path != hook.path ||
        known->sidecar != sidecar_of(hook, event, settings, sidecars))
      return false;
    ++known;
  }
  if (std::any_of(known, host_->hooks.end(), [&event](const PropertyReader& reader) { return reader.event == event; }))
    return false;
  std::vector<Directory> layers;
  for (const auto& layer : settings.paths.hooks_dirs) layers.push_back(open_layer(layer));
  return std::all_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
    return watched.event == event || stamp_of(layers[watched.layer], watched.name) == watched.stamp;
  });
}

std::shared_ptr<const HostProperties> HostPropertiesCache::get(const Settings& settings,
                                                               const std::shared_ptr<const PropertyStore>& store,
                                                               SidecarCache& sidecars, const std::string& event,
                                                               const std::vector<HookFile>& here) {
  const std::lock_guard lock(mutex_);
  if (host_ && store_ == store && is_current(settings, sidecars, event, here)) return host_;

  const auto& dirs = settings.paths.hooks_dirs;
  std::vector<Directory> layers;
  for (const auto& layer : dirs) layers.push_back(open_layer(layer));
  std::vector<Watched> watched;
  std::vector<PropertyReader> hooks;
  const auto watch = [&](const std::string& name, const std::string& path) {
    for (std::size_t i = 0; i < dirs.size(); ++i) {
      if (!path.starts_with(dirs[i] + "/")) continue;
      auto below = path.substr(dirs[i].size() + 1);
      const auto stamp = stamp_of(layers[i], below);
      watched.push_back({i, name, std::move(below), stamp});
    }
  };
  const auto add = [&](const std::string& name, const std::vector<HookFile>& found) {
    for (const auto& hook : found) {
      watch(name, hook.path);
      if (!hook.sidecar.empty()) watch(name, hook.sidecar);
      hooks.push_back({name, hook.name, hook.path, sidecar_of(hook, name, settings, sidecars)});
    }
  };
  bool is_here_in = false;
  for (const auto& point : settings.points.all()) {
    const std::string name(point.name);
    for (const auto& layer : dirs) watch(name, layer + "/" + name);
    is_here_in = is_here_in || name == event;
    if (name == event) {
      add(name, here);
    } else if (has_entries(name, dirs)) {
      add(name, discover(name, {dirs, true, true, settings.trust}).hooks);
    }
  }
  if (!is_here_in) add(event, here);
  host_ = std::make_shared<const HostProperties>(merged(std::move(hooks), *store));
  store_ = store;
  watched_ = std::move(watched);
  return host_;
}

void change_store(const Settings& settings, const std::function<void(PropertyStore&)>& change) {
  const auto file = store_file(settings);
  check_trust(settings, exists(file) ? file : settings.paths.config_dir, "written");
  update_store(file, change);
}

}  // namespace vdsm_hook
