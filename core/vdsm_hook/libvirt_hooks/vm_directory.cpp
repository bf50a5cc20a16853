#include "vdsm_hook/libvirt_hooks/vm_directory.hpp"

#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

std::vector<std::string> names_in(const std::string& directory) {
  auto names = Directory::find(directory, Links::own).names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
  return names;
}

}  // namespace

VmDirectory::VmDirectory(const std::string& runtime_dir, std::string_view uuid)
    : runtime_dir_(runtime_dir), uuid_(in_lower_case(uuid)), path_(runtime_dir + "/vms/" + uuid_) {
  if (!is_uuid(uuid)) throw Error(Errc::wrong_use, "'" + printable(uuid.substr(0, 80)) + "' is no UUID of a VM");
}

std::vector<std::string> VmDirectory::names() const { return names_in(path_); }

Directory VmDirectory::all() const { return Directory::find(runtime_dir_ + "/vms", Links::own); }

Directory VmDirectory::make() const {
  make_own_directory(runtime_dir_);
  const auto above = make_directory(runtime_dir_ + "/vms", 0700, 0700);
  if (const int error = above.make_directory(uuid_, 0700); error != 0 && error != EEXIST)
    throw Error::from_errno("cannot make the directory " + path_, error);
  auto opened = above.open_file(uuid_, O_RDONLY | O_DIRECTORY);
  if (!opened && opened.error != ENOENT) opened.fail("open", path_);
  return Directory(std::move(opened.fd));
}

Directory VmDirectory::find() const { return Directory::find(path_, Links::own); }

void VmDirectory::remove_if_empty() const { all().remove_directory(uuid_); }

std::vector<std::string> vms_with_directory(const std::string& runtime_dir) {
  auto names = names_in(runtime_dir + "/vms");
  std::erase_if(names, [](const std::string& name) { return !is_uuid(name); });
  return names;
}

}  // namespace vdsm_hook
