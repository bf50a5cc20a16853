// One value out of an XML document.
#define BOOST_TEST_MODULE lookup
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

#include "vdsm_hook/xml/lookup.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;

namespace {

struct Row {
  std::string xml, path;
  std::optional<std::string> text;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.path << " in " << row.xml; }

const std::vector<Row> kRows = {
    {"<a><b><c>x</c></b></a>", "a/b/c", "x"},
    {"<a><b><c>x</c></b></a>", "*/b/c", "x"},
    {"<a><b><c>x</c></b></a>", "a/*/c", "x"},
    {"<a>x</a>", "*", "x"},
    {"<a>x</a>", "b", std::nullopt},
    {"<a><b/></a>", "a/b", ""},
    {"<a><b>1</b><b>2</b></a>", "a/b", "1"},
    {"<a><b>1<c>2</c>3&amp;<![CDATA[4]]></b></a>", "a/b", "13&4"},
    {"<a><x><b>no</b></x><b>yes</b></a>", "a/b", "yes"},      // not one that lies deeper
    {"<a><c><x/></c><b><c>yes</c></b></a>", "a/b/c", "yes"},  // nor beside the path
    {"<a><b><x><c>no</c></x></b><b><c>yes</c></b></a>", "a/b/c", "yes"},
    {"<n:a xmlns:n='u'><n:b>x</n:b></n:a>", "a/b", "x"},
    {"<a><b>x</b><broken", "a/b", "x"},  // what comes behind is not read
    {"<a><b>x", "a/b", std::nullopt},
    {"<a><broken</a>", "a/b", std::nullopt},
    {"", "a", std::nullopt},
    {"<a><b>x</b></a>", "a/b/c", std::nullopt},
    {"<a><b>x</b></a>", "", std::nullopt},
};

}  // namespace

BOOST_DATA_TEST_CASE(the_text_at_a_path_is_that_of_the_first_element_there, data::make(kRows), row) {
  BOOST_TEST((text_at(row.xml, row.path) == row.text));
}

BOOST_AUTO_TEST_CASE(an_attribute_is_the_roots_own) {
  BOOST_TEST((root_attribute("<?xml version='1.0'?><!-- <x id='2'> --><a id='1'><b id='2'/></a>", "id") == "1"));
  BOOST_TEST((root_attribute("<a id=''/>", "id") == ""));
  BOOST_TEST((root_attribute("<a id='&lt;1'/>", "id") == "<1"));
  BOOST_TEST((root_attribute("<a id='1'><broken", "id") == "1"));
  BOOST_TEST(!root_attribute("<a><b id='2'/></a>", "id"));
  BOOST_TEST(!root_attribute("<a xmlns:n='u' n:id='1'/>", "id"));
  BOOST_TEST(!root_attribute("<a id='1'", "id"));
  BOOST_TEST(!root_attribute("", "id"));
}
