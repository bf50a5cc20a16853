// The pattern of a custom property: a regular expression for the whole value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace vdsm_hook {

/// Compiled once, matched in time linear in the value. Cheap to copy. Threads: may be used by several at once.
///
/// Source: oVirt's definitions are Java patterns. RE2 reads those in use alike; what it cannot read (look-around,
/// back-references) and what it would read otherwise ("&&" and a class in a class) is refused. `.` leaves out the
/// newline only, where Java's leaves out every line end.
class Pattern {
 public:
  /// Takes the text as a definition has it. Errors: wrong_use, with what is wrong and the place in TEXT.
  static Pattern compile(std::string_view text);

  /// The whole of VALUE, as if the pattern stood between ^( and )$.
  bool matches(std::string_view value) const;
  const std::string& text() const;
  /// Of a plain choice, ^(a|b|c)$ with letters, digits and _ only: its words. nullopt: it is no plain choice.
  std::optional<std::vector<std::string>> choices() const;
  /// What a value should be, for people: "one of: a, b (pattern ^(a|b)$)", or "the pattern ^[0-9]+$".
  std::string expectation() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace vdsm_hook
