// The file properties.toml: read or refused, and written back as the same.
#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/store.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  PropertyStore store;
  std::string written;
  try {
    store = PropertyStore::parse(text_of(data, size), "FILE");
    written = store.to_text();
  } catch (const Error& error) {
    const std::string why = error.what();
    if (error.code() == Errc::wrong_use)
      promise(why.find("bytes") != std::string::npos, why);  // longer when written
    else
      promise(error.code() == Errc::bad_configuration && why.starts_with("FILE:"), why);
    return 0;
  }
  const auto again = PropertyStore::parse(written, "FILE");
  promise(again.to_text() == written, "the store reads as it was written: " + written);
  for (const auto& facts : definition_keys()) {
    promise(again.levels(facts.key) == store.levels(facts.key), "the levels are the same");
    for (const auto& level : store.levels(facts.key)) {
      const auto *a = store.text(facts.key, level), *b = again.text(facts.key, level);
      promise((a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b), "a text is the same");
    }
  }
  promise(again.profiles.size() == store.profiles.size(), "the profiles are the same");
  for (const auto& [name, profile] : store.profiles) {
    const auto found = again.profiles.find(name);
    promise(found != again.profiles.end() && found->second.properties == profile.properties &&
                found->second.files == profile.files,
            "a profile is the same");
  }
  return 0;
}
