// DEFINITIONS, a newline, VALUES: both are read and judged, and what is written back reads as the same.
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/store.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

namespace {

bool is_same(const Definitions& a, const Definitions& b) {
  if (a.all().size() != b.all().size()) return false;
  for (std::size_t i = 0; i < a.all().size(); ++i)
    if (a.all()[i].name != b.all()[i].name || a.all()[i].pattern.text() != b.all()[i].pattern.text()) return false;
  return true;
}

void judge(std::string_view values, const Definitions& definitions) {
  const auto problems = validate(values, definitions);
  for (const auto& problem : problems)
    promise(!problem.text.empty() && problem.text.find('\n') == std::string::npos, "a problem is one line");
  const auto read = read_values(values);
  if (!read.problems.empty()) {
    promise(!problems.empty(), "what cannot be read is not valid");
    return;
  }
  const auto again = read_values(to_text(read.values));
  promise(again.problems.empty() && again.values == read.values, "values read as they were written");
  promise(validate(read.values, definitions).size() == problems.size(), "a text and its values are judged alike");
  for (const auto& [name, value] : read.values)
    if (problems.empty())
      promise(definitions.find(name) != nullptr && definitions.find(name)->pattern.matches(value), "valid: it matches");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto values = text_of(data, size);
  const auto text = take(values, '\n');
  Definitions definitions;
  try {
    definitions = parse_vm_definitions(text, "fuzz");
  } catch (const Error& error) {
    promise(error.code() == Errc::wrong_use, error.what());
    judge(values, definitions);
    return 0;
  }
  const auto written = merged_definitions(text, "");
  promise(is_same(parse_vm_definitions(written, "fuzz"), definitions),
          "definitions read as they were written: " + written);
  promise(merged_definitions(written, written) == written, "merging with itself changes nothing");
  judge(values, definitions);
  return 0;
}
