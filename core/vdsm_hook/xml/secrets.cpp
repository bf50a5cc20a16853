#include "vdsm_hook/xml/secrets.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto kHidden = "***"sv;
constexpr auto kBlanks = " \t\r\n"sv;
constexpr auto kWordEnds = " \t\n'\"<>"sv;
constexpr std::size_t kShortest = 4;
constexpr std::array kParts{"passw"sv, "passphrase"sv, "secret"sv, "credential"sv, "api_key"sv, "apikey"sv};
// No passwords, but what our own messages have in their place: hidden before, or for a person to fill in.
constexpr std::array kStandIns{"***:"sv, "PATTERN"sv};
// They say whether there is a password, and no more.
constexpr std::array kWords{""sv,    "true"sv, "false"sv, "yes"sv, "no"sv, "on"sv,
                            "off"sv, "none"sv, "null"sv,  "0"sv,   "1"sv};

bool is_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

// By its name, and not only a word about one.
bool is_secret(std::string_view name, std::string_view value) {
  return is_secret_name(name) && std::find(kWords.begin(), kWords.end(), in_lower_case(value)) == kWords.end();
}

enum class Form { attribute, element, json, bare };

struct Value {
  std::size_t begin, end;
  Form form;
};

// Finds the values of a text, name by name.
class Finder {
 public:
  explicit Finder(std::string_view text) : text_(text) {}

  void for_each(const std::function<void(const Value&)>& found) {
    for (std::size_t at = 0; at < text_.size();) {
      if (!is_in_name(text_[at])) {
        if (kWordEnds.find(text_[at]) != std::string_view::npos) word_ = at + 1;
        if (text_[at] != ':') qualified_ = at + 1;
        ++at;
        continue;
      }
      const auto begin = at;
      while (at < text_.size() && is_in_name(text_[at])) ++at;
      const auto value = value_of(begin, at);
      if (!value) continue;
      found(*value);
      at = std::max(at, value->end);
    }
  }

 private:
  std::optional<Value> value_of(std::size_t begin, std::size_t end) const {
    const auto name = text_.substr(begin, end - begin);
    const bool is_cookie = name == "cookie";
    if (!is_cookie && !is_secret_name(name) && !is_secret_here(name, begin)) return std::nullopt;
    auto value = element_at(end);
    if (!value && !is_cookie) value = attribute_at(end);
    if (!value && !is_cookie) value = json_at(begin, end);
    if (!value && !is_cookie) value = bare_at(end);
    if (!value || is_cookie || name == "passwd") return value;
    const auto raw = text_.substr(value->begin, value->end - value->begin);
    if (value->form == Form::bare && std::find(kStandIns.begin(), kStandIns.end(), raw) != kStandIns.end())
      return std::nullopt;
    const auto word = in_lower_case(raw);
    return std::find(kWords.begin(), kWords.end(), word) == kWords.end() ? value : std::nullopt;
  }

  // QEMU's -object secret,id=x,data=VALUE, and what systemd takes from the firmware, io.systemd.credential:x=VALUE.
  bool is_secret_here(std::string_view name, std::size_t begin) const {
    if (begin > 0 && text_[begin - 1] == ':' && text_.substr(0, begin - 1).ends_with("io.systemd.credential"))
      return true;
    if (begin > 0 && text_[begin - 1] == ':' && text_.substr(0, begin - 1).ends_with("io.systemd.credential.binary"))
      return true;
    if (name != "data") return false;
    return text_.substr(word_).starts_with("secret,");
  }

  std::size_t skip_blanks(std::size_t at) const { return std::min(text_.find_first_not_of(kBlanks, at), text_.size()); }

