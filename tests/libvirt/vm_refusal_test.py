#!/usr/bin/env python3
"""`vdsm-hook vm` when libvirt is not there, refuses, or hooks leave what cannot be started: its words, and nothing is left."""

from virtcase import domain_xml, main, reachable_build
from vmfaultcase import CREATED, PLACES, UNDO, UUID, VmFaultTest


def put_in(xml):
    """A line of shell that puts XML into <devices>."""
    return f"""sed -i "s|</devices>|{xml}</devices>|" "$_hook_domxml\""""


class RefusalTest(VmFaultTest):
    def test_without_libvirtd_the_command_says_what_virsh_says(self):
        host = self.vm_host()
        host.stop_daemon()
        virsh = host.run_inside(["virsh", "-c", "qemu:///system", "start", "t1"]).stderr.splitlines()
        lines = self.refused(host, "start", "t1", "-c", "qemu:///system")
        self.assertEqual(lines, [f"vdsm-hook: {line}" for line in virsh])
        self.assertEqual(self.logged(), [])

    def test_who_may_not_connect_is_told_what_virsh_says(self):
        host = self.vm_host()
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        host.path("/run/libvirt/libvirt-sock").chmod(0o700)
        virsh = host.run_inside([*nobody, "virsh", "-c", "qemu:///system", "start", "t1"])
        program = reachable_build(self.addCleanup) / "bin" / "vdsm-hook"
        done = host.run_inside([*nobody, program, "vm", "start", "t1", "-c", "qemu:///system"], env=PLACES)
        self.assertEqual((done.returncode, done.stderr.splitlines()), (1, [f"vdsm-hook: {line}" for line in virsh.stderr.splitlines()]))
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual((self.state(host), self.logged()), ("shut off", []))

    def test_a_libvirtd_that_dies_while_hooks_run_refuses_the_start_and_hooks_take_it_back(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_vm_start")
        start = self.running(host, "start", "t1")
        wait.reach()
        host.kill_daemon()
        wait.go_on()
        _, err = start.communicate(timeout=60)
        self.assertEqual(start.returncode, 1, err)
        self.assertIn("error: Failed to start domain 't1'\nvdsm-hook: error: ", err)
        self.assertNotIn("undefined", err)
        self.assertEqual(self.logged(), CREATED + UNDO)
        host.start_daemon()
        self.assertEqual(self.state(host), "shut off")
        self.assert_nothing_is_left(host)

    def test_a_libvirtd_that_dies_while_a_vm_is_destroyed_refuses_that(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        wait = self.waiting_hook(host, "before_vm_destroy")
        destroy = self.running(host, "destroy", "t1")
        wait.reach()
        host.kill_daemon()
        wait.go_on()
        _, err = destroy.communicate(timeout=60)
        self.assertEqual(destroy.returncode, 1, err)
        self.assertIn("error: Failed to destroy domain 't1'\nvdsm-hook: error: ", err)
        self.assertNotIn("after_vm_destroy", self.logged())
        host.start_daemon()
        self.assertEqual(self.state(host), "running")
        self.assert_nothing_is_left(host)

    def test_a_libvirtd_that_dies_while_a_vm_is_saved_refuses_that_and_the_vm_may_be_paused(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        wait = self.waiting_hook(host, "before_vm_hibernate")
        save = self.running(host, "save", "t1", host.dir / "t1.save")
        wait.reach()
        host.kill_daemon()
        wait.go_on()
        _, err = save.communicate(timeout=60)
        self.assertEqual(save.returncode, 1, err)
        self.assertIn("note: the VM may be paused: ", err)
        self.assertIn(f"error: Failed to save domain 't1' to {host.dir}/t1.save\nvdsm-hook: error: ", err)
        host.start_daemon()
        self.assertEqual(self.state(host), "paused")
        self.assert_nothing_is_left(host)
        wait.remove()
        self.vm(host, "resume", "t1")
        self.assertEqual(self.state(host), "running")

    def test_what_is_missing_active_or_inactive_is_said_as_virsh_says_it(self):
        host = self.vm_host()

        def same(*words, virsh=None):
            expected = host.virsh(*(virsh or words), check=False)
            self.assertEqual(expected.returncode, 1)
            self.assertEqual(self.refused(host, *words), [f"vdsm-hook: {line}" for line in expected.stderr.splitlines() if line])
            self.assertEqual(self.logged(), [])

        for command in ("start", "destroy", "suspend", "resume", "managedsave", "shutdown", "reboot", "show"):
            with self.subTest(command, vm="missing"):  # virsh stops after the first line
                self.assertEqual(self.refused(host, command, "no such"),
                                 ["vdsm-hook: error: failed to get domain 'no such'",
                                  "vdsm-hook: error: Domain not found: no domain with matching name 'no such'"])
        for command in ("destroy", "suspend", "resume", "shutdown", "reboot", "managedsave"):
            with self.subTest(command, vm="inactive"):
                same(command, "t1")
        same("save", "t1", str(host.dir / "t1.save"))
        same("restore", "/no/such.save")
        host.virsh("start", "t1")
        same("start", "t1")
        self.assert_nothing_is_left(host)

    def test_xml_that_libvirt_refuses_names_the_hook_that_put_it_in(self):
        host = self.vm_host()
        before = self.definition(host)
        self.hook(host, "before_vm_start", "30_fine", 'sed -i "s|</name>|</name><title>fine</title>|" "$_hook_domxml"')
        bad = self.hook(host, "before_vm_start", "40_bad", put_in("<disk type='file'><source file='/x'/><target dev='vdz' bus='warp'/></disk>"))
        lines = self.refused(host, "start", "t1")
        self.assertEqual(lines[0], "vdsm-hook: error: Failed to start domain 't1'")
        self.assertIn("'warp'", lines[1])
        self.assertEqual(lines[2], "vdsm-hook: error: what libvirt refuses was put into the domain XML by before_vm_start/40_bad")
        self.assertEqual(self.logged(), CREATED + UNDO)

        with self.subTest("when it cannot be told, all that changed something are named"):
            bad.unlink()
            self.hook(host, "before_vm_start", "50_bad", put_in("<disk type='file'><source file='/no/such.raw'/><target dev='vda' bus='virtio'/></disk>"
                                                               "<disk type='file'><source file='/no/such.raw'/><target dev='vda' bus='virtio'/></disk>"))
            self.hook(host, "before_vm_start", "60_nothing", "exit 0")
            last = self.refused(host, "start", "t1")[-1]
            self.assertIn("before_vm_start/50_bad", last)
            self.assertNotIn("60_nothing", last)
        self.assertEqual(self.definition(host), before)
        self.assertEqual(self.state(host), "shut off")
        self.assert_nothing_is_left(host)

    def test_what_only_the_definition_is_to_blame_for_is_blamed_on_no_hook(self):
        host = self.vm_host()
        self.define(host, extra_devices="<disk type='file'><source file='/no/such.raw'/><target dev='vda' bus='virtio'/></disk>")
        lines = self.refused(host, "start", "t1")
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("/no/such.raw", lines[1])

    def test_a_hook_that_undefines_the_vm_does_not_leave_one_that_vanishes_when_it_ends(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "20_undefine", "virsh -c qemu:///system undefine t1 >/dev/null")
        lines = self.refused(host, "start", "t1")
        self.assertEqual(lines[0], "vdsm-hook: error: Failed to start domain 't1'")
        self.assertIn("undefined while its hooks ran", lines[1])
        self.assertEqual(host.virsh("list", "--all", "--name").stdout.split(), [])
        self.assertEqual(self.logged(), CREATED + UNDO)
        self.assert_nothing_is_left(host)

    def test_a_hook_that_renames_the_vm_or_changes_its_uuid_vetoes_by_that(self):
        host = self.vm_host()
        for what, edit in {"name": "s|<name>t1|<name>t2|", "UUID": "s|<uuid>aaaa|<uuid>bbbb|"}.items():
            with self.subTest(what):
                self.hook(host, "before_vm_start", "20_identity", f'sed -i "{edit}" "$_hook_domxml"')
                lines = self.refused(host, "start", "t1")
                self.assertIn("20_identity", lines[0])
                self.assertEqual(lines[-1], "vdsm-hook: error: before_vm_start vetoed `vdsm-hook vm start`")
                self.assertEqual(self.logged(), CREATED + UNDO)
        self.assertEqual(host.virsh("list", "--all", "--name").stdout.split(), ["t1"])
        self.assert_nothing_is_left(host)

    def test_a_veto_between_devices_undoes_only_those_whose_hooks_ran(self):
        host = self.vm_host()
        self.hook(host, "before_device_create", "20_veto", '[ "$speed" != 1 ] || { echo no >&2; exit 2; }')
        lines = self.refused(host, "start", "t1")
        self.assertIn("20_veto failed at before_device_create", lines[0])
        self.assertEqual(lines[1], "no")
        self.assertEqual(self.logged(), ["before_device_create 1"] + [line for line in UNDO if " 2 " not in line])
        self.assert_nothing_is_left(host)

    def test_a_hook_that_fails_while_others_take_back_stops_none_of_them(self):
        host = self.vm_host()
        for event in ("before_device_destroy", "before_vm_destroy", "after_vm_destroy"):
            self.hook(host, event, "20_fail", "exit 1")
        self.hook(host, "before_vm_start", "20_veto", "exit 2")
        lines = self.refused(host, "start", "t1")
        self.assertEqual(lines[-1], "vdsm-hook: error: before_vm_start vetoed `vdsm-hook vm start`")
        self.assertEqual(self.logged(), CREATED + UNDO)
        self.assert_nothing_is_left(host)

    def test_create_needs_a_document_that_is_sound_and_has_a_uuid(self):
        host = self.vm_host()
        for text in ("", "<domain>", "<network><name>x</name></network>", domain_xml("t2", UUID).replace(f"<uuid>{UUID}</uuid>", "")):
            path = host.file("bad.xml", text)
            lines = self.refused(host, "create", path, code=2)
            self.assertEqual(len(lines), 1, lines)
        self.assertEqual(self.logged(), [])


if __name__ == "__main__":
    main()
