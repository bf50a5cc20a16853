#include "vdsm_hook/toml/table.hpp"

#include <algorithm>
#include <set>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace vdsm_hook {

struct TomlTable::Node {
  std::shared_ptr<toml::table> document;  // keeps every node below alive
  const toml::table* here;
  std::string file;
  std::set<std::string, std::less<>> known;
};

namespace {

std::string place(const std::string& file, toml::source_position at) {
  return file + ":" + std::to_string(at.line) + ": ";
}

[[noreturn]] void wrong_type(const std::string& file, const toml::node& node, std::string_view key,
                             std::string_view wanted) {
  throw Error(Errc::bad_configuration,
              place(file, node.source().begin) + std::string(key) + " must be " + std::string(wanted));
}

template <typename Element>
std::optional<std::vector<Element>> array_of(const std::string& file, const toml::node* node, std::string_view key,
                                             std::string_view wanted) {
  if (node == nullptr) return std::nullopt;
  const auto* array = node->as_array();
  if (array == nullptr) wrong_type(file, *node, key, wanted);
  std::vector<Element> elements;
  for (const auto& element : *array) {
    const auto* value = element.as<Element>();
    if (value == nullptr) wrong_type(file, element, key, wanted);
    elements.push_back(value->get());
  }
  return elements;
}

}  // namespace

TomlTable::TomlTable(std::shared_ptr<Node> node) : node_(std::move(node)) {}
TomlTable::TomlTable(const TomlTable&) = default;
TomlTable& TomlTable::operator=(const TomlTable&) = default;
TomlTable::TomlTable(TomlTable&&) noexcept = default;
TomlTable& TomlTable::operator=(TomlTable&&) noexcept = default;
TomlTable::~TomlTable() = default;

TomlTable TomlTable::parse(std::string_view text, const std::string& file) {
  try {
    auto document = std::make_shared<toml::table>(toml::parse(text, file));
    const auto* here = document.get();
    return TomlTable(std::make_shared<Node>(Node{std::move(document), here, file, {}}));
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    throw Error(Errc::bad_configuration, file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                                             ": not TOML: " + std::string(error.description()));
  }
}

TomlTable TomlTable::read(const std::string& file) {
  try {
    return parse(read_regular_file(file, kMaxSettingsBytes), file);
  } catch (const Error& error) {
    if (error.code() == Errc::wrong_use) throw Error(Errc::bad_configuration, error.what());
    throw;
  }
}

std::optional<std::string> TomlTable::text(std::string_view key) {
  node_->known.emplace(key);
  const auto* node = node_->here->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) wrong_type(node_->file, *node, key, "a string in quotes");
  return node->as_string()->get();
}

std::optional<bool> TomlTable::flag(std::string_view key) {
  node_->known.emplace(key);
  const auto* node = node_->here->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) wrong_type(node_->file, *node, key, "true or false");
  return node->as_boolean()->get();
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key) {
  node_->known.emplace(key);
  const auto* node = node_->here->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) wrong_type(node_->file, *node, key, "a whole number");
  return node->as_integer()->get();
}

std::optional<std::chrono::milliseconds> TomlTable::duration(std::string_view key) {
  const auto words = text(key);
  if (!words) return std::nullopt;
  const auto value = parse_duration(*words);
  if (!value) fail(key, std::string(key) + " = \"" + *words + "\" is not a duration such as \"500ms\", \"30s\", \"10min\" or \"1h\"");
  return value;
}

std::optional<std::vector<std::string>> TomlTable::texts(std::string_view key) {
  node_->known.emplace(key);
  return array_of<std::string>(node_->file, node_->here->get(key), key, "a list of strings");
}

std::optional<std::vector<std::int64_t>> TomlTable::integers(std::string_view key) {
  node_->known.emplace(key);
  return array_of<std::int64_t>(node_->file, node_->here->get(key), key, "a list of whole numbers");
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
  node_->known.emplace(key);
  const auto* node = node_->here->get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) wrong_type(node_->file, *node, key, "a table");
  return TomlTable(std::make_shared<Node>(Node{node_->document, node->as_table(), node_->file, {}}));
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::pair<toml::source_position, std::string>> found;
  for (const auto& [key, value] : *node_->here) found.emplace_back(key.source().begin, std::string(key.str()));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (auto& [at, name] : found) names.push_back(std::move(name));
  return names;
}

void TomlTable::fail(std::string_view key, const std::string& why) const {
  const auto found = node_->here->find(key);
  const auto at = found != node_->here->end() ? found->first.source().begin : node_->here->source().begin;
  throw Error(Errc::bad_configuration, place(node_->file, at) + why);
}

void TomlTable::done() const {
  for (const auto& key : keys()) {
    if (node_->known.contains(key)) continue;
    const std::vector<std::string_view> known(node_->known.begin(), node_->known.end());
    fail(key, "unknown key '" + printable(key) + "'" + did_you_mean(key, known));
  }
}

}  // namespace vdsm_hook
