// TOML files that are taken at their word: a key nobody knows is an error, and every error has file and line.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vdsm_hook {

/// One table of a TOML file. Each getter below returns nullopt for an absent key, throws Error(bad_configuration)
/// "FILE:LINE: ..." for a value of another type, and marks the key as known; done() then throws for the first key that
/// no getter asked for, with the nearest known one. A value type: copies share the parsed file. Not thread-safe.
class TomlTable {
 public:
  /// Parses TEXT; FILE is only for the messages. Throws bad_configuration with line and column.
  static TomlTable parse(std::string_view text, const std::string& file);
  /// Reads and parses FILE (at most kMaxSettingsBytes).
  static TomlTable read(const std::string& file);

  TomlTable(const TomlTable&);
  TomlTable& operator=(const TomlTable&);
  TomlTable(TomlTable&&) noexcept;
  TomlTable& operator=(TomlTable&&) noexcept;
  ~TomlTable();

  std::optional<std::string> text(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  /// A duration as parse_duration() reads it: a string.
  std::optional<std::chrono::milliseconds> duration(std::string_view key);
  /// An array of strings.
  std::optional<std::vector<std::string>> texts(std::string_view key);
  /// An array of whole numbers.
  std::optional<std::vector<std::int64_t>> integers(std::string_view key);
  std::optional<TomlTable> table(std::string_view key);

  /// The keys of this table in the order of the file.
  std::vector<std::string> keys() const;
  /// "FILE:LINE: " of KEY (of this table when it has no such key).
  std::string place_of(std::string_view key) const;
  /// Throws bad_configuration "FILE:LINE: WHY" for the line of KEY (of this table when it has no such key).
  [[noreturn]] void fail(std::string_view key, const std::string& why) const;
  void done() const;

 private:
  struct Node;
  explicit TomlTable(std::shared_ptr<Node> node);
  std::shared_ptr<Node> node_;
};

}  // namespace vdsm_hook
