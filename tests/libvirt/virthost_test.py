"""The private host itself: what other tests rely on."""

import os
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from virtcase import SKIPPED, VirtHostTest, domain_xml, main
from virthost import PRIVATE, eventually, processes_of

UUID = "aaaaaaaa-0000-0000-0000-000000000001"
HERE = Path(__file__).resolve().parent


class PrivateHost(VirtHostTest):
    def test_a_guest_starts_and_nothing_is_left_of_it(self):
        host = self.host().start()
        host.virsh("create", host.file("vm.xml", domain_xml("a & b", UUID)))
        self.assertEqual(host.virsh("domstate", "a & b").stdout.strip(), "running")
        self.assertEqual(host.run_inside(["virsh", "-c", "qemu:///system", "list", "--name"]).stdout.strip(), "a & b")
        namespace = host.namespace
        self.assertGreater(len(processes_of(namespace)), 2)
        host.stop()
        self.assertEqual(processes_of(namespace), [])
        self.assertFalse(host.dir.exists())

    def test_the_machine_is_not_written(self):
        host = self.host().start()
        paths = [f"{parent}/vdsm-hook-test-{os.getpid()}" for parent in ("/etc", "/usr/bin", "/var/lib", "/run", "/dev", "/etc/libvirt")]
        host.run_inside(["touch", *paths], check=True)
        self.assertEqual([path for path in paths if os.path.exists(path)], [])
        self.assertTrue(host.path(paths[-1]).exists())
        self.assertEqual(host.run_inside(["hostname"]).stdout.strip(), "host")
        self.assertEqual(host.run_inside(["ls", "/sys/class/net"]).stdout.split(), ["lo"])
        self.assertEqual(host.run_inside(["ls", "/dev/kvm"]).returncode, 2)
        for path in PRIVATE:
            (host.path(path) / "seen-inside").touch()
            host.run_inside(["test", "-e", f"{path}/seen-inside"], check=True)

    def test_programs_inside_get_what_programs_outside_get(self):
        host = self.host().start()
        with mock.patch.dict(os.environ, ASAN_OPTIONS="log_path=x", SECRET="1"):
            done = host.run_inside(["sh", "-c", "cat; env; echo oops >&2; exit 3"], input="text\n", env={"COLOUR": "red"})
        self.assertEqual((done.returncode, done.stderr), (3, "oops\n"))
        self.assertEqual(done.stdout.splitlines()[0], "text")
        self.assertLess({"ASAN_OPTIONS=log_path=x", "COLOUR=red"}, set(done.stdout.splitlines()))
        self.assertNotIn("SECRET", done.stdout)
        with self.assertRaisesRegex(AssertionError, r"(?s)ended with 3.*oops.*libvirtd\.log"):
            host.run_inside(["sh", "-c", "echo oops >&2; exit 3"], check=True)

    def test_a_program_inside_that_hangs_is_killed(self):
        host = self.host().start()
        before = processes_of(host.namespace)
        with self.assertRaisesRegex(AssertionError, r"(?s)not within 0.5 s: .*sleep.*libvirtd\.log"):
            host.run_inside(["sleep", "1000"], timeout=0.5)
        eventually(lambda: processes_of(host.namespace) == before, "the program is gone")

    def test_the_system_log_is_collected(self):
        host = self.host().start()
        host.run_inside(["sh", "-c", "seq 1000 | logger -t hook"], check=True)
        lines = host.journal_lines()
        self.assertEqual(len(lines), 1000)
        self.assertRegex(lines[-1], r"^<13>.*hook: 1000$")

    def test_guests_outlive_a_libvirtd_that_is_restarted_or_killed(self):
        host = self.host().start()
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        host.restart()
        self.assertEqual(host.virsh("list", "--name").stdout.strip(), "vm")
        host.kill_daemon()
        self.assertNotEqual(host.virsh("list", check=False).returncode, 0)
        host.start_daemon()
        self.assertEqual(host.virsh("domstate", "vm").stdout.strip(), "running")

    def test_a_libvirtd_that_does_not_start_is_told_with_its_words(self):
        host = self.host()
        host.path("/etc/libvirt/libvirtd.conf").write_text("nonsense = 1\nhost_uuid = \"x\"\n")
        with self.assertRaisesRegex(AssertionError, r"(?s)libvirtd ended .*host_uuid|UUID"):
            host.start()

    def test_a_killed_test_leaves_nothing(self):
        test = subprocess.Popen([sys.executable, "-c", f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from virtcase import *
host = VirtHost().start()
host.virsh("create", host.file("vm.xml", domain_xml("vm", {UUID!r})))
print(host.dir, host.namespace, flush=True)
sys.stdin.read()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with test:
            directory, namespace = test.stdout.readline().split()
            self.assertGreater(len(processes_of(namespace)), 2)
            test.kill()
        eventually(lambda: not processes_of(namespace), "no process left")
        eventually(lambda: not os.path.exists(directory), "no directory left")


class MachineWithoutHosts(unittest.TestCase):
    """What becomes of tests where there can be no private host."""

    def run_tests(self, **env):
        code = f"import os, runpy; os.geteuid = lambda: 1000; runpy.run_path({str(HERE / 'facts_test.py')!r}, run_name='__main__')"
        env = {name: value for name, value in os.environ.items() if name != "VDSM_HOOK_REQUIRE_VIRT"} | {"PYTHONPATH": str(HERE)} | env
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False)

    def test_they_are_skipped_with_the_reason(self):
        done = self.run_tests()
        self.assertEqual(done.returncode, SKIPPED, done.stderr)
        self.assertRegex(done.stderr, "SKIPPED .*: private hosts need root")

    def test_they_fail_where_hosts_are_required(self):
        done = self.run_tests(VDSM_HOOK_REQUIRE_VIRT="1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("AssertionError: private hosts need root", done.stderr)


if __name__ == "__main__":
    main()
