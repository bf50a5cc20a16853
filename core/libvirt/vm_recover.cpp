// recover
#include "vdsm_hook/libvirt/vm_steps.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

// Whether the VM is as it is when libvirt has done what the phase is about.
bool has_happened(const Phase& current, virDomain* domain) {
  const bool runs = domain != nullptr && is_active(domain);
  if (current.name == "start" || current.name == "dehibernate" || current.name == "dehibernated") return runs;
  if (current.name == "destroy" || current.name == "release" || current.name == "hibernate" || current.name == "leave") return !runs;
  if (current.name == "pause") return runs && is_paused(domain);
  return runs && current.name == "continue" && !is_paused(domain);
}

}  // namespace

std::string recover_vm(const VmHost& host, const std::string& vm) {
  DomainHandle domain;
  std::string uuid = vm;
  // One that is gone is known by its UUID only.
  try {
    domain = host.find(vm);
    uuid = uuid_of(domain.get());
  } catch (const LibvirtError&) {
    if (!is_uuid(vm)) throw;
  }
  class Quiet final : public LifecycleObserver {  // what is left is what this is about
   public:
    explicit Quiet(LifecycleObserver& other) : other_(other) {}
    void on_report(const Report& report, const std::string& device) override { other_.on_report(report, device); }
    void on_note(const std::string&) override {}
    bool on_wait(const std::optional<VmRun>& holder) override { return other_.on_wait(holder); }

   private:
    LifecycleObserver& other_;
  } observer(host.observer);
  Lifecycle lifecycle(host.engine, host.hooks, observer, host.stop, "recover");
  if (!lifecycle.begin(host.uuid(), uuid, false)) return "";
  const auto run = lifecycle.state().read_run(host.uuid());
  if (!run) return "";
  lifecycle.take_over(*run);
  const auto& current = phase(run->phase);
  const auto what = "`vdsm-hook vm " + run->command + "` (" + run->since + ")";
  Subject subject{run->document, "", {}};
  std::string result = what + ": nothing was left to do";
  if (run->has_acted && has_happened(current, domain.get())) {
    if (domain && is_active(domain.get())) subject.domain_xml = xml_of(domain.get(), 0);
    lifecycle.after(current, subject);
    result = what + ": finished";
  } else if (run->hooks_ran && !current.undo.empty()) {
    lifecycle.undo(current, subject);
    result = what + ": taken back";
  }
  lifecycle.finish();
  return result;
}

}  // namespace vdsm_hook
