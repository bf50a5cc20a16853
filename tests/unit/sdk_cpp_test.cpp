// The SDK for hooks in C++: what a document says must survive parse and print, as expat and not tinyxml2
// reads it.
#define BOOST_TEST_MODULE sdk_cpp
#include <expat.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <vdsm_hook/hooking.hpp>

namespace hooking = vdsm_hook::hooking;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What expat says of TEXT: every element with its sorted attributes, all text but layout (blanks with a
/// newline or between elements), comments and instructions.
std::string said_by(const std::string& text) {
  struct Reader {
    std::ostringstream all;
    std::string pending;
    bool after_start = false;
    void flush(bool at_end_tag) {
      const bool is_blank = pending.find_first_not_of(" \t\n") == pending.npos;
      const bool is_leaf = after_start && at_end_tag && pending.find('\n') == pending.npos;
      if (!pending.empty() && (!is_blank || is_leaf)) all << "text[" << pending << "]\n";
      pending.clear();
    }
  } reader;
  XML_Parser parser = XML_ParserCreateNS(nullptr, '|');
  XML_SetUserData(parser, &reader);
  XML_SetElementHandler(
      parser,
      [](void* data, const XML_Char* name, const XML_Char** attributes) {
        auto& r = *static_cast<Reader*>(data);
        r.flush(false);
        std::map<std::string, std::string> sorted;
        for (; *attributes != nullptr; attributes += 2) sorted[attributes[0]] = attributes[1];
        r.all << "<" << name;
        for (const auto& [key, value] : sorted) r.all << " " << key << "=[" << value << "]";
        r.all << ">\n";
        r.after_start = true;
      },
      [](void* data, const XML_Char* name) {
        auto& r = *static_cast<Reader*>(data);
        r.flush(true);
        r.all << "</" << name << ">\n";
        r.after_start = false;
      });
  XML_SetCharacterDataHandler(parser, [](void* data, const XML_Char* bytes, int size) {
    static_cast<Reader*>(data)->pending.append(bytes, static_cast<std::size_t>(size));
  });
  XML_SetCommentHandler(parser, [](void* data, const XML_Char* comment) {
    auto& r = *static_cast<Reader*>(data);
    r.flush(false);
    r.all << "comment[" << comment << "]\n";
  });
  const auto status = XML_Parse(parser, text.data(), static_cast<int>(text.size()), 1);
  const auto error = XML_GetErrorCode(parser);
  const auto line = XML_GetCurrentLineNumber(parser);
  XML_ParserFree(parser);
  BOOST_REQUIRE_MESSAGE(status == XML_STATUS_OK, "line " << line << ": " << XML_ErrorString(error) << "\n" << text);
  return reader.all.str();
}

std::string printed(const std::string& text) {
  tinyxml2::XMLDocument xml;
  hooking::parse(xml, text);
  return hooking::to_text(xml);
}

void survives(const std::string& text) {
  const auto once = printed(text);
  BOOST_TEST(said_by(once) == said_by(text));
  BOOST_TEST(printed(once) == once);
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

/// A directory of its own with one payload file in it, named by _hook_domxml while this lives.
struct Payload {
  explicit Payload(const std::string& text) {
    std::string pattern = (fs::temp_directory_path() / "sdk_cpp_test.XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    path = directory / "payload";
    std::ofstream(path, std::ios::binary) << text;
    ::setenv("_hook_domxml", path.c_str(), 1);
  }
  ~Payload() {
    ::unsetenv("_hook_domxml");
    fs::remove_all(directory);
  }
  ino_t inode() const {
    struct ::stat status {};
    BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_ino;
  }
  fs::path directory, path;
};

/// Exit code and stderr of a child process that does ACTION.
std::pair<int, std::string> child_ends(const std::function<void()>& action) {
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  const auto pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    action();
    ::_exit(99);
  }
  ::close(ends[1]);
  std::string text(4096, 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(ends[0], text.data(), text.size()), 0)));
  ::close(ends[0]);
  int status = 0;
  BOOST_REQUIRE(::waitpid(pid, &status, 0) == pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_document_of_the_hooks_cases_survives) {
  std::size_t documents = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(VDSM_HOOK_TEST_DATA) / "../../vdsm_hooks")) {
    const auto cases = entry.path() / "cases.json";
    if (!fs::exists(cases)) continue;
    const auto data = boost::json::parse(content(cases));
    for (const auto& row : data.at("cases").as_array()) {
      const std::string payload(row.at("payload").as_string());
      if (row.at("payload_kind").as_string() == "json" || payload.empty()) continue;
      BOOST_TEST_CONTEXT(cases << " " << row.at("id")) { survives(payload); }
      ++documents;
    }
  }
  BOOST_TEST(documents > 50U);
}

