// Jobs of libvirt that take long: whoever asks a command to stop ends them.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "vdsm_hook/libvirt/vm_host.hpp"

namespace vdsm_hook {

/// While it lives, a request of STOP aborts the job that libvirt does on DOMAIN, also one that begins only then.
class AbortOnStop {
 public:
  AbortOnStop(virDomain* domain, const std::stop_token& stop);
  ~AbortOnStop();
  AbortOnStop(const AbortOnStop&) = delete;
  AbortOnStop& operator=(const AbortOnStop&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What WORK gives; cancelled where it throws because its job was aborted.
Ended unless_aborted(const VmHost& host, const std::function<Ended()>& work);

}  // namespace vdsm_hook
