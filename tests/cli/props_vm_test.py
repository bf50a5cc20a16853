#!/usr/bin/env python3
"""vdsm-hook props on the VMs of libvirt's test driver. What it changes is gone with the process: whether it stays is tested on libvirtd."""

import subprocess
import unittest

from command import DONE, ENGINE_FAILURE, PROGRAM, SOURCE, VETOED, CommandTest

NODE = (SOURCE / "tests/data/test_node.xml").read_text()
UUID = "5d6f0c5e-3f6e-4a3e-9b5c-0f6f6a1f2b01"
NIC = "52:54:00:6b:3c:58"
DEFINITIONS = ("[UserDefinedVMProperties]\n'4.8' = 'macspoof=^(true|false)$;size=[0-9]+'\n"
               "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=[0-9]+}}'\n")
PROFILE = "[profiles.fast.properties]\nspeed = '1000'\n"
REFERENCE = (f'</ovirt-vm:custom><ovirt-vm:device mac_address="{NIC}"><ovirt-vm:vnic_profile>fast</ovirt-vm:vnic_profile></ovirt-vm:device>')


class PropsOfVms(CommandTest):
    def setUp(self):
        super().setUp()
        self.file("config/properties.toml", DEFINITIONS + PROFILE)
        self.node(NODE)

    def leftovers(self):
        return [name for name in super().leftovers() if name != "vms"]  # locks

    def node(self, text):
        """What libvirt's default connection has."""
        self.env["LIBVIRT_DEFAULT_URI"] = f"test://{self.file('node.xml', text)}"

    def props(self, action, *words, **options):
        return self.command(f"props {action}", *words, **options)

    def test_a_vm_is_found_by_name_and_uuid(self):
        shown = "VM web-01\n  macspoof = true  of the VM  declared by"
        for vm in ["web-01", UUID, UUID.upper()]:
            done = self.props("show", vm)
            self.check(done, DONE)
            self.assertTrue(done.stdout.startswith(shown), done.stdout)
        self.check(self.props("show", "web-02"), VETOED, "", ["vdsm-hook: error: failed to get domain 'web-02'\n", "Domain not found"])

    def test_a_vm_with_an_equals_sign_in_its_name_is_reached_by_its_uuid(self):
        self.node(NODE.replace("web-01", "a=b"))
        self.check(self.props("set", UUID, "size=1"), DONE, "VM a=b: size=1\nnote: no installed hook reads size\n")
        self.refused(self.props("set", "a=b", "size=1"), "'a=b' is no VM", "UUID", "vdsm-hook props set --help")

    def test_the_connection_that_is_given_wins(self):
        self.env["LIBVIRT_DEFAULT_URI"] = "test:///default"
        self.check(self.props("show", "web-01"), VETOED)
        for option in [("-c", f"test://{self.dir}/node.xml"), (f"--connect=test://{self.dir}/node.xml",)]:
            self.check(self.props("show", "web-01", *option), DONE)
        self.refused(self.props("show", "--domxml", "vm.xml", "-c", "test:///default"), "--connect")

    def test_values_and_devices_are_judged_as_with_a_file(self):
        self.check(self.props("set", "web-01", "macspoof=true", "size=2"), DONE)
        self.check(self.props("set", "web-01", "speed=1000", "--device", NIC), DONE,
                   f"interface {NIC}: speed=1000\nnote: no installed hook reads speed\n")
        self.check(self.props("set", "web-01", "size=big"), VETOED, "", ["size", "nothing was changed"])
        self.check(self.props("set", "web-01", "speed=1"), VETOED, "", "it is a property of interface devices: give --device")
        self.refused(self.props("set", "web-01", "size"), "'size' is not NAME=VALUE")
        self.refused(self.props("set", "web-01", "speed=1", "--device", "interface:9"), "no device 'interface:9'", NIC)
        self.check(self.props("unset", "web-01", "macspoof"), DONE, "VM web-01: macspoof is unset\n")
        self.refused(self.props("unset", "web-01", "macspof"), "is not set on VM web-01 (did you mean macspoof?)")
        self.assertIs(self.json_of("props set", "web-01", "macspoof=true")["changed"], False)
        self.assertIs(self.json_of("props set", "web-01", "macspoof=false")["changed"], True)

    def test_a_vm_or_a_file_must_be_given(self):
        for action, words in [("show", []), ("set", []), ("set", ["size=1"]), ("unset", [])]:
            self.refused(self.props(action, *words), "--domxml FILE", f"vdsm-hook props {action} --help")
        for words in [("show", "web-01"), ("set", "web-01", "size=1")]:
            for place in [words[1:] + ("--domxml", "vm.xml"), ("--domxml", "vm.xml") + words[1:]]:
                self.refused(self.props(words[0], *place), "give a VM or --domxml FILE, not both")
        for words in [("set", "web-01"), ("unset", "web-01"), ("set", "--domxml", "vm.xml"), ("unset", "--domxml", "vm.xml")]:
            self.refused(self.props(*words), "is required")

    def test_a_file_is_changed_wherever_its_option_stands(self):
        for number, words in enumerate([("size=1", "macspoof=true", "--domxml", "vm.xml"), ("--domxml", "vm.xml", "size=2", "macspoof=true"),
                                        ("size=3", "--domxml", "vm.xml", "macspoof=true"), ("--domxml=vm.xml", "size=4")], 1):
            self.check(self.props("set", *words), DONE)
            self.assertIn(f"<ovirt-vm:size>{number}<", self.domain.read_text())

    def test_without_the_program_for_libvirt_files_work_and_vms_say_what_to_install(self):
        (self.dir / "libexec").mkdir()
        self.env["VDSM_HOOK_LIBEXEC_DIR"] = str(self.dir / "libexec")
        self.check(self.props("set", "web-01", "size=1"), ENGINE_FAILURE, "", "install the package vdsm-hook-libvirt")
        self.check(self.props("set", "size=1", "--domxml", "vm.xml"), DONE)
        done = self.command("props profile delete", "fast")
        self.check(done, DONE)
        self.assertRegex(done.stdout, "^vNIC profile fast is deleted\nnote: VMs in libvirt were not looked at: .*install the package vdsm-hook-libvirt .*\n$")

    def test_a_profile_that_a_vm_refers_to_is_not_deleted(self):
        self.node(NODE.replace("</ovirt-vm:custom>", REFERENCE))
        for state, users in [("5", [""]), ("1", [", which runs", ""])]:
            self.node(NODE.replace("</ovirt-vm:custom>", REFERENCE).replace("runstate>5", f"runstate>{state}"))
            done = self.command("props profile delete", "fast")
            self.check(done, VETOED, "")
            self.assertEqual(done.stderr.splitlines(),
                             [*(f"vdsm-hook: in use by interface {NIC} of the VM web-01{where}" for where in users),
                              "vdsm-hook: nothing was changed; --force deletes it although it is in use or nobody knows"])
        self.check(self.command("props profile delete", "fast", "--force"), DONE,
                   f"vNIC profile fast is deleted\nnote: it was in use by interface {NIC} of the VM web-01, which runs\n"
                   f"note: it was in use by interface {NIC} of the VM web-01\n")

    def test_a_libvirt_that_does_not_answer_is_a_note(self):
        self.env["LIBVIRT_DEFAULT_URI"] = f"qemu+unix:///system?socket={self.dir}/nobody"
        done = self.command("props profile delete", "fast")
        self.check(done, DONE)
        self.assertRegex(done.stdout, "^vNIC profile fast is deleted\nnote: VMs in libvirt were not looked at: failed to connect .*nobody.*\n$")

    def test_the_command_itself_does_not_load_libvirt(self):
        linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=False).stdout
        self.assertRegex(linked, "libc|statically linked")
        self.assertNotIn("libvirt.so", linked)


if __name__ == "__main__":
    unittest.main()
