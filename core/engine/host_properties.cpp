#include "vdsm_hook/engine/host_properties.hpp"

#include <sys/stat.h>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook {
namespace {

// The store's file, which nobody else can have written.
std::string trusted_store(const Settings& settings) {
  auto file = settings.paths.config_dir + "/" + std::string(kStoreFile);
  const auto& directory = settings.paths.config_dir;
  struct stat st{};
  if (::lstat(directory.c_str(), &st) != 0) return file;  // neither is there
  const bool exists = ::lstat(file.c_str(), &st) == 0;
  if (const auto why = settings.trust.doubt(exists ? file : directory, directory))
    throw Error(Errc::bad_configuration, file + (exists ? " is not read: " : " is not made: ") + *why);
  return file;
}

}  // namespace

PropertyStore read_store(const Settings& settings) { return PropertyStore::read(trusted_store(settings)); }

void change_store(const Settings& settings, const std::function<void(PropertyStore&)>& change) {
  update_store(trusted_store(settings), change);
}

}  // namespace vdsm_hook
