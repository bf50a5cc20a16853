#include "vdsm_hook/properties/metadata.hpp"

#include <algorithm>

#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

class CustomReader final : public XmlHandler {
 public:
  std::vector<std::pair<std::string, std::string>> found;

  void start(const XmlName& name, const XmlAttributes&) override {
    // depth_ elements are open; matched_ of them, from the root, are the ones on the way to the properties.
    const bool is_on_the_way = matched_ == depth_ && matched_ < kDepth && is_step(name);
    ++depth_;
    if (is_on_the_way) ++matched_;
    if (is_on_the_way && matched_ == kDepth) found.emplace_back(name.local, std::string());
  }
  void end() override {
    --depth_;
    matched_ = std::min(matched_, depth_);
  }
  void text(std::string_view piece) override {
    if (matched_ == kDepth && depth_ == kDepth) found.back().second += piece;
  }

 private:
  static constexpr int kDepth = 5;

  bool is_step(const XmlName& name) const {
    switch (matched_) {
      case 0: return name.space.empty() && name.local == "domain";
      case 1: return name.space.empty() && name.local == "metadata";
      case 2: return name.space == kOvirtVmNamespace && name.local == "vm";
      case 3: return name.space == kOvirtVmNamespace && name.local == "custom";
      default: return name.space == kOvirtVmNamespace;
    }
  }

  int depth_ = 0;
  int matched_ = 0;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> vm_custom_properties(std::string_view domain_xml) {
  CustomReader reader;
  static_cast<void>(read_xml(domain_xml, reader));
  return std::move(reader.found);
}

}  // namespace vdsm_hook
