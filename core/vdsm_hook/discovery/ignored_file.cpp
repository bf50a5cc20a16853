#include "vdsm_hook/discovery/ignored_file.hpp"

namespace vdsm_hook {

std::string_view to_string(IgnoredFile::Reason reason) {
  using Reason = IgnoredFile::Reason;
  switch (reason) {
    case Reason::not_executable: return "not executable";
    case Reason::leftover: return "leftover name";
    case Reason::subdirectory: return "sub-directory";
    case Reason::not_regular: return "not a regular file";
    case Reason::masked: return "masked";
    case Reason::overridden: return "overridden";
    case Reason::untrusted: return "untrusted";
    case Reason::unreadable: return "unreadable";
    case Reason::in_doubt: return "in doubt";
  }
  return "ignored";
}

std::string reason_of(const IgnoredFile& file) {
  return std::string(to_string(file.reason)) + (file.text.empty() ? "" : ": " + file.text);
}

}  // namespace vdsm_hook
