// Custom properties of libvirt's VMs: in the metadata that libvirt keeps.
#pragma once

#include <string>

#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/properties/editor.hpp"

namespace vdsm_hook {

/// One of the two domain XMLs that libvirt has of a VM: its definition, or what runs. The editor changes properties,
/// save() hands libvirt the one element of oVirt's metadata; nothing else of the domain is touched. In that element
/// other namespaces, attributes, comments and CDATA stay, and so does its prefix; where it has none it gets ovirt-vm,
/// since libvirt wants one.
class VmMetadata {
 public:
  /// AFFECT: VIR_DOMAIN_AFFECT_CONFIG or VIR_DOMAIN_AFFECT_LIVE. DOMAIN must outlive this. Throws LibvirtError, and
  /// bad_document for metadata that would not come through libvirt's calls as they are.
  VmMetadata(virDomain* domain, unsigned affect);

  /// Of a document with the VM's name, UUID, that element and the devices.
  DomainEditor& editor() { return editor_; }
  /// False: nothing had been changed. Throws LibvirtError.
  bool save();

 private:
  VmMetadata(virDomain* domain, unsigned affect, const std::string& xml);

  virDomain* domain_;
  unsigned affect_;
  std::string key_;              // libvirt's word for the prefix
  std::string before_, behind_;  // of the element, in the document
  std::string saved_;            // the document as libvirt has it
  DomainEditor editor_;
};

}  // namespace vdsm_hook
