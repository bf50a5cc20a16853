// Words and bytes: what people typed nearly right, what may be shown, what a duration says.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vdsm_hook {

/// The candidate a typist most likely meant by WORD; empty when none is close.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);
/// " (did you mean X?)" for the nearest candidate, else nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

bool is_utf8(std::string_view bytes);
/// BYTES as UTF-8 that a terminal takes: broken sequences become U+FFFD, control characters but newline and tab `\xNN`.
std::string printable(std::string_view bytes);
/// The same with `\n` and `\t` for newlines and tabs: a name for messages and tables. libvirt takes VMs with a line end
/// in theirs.
std::string on_one_line(std::string_view bytes);

/// "250ms", "30s", "5m"/"5min", "2h"; a number alone is seconds. nullopt: anything else, zero, or above a week.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest of these forms that says the same: 90s -> "90s", 600s -> "10min".
std::string to_text(std::chrono::milliseconds duration);

/// TEXT with small letters for the capital ones of ASCII.
std::string in_lower_case(std::string_view text);

/// TEXT without the blanks and line ends around it.
std::string trimmed(std::string_view text);

/// WORDS, a range of texts, with BETWEEN between them.
template <class Words>
std::string joined(const Words& words, std::string_view between) {
  std::string text;
  bool is_first = true;
  for (const auto& word : words) {
    if (!is_first) text += between;
    text += word;
    is_first = false;
  }
  return text;
}

/// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);
/// A fresh random UUID (version 4), lower case. Throws engine_failure when the kernel gives no random bytes.
std::string random_uuid();

/// An event's name: one plain file name of letters, digits, `_`, `-` and `.`, no dot first, at most kMaxEventName.
bool is_event_name(std::string_view name);

/// Lets a std::string-keyed map be asked with a string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace vdsm_hook
