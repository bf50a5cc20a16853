#include "vdsm_hook/libvirt/vm_migrate.hpp"

#include "vdsm_hook/libvirt/job_abort.hpp"
#include "vdsm_hook/libvirt/locked_vm.hpp"
#include "vdsm_hook/libvirt/vm_end.hpp"

namespace vdsm_hook {
namespace {

class TypedParameters {
 public:
  explicit TypedParameters(const std::vector<std::pair<std::string, std::string>>& texts) {
    int room = 0;
    for (const auto& [name, value] : texts)
      if (::virTypedParamsAddString(&values_, &count_, &room, name.c_str(), value.c_str()) != 0) {
        ::virTypedParamsFree(values_, count_);
        throw LibvirtError("cannot take the parameter " + name + " of the migration");
      }
  }
  TypedParameters(const TypedParameters&) = delete;
  TypedParameters& operator=(const TypedParameters&) = delete;
  ~TypedParameters() { ::virTypedParamsFree(values_, count_); }

  virTypedParameter* get() const { return values_; }
  unsigned size() const { return static_cast<unsigned>(count_); }

 private:
  virTypedParameter* values_ = nullptr;
  int count_ = 0;
};

// DESTINATION: null where libvirtd itself talks to the other host's.
void transfer(const VmHost& host, virDomain* domain, virConnect* destination, const MigrateOptions& options) {
  const TypedParameters parameters(options.parameters);
  const AbortOnStop aborts(domain, host.stop);
  if (destination == nullptr) {
    if (::virDomainMigrateToURI3(domain, options.destination.c_str(), parameters.get(), parameters.size(),
                                 options.flags) != 0)
      throw LibvirtError("");
    return;
  }
  const DomainHandle moved(
      ::virDomainMigrate3(domain, destination, parameters.get(), parameters.size(), options.flags));
  if (!moved) throw LibvirtError("");
}

}  // namespace

Ended migrate_vm(const VmHost& host, const std::string& vm, const MigrateOptions& options) {
  const auto migrate = [&](virDomain* domain, Lifecycle& lifecycle) {
    const auto destination = (options.flags & VIR_MIGRATE_PEER2PEER) != 0
                                 ? nullptr
                                 : connect_to(options.destination);  // no hook runs for a wrong URI
    Subject subject{xml_of(domain, 0), "", {}};
    const auto ask = [&] { transfer(host, domain, destination.get(), options); };
    const auto ended = lifecycle.pass(phases::kLeave, subject, {.ask = ask, .hears_stop = true});
    if (ended != Ended::done) return ended;
    subject.parameters = reason_of(phases::kLeave);
    return lifecycle.pass(phases::kRelease, subject);
  };
  return unless_aborted(host, [&] { return on_running_vm(host, vm, vm_commands::kMigrate, "", migrate); });
}

}  // namespace vdsm_hook
