// Points in time as text.
#define BOOST_TEST_MODULE time
#include <boost/test/unit_test.hpp>

#include "vdsm_hook/base/time.hpp"

using namespace vdsm_hook;
using namespace std::chrono;

BOOST_AUTO_TEST_CASE(a_time_is_said_in_utc_to_the_second) {
  BOOST_TEST(utc_text(system_clock::time_point()) == "1970-01-01T00:00:00Z");
  BOOST_TEST(utc_text(sys_days(2026y / November / 21) + 10h + 35min + 54s + 999ms) == "2026-11-21T10:35:54Z");
  BOOST_TEST(utc_text(sys_days(2028y / February / 29) + 23h + 59min + 59s) == "2028-02-29T23:59:59Z");
  BOOST_TEST(utc_text(sys_days(1969y / December / 31)) == "1969-12-31T00:00:00Z");
}
