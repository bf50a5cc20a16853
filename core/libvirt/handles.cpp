#include "vdsm_hook/libvirt/handles.hpp"

#include <mutex>

namespace vdsm_hook {
namespace {

int last_code() {
  const auto* error = ::virGetLastError();
  return error == nullptr ? VIR_ERR_OK : error->code;
}

std::string last_text() {
  const auto* text = ::virGetLastErrorMessage();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

LibvirtError::LibvirtError(const std::string& what) : LibvirtError(what, last_code(), last_text()) {}

LibvirtError::LibvirtError(const std::string& what, int code, std::string text)
    : Error(Errc::refused, text), code_(code), text_(std::move(text)), all_((what.empty() ? "" : what + "\n") + text_) {}

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

std::string xml_of(virDomain* domain, unsigned flags) {
  return take_text(::virDomainGetXMLDesc(domain, flags), "cannot read the domain XML of '" + name_of(domain) + "'");
}

}  // namespace vdsm_hook
