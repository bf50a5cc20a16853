#include "vdsm_hook/libvirt/vm.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "vdsm_hook/libvirt/vm_steps.hpp"

namespace vdsm_hook {
namespace {

int state_of(virDomain* domain) {
  int state = 0, why = 0;
  if (::virDomainGetState(domain, &state, &why, 0) != 0) throw LibvirtError("cannot tell the state of domain", domain);
  return state;
}

}  // namespace

DomainHandle VmHost::find(const std::string& word) const { return find_domain(connection.get(), word); }

std::string VmHost::uuid() const { return host_uuid_of(connection.get()); }

Variables reason_of(const Phase& ending) { return {{"VDSM_HOOK_REASON", std::string(ending.reason)}}; }

bool is_active(virDomain* domain) {
  const int active = ::virDomainIsActive(domain);
  if (active < 0) throw LibvirtError("cannot tell the state of domain", domain);
  return active == 1;
}

bool is_paused(virDomain* domain) { return state_of(domain) == VIR_DOMAIN_PAUSED; }

Ended on_running_vm(const VmHost& host, const std::string& vm, const VmCommandFacts& command, const std::string& failure,
                    const std::function<Ended(virDomain* domain, Lifecycle& lifecycle)>& work) {
  const auto domain = host.find(vm);
  Lifecycle lifecycle(host.engine, host.hooks, host.observer, host.stop, command);
  if (!lifecycle.begin(host.connection.get(), uuid_of(domain.get()), &command == &vm_commands::kDestroy ? WhenLeft::overrule : WhenLeft::refuse_start)) return lifecycle.ended();
  if (!is_active(domain.get())) throw Error(Errc::refused, (failure.empty() ? "" : failure + "\n") + "Requested operation is not valid: domain is not running");
  const auto ended = work(domain.get(), lifecycle);
  lifecycle.finish();
  return ended;
}

struct AbortOnStop::State {
  State(virDomain* of, const std::stop_token& stop) : domain(of), on_stop(stop, [this] { aborting = std::jthread([this](const std::stop_token& over) { keep_aborting(over); }); }) {}

  // Again and again: the job may begin only now, and to abort what is not there fails.
  void keep_aborting(const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any turn;
    std::unique_lock alone(mutex);
    do ::virDomainAbortJob(domain);
    while (!turn.wait_for(alone, over, std::chrono::milliseconds(100), [&over] { return over.stop_requested(); }));
  }

  virDomain* domain;
  std::jthread aborting;  // since libvirt may not answer whoever wants to abort
  std::stop_callback<std::function<void()>> on_stop;  // ends before it
};

AbortOnStop::AbortOnStop(virDomain* domain, const std::stop_token& stop) : state_(std::make_unique<State>(domain, stop)) {}

AbortOnStop::~AbortOnStop() = default;

Ended unless_aborted(const VmHost& host, const std::function<Ended()>& work) {
  try {
    return work();
  } catch (const LibvirtError& error) {
    if (!host.stop.stop_requested() || error.libvirt_code() != VIR_ERR_OPERATION_ABORTED) throw;
    return Ended::cancelled;
  }
}

void check_still_defined(const VmHost& host, virDomain* domain, const std::string& failure) {
  const auto uuid = uuid_of(domain);
  const DomainHandle now(::virDomainLookupByUUIDString(host.connection.get(), uuid.c_str()));
  const auto* error = ::virGetLastError();
  if (!now && (error == nullptr || error->code != VIR_ERR_NO_DOMAIN)) throw LibvirtError(failure);
  if (!now || ::virDomainIsPersistent(now.get()) == 0)
    throw Error(Errc::refused, failure + "\nthe domain was undefined while its hooks ran: define it again, and see what the hooks do");
}

Ended pause(virDomain* domain, Lifecycle& lifecycle) {
  Subject subject{xml_of(domain, 0), "", {}};
  const auto suspend = [&] {
    if (is_paused(domain)) lifecycle.expect(phases::kPause, false);  // libvirt will tell nobody of it
    if (::virDomainSuspend(domain) != 0) throw LibvirtError("Failed to suspend domain", domain);
  };
  return lifecycle.pass(phases::kPause, subject, suspend, [&] { subject.domain_xml = xml_of(domain, 0); });
}

Ended go_on(virDomain* domain, Lifecycle& lifecycle, bool may_run) {
  Subject subject{xml_of(domain, 0), "", {}};
  const auto resume = [&] {
    if (may_run && !is_paused(domain)) return lifecycle.expect(phases::kContinue, false);
    if (::virDomainResume(domain) != 0) throw LibvirtError("Failed to resume domain", domain);
  };
  return lifecycle.pass(phases::kContinue, subject, resume, [&] { subject.domain_xml = xml_of(domain, 0); });
}

}  // namespace vdsm_hook
