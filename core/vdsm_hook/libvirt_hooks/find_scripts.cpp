#include "vdsm_hook/libvirt_hooks/find_scripts.hpp"

#include <limits.h>
#include <unistd.h>

#include <algorithm>

#include "vdsm_hook/base/open_path.hpp"
#include "vdsm_hook/base/own_variable.hpp"

namespace vdsm_hook {
namespace {

using Reason = IgnoredFile::Reason;

// Whether a directory can have this name.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= NAME_MAX &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

void append(Discovery& all, Discovery more) {
  std::move(more.hooks.begin(), more.hooks.end(), std::back_inserter(all.hooks));
  std::move(more.ignored.begin(), more.ignored.end(), std::back_inserter(all.ignored));
}

DiscoveryRules rules_of(const std::string& hooks_dir, const Trust& trust) {
  DiscoveryRules rules;
  rules.layers = {hooks_dir};
  rules.trust = trust;
  return rules;
}

}  // namespace

std::string default_libvirt_hooks_dir() {
  const auto from_caller = [](const char* name) { return own_variable(name).value_or(""); };
  if (::geteuid() != 0) {
    if (const auto configuration = from_caller("XDG_CONFIG_HOME"); configuration.starts_with('/'))
      return configuration + "/libvirt/hooks";
    if (const auto home = from_caller("HOME"); home.starts_with('/')) return home + "/.config/libvirt/hooks";
  }
  return "/etc/libvirt/hooks";
}

Discovery find_driver_scripts(const std::string& hooks_dir, const std::string& driver, const Trust& trust) {
  const auto rules = rules_of(hooks_dir, trust);
  auto found = discover_one({}, driver, rules);
  auto more = discover(driver + ".d", rules);
  std::erase_if(more.ignored, [](const IgnoredFile& file) { return file.reason == Reason::subdirectory; });
  append(found, std::move(more));
  return found;
}

Discovery find_vm_scripts(const std::string& hooks_dir, const LibvirtCall& call, const Trust& trust) {
  for (const auto* name : {&call.driver, &call.object, &call.operation, &call.sub_operation})
    if (!is_plain_name(*name)) return {};
  // A file of that name is no tree but one of the driver's own scripts.
  const auto of_vm = call.driver + ".d/" + call.object;
  const auto path = hooks_dir + "/" + of_vm;
  if (const auto st = status_of(path); st && !S_ISDIR(st->st_mode)) {
    Discovery no_tree;
    if (auto doubt = trust.doubt(path, hooks_dir))
      no_tree.ignored.push_back({path, Reason::untrusted, *std::move(doubt)});
    return no_tree;
  }

  const auto rules = rules_of(hooks_dir, trust);
  auto found = discover_one(of_vm + "/" + call.operation, call.sub_operation, rules);
  const bool is_directory = found.ignored.size() == 1 && found.ignored[0].reason == Reason::subdirectory;
  return is_directory ? discover(of_vm + "/" + call.operation + "/" + call.sub_operation, rules) : found;
}

}  // namespace vdsm_hook
