// The arguments of a command. A command declares them as data, from which its command line is read and its help is
// made.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook::cli {

/// What the value of an argument is.
struct Value {
  std::string_view metavar;  ///< its name in help texts
  std::string_view kind;     ///< by which completion knows what to offer; empty: nothing

  constexpr Value(const char* name, std::string_view kind_of_it = {}) : metavar(name), kind(kind_of_it) {}
};
inline constexpr Value kFile{"FILE", "file"};
inline constexpr Value kFileOrStream{"FILE|-", "file"};
inline constexpr Value kDirectory{"DIR", "directory"};
inline constexpr Value kPlace{"DIR", "place"};  ///< where hooks or definitions are, which other offers depend on
inline constexpr Value kConnection{"URI", "connection"};
inline constexpr Value kVm{"VM", "vm"};
inline constexpr Value kHookPoint{"EVENT", "hook_point"};
inline constexpr Value kHook{"HOOK", "hook"};
inline constexpr Value kVmProperty{"NAME=VALUE", "vm_property"};

/// One option, flag or positional. Its setters give it back, to be called in a row.
class Argument {
 public:
  using Target = std::variant<bool*, std::string*, std::vector<std::string>*, std::pair<std::string, std::string>*>;

  Argument& required();
  /// The command line may not have both.
  Argument& excludes(const Argument& other);
  /// The command line may have it only with OTHER.
  Argument& needs(const Argument& other);
  /// When OTHER is given, the words in its place are those of the next positional. It is for completion; the command
  /// itself sorts them.
  Argument& gives_way_to(const Argument& other);
  Argument& in_group(std::string_view group);
  /// Without this an empty value is wrong use: it comes from a shell variable that was never set.
  Argument& may_be_empty();
  Argument& one_of(std::vector<std::string> choices);

  /// Whether the command line that was read has it.
  bool is_given() const { return is_given_; }

  // What was declared.
  const std::vector<std::string>& names() const { return names_; }  ///< "-p", "--property"; of a positional one word
  const std::string& name() const { return names_.back(); }
  const std::string& about() const { return about_; }
  std::string_view group() const { return group_; }  ///< empty: the positionals
  std::string metavar() const;
  std::string_view kind() const { return value_.kind; }
  const std::vector<std::string>& choices() const { return choices_; }
  const Argument* gives_way_to() const { return gives_way_to_; }
  bool is_positional() const { return !names_[0].starts_with('-'); }
  bool is_flag() const { return std::holds_alternative<bool*>(target_); }
  bool is_repeated() const { return std::holds_alternative<std::vector<std::string>*>(target_); }
  bool takes_two() const { return std::holds_alternative<std::pair<std::string, std::string>*>(target_); }
  bool is_required() const { return is_required_; }

 private:
  friend class Arguments;
  Argument(std::vector<std::string> names, Target target, Value value, std::string about);
  /// Gives the target what the command line has. Throws wrong_use.
  void take(const std::vector<std::string>& words);
  void check_others() const;

  std::vector<std::string> names_;
  Target target_;
  Value value_;
  std::string about_;
  std::string_view group_;
  std::vector<std::string> choices_;
  std::vector<const Argument*> excluded_, needed_;
  const Argument* gives_way_to_ = nullptr;
  bool is_required_ = false, may_be_empty_ = false, is_given_ = false;
};

/// All arguments of one command, and what else its help says. The targets must outlive it.
class Arguments {
 public:
  struct Note {
    std::string title;  ///< or a paragraph
    std::string lines;  ///< below it, each with its line end
  };

  /// NAME: "vdsm-hook run". SUMMARY: sentences.
  Arguments(std::string name, std::string summary);
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  /// An option of these NAMES, "-p,--property"; with a vector as TARGET it may be given several times.
  Argument& option(std::string_view names, Argument::Target target, Value value, std::string about);
  Argument& flag(std::string_view names, bool& target, std::string about);
  /// A word that no option takes, by its place; with a vector as TARGET all that are left.
  Argument& positional(Value value, Argument::Target target, std::string about);
  /// Words of the positionals that go together, in their order; an empty one stands for any. It is for completion.
  void combination(std::vector<std::string> words) { combinations_.push_back(std::move(words)); }

  void note(std::string title, std::string lines = {}) { notes_.push_back({std::move(title), std::move(lines)}); }
  /// A command line; of a long one the later lines are indented.
  void example(std::string line) { examples_.push_back(std::move(line)); }
  /// "0 done; 1 not."
  void exit_codes(std::string text) { exit_codes_ = std::move(text); }

  /// Reads the command line and returns true, or returns false after --help. Throws misuse().
  bool parse(int argc, char** argv);
  /// Arguments that do not go together: wrong_use that says WHY, and how to get the help.
  Error misuse(const std::string& why) const;

  // What was declared.
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::deque<Argument>& all() const { return all_; }
  const std::vector<std::vector<std::string>>& combinations() const { return combinations_; }
  const std::vector<Note>& notes() const { return notes_; }
  const std::vector<std::string>& examples() const { return examples_; }
  const std::string& exit_codes() const { return exit_codes_; }

 private:
  Argument& add(std::vector<std::string> names, Argument::Target target, Value value, std::string about);
  void read(int argc, char** argv);
  std::string unexpected(const std::string& word) const;
  std::string without_value(int argc, char** argv) const;

  std::string name_, summary_, exit_codes_;
  std::deque<Argument> all_;  // which others refer to
  std::vector<std::vector<std::string>> combinations_;
  std::vector<Note> notes_;
  std::vector<std::string> examples_;
  bool wants_help_ = false;
};

}  // namespace vdsm_hook::cli
