#define BOOST_TEST_MODULE xml
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/xml/reader.hpp"

using namespace vdsm_hook;
using std::string_literals::operator""s;

namespace {

// Everything a reader tells, written down.
struct Recorder final : XmlHandler {
  void start(const XmlName& name, const XmlAttributes& attributes) override {
    flush();
    seen += "<" + (name.space.empty() ? std::string() : "{" + std::string(name.space) + "}") + std::string(name.local);
    if (const auto value = attributes.get("type")) seen += " type=" + std::string(*value);
    seen += ">";
  }
  void end() override {
    flush();
    seen += "</>";
  }
  void text(std::string_view piece) override { pending += piece; }
  void flush() {
    seen += pending;
    pending.clear();
  }
  std::string seen, pending;
};

struct Silent final : XmlHandler {
  void start(const XmlName&, const XmlAttributes&) override { ++elements; }
  void end() override {}
  void text(std::string_view piece) override { text_bytes += piece.size(); }
  std::size_t elements = 0, text_bytes = 0;
};

// The bytes of each tag, "start|end", in the order of the ends.
struct Tags final : XmlHandler {
  explicit Tags(std::string_view of) : document(of) {}
  void start(const XmlName&, const XmlAttributes&) override { open.push_back(text_of(tag())); }
  void end() override {
    seen.push_back(open.back() + "|" + text_of(tag()));
    open.pop_back();
  }
  void text(std::string_view) override {}
  std::string text_of(XmlSpan span) const { return std::string(document.substr(span.begin, span.end - span.begin)); }
  std::string_view document;
  std::vector<std::string> open, seen;
};

std::string events(std::string_view document) {
  Recorder recorder;
  const auto problem = read_xml(document, recorder);
  BOOST_TEST(!problem.has_value(), (problem ? problem->to_text() : "") << " in " << document);
  return recorder.seen;
}

std::optional<XmlProblem> problem_of(std::string_view document) {
  Silent silent;
  return read_xml(document, silent);
}

struct Row {
  const char* what;
  std::string document;
  std::size_t line, column;  // 0: not looked at
};

}  // namespace

