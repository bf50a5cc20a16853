#include "vdsm_hook/libvirt/job_abort.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace vdsm_hook {

struct AbortOnStop::State {
  State(virDomain* of, const std::stop_token& stop)
      : domain(of), on_stop(stop, [this] {
          aborting = std::jthread([this](const std::stop_token& over) { keep_aborting(over); });
        }) {}

  // Again and again: the job may begin only now, and to abort what is not there fails.
  void keep_aborting(const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any turn;
    std::unique_lock alone(mutex);
    do ::virDomainAbortJob(domain);
    while (!turn.wait_for(alone, over, std::chrono::milliseconds(100), [&over] { return over.stop_requested(); }));
  }

  virDomain* domain;
  std::jthread aborting;                              // since libvirt may not answer whoever wants to abort
  std::stop_callback<std::function<void()>> on_stop;  // ends before it
};

AbortOnStop::AbortOnStop(virDomain* domain, const std::stop_token& stop)
    : state_(std::make_unique<State>(domain, stop)) {}

AbortOnStop::~AbortOnStop() = default;

Ended unless_aborted(const VmHost& host, const std::function<Ended()>& work) {
  try {
    return work();
  } catch (const LibvirtError& error) {
    if (!host.stop.stop_requested() || error.libvirt_code() != VIR_ERR_OPERATION_ABORTED) throw;
    return Ended::cancelled;
  }
}

}  // namespace vdsm_hook
