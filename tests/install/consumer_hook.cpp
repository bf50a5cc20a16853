// A hook of somebody else's on the installed SDK: gives the domain a <title> from its property `colour`.
#include <vdsm_hook/hooking.hpp>

int main(int, char** argv) {
  return vdsm_hook::hooking::run(argv[0], [] {
    const auto colour = vdsm_hook::hooking::property("colour");
    if (!colour) vdsm_hook::hooking::fail("no colour");
    auto document = vdsm_hook::hooking::Document::read();
    document.root().InsertNewChildElement("title")->SetText(colour->c_str());
    document.write();
  });
}
