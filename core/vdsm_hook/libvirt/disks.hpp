// Disks as the hooks of their hook point know them: JSON, with the words of oVirt's drives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vdsm_hook {

/// The disk as one JSON object: path, format, diskType (file, block, network, ...), device (disk, cdrom, ...), name (of
/// the target, "vda"), iface (its bus), and serial, readonly, cache, io where the disk has them. Empty: it has no
/// volume (an empty CD drive). DISK_XML is the element, and well-formed.
std::string disk_to_json(std::string_view disk_xml);

struct ChangedDisk {
  std::string xml;
  std::vector<std::string> unused;  ///< keys that hooks changed and that say nothing about the domain XML
};

/// DISK_XML with what hooks changed from BEFORE (of disk_to_json()) to AFTER: path, format, cache and io are written
/// into the element, the rest of which stays byte for byte. Throws bad_document when one of these is no text, or none
/// that XML can hold.
ChangedDisk changed_disk(std::string_view disk_xml, std::string_view before, std::string_view after);

}  // namespace vdsm_hook
