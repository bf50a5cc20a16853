// What must hold for every change that DomainEditor makes, found without it. The text says what does not; empty: all
// does.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/properties/editor.hpp"

namespace vdsm_hook::test {

/// The one place in which two documents differ.
struct Difference {
  std::string removed, inserted;
};

inline Difference difference(std::string_view before, std::string_view after) {
  const auto shorter = std::min(before.size(), after.size());
  std::size_t front = 0, back = 0;
  while (front < shorter && before[front] == after[front]) ++front;
  while (back < shorter - front && before[before.size() - 1 - back] == after[after.size() - 1 - back]) ++back;
  return {std::string(before.substr(front, before.size() - back - front)),
          std::string(after.substr(front, after.size() - back - front))};
}

using Model = std::map<std::string, std::string>;

inline Model model_of(const PropertyValues& values) { return {values.begin(), values.end()}; }

/// Whose property: the VM's, or a device's by its selector; a profile has no name.
struct Operation {
  std::optional<std::string> device;
  bool is_profile = false;
  std::string name;
  std::optional<std::string> value;
};

inline void apply(DomainEditor& editor, const Operation& operation) {
  if (operation.is_profile) return editor.set_profile(editor.find_device(*operation.device), operation.value);
  if (operation.device)
    return editor.set_device(editor.find_device(*operation.device), {{operation.name, operation.value}});
  editor.set_vm({{operation.name, operation.value}});
}

/// What the document says about everything that properties are about, by the reader of facts: "vm NAME", "device N
/// NAME", "profile N", N being the place in the document's devices.
inline Model said_by(const std::string& document) {
  Model said;
  const auto facts = read_domain_facts(document);
  for (const auto& [name, value] : facts.custom_properties) said["vm " + name] = value;
  const DomainEditor editor(document);
  for (std::size_t i = 0; i < editor.devices().size(); ++i) {
    const auto* about = facts.about(editor.devices()[i]);
    if (about == nullptr) continue;
    for (const auto& [name, value] : about->properties) said["device " + std::to_string(i) + " " + name] = value;
    if (!about->profile.empty()) said["profile " + std::to_string(i)] = about->profile;
  }
  return said;
}

/// Applies OPERATION to EDITOR, whose document is sound. What is thrown comes out when it is an Error that is promised.
inline std::string wrong_with(DomainEditor& editor, const Operation& operation) {
  const auto before = editor.document();
  const auto said = said_by(before);
  try {
    apply(editor, operation);
  } catch (const Error& error) {
    const std::string why = error.what();
    if (editor.document() != before) return "a change that failed has changed the document: " + why;
    if (error.code() == Errc::bad_document && why.find("is not well-formed: line") != std::string::npos)
      return "what was written is not well-formed: " + why;
    throw;
  }
  const auto after = editor.document();
  const auto place = operation.device ? std::to_string(editor.find_device(*operation.device)) : "";
  const auto key = operation.is_profile ? "profile " + place
                   : operation.device   ? "device " + place + " " + operation.name
                                        : "vm " + operation.name;
  auto wanted = said;
  const bool was_there = wanted.contains(key);
  if (operation.value) {
    wanted[key] = *operation.value;
  } else {
    wanted.erase(key);
  }
  if (said_by(after) != wanted) return "another value is read than was set: " + after;
  if (said == wanted && operation.value && after != before) return "setting what there is has changed bytes";

  const auto changed = difference(before, after);
  if (!operation.value && !changed.inserted.empty()) return "taking out has put in: " + changed.inserted;
  if (!operation.value || was_there) return "";
  // "/" is what is left of <a/> when it becomes <a>...</a>.
  if (!changed.removed.empty() && changed.removed != "/") return "putting in has taken out: " + changed.removed;
  if (changed.removed == "/") return "";
  auto back = editor;
  apply(back, {operation.device, operation.is_profile, operation.name, std::nullopt});
  // Elements that were empty before go with what was put into them.
  if (back.document() != before && !difference(before, back.document()).inserted.empty())
    return "taking out again has put in bytes";
  const auto lost = difference(before, back.document()).removed;
  if (!lost.empty() && lost.find('<') == std::string::npos) return "taking out again has taken out: " + lost;
  return "";
}

}  // namespace vdsm_hook::test
