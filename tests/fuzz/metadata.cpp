// A domain XML: the properties that its metadata gives to the VM and to each device.
#include "../unit/edit_checks.hpp"
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string document(text_of(data, size));
  const auto facts = read_domain_facts(document);
  for (const auto& device : facts.devices) promise(device.line > 0, "metadata has a line");
  promise(read_domain_facts(document).custom_properties == facts.custom_properties,
          "a document is read the same twice");
  try {
    DomainEditor editor{document};
    promise(editor.facts().custom_properties == facts.custom_properties &&
                editor.facts().devices.size() == facts.devices.size(),
            "who edits a document finds in it what hooks get");
    for (const auto& device : editor.devices())
      for (const auto* about : editor.facts().all_about(device))
        promise(about >= editor.facts().devices.data() &&
                    about < editor.facts().devices.data() + editor.facts().devices.size(),
                "it is one of them");
  } catch (const Error& error) {
    promise(error.code() == Errc::bad_document, error.what());
  }
  return 0;
}
