#include "vdsm_hook/libvirt/vm_save.hpp"

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/libvirt/job_abort.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"
#include "vdsm_hook/libvirt/refused_flags.hpp"
#include "vdsm_hook/libvirt/vm_end.hpp"
#include "vdsm_hook/libvirt/vm_pause.hpp"

namespace vdsm_hook {
namespace {

void save_to(virDomain* domain, const std::string& file, unsigned flags) {
  if (file.empty()) {
    if (::virDomainManagedSave(domain, flags) == 0 || (is_about_flags() && ::virDomainManagedSave(domain, 0) == 0))
      return;
    throw LibvirtError("Failed to save domain", domain, " state");
  }
  if (::virDomainSaveFlags(domain, file.c_str(), nullptr, flags) == 0 ||
      (is_about_flags() && ::virDomainSave(domain, file.c_str()) == 0))
    return;
  throw LibvirtError("Failed to save domain", domain, " to " + file);
}

// A VM that was to be saved goes on, with its hooks or without.
void let_go_on(const VmHost& host, Lifecycle& lifecycle, virDomain* domain) {
  try {
    if (!is_active(domain)) return;
    lifecycle.take_back_from_here();
    if (is_paused(domain)) lifecycle.expect(phases::kContinue, false);
    try {
      go_on(domain, lifecycle, true);
      lifecycle.finish();
    } catch (const Error& error) {
      if (!is_paused(domain)) return;
      host.observer.on_note(std::string("the VM goes on without its hooks: ") + error.what());
      ::virDomainResume(domain);
    }
    if (is_paused(domain)) host.observer.on_note("the VM stays paused");
  } catch (const LibvirtError& error) {  // why it was not saved says more
    if (error.libvirt_code() != VIR_ERR_NO_DOMAIN)
      host.observer.on_note(std::string("the VM may be paused: ") + error.what());
  }
}

}  // namespace

Ended save_vm(const VmHost& host, const std::string& vm, const std::string& file, unsigned flags) {
  const auto failure = "Failed to save domain '" + on_one_line(vm) + "'" + (file.empty() ? " state" : " to " + file);
  const auto save = [&](virDomain* domain, Lifecycle& lifecycle) {
    const bool was_paused = is_paused(domain);
    const auto do_save = [&] {
      if (!was_paused)
        if (const auto ended = pause(domain, lifecycle); ended != Ended::done) return ended;
      Subject subject{xml_of(domain, 0), "", {}};
      const auto save_it = [&] {
        // A VM that it cannot save libvirt lets go on by itself; what belongs to that is fired here, in its turn.
        if (!was_paused) lifecycle.expect(phases::kContinue, true);
        const AbortOnStop aborts(domain, host.stop);
        save_to(domain, file, flags | (was_paused ? VIR_DOMAIN_SAVE_PAUSED : VIR_DOMAIN_SAVE_RUNNING));
        if (!was_paused) lifecycle.expect(phases::kContinue, false);
      };
      const auto ended = lifecycle.pass(phases::kHibernate, subject, {.ask = save_it, .hears_stop = true});
      if (ended != Ended::done) return ended;
      subject.parameters = reason_of(phases::kHibernate);
      return lifecycle.pass(phases::kRelease, subject);
    };
    try {
      const auto ended = do_save();
      if (ended != Ended::done && !was_paused) let_go_on(host, lifecycle, domain);
      return ended;
    } catch (const Error&) {
      if (!was_paused) let_go_on(host, lifecycle, domain);
      throw;
    }
  };
  return unless_aborted(host, [&] {
    return on_running_vm(host, vm, file.empty() ? vm_commands::kManagedsave : vm_commands::kSave, failure, save);
  });
}

}  // namespace vdsm_hook
