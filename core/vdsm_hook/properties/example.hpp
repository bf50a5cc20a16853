// Whether any value can match the pattern of a custom property.
#pragma once

#include <cstdint>
#include <string>

#include "vdsm_hook/properties/pattern.hpp"

namespace vdsm_hook {

enum class Reach : std::uint8_t {
  reachable,    ///< a value was found, and was tried
  unreachable,  ///< proven: no value matches
  unknown,      ///< neither: the pattern is too large, or too deep, to be walked through, or is written in a new way
};

struct Example {
  Reach reach;
  std::string value;  ///< where reachable: a short one that matches, in ASCII if the pattern allows that
};

/// Values are what a property can have: UTF-8 without control characters (so it is one line) and without ';'.
/// Never throws for what the pattern says. Time and memory are linear in the pattern with its counted repetitions
/// written out, and bounded, as what is too large is not walked through; a proof may look through all of Unicode for
/// each of a few character classes.
Example find_example(const Pattern& pattern);

}  // namespace vdsm_hook
