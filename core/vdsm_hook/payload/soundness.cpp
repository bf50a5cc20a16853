#include "vdsm_hook/payload/soundness.hpp"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/xml/reader.hpp"

namespace vdsm_hook {
namespace {

using std::string_view_literals::operator""sv;

// Where one of these is twice, libvirt takes the first, and other readers another or both.
constexpr std::array kOnceInDomain{"name"sv, "uuid"sv, "metadata"sv};
constexpr std::array kOnceInDevice{"mac"sv, "alias"sv, "target"sv, "address"sv};

// Takes root, <uuid> and <name> on the way, and finds what is there twice.
class IdentityReader final : public XmlHandler {
 public:
  IdentityReader(PayloadKind kind, DocumentIdentity& identity)
      : identity_(identity), device_depth_(kind == PayloadKind::device_xml ? 1 : 3) {}

  void start(const XmlName& name, const XmlAttributes&) override {
    ++depth_;
    if (depth_ == 1) {
      identity_.root_space = name.space;
      identity_.root = name.local;
    }
    if (taking_ != nullptr)
      note("an element in its <" + std::string(taking_ == &identity_.uuid ? "uuid" : "name") + ">");
    if (depth_ == 2) is_in_devices_ = device_depth_ == 1 || (name.space.empty() && name.local == "devices");
    if (depth_ == device_depth_) in_device_ = {};
    if (!name.space.empty()) return;
    if (depth_ == 2 && device_depth_ != 1) {
      count(kOnceInDomain, in_domain_, name.local);
      taking_ = name.local == "uuid" ? &identity_.uuid : name.local == "name" ? &identity_.name : nullptr;
    }
    if (depth_ == device_depth_ + 1 && is_in_devices_) count(kOnceInDevice, in_device_, name.local);
  }
  void end() override {
    if (--depth_ == 1) taking_ = nullptr;
  }
  void text(std::string_view piece) override {
    if (taking_ != nullptr) *taking_ += piece;
  }

  std::string fault;  // "two elements <uuid>"; empty: none
  std::size_t fault_at = 0;

 private:
  template <std::size_t size>
  void count(const std::array<std::string_view, size>& names, std::array<bool, size>& seen, std::string_view name) {
    const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (at == size) return;
    if (seen[at]) note("two elements <" + std::string(name) + ">" + (depth_ == 2 ? "" : " in a device"));
    seen[at] = true;
  }
  void note(std::string what) {
    if (!fault.empty()) return;
    fault = std::move(what);
    fault_at = tag().begin;
  }

  DocumentIdentity& identity_;
  const std::size_t device_depth_;
  std::string* taking_ = nullptr;
  std::size_t depth_ = 0;
  bool is_in_devices_ = false;
  std::array<bool, kOnceInDomain.size()> in_domain_{};
  std::array<bool, kOnceInDevice.size()> in_device_{};
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
  options.max_depth = kMaxNesting;
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
  IdentityReader reader(kind, identity);
  if (const auto problem = read_xml(document, reader)) return "not well-formed at " + problem->to_text();
  if (kind == PayloadKind::domain_xml && (identity.root != "domain" || !identity.root_space.empty()))
    return "wrong: its root element is <" + printable(identity.root) + ">" +
           (identity.root != "domain" ? ", not <domain>"
                                      : " of the namespace '" + on_one_line(identity.root_space) +
                                            "', and that of a domain XML is of none: take that xmlns= away");
  if (!reader.fault.empty()) {
    const auto line =
        1 + std::count(document.begin(), document.begin() + static_cast<std::ptrdiff_t>(reader.fault_at), '\n');
    return "wrong: it has " + reader.fault + ", in line " + std::to_string(line) +
           ": leave one, which every reader takes";
  }
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
