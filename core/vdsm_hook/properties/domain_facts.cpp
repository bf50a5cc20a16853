#include "vdsm_hook/properties/domain_facts.hpp"

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/matching.hpp"

namespace vdsm_hook {

std::vector<const DeviceMetadata*> DomainFacts::all_about(const DeviceIdentity& device) const {
  std::vector<const DeviceMetadata*> found;
  if (index)
    for (const auto place : index->about(device, 2)) found.push_back(&devices[place]);
  return found;
}

const DeviceMetadata* DomainFacts::about(const DeviceIdentity& device) const {
  const auto found = all_about(device);
  if (found.size() > 1)
    throw Error(Errc::bad_document, "the domain's metadata has two elements for " + device.to_text() + ", in lines " +
                                        std::to_string(found[0]->line) + " and " + std::to_string(found[1]->line) +
                                        ": make one of them");
  return found.empty() ? nullptr : found[0];
}

}  // namespace vdsm_hook