BOOST_AUTO_TEST_CASE(a_nasty_document_survives) {
  survives(content(fs::path(VDSM_HOOK_TEST_DATA) / "hooks" / "nasty.xml"));
}

BOOST_AUTO_TEST_CASE(what_libvirt_prints_is_printed_byte_for_byte) {
  const auto text = content(fs::path(VDSM_HOOK_TEST_DATA) / "hooks" / "libvirt_style.xml");
  BOOST_TEST(printed(text) == text);
}

BOOST_AUTO_TEST_CASE(layout_is_libvirts_whatever_it_was) {
  BOOST_TEST(printed("<domain   type=\"kvm\" ><a></a><b>\n\n</b><c\n>x</c><d><e/></d></domain>") ==
             "<domain type='kvm'>\n  <a/>\n  <b/>\n  <c>x</c>\n  <d>\n    <e/>\n  </d>\n</domain>\n");
}

BOOST_AUTO_TEST_CASE(mixed_content_gets_no_blank) {
  BOOST_TEST(printed("<a>x<b><c/><d>y</d></b></a>") == "<a>x<b><c/><d>y</d></b></a>\n");
}

BOOST_AUTO_TEST_CASE(references_stay_references_where_the_character_would_be_lost) {
  BOOST_TEST(printed("<a b='x&#10;y&#9;z&#13;'/>") == "<a b='x&#10;y&#9;z&#13;'/>\n");
  BOOST_TEST(printed("<a>x&#13;</a>") == "<a>x&#13;</a>\n");
  BOOST_TEST(printed("<a>&#10;&#9;</a>") == "<a>&#10;&#9;</a>\n");
}

BOOST_AUTO_TEST_CASE(a_declaration_is_kept_and_none_is_made) {
  BOOST_TEST(printed("<?xml version='1.0'?><a/>") == "<?xml version='1.0'?>\n<a/>\n");
  BOOST_TEST(printed("<a/>") == "<a/>\n");
}

BOOST_AUTO_TEST_CASE(an_unsound_document_is_an_error_with_its_line) {
  const std::pair<std::string, std::string> rows[] = {
      {"<a>\n  <b>\n</a>", "line 2: XML_ERROR_MISMATCHED_ELEMENT"},
      {"<a b='two\nlines'>\n  <b>\n</a>", "line 3: XML_ERROR_MISMATCHED_ELEMENT"},
      {"", "line 1: XML_ERROR_EMPTY_DOCUMENT"},
      {"<!-- nothing -->", "line 1: no element"},
      {std::string("<a>\n\0</a>", 9), "line 2: a NUL byte"},
      {"<!DOCTYPE a [<!ENTITY e 'x'>]>\n<a>&e;</a>", "line 1"},
      {"<a", "line 1"},
      {"<a b='", "line 1"},
      {"<!--", "line 1"},
  };
  for (const auto& [text, expected] : rows) {
    tinyxml2::XMLDocument xml;
    const auto error = error_of([&, &t = text] { hooking::parse(xml, t); });
    BOOST_TEST(error.starts_with("the document is not sound, "), error << " for " << text);
    BOOST_TEST(error.find(expected) != error.npos, error << " for " << text);
  }
}

