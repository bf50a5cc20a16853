#include "vdsm_hook/properties/pattern.hpp"

#include <re2/re2.h>

#include <mutex>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

constexpr int kMaxPatternMemory = 1 << 20;

[[noreturn]] void refuse(std::string_view pattern, const std::string& why) {
  throw Error(Errc::wrong_use, "the pattern '" + printable(pattern.substr(0, 200)) + "' is refused: " + why);
}

std::string at(std::size_t offset) { return " at character " + std::to_string(offset + 1); }

// The offset behind the class that begins at OPEN. A class without an end is left to RE2.
std::size_t behind_class(std::string_view text, std::size_t open) {
  auto i = open + 1;
  if (i < text.size() && text[i] == '^') ++i;
  for (auto first = i; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ']' && i != first) return i + 1;
    if (c == '\\') ++i;
    if (c == '[')
      refuse(text,
             "a class in a class" + at(i) + ", which Java and RE2 read differently; for the bracket itself write \\[");
    if (c == '&' && text.substr(i).starts_with("&&"))
      refuse(text, "the intersection && in a class" + at(i) +
                       ", which Java and RE2 read differently; write out the characters");
  }
  return i;
}

void refuse_what_java_reads_otherwise(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with("\\Q")) {
      const auto end = text.find("\\E", i + 2);
      i = end == std::string_view::npos ? text.size() : end + 2;
    } else if (text[i] == '\\') {
      i += 2;
    } else if (text[i] == '[') {
      i = behind_class(text, i);
    } else {
      ++i;
    }
  }
}

void refuse_what_is_no_javas(std::string_view text) {
  if (has_control_character(text))
    refuse(text, "it has a control character (a newline, a tab, ...); write \\n, \\t or \\x01");
  if (!is_utf8(text)) refuse(text, "it is not UTF-8");
  refuse_what_java_reads_otherwise(text);
}

std::unique_ptr<const re2::RE2> compiled_by_re2(std::string_view text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternMemory);
  auto compiled = std::make_unique<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (compiled->ok()) return compiled;
  const auto offset = compiled->error_arg().empty() ? std::string_view::npos : text.find(compiled->error_arg());
  const auto code = compiled->error_code();
  const bool is_of_another_dialect = code == re2::RE2::ErrorBadEscape || code == re2::RE2::ErrorRepeatOp ||
                                     code == re2::RE2::ErrorBadCharRange || text.find("(?") != std::string_view::npos;
  refuse(
      text,
      compiled->error() + (offset == std::string_view::npos ? "" : at(offset)) +
          (is_of_another_dialect ? "; patterns are RE2's: no look-around, back-reference, possessive quantifier" : ""));
}

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

struct Pattern::State {
  State(std::string_view pattern, std::string in, bool is_javas)
      : text(pattern), where(std::move(in)), is_javas_too(is_javas) {}

  const std::string text, where;
  const bool is_javas_too;
  std::once_flag once;
  std::unique_ptr<const re2::RE2> compiled;  // or
  std::string fault;
};

Pattern Pattern::compile(std::string_view text) {
  auto pattern = later(text);
  pattern.judge();
  return pattern;
}

Pattern Pattern::later(std::string_view text, std::string where) {
  return Pattern(std::make_shared<State>(text, std::move(where), true));
}

Pattern Pattern::condition(std::string_view text, std::string where) {
  return Pattern(std::make_shared<State>(text, std::move(where), false));
}

void Pattern::judge() const {
  std::call_once(state_->once, [this] {
    try {
      if (state_->is_javas_too) refuse_what_is_no_javas(state_->text);
      state_->compiled = compiled_by_re2(state_->text);
    } catch (const Error& error) {
      state_->fault = error.what();
    }
  });
  if (state_->compiled == nullptr)
    throw Error(state_->where.empty() ? Errc::wrong_use : Errc::bad_configuration, state_->where + state_->fault);
}

bool Pattern::matches(std::string_view value) const {
  judge();
  return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *state_->compiled);
}

const std::string& Pattern::text() const { return state_->text; }

std::optional<std::vector<std::string>> Pattern::choices() const {
  std::string_view rest = text();
  if (!rest.starts_with("^(") || !rest.ends_with(")$") || rest.size() < 4) return std::nullopt;
  rest = rest.substr(2, rest.size() - 4);
  std::vector<std::string> words(1);
  for (const char c : rest) {
    if (c == '|') {
      words.emplace_back();
    } else if (is_word_character(c)) {
      words.back() += c;
    } else {
      return std::nullopt;
    }
  }
  return words;
}

std::string Pattern::expectation() const {
  const auto words = choices();
  if (!words) return "the pattern " + text();
  std::string list;
  for (const auto& word : *words) list += (list.empty() ? "" : ", ") + (word.empty() ? "(nothing)" : word);
  return "one of: " + list + " (pattern " + text() + ")";
}

}  // namespace vdsm_hook
