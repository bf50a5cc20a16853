// RE2 does not tell whether a pattern is empty. As there are no back-references and no look-around, a walk does: the
// pattern becomes a program of steps, and all that later steps depend on is the place in it, and what stands on both
// sides of the place in the value. What a class holds is asked of RE2.
#include "vdsm_hook/properties/example.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vdsm_hook/properties/names.hpp"

namespace vdsm_hook {
namespace {

constexpr std::size_t kMaxSteps = 20'000;
constexpr std::size_t kMaxPieces = 300;  // each may be compiled
constexpr std::size_t kMaxScans = 32;    // of all of Unicode
constexpr int kMaxDepth = 200;           // of groups: the reader calls itself

constexpr std::string_view kWordCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
constexpr std::string_view kOtherAscii = "-.,:/=+@!\"#$%&'()*<>?[\\]^`{|}~ ";  // without ';'

struct GivenUp {};  // thrown where the answer is "unknown"

bool is_legal(std::string_view value) { return value.find(';') == std::string_view::npos && !refused_value("", value); }

// Every legal character behind ASCII, 4 MB. Kept: whoever has one pattern that cannot match may have more.
const std::string& beyond_ascii() {
  static const std::string all = [] {
    std::string text;
    for (unsigned c = 0xA0; c < 0x110000; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes behind the first
      text += static_cast<char>((0xFFU << (7 - more) & 0xFFU) | c >> (6 * more));
      for (int i = more; i-- > 0;) text += static_cast<char>(0x80U | (c >> (6 * i) & 0x3FU));
    }
    return text;
  }();
  return all;
}

// A part of the pattern for one character, and members of it. As \b looks for ASCII words only, two are enough.
struct Piece {
  std::string regex;  // empty: a plain character, of which RE2 was not asked
  std::string word, other;
};

// The first character of ALPHABET that REGEX matches, or nothing.
std::string member(const std::string& regex, std::string_view alphabet) {
  const re2::RE2 piece(regex, re2::RE2::Quiet);
  if (!piece.ok()) throw GivenUp{};
  re2::StringPiece found;
  const re2::StringPiece text(alphabet.data(), alphabet.size());
  if (!piece.Match(text, 0, text.size(), re2::RE2::UNANCHORED, &found, 1)) return {};
  return {found.data(), found.size()};
}

struct Step {
  enum Kind : std::uint8_t { character, begin, end, boundary, no_boundary, fork, jump } kind;
  std::ptrdiff_t to = 0;  // the piece of a character; how far a jump goes, or a fork that does not go on
};

// Reads a pattern that RE2 accepts, so it need not find mistakes.
class Program {
 public:
  explicit Program(std::string_view text) : rest_(text) {
    alternation();
    if (!rest_.empty()) throw GivenUp{};
  }

  // Looks for members that are not ASCII where they could matter. False: there are none.
  bool widen() {
    const bool asks_for_words = std::any_of(steps.begin(), steps.end(), [](const Step& step) {
      return step.kind == Step::boundary || step.kind == Step::no_boundary;
    });
    bool is_wider = false;
    std::size_t scans = 0;
    for (auto& piece : pieces) {
      if (piece.regex.empty() || !piece.other.empty() || (!asks_for_words && !piece.word.empty())) continue;
      if (++scans > kMaxScans) throw GivenUp{};
      piece.other = member(piece.regex, beyond_ascii());
      is_wider = is_wider || !piece.other.empty();
    }
    return is_wider;
  }

  std::vector<Step> steps;
  std::vector<Piece> pieces;

 private:
  // Takes what RULE is for from the front, if it is there.
  template <typename... Parts>
  bool take(const re2::RE2& rule, Parts*... parts) {
    re2::StringPiece rest(rest_.data(), rest_.size());
    if (!re2::RE2::Consume(&rest, rule, parts...)) return false;
    rest_.remove_prefix(rest_.size() - rest.size());
    return true;
  }
  bool skip(std::string_view prefix) {
    const bool is_there = rest_.starts_with(prefix);
    if (is_there) rest_.remove_prefix(prefix.size());
    return is_there;
  }

  void add(Step step) {
    if (steps.size() >= kMaxSteps) throw GivenUp{};
    steps.push_back(step);
  }

  void add_piece(const Piece& piece) {
    if (pieces.size() >= kMaxPieces) throw GivenUp{};
    pieces.push_back(piece);
  }

