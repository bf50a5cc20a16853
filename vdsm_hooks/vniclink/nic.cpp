// The host keeps one vNIC to its speed: <bandwidth>, as the VM starts or as the vNIC is plugged in.
#include <algorithm>
#include <charconv>

#include "link.hpp"

namespace {

namespace hooking = vniclink::hooking;

/// Lowers ATTRIBUTE of LIMIT (an <inbound> or <outbound> of NIC) to CEILING. Gives whether that changed it.
bool lower(const std::string& nic, hooking::Element& limit, const char* attribute, unsigned long long ceiling) {
  const auto text = hooking::attribute(limit, attribute);
  if (!text) return false;
  unsigned long long value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size())
    hooking::stop("vniclink: " + nic + ": its bandwidth has " + limit.Name() + " " + attribute + "='" + *text +
                  "', which is not a number");
  if (value <= ceiling) return false;
  limit.SetAttribute(attribute, std::to_string(ceiling).c_str());
  return true;
}

/// What NIC may send and receive in a second is KILOBYTES each at most. A limit that is tighter stays.
bool cap(hooking::Element& nic, unsigned long long kilobytes) {
  const auto name = vniclink::name_of(nic);
  bool changed = false;
  auto* bandwidth = hooking::child(nic, "bandwidth");
  if (bandwidth == nullptr) bandwidth = &hooking::insert_child(nic, "bandwidth", {"alias", "address"});
  for (const char* direction : {"inbound", "outbound"}) {
    auto* limit = hooking::child(*bandwidth, direction);
    if (limit == nullptr) limit = &hooking::insert_child(*bandwidth, direction);
    if (limit->Attribute("average") == nullptr) {
      limit->SetAttribute("average", std::to_string(kilobytes).c_str());
      changed = true;
    }
    for (const char* attribute : {"average", "peak", "floor"})
      changed = lower(name, *limit, attribute, kilobytes) || changed;
  }
  return changed;
}

}  // namespace

int main(int, char** argv) {
  return hooking::run(argv[0], [] {
    const auto speed = hooking::property("speed");
    const auto duplex = hooking::property("duplex");
    if (!speed && !duplex) return;
    auto document = hooking::Document::read();
    auto& nic = document.root();
    if (!hooking::is(nic, "interface")) return;  // any device may have properties
    const auto link = vniclink::parse_link(vniclink::name_of(nic), speed, duplex);
    if (link.mbit_per_s == 0) return;
    if (hooking::attribute(nic, "type") == "hostdev") {
      // libvirt refuses such a vNIC with a <bandwidth>.
      hooking::note("vniclink: " + vniclink::name_of(nic) + " is a host device, its speed cannot be capped");
      return;
    }
    // libvirt counts `average` in kilobytes a second and hands the number to tc as kbps, which is 1000 bytes:
    // 1 Mbit/s = 125 kB/s. Rounded down, so that half of 1 Mbit/s stays below it.
    const unsigned long long kilobytes = link.mbit_per_s * 125ULL;
    if (cap(nic, link.duplex() == "half" ? kilobytes / 2 : kilobytes)) document.write();
  });
}
