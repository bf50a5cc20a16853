// Reading XML: expat's judgement of what is sound, with namespaces and without DTDs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vdsm_hook {

/// A name as the document means it: the namespace's URI (empty: none) and the local part, never a prefix.
struct XmlName {
  std::string_view space;
  std::string_view local;
};

/// The attributes of one element, valid during the call that gets them.
class XmlAttributes {
 public:
  explicit XmlAttributes(const char** raw) : raw_(raw) {}
  /// The value of the attribute LOCAL that is in no namespace.
  std::optional<std::string_view> get(std::string_view local) const;
  /// Whether one is in the namespace SPACE.
  bool has_space(std::string_view space) const;

 private:
  const char** raw_;
};

/// Bytes [begin, end) of a document.
struct XmlSpan {
  std::size_t begin = 0, end = 0;
};

/// Gets a document's elements in order. Views are valid during the call only; text comes in pieces, as UTF-8.
class XmlHandler {
 public:
  virtual ~XmlHandler() = default;
  virtual void start(const XmlName& name, const XmlAttributes& attributes) = 0;
  virtual void end() = 0;
  virtual void text(std::string_view piece) = 0;
  /// Asked after each start() and end(): whether the rest of the document need not be read (nor judged).
  virtual bool is_done() const { return false; }

 protected:
  /// Where the tag stands for which start() or end() is being called. The end of <a/> is the empty span behind it.
  XmlSpan tag() const { return tag_; }

 private:
  friend struct XmlReading;
  XmlSpan tag_;
};

struct XmlProblem {
  std::string what;
  std::size_t line = 0;    ///< from 1
  std::size_t column = 0;  ///< from 1

  std::string to_text() const;  ///< "line 3, column 7: mismatched tag"
};

/// TEXT as it stands in an element or between the quotes of an attribute, and reads as it is here. Control characters
/// that XML does not have are the caller's matter.
std::string xml_escaped(std::string_view text);

/// Parses DOCUMENT to its end, or until HANDLER is done. Refused, as everywhere: what is not well-formed with
/// namespaces, every document type declaration (so no entity can be defined), what is not in UTF-8 or says that it is
/// not (what is spliced in is UTF-8, and libvirt reads no other), and elements more than kMaxNesting deep. HANDLER must
/// not throw. Costs time in proportion to the document.
std::optional<XmlProblem> read_xml(std::string_view document, XmlHandler& handler);

}  // namespace vdsm_hook