  // TEXT: a part of the pattern for one character.
  void add_set(const std::string& text) {
    const auto regex = (ignores_case_ ? "(?i)" : "") + text;
    const auto [place, is_new] = places_.try_emplace(regex, pieces.size());
    if (is_new) add_piece({regex, member(regex, kWordCharacters), member(regex, kOtherAscii)});
    add({Step::character, static_cast<std::ptrdiff_t>(place->second)});
  }

  void literal() {
    std::size_t size = 1;
    while (size < rest_.size() && (static_cast<unsigned char>(rest_[size]) & 0xC0U) == 0x80U) ++size;
    const std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    if (ignores_case_) return add_set(re2::RE2::QuoteMeta(text));
    const bool is_word = kWordCharacters.find(text) != std::string_view::npos;
    const auto [place, is_new] = places_.try_emplace("literal " + text, pieces.size());
    if (is_new) add_piece({"", is_word ? text : "", !is_word && is_legal(text) ? text : ""});
    add({Step::character, static_cast<std::ptrdiff_t>(place->second)});
  }

  void alternation() {
    if (++depth_ > kMaxDepth) throw GivenUp{};
    std::vector<std::size_t> jumps;
    for (auto start = steps.size();; start = steps.size()) {
      concatenation();
      if (!skip("|")) break;
      const auto size = static_cast<std::ptrdiff_t>(steps.size() - start);
      steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(start), {Step::fork, size + 2});
      jumps.push_back(steps.size());
      add({Step::jump});
    }
    for (const auto jump : jumps) steps[jump].to = static_cast<std::ptrdiff_t>(steps.size() - jump);
    --depth_;
  }

  void concatenation() {
    auto last = steps.size();  // where begins what a quantifier is for
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      if (quantifier(last)) continue;
      if (skip("\\Q")) {
        for (; !rest_.empty() && !skip("\\E"); literal()) last = steps.size();
      } else if (rest_[0] == '(') {
        group(last);
      } else {
        last = steps.size();
        item();
      }
    }
  }

  // A '{' that begins no counts stands for itself.
  bool quantifier(std::size_t start) {
    static const re2::RE2 rule(R"((?:([*+?])|\{(0|[1-9]\d{0,3})(,(0|[1-9]\d{0,3})?)?\})\??)");
    std::string sign, min, comma, max;
    if (std::string_view("*+?{").find(rest_[0]) == std::string_view::npos) return false;
    if (!take(rule, &sign, &min, &comma, &max)) return false;
    if (sign.empty()) {
      repeat(start, std::stoul(min), comma.empty() ? std::stoul(min) : max.empty() ? kWithoutEnd : std::stoul(max));
    } else {
      repeat(start, sign == "+" ? 1 : 0, sign == "?" ? 1 : kWithoutEnd);
    }
    return true;
  }

  // Writes out what stands from START on.
  void repeat(std::size_t start, std::size_t min, std::size_t max) {
    const std::vector<Step> body(steps.begin() + static_cast<std::ptrdiff_t>(start), steps.end());
    const auto size = static_cast<std::ptrdiff_t>(body.size());
    const bool is_endless = max == kWithoutEnd;
    const auto copies = is_endless ? min + 1 : max;
    if (copies > kMaxSteps || start + copies * (body.size() + 2) > kMaxSteps) throw GivenUp{};
    steps.resize(start);
    for (std::size_t copy = 0; copy < copies; ++copy) {
      if (copy >= min) add({Step::fork, size + (is_endless ? 2 : 1)});
      steps.insert(steps.end(), body.begin(), body.end());
    }
    if (is_endless) add({Step::jump, -size - 1});
  }

  // Only the flag i changes what matches: m and s are about newlines, U is about which of several matches is taken.
  void group(std::size_t& last) {
    static const re2::RE2 rule(R"(\((?:\?P?<[^>]*>|\?([imsU-]*)([:)]))?)");
    std::string flags, end;
    const bool outside = ignores_case_;
    if (!take(rule, &flags, &end) || (end.empty() && skip("?"))) throw GivenUp{};
    bool is_on = true;
    for (const char flag : flags) {
      if (flag == '-') is_on = false;
      if (flag == 'i') ignores_case_ = is_on;
    }
    if (end == ")") return;  // (?i) is for the rest of the group around it
    last = steps.size();
    alternation();
    if (!skip(")")) throw GivenUp{};
    ignores_case_ = outside;
  }

