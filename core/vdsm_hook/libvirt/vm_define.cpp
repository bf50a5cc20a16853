#include "vdsm_hook/libvirt/vm_define.hpp"

#include "vdsm_hook/libvirt/locked_vm.hpp"
#include "vdsm_hook/properties/metadata.hpp"

namespace vdsm_hook {
namespace {

// Whom DOMAIN_XML would define anew; null: nobody, or libvirt has to say what is wrong with it.
DomainHandle defined_by(const VmHost& host, const std::string& domain_xml, std::string& name) {
  std::string uuid;
  try {
    const auto facts = read_domain_facts(domain_xml);
    name = facts.name;
    uuid = facts.uuid;
  } catch (const Error&) {
    return nullptr;
  }
  return DomainHandle(uuid.empty() ? nullptr : ::virDomainLookupByUUIDString(host.connection.get(), uuid.c_str()));
}

}  // namespace

Ended define_vm(const VmHost& host, const std::string& domain_xml, unsigned flags, const std::string& failure,
                std::string& name) {
  const auto define = [&] {
    Secrets secrets;
    secrets.learn(domain_xml);  // it may be broken, and libvirt quotes the place
    hiding(secrets, [&] {
      const DomainHandle domain(::virDomainDefineXMLFlags(host.connection.get(), domain_xml.c_str(), flags));
      if (!domain) throw LibvirtError(failure);
      name = name_of(domain.get());
    });
  };
  const auto domain = defined_by(host, domain_xml, name);
  if (domain) return locked(host, domain.get(), vm_commands::kDefine, define);
  define();
  return Ended::done;
}

}  // namespace vdsm_hook