  // NAME = 'value', over lines, too.
  std::optional<Value> attribute_at(std::size_t end) const {
    const auto equals = skip_blanks(end);
    if (equals >= text_.size() || text_[equals] != '=') return std::nullopt;
    const auto quote = skip_blanks(equals + 1);
    if (quote >= text_.size() || (text_[quote] != '\'' && text_[quote] != '"')) return std::nullopt;
    return Value{quote + 1, std::min(text_.find(text_[quote], quote + 1), text_.size()), Form::attribute};
  }

  // <NAME x='y'>value</NAME>, with a prefix or without.
  std::optional<Value> element_at(std::size_t end) const {
    const auto open = qualified_;
    if (open == 0 || text_[open - 1] != '<' || end >= text_.size() ||
        (text_[end] != '>' && kBlanks.find(text_[end]) == std::string_view::npos))
      return std::nullopt;
    auto at = end;
    for (char quote = 0; at < text_.size() && (quote != 0 || text_[at] != '>'); ++at) {
      if (text_[at] == '<') return std::nullopt;
      if (quote != 0 ? text_[at] == quote : text_[at] == '\'' || text_[at] == '"')
        quote = quote != 0 ? '\0' : text_[at];
    }
    if (at >= text_.size() || text_[at - 1] == '/') return std::nullopt;
    const auto close = text_.find("</" + std::string(text_.substr(open, end - open)), at);
    return Value{at + 1, std::min(close, text_.size()), Form::element};
  }

  // "NAME": "value".
  std::optional<Value> json_at(std::size_t begin, std::size_t end) const {
    if (begin == 0 || text_[begin - 1] != '"' || end >= text_.size() || text_[end] != '"') return std::nullopt;
    const auto colon = skip_blanks(end + 1);
    if (colon >= text_.size() || text_[colon] != ':') return std::nullopt;
    const auto quote = skip_blanks(colon + 1);
    if (quote >= text_.size() || text_[quote] != '"') return std::nullopt;
    auto close = quote + 1;
    while (close < text_.size() && text_[close] != '"') close += text_[close] == '\\' ? 2 : 1;
    return Value{quote + 1, std::min(close, text_.size()), Form::json};
  }

  // NAME=value, up to what may stand behind one.
  std::optional<Value> bare_at(std::size_t end) const {
    if (end + 1 >= text_.size() || text_[end] != '=') return std::nullopt;
    const auto stop = std::min(text_.find_first_of(" \t\r\n,;'\"<>", end + 1), text_.size());
    if (stop == end + 1) return std::nullopt;
    return Value{end + 1, stop, Form::bare};
  }

  std::string_view text_;
  // Where what holds the name begins. To look for it from each name again would take the square of the text's length.
  std::size_t word_ = 0;       // of an option
  std::size_t qualified_ = 0;  // of a name with its prefix
};

// The text of one element or the value of its one attribute, as readers have it.
class Decoder final : public XmlHandler {
 public:
  void start(const XmlName&, const XmlAttributes& attributes) override { value += attributes.get("v").value_or(""); }
  void end() override {}
  void text(std::string_view piece) override { value += piece; }

  std::string value;
};

std::string decoded(std::string_view raw, Form form, char quote) {
  std::string xml = "<x";
  if (form == Form::element) {
    xml.append(">").append(raw).append("</x>");
  } else {
    xml.append(" v=").append(1, quote).append(raw).append(1, quote).append("/>");
  }
  Decoder decoder;
  return read_xml(xml, decoder) ? std::string(raw) : decoder.value;
}

}  // namespace

bool is_secret_name(std::string_view name) {
  const auto word = in_lower_case(name);
  if (word == "passwdvalidto" || word.ends_with("-secret"))
    return false;  // a time; the name of a secret that is elsewhere
  return word.ends_with("token") || std::any_of(kParts.begin(), kParts.end(), [&word](std::string_view part) {
           return word.find(part) != std::string::npos;
         });
}

std::string without_passwords(std::string_view text) {
  std::string result;
  std::size_t at = 0;
  Finder(text).for_each([&](const Value& value) {
    result.append(text, at, value.begin - at).append(kHidden);
    at = value.end;
  });
  return result.append(text.substr(at));
}

