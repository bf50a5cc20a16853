#include "vdsm_hook/properties/metadata.hpp"

#include <algorithm>

#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

class FactsReader final : public XmlHandler {
 public:
  DomainFacts facts;

  void start(const XmlName& name, const XmlAttributes&) override {
    // depth_ elements are open; matched_ of them, from the root, are the ones on the way to the properties.
    const bool is_on_the_way = matched_ == depth_ && matched_ < kDepth && is_step(name);
    if (depth_ == 1 && matched_ == 1 && name.space.empty()) {
      if (name.local == "name" && !has_name_) taking_ = &facts.name;
      if (name.local == "uuid" && !has_uuid_) taking_ = &facts.uuid;
    }
    ++depth_;
    if (is_on_the_way) ++matched_;
    if (is_on_the_way && matched_ == kDepth) taking_ = &facts.custom_properties.emplace_back(name.local, "").second;
    taking_depth_ = taking_ != nullptr && taking_depth_ == 0 ? depth_ : taking_depth_;
  }
  void end() override {
    if (depth_ == taking_depth_) {
      has_name_ = has_name_ || taking_ == &facts.name;
      has_uuid_ = has_uuid_ || taking_ == &facts.uuid;
      taking_ = nullptr;
      taking_depth_ = 0;
    }
    has_metadata_ = has_metadata_ || (depth_ == 2 && matched_ == 2);
    --depth_;
    matched_ = std::min(matched_, depth_);
  }
  void text(std::string_view piece) override {
    if (taking_ != nullptr && depth_ == taking_depth_) *taking_ += piece;
  }
  bool is_done() const override { return has_name_ && has_uuid_ && has_metadata_; }

 private:
  static constexpr int kDepth = 5;

  bool is_step(const XmlName& name) const {
    switch (matched_) {
      case 0: return name.space.empty() && name.local == "domain";
      case 1: return name.space.empty() && name.local == "metadata" && !has_metadata_;
      case 2: return name.space == kOvirtVmNamespace && name.local == "vm";
      case 3: return name.space == kOvirtVmNamespace && name.local == "custom";
      default: return name.space == kOvirtVmNamespace;
    }
  }

  int depth_ = 0;
  int matched_ = 0;
  std::string* taking_ = nullptr;  // where the text of the element at taking_depth_ goes
  int taking_depth_ = 0;
  bool has_name_ = false, has_uuid_ = false, has_metadata_ = false;
};

}  // namespace

DomainFacts read_domain_facts(std::string_view domain_xml) {
  FactsReader reader;
  static_cast<void>(read_xml(domain_xml, reader));
  auto& uuid = reader.facts.uuid;
  uuid.erase(0, std::min(uuid.find_first_not_of(" \t\r\n"), uuid.size()));
  uuid.resize(uuid.find_last_not_of(" \t\r\n") + 1);
  return std::move(reader.facts);
}

}  // namespace vdsm_hook