// The kinds that a forgiving parser lets pass, and the usual ones.
BOOST_AUTO_TEST_CASE(what_is_not_well_formed_is_refused_with_line_and_column) {
  const std::vector<Row> rows{
      {"nothing", "", 1, 1},
      {"only blanks", " \n ", 2, 2},
      {"two roots", "<a/><b/>", 1, 5},
      {"two roots on lines of their own", "<a/>\n<b/>\n", 2, 1},
      {"text before the root", "x<a/>", 1, 2},
      {"text behind the root", "<a/>\nx", 2, 1},
      {"unbound prefix of an element", "<a>\n  <q:b/>\n</a>", 2, 3},
      {"unbound prefix of an attribute", "<a>\n <b q:c='1'/></a>", 2, 2},
      {"prefix used outside of where it is bound", "<a><b xmlns:q='u'/><q:c/></a>", 1, 20},
      {"prefix bound to nothing", "<a xmlns:q=''/>", 0, 0},
      {"prefix xmlns bound", "<a xmlns:xmlns='u'/>", 0, 0},
      {"prefix xml bound to something else", "<a xmlns:xml='u'/>", 0, 0},
      {"two attributes of one namespace and name", "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", 0, 0},
      {"unknown entity", "<a>\n&nbsp;</a>", 2, 1},
      {"unknown entity in an attribute", "<a b='&x;'/>", 0, 0},
      {"lone ampersand", "<a>b & c</a>", 0, 0},
      {"bad UTF-8", "<a>\n\xFF</a>", 2, 1},
      {"Latin-1 without saying so", "<a>\xE9</a>", 0, 0},
      {"overlong UTF-8", "<a>\xC0\xAF</a>", 0, 0},
      {"a surrogate in UTF-8", "<a>\xED\xA0\x80</a>", 0, 0},
      {"UTF-8 that is cut", "<a>\xC3", 0, 0},
      {"NUL", "<a>\0</a>"s, 1, 4},
      {"reference to NUL", "<a>&#0;</a>", 1, 4},
      {"reference to a control character", "<a>&#8;</a>", 1, 4},
      {"reference to a surrogate", "<a>&#xD800;</a>", 1, 4},
      {"reference beyond Unicode", "<a>&#x110000;</a>", 1, 4},
      {"control character", "<a>\x01</a>", 1, 4},
      {"mismatched tag", "<a>\n<b></a>", 2, 6},
      {"element that is not closed", "<a><b>", 0, 0},
      {"end without start", "</a>", 0, 0},
      {"attribute twice", "<a b='1' b='2'/>", 1, 10},
      {"attribute without quotes", "<a b=1/>", 0, 0},
      {"less-than in an attribute", "<a b='<'/>", 0, 0},
      {"two hyphens in a comment", "<a><!-- -- --></a>", 0, 0},
      {"comment that is not closed", "<a><!-- </a>", 0, 0},
      {"end of CDATA in text", "<a>]]></a>", 0, 0},
      {"CDATA that is not closed", "<a><![CDATA[x</a>", 0, 0},
      {"XML declaration not at the start", "\n<?xml version='1.0'?><a/>", 2, 1},
      {"encoding that nobody knows", "<?xml version='1.0' encoding='x-none'?><a/>", 0, 0},
      {"name with two colons", "<a:b:c xmlns:a='u'/>", 0, 0},
      {"only a declaration", "<?xml version='1.0'?>", 0, 0},
      {"JSON", "{\"a\": 1}", 1, 1},
      {"namespace with a line end, which is our separator", "<a xmlns='u&#10;b'/>", 0, 0},
  };
  for (const auto& row : rows) {
    const auto problem = problem_of(row.document);
    BOOST_TEST(problem.has_value(), row.what);
    if (!problem) continue;
    BOOST_TEST(!problem->what.empty(), row.what);
    BOOST_TEST((problem->line >= 1 && problem->column >= 1), row.what);
    if (row.line == 0) continue;
    BOOST_TEST(problem->line == row.line, row.what << ": " << problem->to_text());
    BOOST_TEST(problem->column == row.column, row.what << ": " << problem->to_text());
  }
}

BOOST_AUTO_TEST_CASE(the_column_counts_characters_and_not_bytes) {
  const auto problem = problem_of("<a>\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80&x;</a>");
  BOOST_REQUIRE(problem.has_value());
  BOOST_TEST(problem->column == 7U);
  BOOST_TEST(problem->to_text() == "line 1, column 7: " + problem->what);
}

BOOST_AUTO_TEST_CASE(every_document_type_declaration_is_refused_by_that_name) {
  std::string laughs = "<!DOCTYPE a [<!ENTITY l0 'ha'>";
  for (int i = 1; i < 10; ++i) {
    laughs += "<!ENTITY l" + std::to_string(i) + " '";
    for (int k = 0; k < 10; ++k) laughs += "&l" + std::to_string(i - 1) + ";";
    laughs += "'>";
  }
  const std::vector<Row> rows{
      {"bare", "<!DOCTYPE a><a/>", 1, 12},
      {"on the second line", "<?xml version='1.0'?>\n  <!DOCTYPE a><a/>", 2, 14},
      {"external", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", 1, 0},
      {"with an external entity", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", 1, 0},
      {"with a parameter entity", "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://[::1]/'>%x;]><a/>", 1, 0},
      {"billion laughs", laughs + "]><a>&l9;</a>", 1, 0},
      {"with a default attribute", "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>", 1, 0}};
  for (const auto& row : rows) {
    const auto problem = problem_of(row.document);
    BOOST_REQUIRE_MESSAGE(problem.has_value(), row.what);
    BOOST_TEST(problem->what.find("DTD") != std::string::npos, row.what << ": " << problem->to_text());
    BOOST_TEST(problem->line == row.line, row.what << ": " << problem->to_text());
    if (row.column != 0) BOOST_TEST(problem->column == row.column, row.what << ": " << problem->to_text());
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_its_namespace_and_local_part_and_never_its_prefix) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"<a/>", "<a></>"},
      {"<a xmlns='u'><b/></a>", "<{u}a><{u}b></></>"},
      {"<p:a xmlns:p='u'/>", "<{u}a></>"},
      {"<q:a xmlns:q='u'/>", "<{u}a></>"},
      {"<a><b xmlns='u'/><b/></a>", "<a><{u}b></><b></></>"},
      {"<a xmlns='u'><b xmlns=''/></a>", "<{u}a><b></></>"},
      {"<p:a xmlns:p='u'><p:b xmlns:p='v'/><p:b/></p:a>", "<{u}a><{v}b></><{u}b></></>"}};
  for (const auto& [document, wanted] : rows) BOOST_TEST(events(document) == wanted);
}

