// The pattern of a custom property: a regular expression for the whole value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vdsm_hook {

/// Compiled once, when it is first needed: most are of properties that a VM does not have. Matched in time linear in
/// the value. Cheap to copy. Threads: may be used by several at once.
///
/// Source: oVirt's definitions are Java patterns. RE2 reads those in use alike; what it cannot read (look-around,
/// back-references) and what it would read otherwise ("&&" and a class in a class) is refused. `.` leaves out the
/// newline only, where Java's leaves out every line end.
class Pattern {
 public:
  /// Takes the text as a definition has it. Errors: wrong_use, with what is wrong and the place in TEXT.
  static Pattern compile(std::string_view text);
  /// One that judge() or matches() compiles. WHERE: what an error begins with then.
  static Pattern later(std::string_view text, std::string where = {});
  /// The same for a condition of a hook: it is RE2's and need not be a Java pattern, too.
  static Pattern condition(std::string_view text, std::string where);

  /// Throws what compile() does, and for one with WHERE bad_configuration.
  void judge() const;
  /// The whole of VALUE, as if the pattern stood between ^( and )$. Throws as judge().
  bool matches(std::string_view value) const;
  const std::string& text() const;
  /// Of a plain choice, ^(a|b|c)$ with letters, digits and _ only: its words. nullopt: it is no plain choice.
  std::optional<std::vector<std::string>> choices() const;
  /// What a value should be, for people: "one of: a, b (pattern ^(a|b)$)", or "the pattern ^[0-9]+$".
  std::string expectation() const;

 private:
  struct State;
  explicit Pattern(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace vdsm_hook
