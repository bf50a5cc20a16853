#include "vdsm_hook/properties/names.hpp"

#include <algorithm>
#include <array>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

// What shells, the loader, interpreters, libraries and the programs that hooks call take from the environment, in byte
// order. The guide for authors has the same list by kind. It can never be complete: so what a document sets and nobody
// defines is not delivered at all.
constexpr std::array<std::string_view, 105> kReserved{"BASHOPTS",
                                                      "BC_ENV_ARGS",
                                                      "BLOCKSIZE",
                                                      "BLOCK_SIZE",
                                                      "BROWSER",
                                                      "CDPATH",
                                                      "CLASSPATH",
                                                      "CMD_ENV",
                                                      "COLUMNS",
                                                      "COMPILER_PATH",
                                                      "CPATH",
                                                      "CREDENTIALS_DIRECTORY",
                                                      "DF_BLOCK_SIZE",
                                                      "DISPLAY",
                                                      "DU_BLOCK_SIZE",
                                                      "EDITOR",
                                                      "ENV",
                                                      "EXECIGNORE",
                                                      "EXINIT",
                                                      "FPATH",
                                                      "GCONV_PATH",
                                                      "GETCONF_DIR",
                                                      "GLOBIGNORE",
                                                      "GMON_OUT_PREFIX",
                                                      "GNUMAKEFLAGS",
                                                      "GODEBUG",
                                                      "GOMAXPROCS",
                                                      "GOTRACEBACK",
                                                      "HOME",
                                                      "HOSTALIASES",
                                                      "IFS",
                                                      "INPUTRC",
                                                      "INVOCATION_ID",
                                                      "IP_LIB_DIR",
                                                      "JOURNAL_STREAM",
                                                      "LANG",
                                                      "LANGUAGE",
                                                      "LIBRARY_PATH",
                                                      "LINES",
                                                      "LLVM_PROFILE_FILE",
                                                      "LOCALDOMAIN",
                                                      "LOCPATH",
                                                      "LOGNAME",
                                                      "M4PATH",
                                                      "MAIL",
                                                      "MAILCHECK",
                                                      "MAILPATH",
                                                      "MANOPT",
                                                      "MANPAGER",
                                                      "MANPATH",
                                                      "MFLAGS",
                                                      "MIBDIRS",
                                                      "MIBS",
                                                      "NETRC",
                                                      "NIS_PATH",
                                                      "NLSPATH",
                                                      "NOTIFY_SOCKET",
                                                      "OLDPWD",
                                                      "OPTERR",
                                                      "OPTIND",
                                                      "OUTPUT_CHARSET",
                                                      "PAGER",
                                                      "PATH",
                                                      "PGOPTIONS",
                                                      "PGSYSCONFDIR",
                                                      "PHPRC",
                                                      "POSIXLY_CORRECT",
                                                      "PROC_ROOT",
                                                      "PROMPT_COMMAND",
                                                      "PS1",
                                                      "PS2",
                                                      "PS3",
                                                      "PS4",
                                                      "PWD",
                                                      "QUOTING_STYLE",
                                                      "REGISTRY_AUTH_FILE",
                                                      "RES_OPTIONS",
                                                      "RSH",
                                                      "SGML_CATALOG_FILES",
                                                      "SHELL",
                                                      "SHELLOPTS",
                                                      "SHLVL",
                                                      "SIMPLE_BACKUP_SUFFIX",
                                                      "SSHPASS",
                                                      "SSLKEYLOGFILE",
                                                      "STRONGSWAN_CONF",
                                                      "SYSTEM_WGETRC",
                                                      "TAPE",
                                                      "TEMP",
                                                      "TERM",
                                                      "TERMCAP",
                                                      "TIME_STYLE",
                                                      "TMOUT",
                                                      "TMP",
                                                      "TMPDIR",
                                                      "TZ",
                                                      "TZDIR",
                                                      "USER",
                                                      "VERSION_CONTROL",
                                                      "VISUAL",
                                                      "XAUTHORITY",
                                                      "XML_CATALOG_FILES",
                                                      "ZDOTDIR",
                                                      "ZIPOPT",
                                                      "vmId"};