  void item() {
    // A letter behind a backslash that is not listed could stand for more than a character.
    static const re2::RE2 rule(R"((\.|\[\^?\]?(?:[^\[\]\\]|\\.)*\]|\\[pPx]\{[^}]*\}|\\[pP].|\\x..|\\[0-7]{1,3})"
                               R"(|\\[aftnrvdDsSwWC]|\\[^0-9A-Za-z]))");
    if (skip("^") || skip("\\A")) return add({Step::begin});
    if (skip("$") || skip("\\z")) return add({Step::end});
    if (skip("\\b")) return add({Step::boundary});
    if (skip("\\B")) return add({Step::no_boundary});
    if (std::string_view(".[\\").find(rest_[0]) == std::string_view::npos) return literal();
    std::string text;
    if (!take(rule, &text)) throw GivenUp{};
    add_set(text);
  }

  static constexpr auto kWithoutEnd = static_cast<std::size_t>(-1);
  std::string_view rest_;
  bool ignores_case_ = false;
  int depth_ = 0;
  std::unordered_map<std::string, std::size_t> places_;  // of pieces
};

// What stands in front of a place, or behind it.
enum Neighbour : std::uint8_t { nothing, word, other };
constexpr std::array kNeighbours{nothing, word, other};

// A place in the program and in the value, and the way there. What stands behind is chosen first, then kept to.
struct State {
  std::size_t step;
  Neighbour before, behind;
  std::size_t from;              // in the trail
  const std::string* character;  // between the two; nullptr: none
};

bool holds(Step::Kind assertion, const State& state) {
  if (assertion == Step::begin) return state.before == nothing;
  if (assertion == Step::end) return state.behind == nothing;
  return ((state.before == word) != (state.behind == word)) == (assertion == Step::boundary);
}

// The characters on the way to PLACE in TRAIL, whose first states are the starts.
std::string value_at(const std::vector<State>& trail, std::size_t place) {
  std::vector<std::string_view> characters;
  for (; place >= kNeighbours.size(); place = trail[place].from)
    if (trail[place].character != nullptr) characters.push_back(*trail[place].character);
  std::string value;
  for (; !characters.empty(); characters.pop_back()) value += characters.back();
  return value;
}

// Breadth first by characters. nullopt: no way leads through PROGRAM with the members its pieces have.
std::optional<std::string> walk(const Program& program) {
  std::vector<State> trail;
  std::deque<std::size_t> queue;
  std::vector<bool> is_seen((program.steps.size() + 1) * 9);
  const auto later = [&](const State& state) {
    queue.push_back(trail.size());
    trail.push_back(state);
  };
  for (const auto behind : kNeighbours) later({0, nothing, behind, 0, nullptr});
  while (!queue.empty()) {
    const auto here = queue.front();
    queue.pop_front();
    const auto state = trail[here];
    auto seen = is_seen[(state.step * 3 + state.before) * 3 + state.behind];
    if (seen) continue;
    seen = true;
    if (state.step == program.steps.size()) {
      if (state.behind == nothing) return value_at(trail, here);
      continue;
    }
    const auto& step = program.steps[state.step];
    const auto go = [&](std::ptrdiff_t distance) {
      queue.push_front(trail.size());
      trail.push_back({state.step + static_cast<std::size_t>(distance), state.before, state.behind, here, nullptr});
    };
    if (step.kind == Step::character) {
      const auto& piece = program.pieces[static_cast<std::size_t>(step.to)];
      const auto& character = state.behind == word ? piece.word : piece.other;
      if (state.behind == nothing || character.empty()) continue;
      for (const auto behind : kNeighbours) later({state.step + 1, state.behind, behind, here, &character});
    } else if (step.kind == Step::jump || step.kind == Step::fork) {
      go(step.to);
      if (step.kind == Step::fork) go(1);
    } else if (holds(step.kind, state)) {
      go(1);
    }
  }
  return std::nullopt;
}

}  // namespace

Example find_example(const Pattern& pattern) try {
  Program program(pattern.text());
  auto value = walk(program);
  if (!value && program.widen()) value = walk(program);
  if (!value) return {Reach::unreachable, ""};
  if (!is_legal(*value) || !pattern.matches(*value)) return {Reach::unknown, ""};
  return {Reach::reachable, *value};
} catch (const GivenUp&) {
  return {Reach::unknown, ""};
}

}  // namespace vdsm_hook
