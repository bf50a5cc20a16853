#define BOOST_TEST_MODULE properties
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/properties/metadata.hpp"
#include "vdsm_hook/properties/names.hpp"

using namespace vdsm_hook;
using std::string_literals::operator""s;

namespace {

// The contract's list, written down apart from the code; a star stands for nothing or anything.
const std::vector<std::string> kReserved{"PATH",
                                         "IFS",
                                         "ENV",
                                         "BASH_ENV",
                                         "SHELLOPTS",
                                         "BASHOPTS",
                                         "PS4",
                                         "CDPATH",
                                         "GLOBIGNORE",
                                         "HOME",
                                         "USER",
                                         "LOGNAME",
                                         "SHELL",
                                         "TMPDIR",
                                         "TERM",
                                         "LANG",
                                         "LANGUAGE",
                                         "LC_*",
                                         "LD_*",
                                         "DYLD_*",
                                         "GCONV_PATH",
                                         "GETCONF_DIR",
                                         "GLIBC_TUNABLES",
                                         "HOSTALIASES",
                                         "LOCALDOMAIN",
                                         "LOCPATH",
                                         "MALLOC_*",
                                         "NIS_PATH",
                                         "NLSPATH",
                                         "RES_OPTIONS",
                                         "RESOLV_HOST_CONF",
                                         "TZDIR",
                                         "PYTHON*",
                                         "PERL*",
                                         "RUBY*",
                                         "NODE_*",
                                         "JAVA_*",
                                         "_JAVA_OPTIONS",
                                         "JDK_JAVA_OPTIONS",
                                         "GIT_*",
                                         "SSH_*",
                                         "SUDO_*",
                                         "XDG_*",
                                         "DBUS_*",
                                         "NOTIFY_SOCKET",
                                         "LISTEN_*",
                                         "LIBVIRT_*",
                                         "VIRSH_*",
                                         "LIBGUESTFS_*",
                                         "SUPERMIN_*",
                                         "QEMU_*",
                                         "LVM_*",
                                         "DM_*",
                                         "MODPROBE_*",
                                         "OPENSSL_*",
                                         "SSL_CERT_*",
                                         "vmId",
                                         "_hook_*",
                                         "VDSM_HOOK_*"};

using Properties = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kSpace = "xmlns:ovirt-vm='http://ovirt.org/vm/1.0'";

std::string with_metadata(const std::string& metadata) {
  return "<domain><name>a</name><metadata>" + metadata + "</metadata></domain>";
}
std::string with_custom(const std::string& inside) {
  return with_metadata("<ovirt-vm:vm " + std::string(kSpace) + "><ovirt-vm:custom>" + inside +
                       "</ovirt-vm:custom></ovirt-vm:vm>");
}

void check(const std::string& document, const Properties& wanted) {
  const auto found = read_domain_facts(document).custom_properties;
  BOOST_TEST_CONTEXT(document) {
    BOOST_TEST(found.size() == wanted.size());
    for (std::size_t i = 0; i < std::min(found.size(), wanted.size()); ++i) {
      BOOST_TEST(found[i].first == wanted[i].first);
      BOOST_TEST(found[i].second == wanted[i].second);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_reserved_name_is_refused) {
  for (const auto& entry : kReserved) {
    if (!entry.ends_with('*')) {
      BOOST_TEST(refused_name(entry).has_value(), entry);
      continue;
    }
    const auto stem = entry.substr(0, entry.size() - 1);
    for (const auto& rest : {""s, "X"s, "path"s, "_"s, "0"s})
      BOOST_TEST(refused_name(stem + rest).has_value(), stem + rest);
  }
  for (const auto& name : {"LD_PRELOAD"s, "LD_LIBRARY_PATH"s, "PYTHONPATH"s, "PERL5LIB"s, "RUBYOPT"s, "_hook_domxml"s,
                           "_hook_json"s, "VDSM_HOOK_RUN_ID"s, "LC_ALL"s, "XDG_RUNTIME_DIR"s, "LIBVIRT_DEFAULT_URI"s})
    BOOST_TEST(refused_name(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(what_the_programs_that_hooks_call_run_or_load_is_refused) {
  for (const auto& name : {"TAR_OPTIONS"s,
                           "TC_LIB_DIR"s,
                           "XTABLES_LIBDIR"s,
                           "CURL_HOME"s,
                           "WGETRC"s,
                           "RSYNC_RSH"s,
                           "LUA_INIT"s,
                           "CEPH_ARGS"s,
                           "GIO_EXTRA_MODULES"s,
                           "EDITOR"s,
                           "POSIXLY_CORRECT"s,
                           "TMOUT"s,
                           "KRB5_CONFIG"s,
                           "LESSOPEN"s,
                           "PAGER"s,
                           "MAKEFLAGS"s,
                           "AWKPATH"s,
                           "GNUPGHOME"s,
                           "ANSIBLE_CONFIG"s,
                           "OVS_RUNDIR"s,
                           "WG_QUICK_USERSPACE_IMPLEMENTATION"s,
                           "LIBSMB_PROG"s,
                           "VK_LAYER_PATH"s,
                           "SYSTEMD_EDITOR"s,
                           "PHPRC"s,
                           "R_PROFILE"s,
                           "MDADM_CONF_FILE"s,
                           "ZPOOL_SCRIPTS_PATH"s,
                           "PKCS11_PROVIDER"s,
                           "SSLKEYLOGFILE"s,
                           "PROMPT_COMMAND"s})
    BOOST_TEST(refused_name(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(every_name_that_the_guide_calls_reserved_is) {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/../../hookpoints/CONTRACT.md");
  std::size_t count = 0;
  bool is_there = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) is_there = line == "### Reserved names";
    if (!is_there || !line.starts_with("| ")) continue;
    for (auto begin = line.find('`'); begin != std::string::npos; begin = line.find('`', begin + 1)) {
      const auto end = line.find('`', begin + 1);
      auto name = line.substr(begin + 1, end - begin - 1);
      if (name.ends_with('*')) name.back() = 'x';
      BOOST_TEST(refused_name(name).value_or("").starts_with("the name is reserved"), name);
      begin = end;
      ++count;
    }
  }
  BOOST_TEST(count > 250U);
}

BOOST_AUTO_TEST_CASE(the_proxies_are_refused_in_any_case) {
  for (const std::string word : {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy", "rsync_proxy"}) {
    auto upper = word, mixed = word;
    for (auto& c : upper) c = c == '_' ? c : static_cast<char>(c - 32);
    mixed[0] = upper[0];
    for (const auto& name : {word, upper, mixed}) BOOST_TEST(refused_name(name).has_value(), name);
  }
}

BOOST_AUTO_TEST_CASE(names_that_only_look_like_reserved_ones_are_allowed) {
  for (const auto& name :
       {"PATHX"s,      "XPATH"s,       "path"s,    "Path"s,        "_PATH"s,        "PATH_"s,       "IFSX"s,
        "ENVX"s,       "env"s,         "HOMEX"s,   "home"s,        "USERX"s,        "USERNAME"s,    "TERMX"s,
        "LANGX"s,      "LC"s,          "lc_all"s,  "LD"s,          "ld_preload"s,   "XLD_PRELOAD"s, "DYLD"s,
        "MALLOC"s,     "PYTHO"s,       "python"s,  "PER"s,         "RUB"s,          "NODE"s,        "JAVA"s,
        "_JAVA"s,      "R"s,           "GIT"s,     "SSH"s,         "SSHX"s,         "SUDO"s,        "XDG"s,
        "DBUS"s,       "LISTEN"s,      "LIBVIRT"s, "QEMU"s,        "qemu_cmdline"s, "LVM"s,         "DM"s,
        "MODPROBE"s,   "OPENSSL"s,     "SSL"s,     "G"s,           "TMPX"s,         "TZX"s,         "vmid"s,
        "VMID"s,       "vmIdX"s,       "_hook"s,   "_hooks"s,      "hook_x"s,       "_HOOK_x"s,     "VDSM_HOOK"s,
        "VDSM_HOOKS"s, "vdsm_hook_x"s, "proxy"s,   "http_proxyx"s, "xftp_proxy"s,   "x_no_proxy"s})
    BOOST_TEST(!refused_name(name).has_value(), name << ": " << refused_name(name).value_or(""));
}

BOOST_AUTO_TEST_CASE(the_properties_that_are_in_use_are_allowed) {
  for (const auto& name : {"macspoof"s, "ifacemacspoof"s, "speed"s, "duplex"s, "viodiskcache"s, "sap_agent"s,
                           "extra_cpu_flags"s, "_"s, "a"s, "A9"s, "_9"s, "FROM_SNAPSHOT"s, std::string(1000, 'a')})
    BOOST_TEST(!refused_name(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(what_is_no_identifier_is_refused) {
  for (const auto& name : {""s,
                           "9"s,
                           "9a"s,
                           "a b"s,
                           " a"s,
                           "a "s,
                           "a-b"s,
                           "a.b"s,
                           "a=b"s,
                           "="s,
                           "a\n"s,
                           "a\0"s,
                           "\0"s,
                           "\xC3\xA9"s,
                           "a\xC3\xA9"s,
                           "\xFF"s,
                           "a/b"s,
                           "a$b"s,
                           "a:b"s,
                           "a[0]"s,
                           "BASH_FUNC_x%%"s,
                           "BASH_FUNC_x()"s})
    BOOST_TEST(refused_name(name).has_value(), name);
}

BOOST_AUTO_TEST_CASE(values_are_text_of_one_line) {
  for (const auto& value : {""s, " "s, "true"s, "a b=c"s, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"s, "$(reboot)`;|'\"\\"s,
                            "<a b='c'>&amp;"s, "\xC2\xA0"s, std::string(100000, 'x')})
    BOOST_TEST(!refused_value("name", value).has_value(), value.substr(0, 80));
  for (const auto& value : {"a\nb"s, "\n"s, "a\tb"s, "a\rb"s, "\0"s, "a\0b"s, "\x01"s, "\x1F"s, "\x1B[2J"s, "\x7F"s,
                            "\xC2\x80"s, "a\xC2\x85"s,
                            "\xC2\x9B"
                            "2J"s,
                            "\xFF"s, "\xC3"s, "\xC0\x80"s, "\xED\xA0\x80"s, "caf\xE9"s})
    BOOST_TEST(refused_value("name", value).has_value());
}

BOOST_AUTO_TEST_CASE(name_and_value_fit_into_one_environment_string) {
  for (const std::size_t name_size : {1U, 4U, 1000U}) {
    const std::string name(name_size, 'n');
    const auto room = kMaxEnvironmentString - name_size - 1;
    BOOST_TEST(!refused_value(name, std::string(room, 'x')).has_value());
    BOOST_TEST(refused_value(name, std::string(room + 1, 'x')).has_value());
  }
  BOOST_TEST(refused_value("name", std::string(200000, 'x')).value().find("200000") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(custom_properties_are_found_by_namespace_whatever_the_prefix) {
  const Properties wanted{{"macspoof", "true"}, {"sap_agent", "false"}};
  const std::string space = "http://ovirt.org/vm/1.0";
  check(with_custom("<ovirt-vm:macspoof>true</ovirt-vm:macspoof><ovirt-vm:sap_agent>false</ovirt-vm:sap_agent>"),
        wanted);
  // Another prefix, none, several, one that means something else outside.
  check(with_metadata("<x:vm xmlns:x='" + space +
                      "'><x:custom><x:macspoof>true</x:macspoof><x:sap_agent>false</x:sap_agent></x:custom></x:vm>"),
        wanted);
  check(with_metadata("<vm xmlns='" + space +
                      "'><custom><macspoof>true</macspoof><sap_agent>false</sap_agent></custom></vm>"),
        wanted);
  check(with_metadata("<x:vm xmlns:x='" + space + "' xmlns:y='" + space +
                      "'><y:custom><x:macspoof>true</x:macspoof>"
                      "<sap_agent xmlns='" +
                      space + "'>false</sap_agent></y:custom></x:vm>"),
        wanted);
  check("<domain xmlns:ovirt-vm='u'><metadata><ovirt-vm:vm xmlns:ovirt-vm='" + space +
            "'><ovirt-vm:custom>"
            "<ovirt-vm:macspoof>true</ovirt-vm:macspoof><ovirt-vm:sap_agent>false</ovirt-vm:sap_agent>"
            "</ovirt-vm:custom></ovirt-vm:vm></metadata></domain>",
        wanted);
  check("<domain " + std::string(kSpace) +
            "><metadata><ovirt-vm:vm><ovirt-vm:custom><ovirt-vm:macspoof>true</ovirt-vm:macspoof>"
            "<ovirt-vm:sap_agent>false</ovirt-vm:sap_agent></ovirt-vm:custom></ovirt-vm:vm></metadata></"
            "domain>",
        wanted);
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_namespace_or_not_in_its_place_is_no_property) {
  const std::string space = "http://ovirt.org/vm/1.0", item = "<ovirt-vm:a>1</ovirt-vm:a>";
  for (const auto& document :
       {with_custom(""), with_custom("<a>1</a>"), with_custom("<x:a xmlns:x='u'>1</x:a>"), with_custom("text"),
        with_custom("<!-- <ovirt-vm:a>1</ovirt-vm:a> -->"), with_custom("<wrap>" + item + "</wrap>"),
        with_metadata("<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.1'><ovirt-vm:custom>" + item +
                      "</ovirt-vm:custom></ovirt-vm:vm>"),
        with_metadata("<ovirt-vm:vm xmlns:ovirt-vm='HTTP://ovirt.org/vm/1.0'><ovirt-vm:custom>" + item +
                      "</ovirt-vm:custom></ovirt-vm:vm>"),
        with_metadata("<ovirt-vm:vm xmlns:ovirt-vm='" + space + "'>" + item + "</ovirt-vm:vm>"),
        with_metadata("<ovirt-vm:custom xmlns:ovirt-vm='" + space + "'>" + item + "</ovirt-vm:custom>"),
        with_metadata("<vm><ovirt-vm:custom xmlns:ovirt-vm='" + space + "'>" + item + "</ovirt-vm:custom></vm>"),
        with_metadata("<ovirt-vm:VM xmlns:ovirt-vm='" + space + "'><ovirt-vm:custom>" + item +
                      "</ovirt-vm:custom></ovirt-vm:VM>"),
        with_metadata("<ovirt-vm:vm xmlns:ovirt-vm='" + space + "'><ovirt-vm:device mac_address='m'><ovirt-vm:custom>" +
                      item + "</ovirt-vm:custom></ovirt-vm:device></ovirt-vm:vm>"),
        "<domain><devices>" + with_metadata("") + "</devices></domain>",
        "<domain " + std::string(kSpace) + "><ovirt-vm:vm><ovirt-vm:custom>" + item +
            "</ovirt-vm:custom></ovirt-vm:vm></domain>",
        "<x><metadata><ovirt-vm:vm " + std::string(kSpace) + "><ovirt-vm:custom>" + item +
            "</ovirt-vm:custom></ovirt-vm:vm></metadata></x>",
        "<domain><x>" + with_custom(item) + "</x></domain>", ""s, "{}"s})
    check(document, {});
}

BOOST_AUTO_TEST_CASE(several_custom_elements_count_together_in_the_order_of_the_document) {
  check(with_metadata("<ovirt-vm:vm " + std::string(kSpace) +
                      "><ovirt-vm:custom><ovirt-vm:b>1</ovirt-vm:b></ovirt-vm:custom><ovirt-vm:cpu/>"
                      "<ovirt-vm:custom><ovirt-vm:a>2</ovirt-vm:a><ovirt-vm:b>3</ovirt-vm:b></"
                      "ovirt-vm:custom></ovirt-vm:vm>"
                      "<ovirt-vm:vm " +
                      kSpace + "><ovirt-vm:custom><ovirt-vm:c>4</ovirt-vm:c></ovirt-vm:custom></ovirt-vm:vm>"),
        {{"b", "1"}, {"a", "2"}, {"b", "3"}, {"c", "4"}});
}

BOOST_AUTO_TEST_CASE(a_value_is_the_elements_own_text_decoded_and_unjudged) {
  const std::vector<std::pair<std::string, std::string>> rows{{"", ""},
                                                              {" \n true ", " \n true "},
                                                              {"a&amp;&lt;b&#233;", "a&<b\xC3\xA9"},
                                                              {"<![CDATA[<a>&amp;]]>", "<a>&amp;"},
                                                              {"x<![CDATA[y]]>z<!-- no -->w<?pi no?>", "xyzw"},
                                                              {"x<ovirt-vm:inner>no</ovirt-vm:inner>y", "xy"},
                                                              {"x<inner><deeper>no</deeper></inner>y", "xy"},
                                                              {"line\r\nend", "line\nend"}};
  for (const auto& [inside, value] : rows)
    check(with_custom("<ovirt-vm:a>" + inside + "</ovirt-vm:a>"), {{"a", value}});
  check(with_custom("<ovirt-vm:a/><ovirt-vm:b type='int'>1</ovirt-vm:b>"), {{"a", ""}, {"b", "1"}});
  check(with_custom("<ovirt-vm:PATH>x</ovirt-vm:PATH><ovirt-vm:a-b>y</ovirt-vm:a-b>"), {{"PATH", "x"}, {"a-b", "y"}});
}

BOOST_AUTO_TEST_CASE(elements_beside_and_behind_do_not_confuse_the_reader) {
  check(with_custom("<x/><ovirt-vm:a>1</ovirt-vm:a><y><ovirt-vm:no>2</ovirt-vm:no></y><ovirt-vm:b>3</ovirt-vm:b>"),
        {{"a", "1"}, {"b", "3"}});
  check("<domain><devices><metadata/></devices><metadata><other><vm/></other><ovirt-vm:vm " + std::string(kSpace) +
            "><ovirt-vm:x><ovirt-vm:custom/></ovirt-vm:x><ovirt-vm:custom><ovirt-vm:a>1</ovirt-vm:a></"
            "ovirt-vm:custom></ovirt-vm:vm></metadata>"
            "<metadata><ovirt-vm:vm " +
            kSpace + "><ovirt-vm:custom><ovirt-vm:b>2</ovirt-vm:b></ovirt-vm:custom></ovirt-vm:vm></metadata></domain>",
        {{"a", "1"}});  // libvirt too takes the first <metadata> only
}

BOOST_AUTO_TEST_CASE(name_and_uuid_are_the_domains_own) {
  const auto facts = read_domain_facts(
      "<domain><snapshot><name>no</name></snapshot><name>web<x>no</x></name><uuid> "
      "aaaaaaaa-0000-0000-0000-000000000001\n</uuid>"
      "<name>again</name><metadata/><devices><name>no</name></devices>");  // what follows is not read
  BOOST_TEST(facts.name == "web");
  BOOST_TEST(facts.uuid == "aaaaaaaa-0000-0000-0000-000000000001");
  BOOST_TEST(read_domain_facts("").name.empty());
  BOOST_TEST(read_domain_facts("<network><name>n</name></network>").name.empty());
}

BOOST_AUTO_TEST_CASE(of_a_broken_document_the_properties_in_front_of_the_error_are_given) {
  check("<domain><metadata><ovirt-vm:vm " + std::string(kSpace) +
            "><ovirt-vm:custom><ovirt-vm:a>1</ovirt-vm:a><ovirt-vm:b>&x;",
        {{"a", "1"}, {"b", ""}});
}

BOOST_AUTO_TEST_CASE(every_row_of_metadata_about_devices_finds_what_it_says) {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/device_metadata.json");
  const auto table = boost::json::parse(std::string{std::istreambuf_iterator<char>(file), {}});
  for (const auto& row : table.at("rows").as_array()) {
    std::string elements;
    for (const auto& said : row.at("said").as_array())
      elements += "<ovirt-vm:device " + std::string(said.as_string()) + "/>";
    const auto facts =
        read_domain_facts(with_metadata("<ovirt-vm:vm " + std::string(kSpace) + ">" + elements + "</ovirt-vm:vm>"));
    const auto device =
        read_device_identity(std::string(table.at("devices").at(row.at("device").as_string()).as_string()));
    boost::json::value found;
    try {
      if (const auto* metadata = facts.about(device)) found = metadata - facts.devices.data();
    } catch (const Error& error) {
      BOOST_TEST(error.code() == make_error_code(Errc::bad_document));
      found = "two";
    }
    BOOST_TEST(found == row.at("finds"), row);
  }
}
