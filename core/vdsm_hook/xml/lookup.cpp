#include "vdsm_hook/xml/lookup.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

class TextAtPath final : public XmlHandler {
 public:
  explicit TextAtPath(std::string_view path) : parts_(parts_of(path)) {}

  void start(const XmlName& name, const XmlAttributes&) override {
    const bool is_on_path =
        matched_ == depth_ && matched_ < parts_.size() && (parts_[depth_] == "*" || parts_[depth_] == name.local);
    ++depth_;
    if (is_on_path) ++matched_;
  }
  void end() override {
    if (is_inside()) is_done_ = true;
    --depth_;
    if (matched_ > depth_) matched_ = depth_;
  }
  void text(std::string_view piece) override {
    if (is_inside() && !is_done_) value_ += piece;
  }
  bool is_done() const override { return is_done_; }

  std::optional<std::string> take() { return is_done_ ? std::optional(std::move(value_)) : std::nullopt; }

 private:
  bool is_inside() const { return matched_ == parts_.size() && depth_ == matched_; }

  const std::vector<std::string_view> parts_;
  std::size_t depth_ = 0,
              matched_ = 0;  // of the elements that are open: how many, and how many of them are on the path
  std::string value_;
  bool is_done_ = false;
};

class RootAttribute final : public XmlHandler {
 public:
  explicit RootAttribute(std::string_view name) : name_(name) {}

  void start(const XmlName&, const XmlAttributes& attributes) override {
    if (std::exchange(is_done_, true)) return;
    if (const auto found = attributes.get(name_)) value = *found;
  }
  void end() override {}
  void text(std::string_view) override {}
  bool is_done() const override { return is_done_; }

  std::optional<std::string> value;

 private:
  const std::string_view name_;
  bool is_done_ = false;
};

}  // namespace

std::optional<std::string> text_at(std::string_view xml, std::string_view path) {
  TextAtPath reader(path);
  static_cast<void>(read_xml(xml, reader));
  return reader.take();
}

std::optional<std::string> root_attribute(std::string_view xml, std::string_view name) {
  RootAttribute reader(name);
  static_cast<void>(read_xml(xml, reader));
  return std::move(reader.value);
}

}  // namespace vdsm_hook
