// Whose change it is that libvirt refuses.
#define BOOST_TEST_MODULE refused_edits
#include <libvirt/virterror.h>

#include <boost/test/unit_test.hpp>

#include "vdsm_hook/libvirt/refused_edits.hpp"

using namespace vdsm_hook;

BOOST_AUTO_TEST_CASE(the_hook_is_named_that_put_in_what_the_error_quotes) {
  const Edit a{"before_vm_start/50_a", "@@ -1 +1 @@\n <domain>\n+<target bus='warp'/>\n"},
      b{"before_vm_start/60_b", "-<x>warp</x>\n+<title>b</title>\n"};
  BOOST_TEST(hooks_behind("unknown bus 'warp'", VIR_ERR_XML_ERROR, {}) == "");
  for (const int code : {VIR_ERR_XML_ERROR, VIR_ERR_SYSTEM_ERROR})
    BOOST_TEST(hooks_behind("unknown bus 'warp'", code, {a, b}) ==
               "what libvirt refuses was put into the domain XML by before_vm_start/50_a");
  for (const auto* error : {"unsupported", "no 'other' thing", "'", "an 'open", "''", "'x'"})
    for (const int code :
         {VIR_ERR_XML_ERROR, VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INTERNAL_ERROR, VIR_ERR_OPERATION_FAILED})
      BOOST_TEST(hooks_behind(error, code, {a, b}) ==
                     "the domain XML that libvirt refused was changed by before_vm_start/50_a, before_vm_start/60_b",
                 error);
}

BOOST_AUTO_TEST_CASE(what_is_not_about_the_document_is_blamed_on_no_hook) {
  const Edit edit{"before_vm_start/50_a", "+<title>a</title>\n"};
  for (const int code : {VIR_ERR_RPC, VIR_ERR_SYSTEM_ERROR, VIR_ERR_HOOK_SCRIPT_FAILED, VIR_ERR_NO_MEMORY,
                         VIR_ERR_ACCESS_DENIED, VIR_ERR_OPERATION_TIMEOUT})
    BOOST_TEST(hooks_behind("End of file while reading data: Input/output error", code, {edit}) == "", code);
}
