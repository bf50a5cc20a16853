// Prints a tinyxml2 document in libvirt's own style, so that a comparison with what `virsh dumpxml` gave
// shows the real change only. tinyxml2's own printer loses newlines, tabs and carriage returns that were
// written as references.
#pragma once

#include <tinyxml2.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace vdsm_hook::hooking {

namespace detail {

// libvirt writes its own elements itself and has libxml2 write what is below <metadata>: two styles in one
// document.
enum class Style { libvirt, libxml2 };
enum class Place { attribute, text, blank_text };

class Printer {
 public:
  std::string take(const tinyxml2::XMLDocument& document) {
    for (auto* node = document.FirstChild(); node != nullptr; node = node->NextSibling()) {
      print(*node, 0, false, Style::libvirt);
      out_ += '\n';
    }
    return std::move(out_);
  }

 private:
  void print(const tinyxml2::XMLNode& node, std::size_t depth, bool is_inline, Style style) {
    if (auto* element = node.ToElement())
      print_element(*element, depth, is_inline, style);
    else if (auto* text = node.ToText())
      print_text(*text, style);
    else if (node.ToComment() != nullptr)
      wrap("<!--", node.Value(), "-->");
    else if (node.ToDeclaration() != nullptr)  // also any processing instruction
      wrap("<?", node.Value(), "?>");
    else
      wrap("<!", node.Value(), ">");
  }

  void print_element(const tinyxml2::XMLElement& element, std::size_t depth, bool is_inline, Style style) {
    out_ += '<';
    out_ += element.Name();
    const char quote = style == Style::libvirt ? '\'' : '"';
    for (auto* a = element.FirstAttribute(); a != nullptr; a = a->Next()) {
      out_ += ' ';
      out_ += a->Name();
      out_ += '=';
      out_ += quote;
      escape(a->Value(), style, Place::attribute);
      out_ += quote;
    }
    if (element.NoChildren()) {
      out_ += "/>";
      return;
    }
    out_ += '>';
    if (is_domain_metadata(element)) style = Style::libxml2;
    // A blank put beside text would become part of the text.
    for (auto* node = element.FirstChild(); node != nullptr && !is_inline; node = node->NextSibling())
      is_inline = node->ToText() != nullptr;
    for (auto* node = element.FirstChild(); node != nullptr; node = node->NextSibling()) {
      if (!is_inline) new_line(depth + 1);
      print(*node, depth + 1, is_inline, style);
    }
    if (!is_inline) new_line(depth);
    wrap("</", element.Name(), ">");
  }

  void print_text(const tinyxml2::XMLText& text, Style style) {
    if (text.CData()) return wrap("<![CDATA[", text.Value(), "]]>");
    const std::string_view value = text.Value();
    // Nothing but blanks with a newline among them can only have been meant when it was written as
    // references.
    const bool is_blank = value.find_first_not_of(" \t\n") == value.npos && value.find('\n') != value.npos;
    escape(value, style, is_blank ? Place::blank_text : Place::text);
  }

  void escape(std::string_view text, Style style, Place place) {
    const bool is_libvirt = style == Style::libvirt;
    for (char c : text) {
      switch (c) {
        case '&': out_ += "&amp;"; break;
        case '<': out_ += "&lt;"; break;
        case '>': out_ += "&gt;"; break;
        case '\r': out_ += "&#13;"; break;
        case '\n': out_ += place == Place::text ? "\n" : "&#10;"; break;
        case '\t': out_ += place == Place::text ? "\t" : "&#9;"; break;
        case '\'': out_ += is_libvirt ? "&apos;" : "'"; break;
        case '"': out_ += is_libvirt || place == Place::attribute ? "&quot;" : "\""; break;
        default: out_ += c;
      }
    }
  }

  void wrap(const char* before, const char* value, const char* after) {
    out_ += before;
    out_ += value;
    out_ += after;
  }

  void new_line(std::size_t depth) {
    out_ += '\n';
    out_.append(2 * depth, ' ');
  }

  static bool is_domain_metadata(const tinyxml2::XMLElement& element) {
    auto* parent = element.Parent()->ToElement();
    return parent != nullptr && parent->Parent()->ToDocument() != nullptr &&
           std::string_view(element.Name()) == "metadata" && std::string_view(parent->Name()) == "domain";
  }

  std::string out_;
};

}  // namespace detail

/// DOCUMENT as text: two blanks a level, attributes in single quotes (double ones below a domain's
/// <metadata>, as libvirt has it), text-only elements on one line, elements with text and children inline
/// without a blank added; comments, CDATA and declarations as they are; a newline at the end.
inline std::string to_text(const tinyxml2::XMLDocument& document) { return detail::Printer().take(document); }

}  // namespace vdsm_hook::hooking
