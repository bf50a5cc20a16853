// The file in which is kept what happens to a VM: read or refused, and written back as the same.
#include "vdsm_hook/libvirt_hooks/vm_record.hpp"
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  VmRecord record;
  try {
    record = record_from(text_of(data, size));
  } catch (const Error& error) {
    promise(error.code() == Errc::bad_document && *error.what() != '\0', error.what());
    return 0;
  }
  const auto written = to_text(record);
  const auto again = record_from(written);
  promise(to_text(again) == written, "a record reads as it was written: " + written);
  promise(again.runs.size() == record.runs.size() && again.expected.size() == record.expected.size(),
          "nothing of it is lost");
  return 0;
}
