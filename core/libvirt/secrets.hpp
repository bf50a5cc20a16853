// Secrets in domain XML: hooks and libvirt get them, nobody else. They are what libvirt's VIR_DOMAIN_XML_SECURE adds: attributes
// `passwd`, and the text of <cookie>, which a disk in the network is opened with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/engine/report.hpp"

namespace vdsm_hook {

/// XML, or a part of it such as a diff, with asterisks in the place of every secret, however short.
std::string without_passwords(std::string_view xml);

/// The secrets that were seen, to be left out of whatever is shown, written down or logged.
class Secrets {
 public:
  /// Takes those of DOCUMENT.
  void learn(std::string_view document);
  /// The same of a part of one, such as a diff.
  void learn_from_part(std::string_view text);
  void learn_password(const std::string& password);
  bool is_empty() const { return is_empty_; }

  /// TEXT without them, however they got there. Those of less than four bytes only where they stand in XML as secrets: taken out of
  /// all else, "1" would leave nothing to read, and be given away by what is missing.
  std::string hidden(std::string_view text) const;
  /// The same for all that is in REPORT, the document and what hooks printed included.
  void hide(Report& report) const;

 private:
  std::vector<std::string> known_;  // as they are, and as they stand in XML; the longest first; none that is short
  bool is_empty_ = true;
};

}  // namespace vdsm_hook
