#define BOOST_TEST_MODULE diff
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <random>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/payload/diff.hpp"

using namespace vdsm_hook;
using Lines = std::vector<std::string>;

namespace {

std::string joined(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

Lines split(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// What patch(1) makes of BEFORE with DIFF, at exactly the lines that the hunks name; empty when it does not
// fit.
Lines patched(const Lines& before, const std::string& diff) {
  Lines after;
  std::size_t next = 0;  // line of BEFORE, from 0
  const auto wrong = [&](const std::string& why) {
    BOOST_ERROR(why << " in\n" << diff.substr(0, 2000));
    return Lines{};
  };
  const auto lines = split(diff);
  for (std::size_t i = 0; i < lines.size();) {
    std::size_t start = 0, old_count = 0, new_start = 0, new_count = 0;
    if (std::sscanf(lines[i].c_str(), "@@ -%zu,%zu +%zu,%zu @@", &start, &old_count, &new_start, &new_count) != 4)
      return wrong("no head of a hunk: " + lines[i]);
    // A hunk without lines on one side names the line there that it comes behind.
    if (old_count > 0) --start;
    if (new_count > 0) --new_start;
    while (next < start && next < before.size()) after.push_back(before[next++]);
    if (next != start || after.size() != new_start) return wrong("wrong line numbers");
    for (++i; i < lines.size() && !lines[i].starts_with("@@"); ++i) {
      const char mark = lines[i].empty() ? '?' : lines[i][0];
      if (mark != ' ' && mark != '-' && mark != '+') return wrong("no mark: " + lines[i]);
      if (mark != '+' && (old_count-- == 0 || next == before.size() || before[next++] != lines[i].substr(1)))
        return wrong("an old line that is not there: " + lines[i]);
      if (mark == '-') continue;
      if (new_count-- == 0) return wrong("more new lines than were said");
      after.push_back(lines[i].substr(1));
    }
    if (old_count != 0 || new_count != 0) return wrong("fewer lines than were said");
  }
  while (next < before.size()) after.push_back(before[next++]);
  return after;
}

double seconds_of(const std::string& before, const std::string& after, std::string& diff) {
  const auto start = std::chrono::steady_clock::now();
  diff = unified_diff(before, after);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A document of the largest size that is compared.
template <class LineOf>
std::string filled(LineOf line) {
  std::string text;
  for (std::size_t i = 0; text.size() + 64 < kMaxDiffBytes; ++i) text += line(i) + "\n";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(equal_documents_have_no_diff) {
  for (const std::string text : {"", "\n", "a", "a\nb\n"}) BOOST_TEST(unified_diff(text, text).empty());
  const std::string large(kMaxDiffBytes + 1, 'x');
  BOOST_TEST(unified_diff(large, large).empty());
}

BOOST_AUTO_TEST_CASE(one_changed_line_is_shown_with_three_lines_around) {
  BOOST_TEST(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
             "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

BOOST_AUTO_TEST_CASE(a_change_of_only_the_last_line_end_is_said_so) {
  const std::string words = "(only the line end at the end of the document changed)\n";
  BOOST_TEST(unified_diff("a\nb\n", "a\nb") == words);
  BOOST_TEST(unified_diff("a\nb", "a\nb\n") == words);
}

BOOST_AUTO_TEST_CASE(every_small_change_can_be_patched_from_its_diff) {
  const std::vector<std::pair<Lines, Lines>> rows{{{}, {"a"}},
                                                  {{"a"}, {}},
                                                  {{}, {"a", "b", "c", "d", "e"}},
                                                  {{"a", "b", "c", "d", "e"}, {}},
                                                  {{"a"}, {"b"}},
                                                  {{"a", "b"}, {"b", "a"}},
                                                  {{"x", "a", "b", "c", "d"}, {"a", "b", "c", "d"}},
                                                  {{"a", "b", "c", "d"}, {"a", "b", "c", "d", "x"}},
                                                  {{"a", "b", "c", "d"}, {"x", "a", "b", "c", "d"}},
                                                  {{"a", "b", "c", "d", "x"}, {"a", "b", "c", "d"}},
                                                  {{""}, {"", ""}},
                                                  {{"a\r"}, {"a"}},
                                                  {{"-a", "+b", " c", "@@ d"}, {"-a", "+c", " c"}}};
  for (const auto& [before, after] : rows)
    BOOST_TEST(patched(before, unified_diff(joined(before), joined(after))) == after, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(any_change_can_be_patched_from_its_diff) {
  std::mt19937 random(20240229);  // the same every time
  const auto pick = [&](std::size_t n) { return random() % n; };
  const auto letter = [&](std::size_t n) { return std::string(1, static_cast<char>('a' + pick(n))); };
  for (int round = 0; round < 3000; ++round) {
    Lines before;
    for (std::size_t i = pick(40); i > 0; --i) before.push_back(letter(round % 2 == 0 ? 26 : 3));
    Lines after = before;
    for (std::size_t i = 1 + pick(6); i > 0; --i) {
      const auto at = after.begin() + static_cast<std::ptrdiff_t>(pick(after.size() + 1));
      if (at == after.end() || pick(2) == 0) {
        after.insert(at, letter(26));
      } else {
        after.erase(at);
      }
    }
    const auto diff = unified_diff(joined(before), joined(after));
    BOOST_REQUIRE_MESSAGE(patched(before, diff) == after, "of\n" << joined(before) << "to\n" << joined(after));
  }
}

BOOST_AUTO_TEST_CASE(documents_beyond_the_limit_are_not_compared_and_both_sizes_are_said) {
  const std::string at_limit = std::string(kMaxDiffBytes - 1, 'x') + "\n", small = "y\n";
  BOOST_TEST(unified_diff(at_limit, small).starts_with("@@"));
  BOOST_TEST(unified_diff(small, at_limit).starts_with("@@"));
  const auto large = at_limit + "z";
  const auto sizes = [](std::size_t a, std::size_t b) {
    return std::to_string(a) + " bytes before, " + std::to_string(b) + " after";
  };
  BOOST_TEST(unified_diff(large, small).find(sizes(large.size(), small.size())) != std::string::npos);
  BOOST_TEST(unified_diff(small, large).find(sizes(small.size(), large.size())) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_worst_documents_of_the_limit_are_dealt_with_in_time) {
  const auto numbered = [](const std::string& word) {
    return [word](std::size_t i) { return word + std::to_string(i); };
  };
  const auto every = [](std::size_t n, std::size_t of) {
    return [=](std::size_t i) { return std::string(i * n % of == 0 ? "a" : "b"); };
  };
  const std::vector<std::tuple<const char*, std::string, std::string>> rows{
      {"nothing in common", filled(numbered("before ")), filled(numbered("after "))},
      {"short lines, nothing in common", filled(numbered("")), filled(numbered("a"))},
      {"one byte a line, nothing in common", filled(every(1, 1)), filled([](std::size_t) { return std::string("c"); })},
      {"only line ends, more and less of them", std::string(kMaxDiffBytes, '\n'), std::string(kMaxDiffBytes / 2, '\n')},
      {"every other line", filled(numbered("line ")),
       filled([](std::size_t i) { return (i % 2 == 0 ? "line " : "other ") + std::to_string(i); })},
      {"backwards", filled(numbered("line ")),
       filled([](std::size_t i) { return "line " + std::to_string(100000 - i); })},
      {"two kinds of lines in another order", filled(every(7, 3)), filled(every(11, 5))},
  };
  for (const auto& [what, before, after] : rows) {
    std::string diff;
    const double seconds = seconds_of(before, after, diff);
    BOOST_TEST_MESSAGE(what << ": " << seconds << " s");
    BOOST_TEST(seconds < 5.0, what << " took " << seconds << " s");
    BOOST_TEST(diff.ends_with('\n'), what);
    if (diff.starts_with("@@")) BOOST_TEST((patched(split(before), diff) == split(after)), what);
  }
}

BOOST_AUTO_TEST_CASE(a_few_changes_in_a_large_document_are_shown_as_such) {
  Lines lines;
  for (int i = 0; i < 30000; ++i) lines.push_back("<line number='" + std::to_string(i) + "'/>");
  auto changed = lines;
  changed[10] = "x";
  changed.erase(changed.begin() + 20000);
  changed.push_back("y");
  std::string diff;
  BOOST_TEST(seconds_of(joined(lines), joined(changed), diff) < 2.0);
  BOOST_TEST((patched(lines, diff) == changed));
  BOOST_TEST(split(diff).size() < 30U);
}