BOOST_AUTO_TEST_CASE(an_attribute_is_found_without_namespace_only) {
  BOOST_TEST(events("<a type='x'/>") == "<a type=x></>");
  BOOST_TEST(events("<a xmlns:p='u' p:type='x'/>") == "<a></>");
  BOOST_TEST(events("<a xmlns:p='u' p:type='x' type='y'/>") == "<a type=y></>");
  BOOST_TEST(events("<p:a xmlns:p='u' type='y'/>") == "<{u}a type=y></>");
  BOOST_TEST(events("<a type=' x&amp;&#10;y '/>") == "<a type= x&\ny ></>");
}

BOOST_AUTO_TEST_CASE(text_comes_decoded) {
  BOOST_TEST(events("<a>x&lt;&gt;&amp;&quot;&apos;&#233;<![CDATA[<&]]><!-- no --><?pi no?>y</a>") ==
             "<a>x<>&\"'\xC3\xA9<&y</>");
  BOOST_TEST(events("<a>1\r\n2\r3&#13;</a>") == "<a>1\n2\n3\r</>");
  BOOST_TEST(events("\xEF\xBB\xBF<a>\xC3\xA9</a>") == "<a>\xC3\xA9</>");
}

BOOST_AUTO_TEST_CASE(elements_before_the_error_are_told) {
  Recorder recorder;
  BOOST_TEST(read_xml("<a><b/>&x;</a>", recorder).has_value());
  BOOST_TEST(recorder.seen == "<a><b></>");
}

BOOST_AUTO_TEST_CASE(elements_are_read_as_deep_as_the_limit) {
  const auto nested = [](std::size_t depth) {
    std::string open, close;
    for (std::size_t i = 0; i < depth; ++i) open += "<a>", close += "</a>";
    return open + close;
  };
  BOOST_TEST(!problem_of(nested(kMaxNesting)).has_value());
  for (const auto depth : {kMaxNesting + 1, std::size_t{200000}}) {
    const auto problem = problem_of(nested(depth));
    BOOST_REQUIRE(problem.has_value());
    BOOST_TEST(problem->to_text() == "line 1, column " + std::to_string(3 * (kMaxNesting + 1) + 1) +
                                         ": elements are nested more than 256 deep");
  }
}

BOOST_AUTO_TEST_CASE(a_large_document_is_read_in_proportion) {
  const std::vector<std::pair<std::string, std::string>> parts{{"<d><s>abc</s>", "many elements"},
                                                               {"text &lt; ", "text"},
                                                               {"<!--c-->", "comments"},
                                                               {"<x:y xmlns:x='u'/>", "namespaces"}};
  for (const auto& [part, what] : parts) {
    std::string document = "<a>";
    const std::string piece = part.starts_with("<d>") ? part + "</d>" : part;
    while (document.size() < 8U << 20) document += piece;
    document += "</a>";
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!problem_of(document).has_value(), what);
    BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(5)), what);
  }
}