std::vector<std::pair<std::string, std::string>> without_passwords(
    std::vector<std::pair<std::string, std::string>> variables) {
  for (auto& [name, value] : variables)
    if (is_secret(name, value)) value = kHidden;
  return variables;
}

void Secrets::learn(std::string_view text) {
  Finder(text).for_each([&](const Value& value) {
    const auto raw = text.substr(value.begin, value.end - value.begin);
    const bool is_xml = value.form == Form::attribute || value.form == Form::element;
    const auto read = is_xml ? decoded(raw, value.form, text[value.begin - 1]) : std::string(raw);
    learn_password(trimmed(read));
    if (trimmed(read).size() >= kShortest)
      learn_password(trimmed(raw));  // "&amp;" is long and stands for what is short
  });
}

void Secrets::learn(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables)
    if (is_secret(name, value)) learn_password(value);
}

void Secrets::learn_password(std::string_view password) {
  if (password.size() < kShortest) return;
  add(password);
  add(xml_escaped(password));
  if (password.find('\n') == std::string_view::npos) return;
  for (std::size_t at = 0; at < password.size();) {
    const auto end = std::min(password.find('\n', at), password.size());
    add(trimmed(password.substr(at, end - at)));
    at = end + 1;
  }
}

void Secrets::add(std::string_view form) {
  if (form.size() < kShortest || known_.size() > kMaxSecrets ||
      std::find(known_.begin(), known_.end(), form) != known_.end())
    return;
  known_.emplace_back(form);
}

std::string Secrets::hidden(std::string_view text) const { return hidden_from(0, text); }

std::string Secrets::hidden_from(std::size_t rest, std::string_view text) const {
  if (known_.size() > kMaxSecrets)
    return "(not shown: the documents have more than " + std::to_string(kMaxSecrets) +
           " passwords, too many to look for)\n";
  // Both are looked for in the text as it is: what one leaves of a password, the other would not find.
  std::vector<bool> is_known(text.size());
  std::fill_n(is_known.begin(), rest, true);
  for (const auto& secret : known_)
    for (auto at = text.find(secret); at != std::string_view::npos; at = text.find(secret, at + secret.size()))
      std::fill_n(is_known.begin() + static_cast<std::ptrdiff_t>(at), secret.size(), true);
  std::string result;
  std::size_t at = 0;
  const auto skip_known = [&] {
    while (at < text.size() && is_known[at]) ++at;
  };
  const auto take_up_to = [&](std::size_t end) {
    while (at < end) {
      result += is_known[at] ? kHidden : text.substr(at, 1);
      is_known[at] ? skip_known() : static_cast<void>(++at);
    }
  };
  Finder(text).for_each([&](const Value& value) {
    take_up_to(value.begin);
    if (at == value.begin) result += kHidden;  // else the known one that goes on here stands for both
    at = std::max(at, value.end);
    skip_known();
  });
  take_up_to(text.size());
  return result;
}

std::string Secrets::hidden_end(std::string_view text) const {
  // How much of the text's beginning is the end of a password, by the way of Knuth, Morris and Pratt: NEXT[i] is how
  // long the longest beginning is that the first i bytes also end in.
  std::vector<std::size_t> next(text.size() + 1);
  const auto extended = [&](std::size_t length, char c) {
    while (length > 0 && (length == text.size() || text[length] != c)) length = next[length];
    return length < text.size() && text[length] == c ? length + 1 : 0;
  };
  for (std::size_t i = 1; i < text.size(); ++i) next[i + 1] = extended(next[i], text[i]);
  std::size_t rest = 0;
  for (const auto& secret : known_) {
    std::size_t length = 0;
    for (const char c : std::string_view(secret).substr(1)) length = extended(length, c);
    rest = std::max(rest, length);
  }
  return hidden_from(rest, text);
}

}  // namespace vdsm_hook