// Every name that begins so.
constexpr std::array<std::string_view, 194> kReservedFamilies{
    "ANSIBLE_",   "APT_",      "ARPTABLES_",    "ASAN_",       "AWK",        "AWS_",        "AZURE_",     "BASH_",
    "BLKID_",     "BTRFS_",    "BUILDAH_",      "BUNDLE_",     "BZIP",       "CCACHE_",     "CEPH_",      "CLOUDSDK_",
    "CMAKE_",     "COMPlus_",  "CONSUL_",       "CONTAINERS_", "CONTAINER_", "CORECLR_",    "CUDA_",      "CURL_",
    "CVS_",       "DBUS_",     "DEBCONF_",      "DEBIAN_",     "DEBUGFS_",   "DEBUGINFOD_", "DENO_",      "DISTCC_",
    "DM_",        "DNF_",      "DOCKER_",       "DOTNET_",     "DPKG_",      "DYLD_",       "E2FSPROGS_", "EBTABLES_",
    "EGL_",       "EMACS",     "ERL_",          "ETCDCTL_",    "FACTER",     "FONTCONFIG_", "GAWK_",      "GBM_",
    "GCC_",       "GCOV_",     "GDB",           "GDK_",        "GEM_",       "GIO_",        "GIT_",       "GLIBC_",
    "GLUSTER_",   "GNUPG",     "GNUTLS_",       "GOMP_",       "GOOGLE_",    "GPG_",        "GREP_",      "GSETTINGS_",
    "GSS_",       "GTK_",      "GUILE_",        "GZIP",        "G_",         "HG",          "HISTFILE",   "IMSM_",
    "IP6TABLES_", "IPSEC_",    "IPTABLES_",     "ISCSI_",      "JAVA_",      "JDK_",        "KRB5",       "KUBE",
    "LC_",        "LDAP",      "LD_",           "LESS",        "LIBBLKID_",  "LIBFDISK_",   "LIBGL_",     "LIBGUESTFS_",
    "LIBMOUNT_",  "LIBPROC_",  "LIBSMARTCOLS_", "LIBSMB_",     "LIBVIRT_",   "LISTEN_",     "LSAN_",      "LS_",
    "LUA_",       "LVM_",      "MAKE",          "MALLOC_",     "MDADM_",     "MESA_",       "MKE2FS_",    "MODPROBE_",
    "MONO_",      "MPATH_",    "MSAN_",         "MYSQL_",      "NBD",        "NFT_",        "NMAP",       "NM_",
    "NODE_",      "NPM_",      "NSS_",          "OCL_",        "ODBC",       "OMP_",        "OPENSC_",    "OPENSSL_",
    "OSINFO_",    "OVN_",      "OVS_",          "P11_",        "PARALLEL",   "PATCH_",      "PERL",       "PGPASS",
    "PGSERVICE",  "PHP_",      "PINENTRY_",     "PKCS11_",     "PKG_CONFIG", "PODMAN_",     "PROC_NET_",  "PSQL",
    "PS_",        "PUPPET_",   "PYTHON",        "QEMU_",       "QT_",        "RBD_",        "RESOLV_",    "RPM_",
    "RSYNC_",     "RTE_",      "RUBY",          "R_",          "SALT_",      "SASL_",       "SMB_",       "SNMP",
    "SOCAT_",     "SOFTHSM",   "SQLITE_",       "SSH_",        "SSL_",       "SUDO_",       "SUPERMIN_",  "SVN_",
    "SYSTEMD_",   "TAR_",      "TCL",           "TC_",         "TERMINFO",   "TF_",         "TK_",        "TPM2",
    "TSAN_",      "TSS2_",     "UBSAN_",        "UNZIP",       "VALGRIND_",  "VAULT_",      "VDSM_HOOK_", "VIM",
    "VIRSH_",     "VIRTINST_", "VIRT_",         "VK_",         "WATCHDOG_",  "WAYLAND_",    "WGET",       "WG_",
    "XDG_",       "XTABLES_",  "XZ_",           "ZFS_",        "ZPOOL_",     "ZSTD_",       "_JAVA_",     "_STDBUF_",
    "_hook_",     "npm_"};

constexpr std::array<std::string_view, 7> kReservedAnyCase{"all_proxy", "ftp_proxy",   "http_proxy", "https_proxy",
                                                           "no_proxy",  "rsync_proxy", "socks_proxy"};

static_assert(std::is_sorted(kReserved.begin(), kReserved.end()));

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_reserved(std::string_view name) {
  if (std::binary_search(kReserved.begin(), kReserved.end(), name)) return true;
  for (const auto family : kReservedFamilies)
    if (name.starts_with(family)) return true;
  return std::find(kReservedAnyCase.begin(), kReservedAnyCase.end(), in_lower_case(name)) != kReservedAnyCase.end();
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
