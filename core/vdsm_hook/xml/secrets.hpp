// Passwords in documents: hooks and libvirt get them, nobody else. The one place that finds and hides them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vdsm_hook {

/// Whether what is called NAME is a password by its name, whatever its case: `passwd`, `root_password`, `passphrase`,
/// `db_secret`, `api_token`, `credential`, ... An attribute, an element, a custom property, a key of JSON, or an option
/// of QEMU's.
bool is_secret_name(std::string_view name);

/// TEXT with asterisks in the place of every password that its form shows, however short: of XML, JSON or a part of one
/// (a diff), the values of attributes, elements and keys with a name as above, and the text of <cookie>, which a disk
/// in the network is opened with; in any text, `NAME=value` with such a name, QEMU's `secret,...,data=value`, and
/// `io.systemd.credential:NAME=value`.
std::string without_passwords(std::string_view text);
/// VARIABLES with asterisks as the values of those that are passwords by their names.
std::vector<std::pair<std::string, std::string>> without_passwords(
    std::vector<std::pair<std::string, std::string>> variables);

/// The passwords that were seen, to be left out of whatever is shown, written down or logged. A plain value.
class Secrets {
 public:
  /// Takes those of TEXT, a document or a part of one, as without_passwords() finds them.
  void learn(std::string_view text);
  /// Takes the values of those VARIABLES that are passwords by their names.
  void learn(const std::vector<std::pair<std::string, std::string>>& variables);
  void learn_password(std::string_view password);

  /// TEXT without them, however they got there: as they are, escaped, or line by line where they have several. Those of
  /// less than four bytes only where without_passwords() finds them: taken out of all else, "1" would leave nothing to
  /// read, and be given away by what is missing. Once more than kMaxSecrets were learned no text is shown any more, but
  /// a sentence that says so.
  std::string hidden(std::string_view text) const;
  /// The same of a TEXT of which the beginning was cut off, and maybe a password with it: its rest is hidden, too.
  std::string hidden_end(std::string_view text) const;
  bool is_empty() const { return known_.empty(); }

 private:
  void add(std::string_view form);
  std::string hidden_from(std::size_t rest,
                          std::string_view text) const;  // of which the first REST bytes are hidden, whatever they are

  std::vector<std::string> known_;  // in every form; none that is short
};

}  // namespace vdsm_hook
