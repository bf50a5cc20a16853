// vdsm-hook-libvirt: the commands that talk to libvirt. The command `vdsm-hook` starts it, so that the others need not
// load libvirt.
#include <string_view>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/front.hpp"
#include "vdsm_hook/cli/props/props.hpp"
#include "vdsm_hook/cli/vm/libvirt_vms.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"

int main(int argc, char** argv) {
  using namespace vdsm_hook;
  return cli::run_program([&] {
    const auto vms = cli::make_libvirt_vms();
    cli::libvirt_vms = vms.get();
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "vm") return cli::vm_main(argc - 1, argv + 1);
    if (word == "props") return cli::props_main(argc - 1, argv + 1);
    throw Error(Errc::wrong_use, "this program is started by `vdsm-hook vm` and `vdsm-hook props`");
  });
}
