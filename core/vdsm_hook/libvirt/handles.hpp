// Owners of libvirt's objects, and its errors as ours.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook {

struct LibvirtFree {
  void operator()(virConnect* connection) const { ::virConnectClose(connection); }
  void operator()(virDomain* domain) const { ::virDomainFree(domain); }
  void operator()(char* text) const { ::free(text); }
};
using ConnectionHandle = std::unique_ptr<virConnect, LibvirtFree>;
using DomainHandle = std::unique_ptr<virDomain, LibvirtFree>;
using LibvirtText = std::unique_ptr<char, LibvirtFree>;

/// libvirt refused something: Errc::refused, with libvirt's own words.
class LibvirtError : public Error {
 public:
  /// Of this thread's last error. WHAT, in virsh's words, comes in front, on one line whatever a name in it has: "Failed to start domain 't1'".
  explicit LibvirtError(const std::string& what);
  /// The same for WHAT 'NAME OF THE DOMAIN'BEHIND.
  LibvirtError(const std::string& what, virDomain* domain, const std::string& behind = {});

  int libvirt_code() const { return code_; }           ///< virErrorNumber; VIR_ERR_RPC for all that is about the connection
  const std::string& libvirt_text() const { return text_; }  ///< its words alone
  const char* what() const noexcept override { return all_.c_str(); }
  /// Instead of what() up to now.
  void set_what(std::string text) { all_ = std::move(text); }
  /// Another line of what().
  void add(const std::string& line) { all_ += line.empty() ? "" : "\n" + line; }

 private:
  LibvirtError(const std::string& what, int code, std::string text);
  int code_;
  std::string text_, all_;
};

/// Keeps libvirt from printing to stderr, and makes it ready for any number of threads. Any number of calls.
void prepare_libvirt();

/// URI: empty is libvirt's own default. Throws LibvirtError.
ConnectionHandle connect_to(const std::string& uri);

/// Throws LibvirtError saying WHAT when TEXT is null.
std::string take_text(char* text, const std::string& what);

/// The domain that WORD means, as virsh has it: an id, a UUID or a name. Throws LibvirtError.
DomainHandle find_domain(virConnect* connection, const std::string& word);
/// FLAGS: VIR_CONNECT_LIST_DOMAINS_*. By name. Throws LibvirtError.
std::vector<DomainHandle> domains_of(virConnect* connection, unsigned flags);
/// Of the host, lower case. Throws LibvirtError.
std::string host_uuid_of(virConnect* connection);

std::string uuid_of(virDomain* domain);
/// It makes libvirt forget this thread's last error.
std::string name_of(virDomain* domain);
/// Whether it runs, paused or not. Throws LibvirtError.
bool is_active(virDomain* domain);
bool is_paused(virDomain* domain);
/// FLAGS: VIR_DOMAIN_XML_*. Throws LibvirtError.
std::string xml_of(virDomain* domain, unsigned flags);

}  // namespace vdsm_hook