BOOST_AUTO_TEST_CASE(a_tag_is_told_with_its_bytes_and_the_end_of_an_empty_one_with_none) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows{
      {"<a></a>", {"<a>|</a>"}},
      {"<a/>", {"<a/>|"}},
      {"<a b='>' c=\"/>\"\n></a\n>", {"<a b='>' c=\"/>\"\n>|</a\n>"}},
      {"<?xml version='1.0'?>\r\n<a>\r\n\xC3\xA9<p:b xmlns:p='u' /></a>", {"<p:b xmlns:p='u' />|", "<a>|</a>"}},
      {"\xEF\xBB\xBF<a><!-- <x> --><![CDATA[<y>]]><?z <z> ?>&lt;<b/>\xF0\x9F\x98\x80</a>", {"<b/>|", "<a>|</a>"}},
      {"<a>" + std::string(3U << 20, 'x') + "<b>" + std::string(3U << 20, ' ') + "</b></a>", {"<b>|</b>", "<a>|</a>"}},
  };
  for (const auto& [document, wanted] : rows) {
    Tags tags(document);
    BOOST_TEST(!read_xml(document, tags).has_value());
    BOOST_TEST(tags.seen == wanted, boost::test_tools::per_element());
  }
  // The empty span is behind the tag.
  struct Ends final : XmlHandler {
    void start(const XmlName&, const XmlAttributes&) override {}
    void end() override { places.push_back(tag().begin); }
    void text(std::string_view) override {}
    std::vector<std::size_t> places;
  } ends;
  BOOST_TEST(!read_xml("<a><b/> </a>", ends).has_value());
  BOOST_TEST(ends.places == (std::vector<std::size_t>{7, 8}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_utf_8_is_read) {
  for (const auto& document :
       {"<a/>"s, "<a encoding='x'/>"s, "<?xml version='1.0'?><a encoding='x'/>"s,
        "<?xml version='1.0' standalone='yes'?><a/>"s, "<?xml version='1.0' encoding='utf-8'?><a/>"s,
        "\xEF\xBB\xBF<?xml version='1.0' encoding=\"UTF-8\"?><a/>"s, "<?xml-stylesheet encoding='x'?><a/>"s})
    BOOST_TEST(!problem_of(document).has_value(), document);
  const std::vector<std::pair<std::string, std::string>> rows{
      {"<?xml version=\"1.0\"\n\tencoding = \"iso-8859-1\" ?><a>\xE9</a>", "iso-8859-1"},
      {"\xEF\xBB\xBF<?xml version='1.0' encoding='us-ascii'?><a/>", "us-ascii"},
      {"<?xml version='1.0' encoding='UTF-16'?><a/>", ""},
      {"\xFE\xFF\0<\0a\0/\0>"s, "UTF-16"},
      {"\xFF\xFE<\0a\0/\0>\0"s, "UTF-16"},
      {"<\0a\0/\0>\0"s, "UTF-16"},
      {"\0<\0a\0/\0>"s, "UTF-16"}};
  for (const auto& [document, encoding] : rows) {
    const auto problem = problem_of(document);
    BOOST_REQUIRE(problem.has_value());
    BOOST_TEST(problem->what.find(encoding) != std::string::npos, problem->what);
  }
}

BOOST_AUTO_TEST_CASE(escaped_text_reads_as_it_was_in_an_element_and_in_an_attribute) {
  BOOST_TEST(xml_escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&apos;");
  for (const auto& text : {""s, "]]>"s, "<![CDATA[x]]>"s, "&amp;"s, "\"'"s, " x  "s, "a\tb\nc\rd\r\n"s,
                           "\xC3\xA9\xF0\x9F\x98\x80"s, std::string(100000, '<')}) {
    BOOST_TEST((events("<a>" + xml_escaped(text) + "</a>") == "<a>" + text + "</>"));
    BOOST_TEST((events("<a type='" + xml_escaped(text) + "'/>") == "<a type=" + text + "></>"));
    BOOST_TEST((events("<a type=\"" + xml_escaped(text) + "\"/>") == "<a type=" + text + "></>"));
  }
}
