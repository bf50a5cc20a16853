#include "vdsm_hook/xml/reader.hpp"

#include <expat.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <new>

namespace vdsm_hook {
namespace {

constexpr char kSeparator = '\n';  // no namespace name that expat lets pass has one

XmlName split(const char* raw) {
  const std::string_view name(raw);
  const auto at = name.find(kSeparator);
  if (at == std::string_view::npos) return {{}, name};
  return {name.substr(0, at), name.substr(at + 1)};
}

}  // namespace

struct XmlReading {
  XML_Parser parser;
  XmlHandler& handler;
  bool has_doctype = false;

  void take_tag() {
    const auto begin = static_cast<std::size_t>(XML_GetCurrentByteIndex(parser));
    handler.tag_ = {begin, begin + static_cast<std::size_t>(XML_GetCurrentByteCount(parser))};
  }
};

namespace {

void XMLCALL on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
  auto& reading = *static_cast<XmlReading*>(data);
  reading.take_tag();
  reading.handler.start(split(name), XmlAttributes(attributes));
}
void XMLCALL on_end(void* data, const XML_Char*) {
  auto& reading = *static_cast<XmlReading*>(data);
  reading.take_tag();
  reading.handler.end();
  if (reading.handler.is_done()) XML_StopParser(reading.parser, XML_FALSE);
}
void XMLCALL on_text(void* data, const XML_Char* text, int length) {
  static_cast<XmlReading*>(data)->handler.text({text, static_cast<std::size_t>(length)});
}
void XMLCALL on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  auto& reading = *static_cast<XmlReading*>(data);
  reading.has_doctype = true;
  XML_StopParser(reading.parser, XML_FALSE);
}

}  // namespace

std::optional<std::string_view> XmlAttributes::get(std::string_view local) const {
  for (const char** at = raw_; *at != nullptr; at += 2)
    if (local == *at) return std::string_view(at[1]);
  return std::nullopt;
}

bool XmlAttributes::has_space(std::string_view space) const {
  for (const char** at = raw_; *at != nullptr; at += 2)
    if (split(*at).space == space) return true;
  return false;
}

std::string XmlProblem::to_text() const {
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + what;
}

std::string xml_encoding(std::string_view document) {
  if (document.starts_with("\xFE\xFF") || document.starts_with("\xFF\xFE") || document.substr(0, 4).find('\0') != std::string_view::npos)
    return "UTF-16";
  if (document.starts_with("\xEF\xBB\xBF")) document.remove_prefix(3);
  if (!document.starts_with("<?xml") || document.substr(5, 1).find_first_of(" \t\r\n") == std::string_view::npos) return "UTF-8";
  const auto declaration = document.substr(0, document.find("?>"));
  const auto at = declaration.find("encoding", 5);
  const auto open = declaration.find_first_of("'\"", std::min(at, declaration.size()));
  if (open == std::string_view::npos) return "UTF-8";
  std::string name(declaration.substr(open + 1, declaration.find(declaration[open], open + 1) - open - 1));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return name;
}

std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&apos;"; break;
      // A reader makes something else of these as they are: a blank in an attribute, a newline of \r.
      case '\t': escaped += "&#9;"; break;
      case '\n': escaped += "&#10;"; break;
      case '\r': escaped += "&#13;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::optional<XmlProblem> read_xml(std::string_view document, XmlHandler& handler) {
  if (document.empty()) return XmlProblem{"the document is empty", 1, 1};
  if (document.size() > INT_MAX) return XmlProblem{"the document is larger than 2 GiB", 1, 1};
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreateNS(nullptr, kSeparator),
                                                                            &XML_ParserFree);
  if (!parser) throw std::bad_alloc();
  XmlReading reading{parser.get(), handler};
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), &on_start, &on_end);
  XML_SetCharacterDataHandler(parser.get(), &on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), &on_doctype);
  if (XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE) == XML_STATUS_OK ||
      handler.is_done())
    return std::nullopt;
  return XmlProblem{reading.has_doctype ? "a document type declaration (DTD) is not allowed"
                                        : XML_ErrorString(XML_GetErrorCode(parser.get())),
                    XML_GetCurrentLineNumber(parser.get()), XML_GetCurrentColumnNumber(parser.get()) + 1};
}

}  // namespace vdsm_hook
