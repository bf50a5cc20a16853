#include "vdsm_hook/cli/vm/libvirt_vms.hpp"

#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/vm/vm.hpp"
#include "vdsm_hook/libvirt/vm_metadata.hpp"

namespace vdsm_hook::cli {
namespace {

// Asked of libvirt, which may say -1: it failed.
bool is_true(int answer, virDomain* domain) {
  if (answer < 0) throw LibvirtError("cannot tell the state of domain", domain);
  return answer == 1;
}
bool runs(virDomain* domain) { return is_true(::virDomainIsActive(domain), domain); }
bool is_defined(virDomain* domain) { return is_true(::virDomainIsPersistent(domain), domain); }

std::unique_ptr<VmLock> take_lock(const VmDirectory& vm, const std::string& host_uuid) {
  return VmLock::take(vm, host_uuid, {}, [&] {
    complain("note: waiting for " + holder_of_vm(VmJournal(vm), host_uuid));
    return true;
  });
}

// As the commands of `vdsm-hook vm` it holds the VM's lock, so that nothing which one of them writes is lost.
class ChangedVm final : public ChangedDomain {
 public:
  ChangedVm(const std::string& uri, const std::string& vm, const Settings& settings)
      : connection_(connect_to(uri)),
        domain_(find_domain(connection_.get(), vm)),
        lock_(take_lock(VmDirectory(settings.paths.runtime_dir, uuid_of(domain_.get())),
                        host_uuid_of(connection_.get()))) {
    if (runs(domain_.get())) metadata_.emplace_back(domain_.get(), VIR_DOMAIN_AFFECT_LIVE);
    if (is_defined(domain_.get())) metadata_.emplace_back(domain_.get(), VIR_DOMAIN_AFFECT_CONFIG);
    if (metadata_.empty()) throw Error(Errc::refused, "the domain '" + name_of(domain_.get()) + "' is gone");
  }

  std::vector<DomainEditor*> editors() override {
    std::vector<DomainEditor*> editors;
    for (auto& metadata : metadata_) editors.push_back(&metadata.editor());
    return editors;
  }
  bool save() override {
    bool is_changed = false;
    try {
      for (auto& metadata : metadata_) is_changed = metadata.save() || is_changed;
    } catch (LibvirtError& error) {
      if (is_changed) error.add("the running VM was changed before that");
      throw;
    }
    return is_changed;
  }

 private:
  ConnectionHandle connection_;
  DomainHandle domain_;
  std::unique_ptr<VmLock> lock_;
  std::vector<VmMetadata> metadata_;
};

class Vms final : public LibvirtVms {
 public:
  std::unique_ptr<ChangedDomain> open(const std::string& uri, const std::string& vm,
                                      const Settings& settings) const override {
    return std::make_unique<ChangedVm>(uri, vm, settings);
  }

  std::vector<Document> read(const std::string& uri, const std::string& vm) const override {
    const auto connection = connect_to(uri);
    std::vector<Document> documents;
    if (!vm.empty()) {
      add(find_domain(connection.get(), vm).get(), documents);
    } else {
      for (const auto& domain : domains_of(connection.get(), 0)) add_unless_gone(domain.get(), documents);
    }
    return documents;
  }

 private:
  static void add(virDomain* domain, std::vector<Document>& documents) {
    if (runs(domain)) documents.push_back({xml_of(domain, 0), true});
    if (is_defined(domain)) documents.push_back({xml_of(domain, VIR_DOMAIN_XML_INACTIVE), false});
  }
  static void add_unless_gone(virDomain* domain, std::vector<Document>& documents) {
    try {
      add(domain, documents);
    } catch (const LibvirtError& error) {
      if (error.libvirt_code() != VIR_ERR_NO_DOMAIN) throw;
    }
  }
};

}  // namespace

std::unique_ptr<LibvirtVms> make_libvirt_vms() { return std::make_unique<Vms>(); }

}  // namespace vdsm_hook::cli
