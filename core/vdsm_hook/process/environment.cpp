#include "vdsm_hook/process/environment.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <unordered_map>

#include "vdsm_hook/base/own_variable.hpp"

namespace vdsm_hook {
namespace {

class Builder {
 public:
  void set(const std::string& name, const std::string& value) {
    const auto [at, is_new] = index_.try_emplace(name, entries_.size());
    if (is_new) {
      entries_.push_back(name + "=" + value);
    } else {
      entries_[at->second] = name + "=" + value;
    }
  }
  void set(const Variables& variables) {
    for (const auto& [name, value] : variables) set(name, value);
  }
  std::vector<std::string> take() && { return std::move(entries_); }

 private:
  std::vector<std::string> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

std::string from_caller(const char* name) { return own_variable(name).value_or(""); }

}  // namespace

std::vector<std::string> make_environment(const EnvironmentParts& parts) {
  Builder builder;
  std::string python_path = parts.python_path;
  if (parts.inherits_caller) {
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
      const std::string_view entry(*at);
      const auto equals = entry.find('=');
      if (equals != std::string_view::npos && equals > 0)
        builder.set(std::string(entry.substr(0, equals)), std::string(entry.substr(equals + 1)));
    }
    if (const auto callers = from_caller("PYTHONPATH"); !callers.empty()) python_path = callers + ":" + python_path;
  } else {
    builder.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    builder.set("LANG", "C.UTF-8");
    // Root's home is taken as it stands in every system; asking the user database could block on a directory server.
    const auto home = ::geteuid() == 0 ? std::string("/root") : from_caller("HOME");
    builder.set("HOME", home.empty() ? "/" : home);
  }
  builder.set(parts.configured);
  builder.set(parts.parameters);
  builder.set(parts.device_properties);
  builder.set(parts.vm_properties);
  if (!parts.vm_id.empty()) builder.set("vmId", parts.vm_id);
  builder.set("PYTHONPATH", python_path);
  builder.set(parts.own);
  return std::move(builder).take();
}

}  // namespace vdsm_hook
