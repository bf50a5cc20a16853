// Lines of operations, an empty line, a domain XML. A line: s NAME VALUE, u NAME (the VM's property is set, unset),
// S SELECTOR NAME VALUE, U SELECTOR NAME (a device's), P SELECTOR PROFILE, R SELECTOR (its profile); tabs between the
// words.
#include <vector>

#include "../unit/edit_checks.hpp"
#include "fuzz.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

namespace {

test::Operation decoded(std::string_view line) {
  const auto kind = take(line, '\t');
  const char c = kind.empty() ? 's' : kind[0];
  test::Operation operation;
  if (c >= 'A' && c <= 'Z') operation.device = std::string(take(line, '\t'));
  operation.is_profile = c == 'P' || c == 'R';
  if (!operation.is_profile) operation.name = std::string(take(line, '\t'));
  if (c == 's' || c == 'S' || c == 'P') operation.value = std::string(line);
  if (!operation.device && operation.is_profile) operation.device = "";
  return operation;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = text_of(data, size);
  std::vector<std::string_view> lines;
  while (!rest.empty() && lines.size() < 8) {
    const auto line = take(rest, '\n');
    if (line.empty()) break;
    lines.push_back(line);
  }
  static_cast<void>(read_domain_facts(rest));
  static_cast<void>(read_device_identity(rest));
  try {
    DomainEditor editor{std::string(rest)};
    for (const auto line : lines) {
      try {
        const auto wrong = test::wrong_with(editor, decoded(line));
        promise(wrong.empty(), wrong);
      } catch (const Error& error) {
        promise(error.code() == Errc::wrong_use || error.code() == Errc::bad_document, error.what());
      }
    }
  } catch (const Error& error) {
    promise(error.code() == Errc::bad_document, error.what());
  }
  return 0;
}
