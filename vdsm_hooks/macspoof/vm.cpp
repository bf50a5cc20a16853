// All vNICs of a VM that is about to start.
#include "filters.hpp"

int main(int, char** argv) {
  namespace hooking = macspoof::hooking;
  return hooking::run(argv[0], [] {
    if (!macspoof::is_wanted("macspoof")) return;
    auto document = hooking::Document::read();
    bool changed = false;
    for (auto* nic : hooking::devices(document.root(), "interface")) changed = macspoof::allow_any_mac(*nic) || changed;
    if (changed) document.write();
  });
}
