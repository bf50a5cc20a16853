// Passwords in domain XML: hooks and libvirt get them, nobody else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook {

/// XML, or a part of it such as a diff, with the values of every attribute `passwd` replaced by asterisks.
std::string without_passwords(std::string_view xml);

/// The passwords that were seen, to be left out of whatever is shown, written down or logged.
class Secrets {
 public:
  /// Takes the passwords of DOCUMENT: attributes `passwd`, as libvirt's VIR_DOMAIN_XML_SECURE gives them.
  void learn(std::string_view document);
  /// The same of a part of one, such as a diff.
  void learn_from_part(std::string_view text);
  void learn_password(const std::string& password);
  bool is_empty() const { return known_.empty(); }

  /// TEXT without them, however they got there.
  std::string hidden(std::string_view text) const;
  /// The same for all that is in REPORT, the document and what hooks printed included.
  void hide(Report& report) const;

 private:
  std::vector<std::string> known_;  // as they are, and as they stand in XML; the longest first
};

}  // namespace vdsm_hook
