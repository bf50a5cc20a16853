#include "vdsm_hook/libvirt/secrets.hpp"

#include <algorithm>
#include <functional>

#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kAttribute = "passwd", kHidden = "***";

class PasswordReader final : public XmlHandler {
 public:
  void start(const XmlName&, const XmlAttributes& attributes) override {
    if (const auto password = attributes.get(kAttribute)) found.emplace_back(*password);
  }
  void end() override {}
  void text(std::string_view) override {}

  std::vector<std::string> found;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// FOUND is called with where each value begins and ends.
void for_each_value(std::string_view xml, const std::function<void(std::size_t begin, std::size_t end)>& found) {
  for (auto at = xml.find(kAttribute); at != std::string_view::npos; at = xml.find(kAttribute, at)) {
    auto quote = at + kAttribute.size();
    while (quote < xml.size() && (is_blank(xml[quote]) || xml[quote] == '=')) ++quote;
    const bool is_attribute = quote < xml.size() && (xml[quote] == '\'' || xml[quote] == '"') && quote > at + kAttribute.size();
    at += kAttribute.size();
    if (!is_attribute) continue;
    at = std::min(xml.find(xml[quote], quote + 1), xml.size());
    found(quote + 1, at);
  }
}

}  // namespace

std::string without_passwords(std::string_view xml) {
  std::string result;
  std::size_t at = 0;
  for_each_value(xml, [&](std::size_t begin, std::size_t end) {
    result.append(xml, at, begin - at).append(kHidden);
    at = end;
  });
  return result.append(xml.substr(at));
}

void Secrets::learn(std::string_view document) {
  if (document.find(kAttribute) == std::string_view::npos) return;
  PasswordReader reader;
  static_cast<void>(read_xml(document, reader));
  for (const auto& password : reader.found) learn_password(password);
}

void Secrets::learn_from_part(std::string_view text) {
  for_each_value(text, [&](std::size_t begin, std::size_t end) {
    const std::string quote(text.substr(begin - 1, 1));
    learn("<x passwd=" + quote + std::string(text.substr(begin, end - begin)) + quote + "/>");
  });
}

void Secrets::learn_password(const std::string& password) {
  for (const auto& form : {password, xml_escaped(password)})
    if (!form.empty() && form != kHidden && std::find(known_.begin(), known_.end(), form) == known_.end()) known_.push_back(form);
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
