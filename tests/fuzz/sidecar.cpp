// The TOML file beside a hook: read or refused with its place, and its conditions judged.
#include "vdsm_hook/engine/sidecar.hpp"
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const HookPoints points;
  try {
    const auto sidecar = Sidecar::parse(text_of(data, size), "FILE", points, "my_event");
    const Variables vm{{"noreboot", "true"}, {"a", ""}}, device{{"mode", "on"}};
    const auto judge = [](const Conditions& when, const ConditionFacts& facts) {
      if (const auto why = when.unmet(facts)) promise(!why->empty(), "a condition that does not hold has a reason");
    };
    judge(sidecar.when, {vm, device, "web-01", "8c5b1f0e-3f5d-4b7a-9d0c-2a6c7a1e9b01"});
    for (const auto& [event, when] : sidecar.when_event) {
      promise(event == "my_event" || points.find(event) != nullptr, "conditions are those of an event");
      judge(when, {vm, {}, "", ""});
    }
    for (const auto& definition : sidecar.vm_properties.all())
      promise(sidecar.in_vm_property(definition.name) != Sidecar::Interest::none, "it reads what it declares");
    for (const auto& [type, definitions] : sidecar.device_properties)
      for (const auto& definition : definitions.all())
        promise(is_device_type(type) && sidecar.in_device_property(type, definition.name) != Sidecar::Interest::none,
                "likewise of a device");
  } catch (const Error& error) {
    const std::string why = error.what();
    promise(error.code() == Errc::bad_configuration && why.starts_with("FILE:"), why);
  }
  return 0;
}
