#include "vdsm_hook/payload/soundness.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

// Takes root, <uuid> and <name> on the way.
class IdentityReader final : public XmlHandler {
 public:
  explicit IdentityReader(DocumentIdentity& identity) : identity_(identity) {}

  void start(const XmlName& name, const XmlAttributes&) override {
    ++depth_;
    if (depth_ == 1) {
      identity_.root_space = name.space;
      identity_.root = name.local;
    }
    if (depth_ == 2 && name.space.empty())
      taking_ = name.local == "uuid" ? &identity_.uuid : name.local == "name" ? &identity_.name : nullptr;
  }
  void end() override {
    if (--depth_ == 1) taking_ = nullptr;
  }
  void text(std::string_view piece) override {
    if (taking_ != nullptr) *taking_ += piece;  // of elements within too, as libvirt takes it
  }

 private:
  DocumentIdentity& identity_;
  std::string* taking_ = nullptr;
  int depth_ = 0;
};

// Accepts everything and keeps nothing.
struct JsonJudge {
  constexpr static std::size_t max_object_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_array_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_key_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view, std::size_t, error_code&) { return true; }
  bool on_key(string_view, std::size_t, error_code&) { return true; }
  bool on_string_part(string_view, std::size_t, error_code&) { return true; }
  bool on_string(string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  bool on_double(double, string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }
};

std::optional<std::string> unsound_json(std::string_view document) {
  boost::json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::json::basic_parser<JsonJudge> parser(options);
  boost::json::error_code error;
  const auto read = parser.write_some(false, document.data(), document.size(), error);
  if (!error && document.find_first_not_of(" \t\r\n", read) != std::string_view::npos)
    error = boost::json::error::extra_data;
  if (!error) return std::nullopt;
  return "not JSON at byte " + std::to_string(read + 1) + ": " + error.message();
}

}  // namespace

std::optional<std::string> unsound(PayloadKind kind, std::string_view document, DocumentIdentity& identity) {
  identity = {};
  if (kind == PayloadKind::none) return std::nullopt;
  if (kind == PayloadKind::json) return unsound_json(document);
  IdentityReader reader(identity);
  if (const auto problem = read_xml(document, reader)) return "not well-formed at " + problem->to_text();
  if (kind == PayloadKind::device_xml) {
    identity.uuid.clear();
    identity.name.clear();
    return std::nullopt;
  }
  if (identity.root != "domain" || !identity.root_space.empty())
    return "its root element is <" + printable(identity.root) + ">" +
           (identity.root != "domain" ? ", not <domain>"
                                      : " of the namespace '" + on_one_line(identity.root_space) + "', and that of a domain XML is of none: take that xmlns= away");
  identity.uuid = trimmed(identity.uuid);
  return std::nullopt;
}

std::optional<std::string> moved(const DocumentIdentity& before, const DocumentIdentity& after) {
  const auto change = [](std::string_view what, const std::string& from, const std::string& to) {
    const auto shown = [](const std::string& text) { return text.empty() ? "nothing" : "'" + printable(text) + "'"; };
    return std::string(what) + " was changed from " + shown(from) + " to " + shown(to);
  };
  if (before.root != after.root || before.root_space != after.root_space)
    return change("the root element", before.root, after.root);
  if (before.uuid != after.uuid) return change("the VM's <uuid>", before.uuid, after.uuid);
  if (before.name != after.name) return change("the VM's <name>", before.name, after.name);
  return std::nullopt;
}

}  // namespace vdsm_hook
