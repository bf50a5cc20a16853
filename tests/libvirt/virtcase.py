"""What tests with private hosts share: their guests, and what becomes of them on a machine that can have no such host.

    class Mine(VirtHostTest):
        def test_a_guest_starts(self):
            host = self.host()  # made, not started: put hooks and configuration there first
            host.hook("qemu", host.recorder())
            host.start()
            host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))

    if __name__ == "__main__":
        main()
"""

import functools
import os
import shutil
import sys
import unittest
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from virthost import PATH, VirtHost

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reachable import reachable_build  # noqa: E402, F401 (for the tests)

SKIPPED = 77  # exit status of a file whose tests are all skipped, as CTest is told

USER_NIC = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>"


def filtered_nic(target, filter_name, mac="52:54:00:00:00:02"):
    """A NIC that nwfilter looks after; libvirt makes its tap device TARGET and removes it."""
    return (f"<interface type='ethernet'><mac address='{mac}'/><target dev='{target}'/><model type='virtio'/>"
            f"<filterref filter={quoteattr(filter_name)}/></interface>")


def domain_xml(name, uuid, nic=USER_NIC, extra_devices="", metadata=""):
    """A guest of 64 MiB without a disk. METADATA is what stands in its <metadata>."""
    return f"""<domain type='qemu'>
  <name>{escape(name)}</name>
  <uuid>{uuid}</uuid>
  <metadata>{metadata}</metadata>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {nic}
    <serial type='pty'/>
    <memballoon model='none'/>
    {extra_devices}
  </devices>
</domain>
"""


@functools.cache
def why_no_virt_host():
    """Why this machine can have no private host, or None."""
    if os.geteuid() != 0:
        return "private hosts need root"
    for program in ("unshare", "nsenter", "setpriv", "ip", "libvirtd", "virsh", "qemu-system-x86_64"):
        if not shutil.which(program, path=PATH):
            return f"no {program} is installed"
    host = VirtHost("probe")
    try:
        host.launch()
    except AssertionError as why:
        return str(why)
    finally:
        host.stop()
    return None


def requires_virt_host():
    """Skips the test that calls it where there can be no private host, or fails it where VDSM_HOOK_REQUIRE_VIRT=1 asks for one."""
    if reason := why_no_virt_host():
        if os.environ.get("VDSM_HOOK_REQUIRE_VIRT") == "1":
            raise AssertionError(reason)
        raise unittest.SkipTest(reason)


class VirtHostTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        requires_virt_host()

    def host(self, name="host", **options):
        host = VirtHost(name, **options)
        self.addCleanup(host.stop)
        return host


def main():
    """Of a file of such tests. Skipped as a whole is an exit status of its own."""
    program = unittest.main(exit=False)
    skipped = program.result.skipped
    for test, reason in skipped:
        print(f"SKIPPED {test}: {reason}", file=sys.stderr)
    sys.exit(1 if not program.result.wasSuccessful() else SKIPPED if skipped and not program.result.testsRun else 0)
