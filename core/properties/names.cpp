#include "vdsm_hook/properties/names.hpp"

#include <algorithm>
#include <array>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

// What shells, the loader, interpreters, libraries and the tools hooks call take from the environment.
// An entry that ends in '*' stands for every name that begins so.
constexpr std::array<std::string_view, 59> kReserved{
    "PATH",        "IFS",          "ENV",           "BASH_ENV",      "SHELLOPTS",       "BASHOPTS",
    "PS4",         "CDPATH",       "GLOBIGNORE",    "HOME",          "USER",            "LOGNAME",
    "SHELL",       "TMPDIR",       "TERM",          "LANG",          "LANGUAGE",        "LC_*",
    "LD_*",        "DYLD_*",       "GCONV_PATH",    "GETCONF_DIR",   "GLIBC_TUNABLES",  "HOSTALIASES",
    "LOCALDOMAIN", "LOCPATH",      "MALLOC_*",      "NIS_PATH",      "NLSPATH",         "RES_OPTIONS",
    "RESOLV_HOST_CONF", "TZDIR",   "PYTHON*",       "PERL*",         "RUBY*",           "NODE_*",
    "JAVA_*",      "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GIT_*",     "SSH_*",           "SUDO_*",
    "XDG_*",       "DBUS_*",       "NOTIFY_SOCKET", "LISTEN_*",      "LIBVIRT_*",       "VIRSH_*",
    "LIBGUESTFS_*", "SUPERMIN_*",  "QEMU_*",        "LVM_*",         "DM_*",            "MODPROBE_*",
    "OPENSSL_*",   "SSL_CERT_*",   "vmId",          "_hook_*",       "VDSM_HOOK_*"};

constexpr std::array<std::string_view, 4> kReservedAnyCase{"http_proxy", "https_proxy", "all_proxy", "no_proxy"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_reserved(std::string_view name) {
  for (const auto entry : kReserved)
    if (entry.ends_with('*') ? name.starts_with(entry.substr(0, entry.size() - 1)) : name == entry) return true;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::find(kReservedAnyCase.begin(), kReservedAnyCase.end(), lower) != kReservedAnyCase.end();
}

}  // namespace

// U+0080 to U+009F are written in two bytes by UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (c < 0x20 || c == 0x7F || (c == 0xC2 && next >= 0x80 && next < 0xA0)) return true;
  }
  return false;
}

std::optional<std::string> refused_identifier(std::string_view name) {
  if (name.empty()) return "the name is empty";
  if (is_digit(name[0])) return "a name may not begin with a digit";
  for (const char c : name)
    if (!is_letter(c) && !is_digit(c)) return "a name has only letters, digits and _";
  return std::nullopt;
}

std::optional<std::string> refused_name(std::string_view name) {
  if (auto why = refused_identifier(name)) return why;
  if (is_reserved(name)) return "the name is reserved: it would change how the hook itself or programs it starts work";
  return std::nullopt;
}

std::optional<std::string> refused_value(std::string_view name, std::string_view value) {
  if (name.size() + 1 + value.size() > kMaxEnvironmentString)
    return "the value has " + std::to_string(value.size()) + " bytes; name and value together may have " +
           std::to_string(kMaxEnvironmentString - 1);
  if (has_control_character(value)) return "the value has a control character (a newline, a tab, ...)";
  if (!is_utf8(value)) return "the value is not UTF-8";
  return std::nullopt;
}

}  // namespace vdsm_hook
