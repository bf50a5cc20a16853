// "b" and a batch for the helper, or "a" and an answer of the helper: taken or refused, and packed again as the same.
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/process/wire.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

namespace {

std::string content_of(const std::string& message) {
  return message.substr(sizeof(std::int64_t));
}  // its length is in front

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto content = text_of(data + 1, size - 1);
  try {
    if (data[0] == 'b') {
      const auto batch = unpack_batch(content);
      const auto packed = pack(batch.specs, batch.file);
      const auto sent = content_of(packed);  // the batch's file lies in it
      const auto again = unpack_batch(sent);
      promise(again.specs.size() == batch.specs.size() && pack(again.specs, again.file) == packed,
              "a batch is the same again");
    } else {
      const auto packed = pack(unpack_answer(content));
      promise(pack(unpack_answer(content_of(packed))) == packed, "an answer is the same again");
    }
  } catch (const Error& error) {
    promise(error.code() == Errc::engine_failure, error.what());
  }
  return 0;
}
