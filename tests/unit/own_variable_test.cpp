// The environment that a process was started with.
#define BOOST_TEST_MODULE own_variable
#include <stdlib.h>

#include <boost/test/unit_test.hpp>

#include "vdsm_hook/base/own_variable.hpp"

using namespace vdsm_hook;

BOOST_AUTO_TEST_CASE(a_variable_that_is_empty_is_set_and_one_that_is_not_there_is_nothing) {
  ::setenv("VDSM_HOOK_TEST_FULL", "a=b", 1);
  ::setenv("VDSM_HOOK_TEST_EMPTY", "", 1);
  ::unsetenv("VDSM_HOOK_TEST_NONE");
  BOOST_TEST((own_variable("VDSM_HOOK_TEST_FULL") == "a=b"));
  BOOST_TEST((own_variable("VDSM_HOOK_TEST_EMPTY") == ""));
  BOOST_TEST(!own_variable("VDSM_HOOK_TEST_NONE"));
}
