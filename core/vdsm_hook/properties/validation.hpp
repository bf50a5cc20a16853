// Values of custom properties against their definitions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/properties/definitions.hpp"
#include "vdsm_hook/properties/values.hpp"

namespace vdsm_hook {

enum class ProblemKind { syntax_error, key_does_not_exist, incorrect_value, duplicate_key, invalid_device_type };
/// "SYNTAX_ERROR", ...: oVirt's words.
std::string_view to_string(ProblemKind kind);

struct PropertyProblem {
  ProblemKind kind;
  std::string key;          ///< empty for syntax_error and invalid_device_type
  std::string value;        ///< as it was given; of a syntax_error the item, of an invalid_device_type the type
  std::string expected;     ///< what would be right; of a key_does_not_exist the nearest name (the first ten have one).
                            ///< Empty: nothing to say
  std::string declared_by;  ///< who defined the property; empty: nobody
  std::string text;         ///< one line for people, fit for a terminal, long values cut
};

/// "name=value: WHY", the text of a problem with a value: one line, name and value fit for a terminal and cut.
std::string about_value(std::string_view name, std::string_view value, const std::string& why);

/// Values as text, "name=value;name=value", and what keeps it from being that.
struct ReadValues {
  PropertyValues values;                  ///< of each name the first; those in front of an error of syntax
  std::vector<PropertyProblem> problems;  ///< syntax_error or duplicate_key
};
ReadValues read_values(std::string_view text);
/// "name=value;name=value", which read_values() reads when names are names and no value holds a ';'.
std::string to_text(const PropertyValues& values);

/// Every problem of the values, in their order; empty: they are valid. An error of syntax is alone, since what stands
/// behind it cannot be known; else a value is judged for each name when it first comes, and a name that comes again is
/// one duplicate_key. A value has no control characters and matches its pattern as a whole. Never throws for what they
/// say. Source: oVirt; there the last of two values wins without a word, and control characters are let through.
/// MAY_GUESS: for the first few names that are not defined it is said which may be meant. That looks at every
/// definition.
std::vector<PropertyProblem> validate(const PropertyValues& values, const Definitions& definitions,
                                      bool may_guess = true);
std::vector<PropertyProblem> validate(std::string_view text, const Definitions& definitions);
/// The same for a device of TYPE. No values are valid for any type.
std::vector<PropertyProblem> validate_device(std::string_view type, const PropertyValues& values,
                                             const DeviceDefinitions& definitions, bool may_guess = true);
std::vector<PropertyProblem> validate_device(std::string_view type, std::string_view text,
                                             const DeviceDefinitions& definitions);

}  // namespace vdsm_hook
