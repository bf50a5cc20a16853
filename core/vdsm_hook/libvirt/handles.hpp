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

/// What is thrown when libvirt refuses something: Errc::refused, with libvirt's own words.
class LibvirtError : public Error {
 public:
  /// Takes this thread's last error of libvirt's. WHAT comes in front in virsh's words, "Failed to start domain 't1'",
  /// and stays on one line whatever a name in it has.
  explicit LibvirtError(const std::string& what);
  /// The same, with the domain's name in quotes between WHAT and BEHIND.
  LibvirtError(const std::string& what, virDomain* domain, const std::string& behind = {});

  int libvirt_code() const { return code_; }  ///< virErrorNumber; VIR_ERR_RPC for all that is about the connection
  const std::string& libvirt_text() const { return text_; }  ///< its words alone
  const char* what() const noexcept override { return all_.c_str(); }
  /// Replaces what() said up to now.
  void set_what(std::string text) { all_ = std::move(text); }
  /// Adds a line to what(); an empty one adds nothing.
  void add(const std::string& line) { all_ += line.empty() ? "" : "\n" + line; }

 private:
  LibvirtError(const std::string& what, int code, std::string text);
  int code_;
  std::string text_, all_;
};

/// Keeps libvirt from printing to stderr, and makes it ready for any number of threads. It may be called any number of
/// times.
void prepare_libvirt();

/// Connects to URI; an empty one is libvirt's own default. Throws LibvirtError.
ConnectionHandle connect_to(const std::string& uri);

/// Takes TEXT, which libvirt made, and frees it. Throws LibvirtError that says WHAT when it is null.
std::string take_text(char* text, const std::string& what);

/// The domain that WORD means, as virsh has it: an id, a UUID or a name. Throws LibvirtError.
DomainHandle find_domain(virConnect* connection, const std::string& word);
/// All domains that FLAGS, VIR_CONNECT_LIST_DOMAINS_*, ask for, in the order of their names. Throws LibvirtError.
std::vector<DomainHandle> domains_of(virConnect* connection, unsigned flags);
/// The host's UUID in small letters. Throws LibvirtError.
std::string host_uuid_of(virConnect* connection);

std::string uuid_of(virDomain* domain);
/// The domain's name. The call makes libvirt forget this thread's last error.
std::string name_of(virDomain* domain);
/// Whether it runs, paused or not. Throws LibvirtError.
bool is_active(virDomain* domain);
bool is_paused(virDomain* domain);
/// The domain XML as FLAGS, VIR_DOMAIN_XML_*, ask for it. Throws LibvirtError.
std::string xml_of(virDomain* domain, unsigned flags);

}  // namespace vdsm_hook