BOOST_AUTO_TEST_CASE(nesting_has_a_bound) {
  const auto nested = [](int depth) {
    std::string open, close;
    for (int i = 0; i < depth; ++i) open += "<a>", close += "</a>";
    return open + close;
  };
  survives(nested(90));
  tinyxml2::XMLDocument xml;
  BOOST_TEST(error_of([&] { hooking::parse(xml, nested(5000)); }).find("DEPTH") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_document_is_written_whole_with_mode_0600) {
  Payload payload("<a/>");
  ::chmod(payload.path.c_str(), 0644);
  auto document = hooking::Document::read();
  document.root().SetAttribute("b", "1");
  const auto before = payload.inode();
  document.write();
  BOOST_TEST(content(payload.path) == "<a b='1'/>\n");
  BOOST_TEST(payload.inode() != before);
  BOOST_TEST((fs::status(payload.path).permissions() == (fs::perms::owner_read | fs::perms::owner_write)));
  BOOST_TEST(std::distance(fs::directory_iterator(payload.directory), {}) == 1);
}

BOOST_AUTO_TEST_CASE(a_document_that_says_the_same_is_not_written) {
  Payload payload("<a  b=\"1\"><c></c></a>");
  const auto before = payload.inode();
  BOOST_TEST(!hooking::Document::read().write_if_changed());
  auto document = hooking::Document::read();
  document.root().SetAttribute("b", "1");
  BOOST_TEST(!document.write_if_changed());
  BOOST_TEST(payload.inode() == before);
  document.root().SetAttribute("b", "2");
  BOOST_TEST(document.write_if_changed());
  BOOST_TEST(content(payload.path) == "<a b='2'>\n  <c/>\n</a>\n");
}

BOOST_AUTO_TEST_CASE(a_document_that_cannot_be_read_or_written_is_an_error_that_names_it) {
  BOOST_TEST(error_of([] { hooking::Document::read(); }).starts_with("_hook_domxml is not set"));
  BOOST_TEST(error_of([] { hooking::Document("/no/such/file"); }) ==
             "cannot open /no/such/file: No such file or directory");
  Payload payload("<a/>");
  auto document = hooking::Document::read();
  fs::remove_all(payload.directory);
  document.root().SetAttribute("b", "1");
  BOOST_TEST(error_of([&] { document.write(); }).starts_with("cannot make a file beside "));
}

BOOST_AUTO_TEST_CASE(truth_is_vdsms) {
  for (const char* yes : {"true", "TRUE", "tRuE", "1", "-1", "+7", " 1\n", "\t2 ", "10", "007", "1_000", "0_1",
                          "99999999999999999999999999"})
    BOOST_TEST(hooking::to_bool(yes), yes);
  for (const char* no : {"",    " ",   "false", "yes", "on",  "y",   "t",   " true", "0",  "-0", "+0",   "000",
                         "0_0", "1.0", "0x1",   "1e3", "1 2", "--1", "+-1", "+",     "_1", "1_", "1__0", "one"})
    BOOST_TEST(!hooking::to_bool(no), no);
}

BOOST_AUTO_TEST_CASE(an_empty_property_is_set_and_a_missing_one_is_not) {
  ::setenv("sdk_cpp_empty", "", 1);
  BOOST_TEST((hooking::property("sdk_cpp_empty") == ""));
  BOOST_TEST((hooking::property("sdk_cpp_missing") == std::nullopt));
}

BOOST_AUTO_TEST_CASE(fail_ends_with_1_and_stop_with_2) {
  using Ends = std::pair<int, std::string>;
  BOOST_TEST((child_ends([] { hooking::fail("no 100% luck"); }) == Ends{1, "no 100% luck\n"}));
  BOOST_TEST((child_ends([] { hooking::stop("stop here"); }) == Ends{2, "stop here\n"}));
}

BOOST_AUTO_TEST_CASE(run_gives_the_exit_code_and_names_the_hook_of_an_exception) {
  BOOST_TEST(hooking::run("hook", [] {}) == 0);
  BOOST_TEST(hooking::run("hook", [] { return 7; }) == 7);
  const auto [code, text] = child_ends(
      [] { ::_exit(hooking::run("/usr/libexec/50_hook", [] { throw std::runtime_error("out of luck"); })); });
  BOOST_TEST(code == 1);
  BOOST_TEST(text == "50_hook: out of luck\n");
  BOOST_TEST(child_ends([] { ::_exit(hooking::run("h", [] { throw 1; })); }).first == 1);
}

BOOST_AUTO_TEST_CASE(names_are_found_by_namespace_whatever_the_prefix) {
  tinyxml2::XMLDocument xml;
  hooking::parse(xml, "<r xmlns:p='urn:one'><p:x/><x xmlns='urn:one'><y/></x><p:x xmlns:p='urn:two'/><x/><q:x/></r>");
  auto& root = *xml.RootElement();
  BOOST_TEST(hooking::children(root, hooking::QName{"urn:one", "x"}).size() == 2U);
  BOOST_TEST(hooking::children(root, hooking::QName{"urn:two", "x"}).size() == 1U);
  BOOST_TEST(hooking::children(root, hooking::QName{"", "x"}).size() == 2U);
  BOOST_TEST(hooking::children(root, "x").size() == 2U);
  BOOST_TEST(hooking::find_all(root, {"urn:one", "y"}).size() == 1U);
  BOOST_TEST(hooking::find_all(root, {"", "r"}).size() == 1U);
  auto* inner = hooking::child(root, hooking::QName{"urn:one", "x"});
  BOOST_TEST(hooking::find_all(*inner, {"urn:one", "x"}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_prefix_is_used_where_there_is_one_and_declared_where_there_is_none) {
  tinyxml2::XMLDocument xml;
  hooking::parse(xml, "<r xmlns:p='urn:one' xmlns:w='urn:taken'><c xmlns:p='urn:two'/></r>");
  auto& root = *xml.RootElement();
  auto& shadowed = *hooking::child(root, "c");
  BOOST_TEST(hooking::prefix_for(root, "urn:one", "w") == "p:");
  BOOST_TEST(hooking::prefix_for(shadowed, "urn:one", "w") == "w_:");
  BOOST_TEST(hooking::prefix_for(shadowed, "urn:one", "w") == "w_:");
  BOOST_TEST(hooking::prefix_for(shadowed, "urn:two", "w") == "p:");
  BOOST_TEST((hooking::attribute(root, "xmlns:w_") == "urn:one"));
}

BOOST_AUTO_TEST_CASE(a_child_goes_in_front_of_the_named_ones) {
  tinyxml2::XMLDocument xml;
  hooking::parse(xml, "<r><!--c--><address/><alias/></r>");
  hooking::insert_child(*xml.RootElement(), "new", {"alias", "address"});
  hooking::insert_child(*xml.RootElement(), "last", {"none"});
  BOOST_TEST(hooking::to_text(xml) == "<r>\n  <!--c-->\n  <new/>\n  <address/>\n  <alias/>\n  <last/>\n</r>\n");
}

BOOST_AUTO_TEST_CASE(every_row_of_metadata_about_devices_finds_what_it_says) {
  const auto table = boost::json::parse(content(VDSM_HOOK_TEST_DATA "/device_metadata.json"));
  for (const auto& row : table.at("rows").as_array()) {
    std::string elements;
    int place = 0;
    for (const auto& said : row.at("said").as_array())
      elements += "<o:device " + std::string(said.as_string()) + "><o:custom><o:a>" + std::to_string(place++) +
                  "</o:a><o:b/></o:custom></o:device>";
    tinyxml2::XMLDocument xml;
    hooking::parse(xml, "<domain><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom><o:a>vm</o:a></o:custom>" +
                            elements + "</o:vm></metadata><devices>" +
                            std::string(table.at("devices").at(row.at("device").as_string()).as_string()) +
                            "</devices></domain>");
    auto& root = *xml.RootElement();
    auto& device = *hooking::child(root, "devices")->FirstChildElement();
    const auto& finds = row.at("finds");
    BOOST_TEST((hooking::vm_properties(root) == hooking::Properties{{"a", "vm"}}));
    if (finds.is_string()) {
      BOOST_CHECK_THROW(hooking::device_properties(root, device), std::runtime_error);
      continue;
    }
    const auto properties = hooking::device_properties(root, device);
    const auto wanted = finds.is_null() ? hooking::Properties{}
                                        : hooking::Properties{{"a", std::to_string(finds.as_int64())}, {"b", ""}};
    BOOST_TEST((properties == wanted), row);
    BOOST_TEST((hooking::description(root, device) == nullptr) == finds.is_null());
  }
}

BOOST_AUTO_TEST_CASE(two_elements_for_one_device_are_an_error_that_names_it_and_their_lines) {
  tinyxml2::XMLDocument xml;
  hooking::parse(xml,
                 "<domain><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>\n"
                 "<o:device alias='ua-1'/>\n<o:device mac_address='52:54:00:aa:bb:01'/>\n"
                 "</o:vm></metadata><devices><interface><mac address='52:54:00:aa:bb:01'/>"
                 "<alias name='ua-1'/></interface></devices></domain>");
  auto& root = *xml.RootElement();
  const auto text = error_of([&] { hooking::device_properties(root, *hooking::devices(root, "interface").front()); });
  BOOST_TEST(text ==
             "the domain's metadata has two elements for interface 52:54:00:aa:bb:01, in lines 2 and 3: make "
             "one of them");
}
