#include "vdsm_hook/libvirt/launch_flags.hpp"

#include <libvirt/libvirt.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr unsigned kKnown = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_VALIDATE | VIR_DOMAIN_START_RESET_NVRAM;
constexpr std::size_t kMaxFileBytes = 64;

constexpr const char* kFileName = "launchflags";

// Without a directory there is nothing to forget.
void forget_in(const std::string& dir, const std::string& vm_id) {
  auto opened = open_path(dir, O_PATH | O_DIRECTORY, Links::own);
  if (!opened) return;
  const Directory above(std::move(opened.fd));
  auto of_vm = above.open_file(vm_id, O_PATH | O_DIRECTORY);
  if (of_vm) Directory(std::move(of_vm.fd)).remove(kFileName);
  above.remove_directory(vm_id);  // fails where something else is in it
}

}  // namespace

LaunchFlags::LaunchFlags(const std::string& dir, std::string_view vm_id, unsigned flags)
    : dir_(dir), vm_id_(vm_id), file_(dir_ + "/" + vm_id_ + "/" + kFileName), flags_(flags) {
  make_own_directory(dir_);
  directory_ = make_own_directory(dir_ + "/" + vm_id_);
  write();
}

LaunchFlags::~LaunchFlags() { forget_in(dir_, vm_id_); }

void LaunchFlags::forget(const std::string& dir, std::string_view vm_id) { forget_in(dir, std::string(vm_id)); }

void LaunchFlags::write() const {
  // What a hook put there instead, a link or a pipe, is not written to.
  if (const int error = directory_.remove(kFileName); error != 0 && error != ENOENT)
    throw Error::from_errno("cannot replace " + file_, error);
  replace_file(file_, std::to_string(flags_) + "\n", 0644);
}

std::string LaunchFlags::read_back(bool is_wanted) {
  if (!is_wanted) return write(), "";
  const auto refuse = [this](const std::string& why) {
    write();
    return "the launch flags that it left in " + file_ + " " + why + ": they are " + std::to_string(flags_) +
           " as before";
  };
  const UniqueFd fd = directory_.open_file(kFileName, O_RDONLY | O_NONBLOCK).fd;
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return refuse("are in no file any more");
  const auto text = read_to_end(fd.get(), kMaxFileBytes, file_);
  const auto digits = trimmed(text.value_or(""));
  unsigned flags = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), flags);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return refuse("are '" + printable(digits.substr(0, 20)) + "', which is no decimal number");
  if ((flags & VIR_DOMAIN_START_AUTODESTROY) != 0)
    return refuse("have 2 (autodestroy), with which the VM would end together with this command");
  if ((flags & ~kKnown) != 0)
    return refuse("have " + std::to_string(flags & ~kKnown) +
                  ", which libvirt does not know when it starts a VM from its XML");
  flags_ = flags;
  return "";
}

}  // namespace vdsm_hook
