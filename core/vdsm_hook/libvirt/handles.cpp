#include "vdsm_hook/libvirt/handles.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/xml/lookup.hpp"

namespace vdsm_hook {
namespace {

int last_code() {
  const auto* error = ::virGetLastError();
  if (error == nullptr) return VIR_ERR_OK;
  return error->domain == VIR_FROM_RPC ? VIR_ERR_RPC : error->code;  // "internal error: client socket is closed"
}

std::string last_text() {
  const auto* text = ::virGetLastErrorMessage();
  if (text == nullptr) return "unknown error";
  return last_code() == VIR_ERR_NO_DOMAIN ? on_one_line(text) : text;  // with the name as it was given
}

}  // namespace

LibvirtError::LibvirtError(const std::string& what) : LibvirtError(what, last_code(), last_text()) {}

LibvirtError::LibvirtError(const std::string& what, int code, std::string text)
    : Error(Errc::refused, text),
      code_(code),
      text_(std::move(text)),
      all_((what.empty() ? "" : on_one_line(what) + "\n") + text_) {}

LibvirtError::LibvirtError(const std::string& what, virDomain* domain, const std::string& behind)
    : LibvirtError("", last_code(), last_text()) {
  all_ = on_one_line(what + " '" + name_of(domain) + "'" + behind) + "\n" + text_;
}

void prepare_libvirt() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::virInitialize();
    ::virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  });
}

ConnectionHandle connect_to(const std::string& uri) {
  prepare_libvirt();
  ConnectionHandle connection(::virConnectOpenAuth(uri.empty() ? nullptr : uri.c_str(), virConnectAuthPtrDefault, 0));
  if (!connection) throw LibvirtError("failed to connect to the hypervisor");
  return connection;
}

std::string take_text(char* text, const std::string& what) {
  const LibvirtText owner(text);
  if (!owner) throw LibvirtError(what);
  return text;
}

DomainHandle find_domain(virConnect* connection, const std::string& word) {
  int id = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  DomainHandle domain;
  if (error == std::errc() && end == word.data() + word.size()) domain.reset(::virDomainLookupByID(connection, id));
  if (!domain && is_uuid(word)) domain.reset(::virDomainLookupByUUIDString(connection, word.c_str()));
  if (!domain) domain.reset(::virDomainLookupByName(connection, word.c_str()));
  if (!domain) throw LibvirtError("failed to get domain '" + word + "'");
  return domain;
}

std::vector<DomainHandle> domains_of(virConnect* connection, unsigned flags) {
  virDomain** list = nullptr;
  const int count = ::virConnectListAllDomains(connection, &list, flags);
  if (count < 0) throw LibvirtError("Failed to list domains");
  std::vector<DomainHandle> domains;
  for (int i = 0; i < count; ++i) domains.emplace_back(list[i]);
  ::free(list);
  std::sort(domains.begin(), domains.end(),
            [](const auto& a, const auto& b) { return name_of(a.get()) < name_of(b.get()); });
  return domains;
}

std::string host_uuid_of(virConnect* connection) {
  const auto capabilities = take_text(::virConnectGetCapabilities(connection), "cannot tell the UUID of the host");
  const auto uuid = trimmed(text_at(capabilities, "*/host/uuid").value_or(""));
  // libvirt's test driver has none.
  return is_uuid(uuid) ? uuid : "00000000-0000-0000-0000-000000000000";
}

std::string uuid_of(virDomain* domain) {
  char text[VIR_UUID_STRING_BUFLEN];
  if (::virDomainGetUUIDString(domain, text) != 0) throw LibvirtError("cannot tell the UUID of the domain");
  return text;
}

std::string name_of(virDomain* domain) {
  const auto* name = ::virDomainGetName(domain);
  if (name == nullptr) throw LibvirtError("cannot tell the name of the domain");
  return name;
}

bool is_active(virDomain* domain) {
  const int active = ::virDomainIsActive(domain);
  if (active < 0) throw LibvirtError("cannot tell the state of domain", domain);
  return active == 1;
}

bool is_paused(virDomain* domain) {
  int state = 0, why = 0;
  if (::virDomainGetState(domain, &state, &why, 0) != 0) throw LibvirtError("cannot tell the state of domain", domain);
  return state == VIR_DOMAIN_PAUSED;
}

std::string xml_of(virDomain* domain, unsigned flags) {
  const LibvirtText text(::virDomainGetXMLDesc(domain, flags));
  if (!text) throw LibvirtError("cannot read the domain XML of", domain);
  return text.get();
}

}  // namespace vdsm_hook
