// One attribute of an element changed, and nothing else.
#define BOOST_TEST_MODULE with_attribute
#include <boost/test/unit_test.hpp>

#include "vdsm_hook/libvirt/with_attribute.hpp"

using namespace vdsm_hook;

BOOST_AUTO_TEST_CASE(an_attribute_is_set_in_the_place_of_the_old_one) {
  BOOST_TEST(with_attribute("<a  x = \"1\"\ty='2'><b x='3'/></a>", "x", "4") == "<a  x = '4'\ty='2'><b x='3'/></a>");
  BOOST_TEST(with_attribute("<a y='x=1'/>", "x", "4") == "<a x='4' y='x=1'/>");
  BOOST_TEST(with_attribute("<a>text</a>", "x", "<'&\">") == "<a x='&lt;&apos;&amp;&quot;&gt;'>text</a>");
}

BOOST_AUTO_TEST_CASE(an_attribute_is_taken_out_with_the_blanks_before_it) {
  BOOST_TEST(with_attribute("<a y='1' x='2' z='3'/>", "x", std::nullopt) == "<a y='1' z='3'/>");
  BOOST_TEST(with_attribute("<a y='1'/>", "x", std::nullopt) == "<a y='1'/>");
}
