// DEFINITIONS, a newline, TYPE, a newline, VALUES: read, judged, and written back as the same.
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/store.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto values = text_of(data, size);
  const auto text = take(values, '\n');
  const auto type = take(values, '\n');
  DeviceDefinitions definitions;
  try {
    definitions = parse_device_definitions(text, "fuzz");
  } catch (const Error& error) {
    promise(error.code() == Errc::wrong_use, error.what());
  }
  const auto written = to_text(definitions);
  const auto again = parse_device_definitions(written, "fuzz");
  promise(to_text(again) == written, "definitions read as they were written: " + written);
  for (const auto& [of, properties] : definitions) {
    promise(is_device_type(of) && again.contains(of), "a type is one");
    promise(again.at(of).all().size() == properties.all().size(), "each property is there again");
    for (const auto& definition : properties.all()) {
      const auto* found = again.at(of).find(definition.name);
      promise(found != nullptr && found->pattern.text() == definition.pattern.text(), "a pattern is the same again");
    }
  }
  const auto problems = validate_device(type, values, definitions);
  for (const auto& problem : problems)
    promise(!problem.text.empty() && problem.text.find('\n') == std::string::npos, "a problem is one line");
  promise(values.empty() ? problems.empty() : is_device_type(type) || problems.size() == 1,
          "an unknown type is one problem");
  return 0;
}
