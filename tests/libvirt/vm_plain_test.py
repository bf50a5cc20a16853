#!/usr/bin/env python3
"""What `vdsm-hook vm` does besides hooks: who waits for whom, what reports name, and that passwords and names stay what they are."""

import json
import os
import signal

from virtcase import domain_xml, main
from vmfaultcase import CREATED, STARTED, UUID, VmFaultTest, program_of

NIC = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>"
GRAPHICS = "<graphics type='vnc' port='5999' autoport='no' passwd='{}'/>"


class PlainTest(VmFaultTest):
    def report_of(self, host, *words, code=0):
        self.vm(host, *words, "--report", host.dir / "report.json", code=code)
        return json.loads((host.dir / "report.json").read_text())

    # ---- who waits for whom

    def test_commands_without_hook_points_wait_for_the_one_that_holds_the_vm(self):
        host = self.vm_host()
        xml = host.file("t1.xml", host.virsh("dumpxml", "--inactive", "t1").stdout)
        wait = self.waiting_hook(host, "before_vm_start")
        start = self.running(host, "start", "t1")
        wait.reach()
        for words in (["define", xml], ["set-memory", "t1", "32MiB", "--config"], ["shutdown", "t1"], ["reboot", "t1"]):
            with self.subTest(words[0]):
                lines = self.refused(host, *words, "--no-wait")
                self.assertEqual(len(lines), 1, lines)
                self.assertIn("the VM is held by `vdsm-hook vm start` (process ", lines[0])
        other = host.file("t2.xml", domain_xml("t2", UUID.replace("0001", "0002")))
        self.vm(host, "define", other, "--no-wait")  # nobody holds that
        waiting = self.running(host, "set-memory", "t1", "32MiB", "--config")
        self.assertIn("waiting for `vdsm-hook vm start`", waiting.stderr.readline())
        wait.go_on()
        self.assertEqual((start.wait(60), waiting.wait(60)), (0, 0))
        self.assertIn("<currentMemory unit='KiB'>32768</currentMemory>", self.definition(host)[0])
        self.vm(host, "reboot", "t1")
        self.vm(host, "shutdown", "t1")
        self.assertEqual(self.logged(), CREATED + STARTED)
        self.assert_nothing_is_left(host)

    def test_they_leave_what_a_killed_command_left(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_vm_start")
        start = self.running(host, "start", "t1")
        wait.reach()
        os.kill(program_of(start), signal.SIGKILL)
        start.wait(60)
        wait.remove()
        before = self.run_record(host)
        done = self.vm(host, "set-memory", "t1", "32MiB", "--config")
        self.assertIn("note: `vdsm-hook vm start`", done.stderr)
        self.assertEqual(self.run_record(host), before)

    def test_TERM_while_a_guest_keeps_its_device_cancels_the_detaching(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        # Its CPUs stand still: it never lets go.
        host.virsh("suspend", "t1")
        self.hook(host, "after_nic_hotunplug_fail", "10_log", f"echo failed >>{self.log}")
        detach = self.running(host, "detach-device", "t1", host.file("nic.xml", NIC), "--live", "--wait", "1h")
        host.eventually(lambda: (self.run_record(host) or {}).get("stage") == "acting", "libvirt is asked")
        os.kill(program_of(detach), signal.SIGTERM)
        _, err = detach.communicate(timeout=60)
        self.assertEqual(detach.returncode, -signal.SIGTERM, err)
        self.assertEqual(err.splitlines(), ["vdsm-hook: note: the guest has been asked for interface 52:54:00:00:00:01, and may let go of it yet",
                                            "vdsm-hook: error: the command was cancelled"])
        self.assertEqual(self.logged(), ["failed"])
        self.assert_nothing_is_left(host)

    def test_TERM_cancels_a_migration_that_is_on_its_way(self):
        host, other = self.vm_host(), self.host("other").start()
        host.virsh("start", "t1")
        host.virsh("migrate-setspeed", "t1", "1")
        migrate = self.running(host, "migrate", "t1", other.uri, "--p2p", "--live", "--migrateuri", f"unix://{host.dir}/migration")
        host.eventually(lambda: "Memory processed" in host.virsh("domjobinfo", "t1", check=False).stdout, "the memory is on its way")
        os.kill(program_of(migrate), signal.SIGTERM)
        _, err = migrate.communicate(timeout=60)
        self.assertEqual((migrate.returncode, err), (-signal.SIGTERM, "vdsm-hook: error: the command was cancelled\n"))
        self.assertEqual(self.state(host), "running")
        self.assert_nothing_is_left(host)

    # ---- what reports name

    def test_reports_name_the_vm_where_a_file_is_given(self):
        host = self.vm_host()
        uuid = UUID.replace("0001", "0002")
        xml = host.file("t2.xml", domain_xml("t2", uuid))
        self.assertEqual(self.report_of(host, "define", xml)["vm"], "t2")
        self.assertEqual(self.report_of(host, "create", xml)["vm"], "t2")
        self.assertEqual(self.report_of(host, "create", xml, code=1)["vm"], "t2")
        image = str(host.dir / "t2.save")
        self.vm(host, "save", "t2", image)
        self.assertEqual(self.report_of(host, "restore", image)["vm"], image)
        self.assertEqual(self.report_of(host, "restore", "/no/such.save", code=1)["vm"], "/no/such.save")

    # ---- hooks of the phases that only some runs have

    def test_hooks_of_a_restoring_start_and_of_a_save_that_fails_can_be_skipped(self):
        host = self.vm_host()
        for event in ("before_vm_dehibernate", "before_vm_cont"):
            self.hook(host, event, "20_fail", "exit 2")
        host.virsh("start", "t1")
        self.hook(host, "before_vm_cont", "30_cont", "exit 2")
        self.refused(host, "save", "t1", "/no/such/dir/save", "--skip", "20_fail", "--skip", "30_cont")
        self.assertEqual(self.state(host), "running")
        self.vm(host, "managedsave", "t1", "--skip", "20_fail", "--skip", "30_cont")
        self.vm(host, "start", "t1", "--skip", "20_fail", "--skip", "30_cont")
        self.assertEqual(self.state(host), "running")
        self.refused(host, "start", "t1", "--skip", "30_const", code=2)

    # ---- passwords

    def test_what_libvirt_refuses_is_told_without_passwords(self):
        host = self.vm_host()
        xml = domain_xml("t1", UUID, extra_devices=GRAPHICS.format("geheim99"))
        for bad in (xml.replace("/>\n  </devices>", "/></oops>\n  </devices>"), xml.replace("5999", "geheim99")):
            path = host.file("bad.xml", bad)
            self.assertIn("geheim99", host.virsh("define", path, check=False).stderr)
            report = self.report_of(host, "define", path, code=1)
            self.assertIn("***", report["error"])
            self.assertNotIn("geheim99", json.dumps(report) + self.vm(host, "define", path, code=1).stderr)
        device = host.file("bad.xml", GRAPHICS.replace("5999", "geheim99").format("geheim99"))
        for flag in ("--config", "--current"):
            err = self.vm(host, "attach-device", "t1", device, flag, code=1).stderr
            self.assertIn("***", err)
            self.assertNotIn("geheim99", err)

    # ---- whose fault it is

    def test_a_libvirtd_that_dies_and_a_script_that_refuses_are_no_fault_of_hooks(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "15_title", 'sed -i "s|</name>|</name><title>new</title>|" "$_hook_domxml"')
        wait = self.waiting_hook(host, "before_vm_start")
        start = self.running(host, "start", "t1")
        wait.reach()
        host.kill_daemon()
        wait.go_on()
        _, err = start.communicate(timeout=60)
        self.assertIn("error: Failed to start domain 't1'", err)
        self.assertNotIn("15_title", err)
        wait.remove()
        host.hook("qemu", "#!/bin/sh\necho 'not here' >&2\n[ \"$2\" != prepare ]\n")
        host.start_daemon()
        err = "\n".join(self.refused(host, "start", "t1"))
        self.assertIn("not here", err)
        self.assertNotIn("15_title", err)

    # ---- names

    def test_a_name_with_a_line_end_prints_no_error_of_its_own(self):
        host = self.vm_host()
        name = "a\nerror: the disk is on fire"
        shown = "a\\nerror: the disk is on fire"
        self.vm(host, "create", host.file("odd.xml", domain_xml(name, UUID.replace("0001", "0002"))))
        for words, what in ((["resume", name], f"Failed to resume domain '{shown}'"),
                            (["save", name, "/no/such/dir/save"], f"Failed to save domain '{shown}' to /no/such/dir/save"),
                            (["start", name + name], f"failed to get domain '{shown}{shown}'")):
            with self.subTest(words[0]):
                lines = self.refused(host, *words)
                self.assertEqual((lines[0], len(lines)), (f"vdsm-hook: error: {what}", 2), lines)


if __name__ == "__main__":
    main()
