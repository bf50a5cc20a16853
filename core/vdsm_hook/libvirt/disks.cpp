#include "vdsm_hook/libvirt/disks.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <optional>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/libvirt/with_attribute.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

struct Tag {
  XmlSpan span;  // of the start tag
  std::map<std::string, std::string> attributes;
};

// The parts of a <disk> that the JSON is about.
class DiskReader final : public XmlHandler {
 public:
  void start(const XmlName& name, const XmlAttributes& attributes) override {
    ++depth_;
    serial_is_open_ = depth_ == 2 && name.local == "serial";
    if (depth_ > 2 || (depth_ == 2 && tags.contains(std::string(name.local)))) return;
    auto& one = tags[depth_ == 1 ? "disk" : std::string(name.local)];
    one.span = tag();
    for (const auto* attribute : {"type", "device", "file", "dev", "dir", "name", "volume", "bus", "cache", "io"})
      if (const auto value = attributes.get(attribute)) one.attributes[attribute] = *value;
  }
  void end() override {
    --depth_;
    serial_is_open_ = false;
  }
  void text(std::string_view piece) override {
    if (serial_is_open_) serial += piece;
  }

  const std::string* get(const std::string& element, const std::string& attribute) const {
    const auto found = tags.find(element);
    if (found == tags.end()) return nullptr;
    const auto value = found->second.attributes.find(attribute);
    return value == found->second.attributes.end() ? nullptr : &value->second;
  }

  std::map<std::string, Tag> tags;
  std::string serial;

 private:
  std::size_t depth_ = 0;
  bool serial_is_open_ = false;
};

DiskReader read_disk(std::string_view disk_xml) {
  DiskReader reader;
  if (const auto problem = read_xml(disk_xml, reader))
    throw Error(Errc::bad_document, "the disk's XML: " + problem->to_text());
  return reader;
}

// As deep as the engine lets hooks leave it.
boost::json::value parsed(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = kMaxNesting;
  return boost::json::parse(json, {}, options);
}

// What no XML can hold, escaped or not.
bool is_for_xml(std::string_view text) {
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  return std::none_of(text.begin(), text.end(), is_control) && text.find("\xEF\xBF\xBE") == std::string_view::npos &&
         text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

std::optional<std::string> source_attribute(const DiskReader& disk) {
  for (const auto* attribute : {"file", "dev", "dir", "name", "volume"})
    if (disk.get("source", attribute) != nullptr) return attribute;
  return std::nullopt;
}

}  // namespace

std::string disk_to_json(std::string_view disk_xml) {
  const auto disk = read_disk(disk_xml);
  const auto source = source_attribute(disk);
  if (!source) return "";
  boost::json::object drive{{"type", "disk"}, {"path", *disk.get("source", *source)}};
  const auto add = [&](const char* key, const char* element, const char* attribute) {
    if (const auto* value = disk.get(element, attribute)) drive[key] = *value;
  };
  add("format", "driver", "type");
  add("diskType", "disk", "type");
  add("device", "disk", "device");
  add("name", "target", "dev");
  add("iface", "target", "bus");
  add("cache", "driver", "cache");
  add("io", "driver", "io");
  if (!disk.serial.empty()) drive["serial"] = disk.serial;
  if (disk.tags.contains("readonly")) drive["readonly"] = true;
  return boost::json::serialize(drive);
}

ChangedDisk changed_disk(std::string_view disk_xml, std::string_view before, std::string_view after) {
  const auto disk = read_disk(disk_xml);
  const auto old_drive = parsed(before).as_object();
  const auto left = parsed(after);
  if (!left.is_object()) throw Error(Errc::bad_document, "the disk that hooks left is no JSON object");
  const auto& drive = left.get_object();
  struct Written {
    const char* key;
    std::string element, attribute;
  };
  const std::array written{Written{"path", "source", source_attribute(disk).value_or("file")},
                           Written{"format", "driver", "type"}, Written{"cache", "driver", "cache"},
                           Written{"io", "driver", "io"}};
  ChangedDisk changed{"", {}};
  std::map<std::size_t, std::pair<std::size_t, std::string>> tags;  // where a start tag begins -> its end, its new text
  for (const auto& [key, value] : drive) {
    const auto* old = old_drive.if_contains(key);
    if (old != nullptr && *old == value) continue;
    const auto is_it = [&key = key](const Written& one) { return key == one.key; };
    const auto target = std::find_if(written.begin(), written.end(), is_it);
    const auto tag = target == written.end() ? disk.tags.end() : disk.tags.find(target->element);
    if (tag == disk.tags.end()) {
      changed.unused.emplace_back(key);
      continue;
    }
    if (!value.is_string())
      throw Error(Errc::bad_document, "the disk's " + std::string(key) + " that hooks left is no text");
    if (!is_for_xml(value.get_string()))
      throw Error(Errc::bad_document,
                  "the disk's " + std::string(key) + " that hooks left has a control character, which XML cannot hold");
    const auto& span = tag->second.span;
    auto& [end, text] =
        tags.try_emplace(span.begin, span.end, disk_xml.substr(span.begin, span.end - span.begin)).first->second;
    text = with_attribute(std::move(text), target->attribute, std::string(value.get_string()));
  }
  std::size_t at = 0;
  for (const auto& [begin, tag] : tags) {
    changed.xml.append(disk_xml, at, begin - at).append(tag.second);
    at = tag.first;
  }
  changed.xml.append(disk_xml.substr(at));
  return changed;
}

}  // namespace vdsm_hook
