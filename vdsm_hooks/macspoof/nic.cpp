// One vNIC, as its VM starts or as it is plugged in.
#include "filters.hpp"

int main(int, char** argv) {
  namespace hooking = macspoof::hooking;
  return hooking::run(argv[0], [] {
    if (!macspoof::is_wanted("ifacemacspoof")) return;
    auto document = hooking::Document::read();
    if (!hooking::is(document.root(), "interface")) return;  // any device may have properties
    if (macspoof::allow_any_mac(document.root())) document.write();
  });
}
