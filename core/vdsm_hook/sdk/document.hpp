// The document of an event: read from the file the engine named, written back whole.
#pragma once

#include <fcntl.h>
#include <tinyxml2.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <vdsm_hook/sdk/printer.hpp>
#include <vdsm_hook/sdk/xml.hpp>

namespace vdsm_hook::hooking {

inline constexpr std::size_t kMaxDocumentBytes = 64U << 20;

namespace detail {

[[noreturn]] inline void throw_errno(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

struct Fd {
  explicit Fd(int n) : number(n) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (number >= 0) ::close(number);
  }
  int number;
};

inline std::string read_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number < 0) throw_errno("cannot open " + path);
  std::string content;
  for (std::size_t size = 0;;) {
    content.resize(size + (64U << 10));
    const auto got = ::read(file.number, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read " + path);
    size += static_cast<std::size_t>(got);
    if (size > kMaxDocumentBytes) throw std::runtime_error(path + " is larger than 64 MiB");
    if (got == 0) {
      content.resize(size);
      return content;
    }
  }
}

/// PATH has the whole of TEXT or what it had before: written beside it (mode 0600), then renamed over it.
inline void replace_file(const std::string& path, std::string_view text) {
  std::string temporary = path + ".XXXXXX";
  Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number < 0) throw_errno("cannot make a file beside " + path);
  while (!text.empty()) {
    const auto written = ::write(file.number, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (text.empty() && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int reason = errno;
  ::unlink(temporary.c_str());
  errno = reason;
  throw_errno("cannot write " + path);
}

/// IN spelled so that tinyxml2 gets right what it would get wrong, with every line where it was: a newline or
/// tab that stands in an attribute is the blank that XML says it is, and text of nothing but blanks (no
/// newline) is kept.
inline std::string prepared(std::string_view in) {
  std::string out;
  out.reserve(in.size() + 64);
  std::size_t at = 0;
  const auto copy_through = [&](std::string_view end) {
    const auto found = in.find(end, at);
    const auto behind = found == in.npos ? in.size() : found + end.size();
    out.append(in, at, behind - at);
    at = behind;
  };
  while (at < in.size()) {
    const auto rest = in.substr(at);
    if (rest.front() != '<') {
      const auto tag = std::min(in.find('<', at), in.size());
      out.append(in, at, tag - at);
      at = tag;
    } else if (rest.starts_with("<!--")) {
      copy_through("-->");
    } else if (rest.starts_with("<![CDATA[")) {
      copy_through("]]>");
    } else if (rest.starts_with("<?")) {
      copy_through("?>");
    } else {
      char quote = 0;
      std::size_t held_lines = 0;  // newlines of a value, put behind it
      bool ended = false;
      for (; at < in.size() && !ended; ++at) {
        const char c = in[at];
        if (quote != 0 && (c == '\n' || c == '\t' || c == '\r')) {
          if (c == '\n') ++held_lines;
          if (c != '\r' || !in.substr(at + 1).starts_with('\n')) out += ' ';
          continue;
        }
        out += c;
        if (quote == 0 && (c == '"' || c == '\'')) {
          quote = c;
        } else if (quote != 0 && c == quote) {
          quote = 0;
          out.append(held_lines, '\n');
          held_lines = 0;
        }
        ended = quote == 0 && c == '>';
      }
      if (!ended || rest.starts_with("</") || out.ends_with("/>")) continue;
      const auto blanks_end = in.find_first_not_of(" \t", at);
      if (blanks_end != in.npos && blanks_end > at && in.substr(blanks_end).starts_with("</"))
        out += in[at++] == ' ' ? "&#32;" : "&#9;";
    }
  }
  return out;
}

}  // namespace detail

/// Lets XML hold what TEXT says. Throws std::runtime_error with the line where tinyxml2 gives up, which is
/// also at a processing instruction behind the top and at elements nested deeper than its limit (below 100
/// in version 9); and for a document type declaration: nothing libvirt gives has one. Blanks between
/// elements, comments and CDATA are layout and not kept, amid text either.
inline void parse(tinyxml2::XMLDocument& xml, std::string_view text) {
  const auto wrong = [](int line, const std::string& what) {
    return std::runtime_error("the document is not sound, line " + std::to_string(line) + ": " + what);
  };
  if (const auto nul = text.find('\0'); nul != text.npos)
    throw wrong(1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n')),
                "a NUL byte");
  const auto spelled = detail::prepared(text);
  if (xml.Parse(spelled.data(), spelled.size()) != tinyxml2::XML_SUCCESS)
    throw wrong(std::max(xml.ErrorLineNum(), 1), xml.ErrorName());
  for (auto* node = xml.FirstChild(); node != nullptr; node = node->NextSibling())
    if (node->ToUnknown() != nullptr) throw wrong(node->GetLineNum(), "a document type declaration");
  if (xml.RootElement() == nullptr) throw wrong(1, "no element");
}

/// One event's document and the file it belongs to. Its elements live as long as it does.
class Document {
 public:
  /// The document of this event: the file that the environment names. Throws std::runtime_error.
  static Document read() {
    const char* path = std::getenv("_hook_domxml");
    if (path == nullptr)
      throw std::runtime_error("_hook_domxml is not set: this program is a hook, `vdsm-hook run` starts it");
    return Document(path);
  }

  explicit Document(std::string path) : path_(std::move(path)), original_(detail::read_file(path_)) {}

  /// The bytes as they were read.
  const std::string& original() const { return original_; }

  /// The document, parsed at the first call. Throws as parse() does.
  tinyxml2::XMLDocument& xml() {
    if (!xml_) {
      auto parsed = std::make_unique<tinyxml2::XMLDocument>();
      parse(*parsed, original_);
      xml_ = std::move(parsed);
    }
    return *xml_;
  }
  Element& root() { return *xml().RootElement(); }

  /// Puts the document into its file, whole or not at all, mode 0600. Throws std::runtime_error.
  void write() { detail::replace_file(path_, to_text(xml())); }

  /// write(), but only when the document says something else than what was read: layout alone is no change.
  /// Gives whether it wrote.
  bool write_if_changed() {
    if (!xml_) return false;
    tinyxml2::XMLDocument before;
    parse(before, original_);
    if (to_text(*xml_) == to_text(before)) return false;
    write();
    return true;
  }

 private:
  std::string path_;
  std::string original_;
  std::unique_ptr<tinyxml2::XMLDocument> xml_;
};

}  // namespace vdsm_hook::hooking
