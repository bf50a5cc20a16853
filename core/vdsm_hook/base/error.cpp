#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook {

const boost::system::error_category& error_category() noexcept {
  struct Category final : boost::system::error_category {
    const char* name() const noexcept override { return "vdsm-hook"; }
    std::string message(int value) const override {
      switch (static_cast<Errc>(value)) {
        case Errc::wrong_use: return "wrong use";
        case Errc::bad_document: return "unsound document";
        case Errc::bad_configuration: return "wrong configuration";
        case Errc::engine_failure: return "engine failure";
        case Errc::refused: return "refused by libvirt";
      }
      return "unknown error";
    }
  };
  static const Category category;
  return category;
}

Error Error::from_errno(std::string text, int errnum) {
  return {Errc::engine_failure, std::move(text) + ": " + boost::system::generic_category().message(errnum)};
}

void throw_wrong_use(const std::string& why) { throw Error(Errc::wrong_use, why); }

}  // namespace vdsm_hook
