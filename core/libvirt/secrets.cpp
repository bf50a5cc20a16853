#include "vdsm_hook/libvirt/secrets.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kAttribute = "passwd", kElement = "cookie", kHidden = "***";
constexpr std::size_t kShortest = 4;

class SecretReader final : public XmlHandler {
 public:
  void start(const XmlName& name, const XmlAttributes& attributes) override {
    if (const auto password = attributes.get(kAttribute)) found.emplace_back(*password);
    is_open_ = name.local == kElement;
    if (is_open_) found.emplace_back();
  }
  void end() override { is_open_ = false; }
  void text(std::string_view piece) override {
    if (is_open_) found.back() += piece;
  }

  std::vector<std::string> found;

 private:
  bool is_open_ = false;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Value {
  std::size_t begin, end;
  bool is_attribute;
};

// Of `passwd='value'` whose name stands at AT; nullopt: it is no attribute.
std::optional<Value> attribute_at(std::string_view xml, std::size_t at) {
  const auto behind = at + kAttribute.size();
  auto quote = behind;
  while (quote < xml.size() && (is_blank(xml[quote]) || xml[quote] == '=')) ++quote;
  if (quote == behind || quote >= xml.size() || (xml[quote] != '\'' && xml[quote] != '"')) return std::nullopt;
  return Value{quote + 1, std::min(xml.find(xml[quote], quote + 1), xml.size()), true};
}

// Of `<cookie name='x'>value</cookie>` that begins at AT; nullopt: it is another element, or an empty one.
std::optional<Value> element_at(std::string_view xml, std::size_t at) {
  auto end = at + 1 + kElement.size();
  if (end >= xml.size() || (!is_blank(xml[end]) && xml[end] != '>')) return std::nullopt;
  for (char quote = 0; end < xml.size() && (quote != 0 || xml[end] != '>'); ++end) {
    if (xml[end] == '<') return std::nullopt;  // also no value has one
    if (quote != 0 ? xml[end] == quote : xml[end] == '\'' || xml[end] == '"') quote = quote != 0 ? '\0' : xml[end];
  }
  if (end >= xml.size() || xml[end - 1] == '/') return std::nullopt;
  return Value{end + 1, std::min(xml.find("</" + std::string(kElement), end), xml.size()), false};
}

void for_each_value(std::string_view xml, const std::function<void(const Value&)>& found) {
  const auto tag = "<" + std::string(kElement);
  auto attribute = xml.find(kAttribute), element = xml.find(tag);
  for (std::size_t at = 0; attribute != std::string_view::npos || element != std::string_view::npos;) {
    const bool is_attribute = attribute < element;
    const auto value = is_attribute ? attribute_at(xml, attribute) : element_at(xml, element);
    if (value) found(*value);
    at = value ? value->end : std::min(attribute, element) + 1;
    if (attribute < at) attribute = xml.find(kAttribute, at);
    if (element < at) element = xml.find(tag, at);
  }
}

}  // namespace

std::string without_passwords(std::string_view xml) {
  std::string result;
  std::size_t at = 0;
  for_each_value(xml, [&](const Value& value) {
    result.append(xml, at, value.begin - at).append(kHidden);
    at = value.end;
  });
  return result.append(xml.substr(at));
}

void Secrets::learn(std::string_view document) {
  if (document.find(kAttribute) == std::string_view::npos && document.find(kElement) == std::string_view::npos) return;
  SecretReader reader;
  static_cast<void>(read_xml(document, reader));
  for (const auto& secret : reader.found) learn_password(trimmed(secret));
}

void Secrets::learn_from_part(std::string_view text) {
  for_each_value(text, [&](const Value& value) {
    const std::string inner(text.substr(value.begin, value.end - value.begin));
    const std::string quote(value.is_attribute ? text.substr(value.begin - 1, 1) : "");
    learn(value.is_attribute ? "<x passwd=" + quote + inner + quote + "/>" : "<cookie>" + inner + "</cookie>");
  });
}

void Secrets::learn_password(const std::string& password) {
  if (password.empty() || password == kHidden) return;
  is_empty_ = false;
  if (password.size() < kShortest) return;
  for (const auto& form : {password, xml_escaped(password)})
    if (std::find(known_.begin(), known_.end(), form) == known_.end()) known_.push_back(form);
  std::stable_sort(known_.begin(), known_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Secrets::hidden(std::string_view text) const {
  auto result = without_passwords(text);
  for (const auto& secret : known_)
    for (auto at = result.find(secret); at != std::string::npos; at = result.find(secret, at + kHidden.size()))
      result.replace(at, secret.size(), kHidden);
  return result;
}

void Secrets::hide(Report& report) const {
  const auto hide_in = [this](std::string& text) { text = hidden(text); };
  hide_in(report.document);
  for (auto& problem : report.problems) hide_in(problem.why);
  for (auto& note : report.notes) hide_in(note);
  for (auto& hook : report.hooks) {
    hide_in(hook.reason);
    hide_in(hook.diff);
    hide_in(hook.process.why);
    hide_in(hook.process.out.text);
    hide_in(hook.process.err.text);
  }
}

}  // namespace vdsm_hook
