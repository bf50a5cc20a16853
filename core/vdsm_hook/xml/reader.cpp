#include "vdsm_hook/xml/reader.hpp"

#include <expat.h>
#include <strings.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <new>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kOnlyUtf8 = ", and only UTF-8 is read";
constexpr char kSeparator = '\n';  // no namespace name that expat lets pass has one

bool is_utf_16(std::string_view document) {
  return document.starts_with("\xFE\xFF") || document.starts_with("\xFF\xFE") ||
         document.substr(0, 2).find('\0') != std::string_view::npos;
}

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
  std::size_t depth = 0;
  std::string refusal;  // of what is well-formed; empty: none

  void refuse(std::string why) {
    refusal = std::move(why);
    XML_StopParser(parser, XML_FALSE);
  }

  void take_tag() {
    const auto begin = static_cast<std::size_t>(XML_GetCurrentByteIndex(parser));
    handler.tag_ = {begin, begin + static_cast<std::size_t>(XML_GetCurrentByteCount(parser))};
  }
};

namespace {

void XMLCALL on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
  auto& reading = *static_cast<XmlReading*>(data);
  reading.take_tag();
  if (++reading.depth > kMaxNesting)
    return reading.refuse("elements are nested more than " + std::to_string(kMaxNesting) + " deep");
  reading.handler.start(split(name), XmlAttributes(attributes));
  if (reading.handler.is_done()) XML_StopParser(reading.parser, XML_FALSE);
}
void XMLCALL on_end(void* data, const XML_Char*) {
  auto& reading = *static_cast<XmlReading*>(data);
  reading.take_tag();
  --reading.depth;
  reading.handler.end();
  if (reading.handler.is_done()) XML_StopParser(reading.parser, XML_FALSE);
}
void XMLCALL on_text(void* data, const XML_Char* text, int length) {
  static_cast<XmlReading*>(data)->handler.text({text, static_cast<std::size_t>(length)});
}
void XMLCALL on_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<XmlReading*>(data)->refuse("a document type declaration (DTD) is not allowed");
}
void XMLCALL on_declaration(void* data, const XML_Char*, const XML_Char* encoding, int) {
  if (encoding == nullptr || ::strcasecmp(encoding, "UTF-8") == 0) return;
  static_cast<XmlReading*>(data)->refuse("it says that it is in " + printable(encoding) + std::string(kOnlyUtf8));
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
  if (is_utf_16(document)) return XmlProblem{"it is in UTF-16" + std::string(kOnlyUtf8), 1, 1};
  if (document.size() > INT_MAX) return XmlProblem{"the document is larger than 2 GiB", 1, 1};
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreateNS(nullptr, kSeparator),
                                                                            &XML_ParserFree);
  if (!parser) throw std::bad_alloc();
  XmlReading reading{parser.get(), handler, 0, {}};
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), &on_start, &on_end);
  XML_SetCharacterDataHandler(parser.get(), &on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), &on_doctype);
  XML_SetXmlDeclHandler(parser.get(), &on_declaration);
  if (XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE) == XML_STATUS_OK ||
      handler.is_done())
    return std::nullopt;
  return XmlProblem{
      reading.refusal.empty() ? XML_ErrorString(XML_GetErrorCode(parser.get())) : std::move(reading.refusal),
      XML_GetCurrentLineNumber(parser.get()), XML_GetCurrentColumnNumber(parser.get()) + 1};
}

}  // namespace vdsm_hook
