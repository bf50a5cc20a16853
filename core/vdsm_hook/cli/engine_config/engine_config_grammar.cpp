#include "vdsm_hook/cli/engine_config/engine_config_grammar.hpp"

#include <algorithm>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/layout.hpp"

namespace vdsm_hook::cli {
namespace {

// NAME=TEXT;NAME=TEXT, in oVirt's writing: it prints this.
constexpr std::string_view kItems = "((([a-z_A-Z0-9])+)=(([^;])*)(;(([a-z_A-Z0-9])+)=(([^;])*))*;?)?";

std::string block_of(std::string_view type) {
  return "\\{type=" + std::string(type) + ";prop=\\{" + std::string(kItems) + "\\}\\};?";
}

std::string any_block() { return block_of("(" + joined(device_types(), "|") + ")"); }

// To oVirt each type has at most one block, and they stand in the order of its types.
std::string all_blocks() {
  std::string pattern;
  for (const auto type : device_types()) pattern += "(" + block_of(type) + ")?";
  return pattern;
}

bool fits(std::string_view text, std::string_view pattern) {
  return Pattern::compile(pattern).matches(printable(text));
}

std::vector<std::string_view> split(std::string_view text) {
  while (text.ends_with(';')) text.remove_suffix(1);
  std::vector<std::string_view> items;
  while (!text.empty()) {
    items.push_back(text.substr(0, text.find(';')));
    text.remove_prefix(std::min(items.back().size() + 1, text.size()));
  }
  return items;
}

bool compiles(std::string_view pattern) {
  try {
    static_cast<void>(Pattern::compile(pattern));
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string refusal_of_network(std::string_view text) {
  const std::string wrong = "The entered value is in imporper format. ";  // as oVirt spells it
  for (const auto item : split(text)) {
    const auto equals = item.find('=');
    if (equals == std::string_view::npos)
      return wrong + std::string(item) +
             " cannot be used for custom properties definition.\n"
             "A string of key=value pair should be used instead, where the value should be a correct regex expression";
    const auto pattern = item.substr(equals + 1);
    if (!compiles(pattern)) return wrong + std::string(pattern) + " must be a valid regex expression";
  }
  return {};
}

}  // namespace

std::string refusal_by_ovirt(DefinitionKey key, std::string_view text) {
  const std::string wrong = "Invalid syntax, ";
  switch (key) {
    case DefinitionKey::vm:
      return fits(text, kItems)
                 ? ""
                 : wrong + "user defined VM properties specification should conform to " + std::string(kItems);
    case DefinitionKey::device:
      return fits(text, all_blocks())
                 ? ""
                 : wrong + "custom device properties specification should conform to " + any_block();
    case DefinitionKey::network: return refusal_of_network(text);
  }
  return {};
}

std::string appended_items(std::string_view text, std::string_view later) {
  if (text.empty()) return std::string(later);
  const auto present = split(text);
  while (text.ends_with(';')) text.remove_suffix(1);
  std::string all(text);
  for (const auto item : split(later))
    if (std::find(present.begin(), present.end(), item) == present.end()) all += ";" + std::string(item);
  return all;
}

}  // namespace vdsm_hook::cli
