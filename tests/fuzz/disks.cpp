// A disk's XML, an empty line, the JSON that a hook left of it.
#include <boost/json/parse.hpp>

#include "fuzz.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/libvirt/disks.hpp"
#include "vdsm_hook/xml/reader.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

namespace {

struct Judge final : XmlHandler {
  void start(const XmlName&, const XmlAttributes&) override {}
  void end() override {}
  void text(std::string_view) override {}
};

bool is_xml(std::string_view text) {
  Judge judge;
  return !read_xml(text, judge);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto all = text_of(data, size);
  const auto gap = all.find("\n\n");
  const auto disk = all.substr(0, gap);
  const auto after = gap == std::string_view::npos ? std::string_view() : all.substr(gap + 2);
  if (!is_xml(disk)) return 0;  // what is no element is refused before it comes here
  const auto before = disk_to_json(disk);
  if (before.empty()) return 0;
  promise(boost::json::parse(before).is_object(), "hooks get an object: " + before);
  const auto same = changed_disk(disk, before, before);
  promise(same.xml == disk && same.unused.empty(), "what nobody changed stays byte for byte");
  boost::system::error_code wrong;
  const auto left = boost::json::parse(after, wrong);
  if (wrong || !left.is_object()) return 0;  // such a document is not adopted
  try {
    const auto changed = changed_disk(disk, before, after);
    promise(is_xml(changed.xml), "a changed disk is an element: " + changed.xml);
    const auto again = disk_to_json(changed.xml);
    if (again.empty()) return 0;
    promise(changed_disk(changed.xml, again, again).xml == changed.xml, "a changed disk is a disk");
    const auto now = boost::json::parse(again).as_object();
    const auto* path = left.as_object().if_contains("path");
    if (path != nullptr && path->is_string() && !path->as_string().empty() && now.contains("path"))
      promise(now.at("path") == *path, "the path is what the hook said: " + again);
  } catch (const Error& error) {
    promise(error.code() == Errc::bad_document, error.what());
  }
  return 0;
}
