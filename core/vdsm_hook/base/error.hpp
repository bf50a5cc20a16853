// The one exception of this project.
#pragma once

#include <boost/system/system_error.hpp>
#include <string>

namespace vdsm_hook {

/// What kind of trouble an Error is. A failing hook is none of these: it is data in the Report.
enum class Errc {
  wrong_use = 1,      ///< the request makes no sense: unknown event, property name that may not be set, ...
  bad_document,       ///< the document that was given is not sound
  bad_configuration,  ///< a file under the configuration directory is wrong: the text has file and line
  engine_failure,     ///< the engine could not do its work: disk full, no descriptors, ...
  refused,            ///< libvirt refused what it was asked, in its own words
};

const boost::system::error_category& error_category() noexcept;
inline boost::system::error_code make_error_code(Errc e) noexcept { return {static_cast<int>(e), error_category()}; }

/// Thrown by everything here that cannot do what it was asked. what() is one sentence for a person: the
/// thing, the place, the reason, and the way out where there is one.
class Error : public boost::system::system_error {
 public:
  Error(Errc kind, std::string text) : boost::system::system_error(make_error_code(kind)), text_(std::move(text)) {}
  /// An operating system call failed: TEXT, then the system's words for ERRNUM.
  static Error from_errno(std::string text, int errnum);

  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Throws Error(Errc::wrong_use, WHY).
[[noreturn]] void throw_wrong_use(const std::string& why);

}  // namespace vdsm_hook

template <>
struct boost::system::is_error_code_enum<vdsm_hook::Errc> : std::true_type {};
