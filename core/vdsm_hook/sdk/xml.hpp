// What tinyxml2 leaves to its users: children by name, places to insert, and XML namespaces.
#pragma once

#include <tinyxml2.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vdsm_hook::hooking {

using Element = tinyxml2::XMLElement;

namespace detail {
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}
}  // namespace detail

/// A name in a namespace: the URI and the part behind the prefix. Which prefix a document uses does not
/// matter.
struct QName {
  std::string_view uri;
  std::string_view local;
};

inline constexpr std::string_view kQemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0";
inline constexpr std::string_view kOvirtVmNamespace = "http://ovirt.org/vm/1.0";

/// The value of attribute NAME; nullopt: there is none.
inline std::optional<std::string> attribute(const Element& element, const char* name) {
  const char* value = element.Attribute(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

/// The element's own text, CDATA included; empty when there is none.
inline std::string text(const Element& element) {
  std::string all;
  for (auto* node = element.FirstChild(); node != nullptr; node = node->NextSibling())
    if (node->ToText() != nullptr) all += node->Value();
  return all;
}

/// The URI that PREFIX (empty: the default namespace) stands for at ELEMENT; empty when nothing binds it.
inline std::string_view namespace_of_prefix(const Element& element, std::string_view prefix) {
  if (prefix == "xml") return "http://www.w3.org/XML/1998/namespace";
  const std::string declaration = prefix.empty() ? "xmlns" : "xmlns:" + std::string(prefix);
  for (const tinyxml2::XMLNode* node = &element; node != nullptr; node = node->Parent())
    if (auto* here = node->ToElement())
      if (const char* uri = here->Attribute(declaration.c_str())) return uri;
  return {};
}

/// ELEMENT's name with its prefix resolved through its ancestors.
inline QName qualified_name(const Element& element) {
  const std::string_view name = element.Name();
  const auto colon = name.find(':');
  if (colon == name.npos) return {namespace_of_prefix(element, {}), name};
  return {namespace_of_prefix(element, name.substr(0, colon)), name.substr(colon + 1)};
}

/// Whether ELEMENT is what NAME says. A plain string is the name as it stands in the document, which is how
/// libvirt's own elements are spelled.
inline bool is(const Element& element, std::string_view name) { return element.Name() == name; }
inline bool is(const Element& element, QName name) {
  const auto own = qualified_name(element);
  return own.local == name.local && own.uri == name.uri;
}

/// The child elements of PARENT called NAME, in document order. They may be deleted while one goes through
/// them.
template <class Name>
std::vector<Element*> children(Element& parent, Name name) {
  std::vector<Element*> found;
  for (auto* e = parent.FirstChildElement(); e != nullptr; e = e->NextSiblingElement())
    if (is(*e, name)) found.push_back(e);
  return found;
}
inline std::vector<Element*> children(Element& parent, const char* name) {
  return children(parent, std::string_view(name));
}

/// The first of them, or nullptr.
template <class Name>
Element* child(Element& parent, Name name) {
  for (auto* e = parent.FirstChildElement(); e != nullptr; e = e->NextSiblingElement())
    if (is(*e, name)) return e;
  return nullptr;
}
inline Element* child(Element& parent, const char* name) { return child(parent, std::string_view(name)); }

/// Every element called NAME below TOP, TOP included, in document order.
inline std::vector<Element*> find_all(Element& top, QName name) {
  std::vector<Element*> found;
  for (tinyxml2::XMLNode* node = &top; node != nullptr;) {
    if (auto* e = node->ToElement(); e != nullptr && is(*e, name)) found.push_back(e);
    if (node->FirstChild() != nullptr) {
      node = node->FirstChild();
      continue;
    }
    while (node != &top && node->NextSibling() == nullptr) node = node->Parent();
    node = node == &top ? nullptr : node->NextSibling();
  }
  return found;
}

/// The KIND elements ("interface", "disk", ...) among the devices of a domain.
inline std::vector<Element*> devices(Element& domain, const char* kind) {
  auto* all = child(domain, "devices");
  return all == nullptr ? std::vector<Element*>{} : children(*all, kind);
}

/// A new child NAME of PARENT in front of the first child whose name is among BEFORE; without such a child,
/// the last.
inline Element& insert_child(Element& parent, const std::string& name,
                             std::initializer_list<std::string_view> before = {}) {
  auto* made = parent.GetDocument()->NewElement(name.c_str());
  for (auto* e = parent.FirstChildElement(); e != nullptr; e = e->NextSiblingElement()) {
    if (std::ranges::find(before, std::string_view(e->Name())) == before.end()) continue;
    if (auto* previous = e->PreviousSibling())
      parent.InsertAfterChild(previous, made);
    else
      parent.InsertFirstChild(made);
    return *made;
  }
  parent.InsertEndChild(made);
  return *made;
}

/// The prefix with a colon that stands for URI at ELEMENT. When nothing binds it there, the document's root
/// is given a declaration, as WANTED where that prefix is free.
inline std::string prefix_for(Element& element, std::string_view uri, std::string wanted) {
  for (tinyxml2::XMLNode* node = &element; node != nullptr; node = node->Parent()) {
    auto* here = node->ToElement();
    if (here == nullptr) continue;
    for (auto* a = here->FirstAttribute(); a != nullptr; a = a->Next()) {
      std::string_view name = a->Name();
      if (!name.starts_with("xmlns:") || a->Value() != uri) continue;
      name.remove_prefix(6);
      if (namespace_of_prefix(element, name) == uri) return std::string(name) + ":";
    }
  }
  while (!namespace_of_prefix(element, wanted).empty()) wanted += '_';
  element.GetDocument()->RootElement()->SetAttribute(("xmlns:" + wanted).c_str(), std::string(uri).c_str());
  return wanted + ":";
}

}  // namespace vdsm_hook::hooking
