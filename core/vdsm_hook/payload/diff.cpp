#include "vdsm_hook/payload/diff.hpp"

#include <algorithm>
#include <dtl/dtl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vdsm_hook/base/limits.hpp"

namespace vdsm_hook {
namespace {

constexpr std::size_t kContext = 3;

// The lines of both documents; equal ones have one number, which is what is compared.
class Lines {
 public:
  std::vector<int> number(std::string_view text) {
    std::vector<int> numbers;
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto [at, is_new] = numbers_.try_emplace(text.substr(0, end), static_cast<int>(lines_.size()));
      if (is_new) lines_.push_back(at->first);
      numbers.push_back(at->second);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return numbers;
  }
  std::string_view line(int number) const { return lines_[static_cast<std::size_t>(number)]; }

 private:
  std::unordered_map<std::string_view, int> numbers_;
  std::vector<std::string_view> lines_;
};

using Steps = std::vector<std::pair<int, dtl::elemInfo>>;

// The steps from one document to the other as hunks. (dtl's own have wrong line numbers beside an empty document.)
class Hunks {
 public:
  Hunks(const Steps& steps, const Lines& lines) : steps_(steps), lines_(lines) {}

  std::string text() && {
    for (std::size_t change = 0; change < steps_.size();) {
      if (is_common(change)) {
        ++change;
        continue;
      }
      // Changes with few common lines between them share a hunk.
      std::size_t end = change + 1;
      for (std::size_t at = end; at < steps_.size() && at - end <= 2 * kContext; ++at)
        if (!is_common(at)) end = at + 1;
      add(change - std::min(change, kContext), std::min(end + kContext, steps_.size()));
      change = end;
    }
    return std::move(out_);
  }

 private:
  bool is_common(std::size_t at) const { return steps_[at].second.type == dtl::SES_COMMON; }

  void skip_to(std::size_t end) {
    for (; at_ < end; ++at_) {
      old_ += steps_[at_].second.type != dtl::SES_ADD ? 1 : 0;
      new_ += steps_[at_].second.type != dtl::SES_DELETE ? 1 : 0;
    }
  }

  // A range without lines names the line it comes behind.
  static std::string range(std::size_t start, std::size_t end) {
    return std::to_string(end > start ? start + 1 : start) + "," + std::to_string(end - start);
  }

  void add(std::size_t start, std::size_t end) {
    skip_to(start);
    const auto old_start = old_, new_start = new_;
    skip_to(end);
    out_ += "@@ -" + range(old_start, old_) + " +" + range(new_start, new_) + " @@\n";
    for (std::size_t at = start; at < end;) {
      std::size_t next = at;
      while (next < end && !is_common(next)) ++next;
      put(at, next, dtl::SES_DELETE, '-');
      put(at, next, dtl::SES_ADD, '+');
      at = next;
      if (at < end) put(at, at + 1, dtl::SES_COMMON, ' ');
      ++at;
    }
  }

  void put(std::size_t start, std::size_t end, dtl::edit_t type, char mark) {
    for (std::size_t at = start; at < end; ++at)
      if (steps_[at].second.type == type) out_.append(1, mark).append(lines_.line(steps_[at].first)).append(1, '\n');
  }

  const Steps& steps_;
  const Lines& lines_;
  std::size_t at_ = 0, old_ = 0, new_ = 0;  // the next step, and how many lines of each document lie before it
  std::string out_;
};

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  if (before == after) return {};
  const auto is_large = [](std::string_view text) {
    return text.size() > kMaxDiffBytes ||
           static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) > kMaxDiffLines;
  };
  if (is_large(before) || is_large(after))
    return "(too large to compare line by line: " + std::to_string(before.size()) + " bytes before, " +
           std::to_string(after.size()) + " after)\n";
  Lines lines;
  dtl::Diff<int> diff(lines.number(before), lines.number(after));
  diff.onUnserious();  // two million steps into documents that have little in common, the rest is taken as replaced
  diff.compose();
  const Steps steps = diff.getSes().getSequence();
  auto hunks = Hunks(steps, lines).text();
  return hunks.empty() ? "(only the line end at the end of the document changed)\n" : hunks;
}

}  // namespace vdsm_hook
