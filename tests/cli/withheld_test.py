#!/usr/bin/env python3
"""Properties that a document sets and nothing on the host defines: hooks do not get them, and everybody is told how to change that."""

import shlex
import subprocess
import unittest

from command import DOMAIN, DONE, PROGRAM, SHOW, VETOED, CommandTest

NAMES = ["strange", "KRAKEN_OPTIONS"]
CUSTOM = "<ovirt-vm:strange>x y</ovirt-vm:strange><ovirt-vm:KRAKEN_OPTIONS>$(id)' a.b*</ovirt-vm:KRAKEN_OPTIONS>"
MAC = "52:54:00:00:00:01"
OF_NIC = f"<ovirt-vm:device mac_address='{MAC}'><ovirt-vm:custom><ovirt-vm:odd>1</ovirt-vm:odd></ovirt-vm:custom></ovirt-vm:device>"


class WithheldTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("50_show", SHOW)
        self.file("vm.xml", DOMAIN.replace("<ovirt-vm:colour>red</ovirt-vm:colour>", CUSTOM))

    def seen(self, *words, event="before_vm_start"):
        """What the hook finds of the properties."""
        report = self.report_of(*words, event=event)
        entries = dict(line.split("=", 1) for line in report["hooks"][0]["stderr"].splitlines())
        return {name: entries[name] for name in [*NAMES, "colour"] if name in entries}

    def test_a_hook_does_not_get_them_and_a_person_is_told_without_asking(self):
        self.assertEqual(self.seen(), {})
        done = self.run_event()
        self.check(done, DONE, (self.dir / "vm.xml").read_text(), [f"warning: custom property {name}" for name in NAMES])
        self.assertIn("vdsm-hook props define 'strange=PATTERN'", done.stderr)
        report = self.report_of()
        self.assertEqual([problem["vetoes"] for problem in report["problems"]], [False, False])
        self.assertEqual(self.run_event("-q").stderr, "")

    def test_plan_and_show_say_it_too(self):
        plan = self.json_of("plan", "before_vm_start", "--domxml", "vm.xml")
        self.assertEqual([("withheld" in problem["why"], problem["vetoes"]) for problem in plan["problems"]], [(True, False)] * 2)
        self.assertIn("  problem: custom property strange of the domain's metadata: withheld", self.command("plan", "before_vm_start", "--domxml", "vm.xml").stdout)
        shown = self.json_of("props show", "--domxml", "vm.xml")
        self.assertEqual([one["notes"][0] for one in shown["properties"]], ["withheld from hooks: nobody defines it"] * 2)

    def test_the_lines_that_check_prints_let_them_through(self):
        done = self.command("check", "--domxml", "vm.xml")
        self.assertEqual(done.returncode, VETOED)
        lines = [line.split("To let it through: ")[1].split(". Else")[0] for line in done.stdout.splitlines() if "To let it through: " in line]
        self.assertEqual(len(lines), 2)
        for line in lines:
            program, *words = shlex.split(line)
            self.assertEqual((program, words[:2]), ("vdsm-hook", ["props", "define"]))
            done = subprocess.run([PROGRAM, *words, "--config-dir", self.config], env=self.env, capture_output=True, check=False)
            self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual(self.seen(), {"strange": "x y", "KRAKEN_OPTIONS": "$(id)' a.b*"})
        self.assertEqual(self.report_of()["problems"], [])
        self.assertNotIn("withheld", self.command("check", "--domxml", "vm.xml").stdout)

    def test_the_line_for_a_devices_property_names_its_type(self):
        nic = f"<devices><interface type='network'><mac address='{MAC}'/></interface></devices>"
        self.file("vm.xml", DOMAIN.replace("<ovirt-vm:custom><ovirt-vm:colour>red</ovirt-vm:colour></ovirt-vm:custom>", OF_NIC).replace("</domain>", nic + "</domain>"))
        self.assertIn("vdsm-hook props define --device interface 'odd=^1$'", self.command("check", "--domxml", "vm.xml").stdout)

    def test_a_command_with_several_events_says_it_once(self):
        self.hook("50_show", SHOW, event="after_vm_start")
        self.file("test.xml", (self.dir / "vm.xml").read_text().replace("type='kvm'", "type='test'").replace("  <on_reboot>", "  <memory>1024</memory><os><type>hvm</type></os>\n  <on_reboot>"))
        done = self.command("vm create", "test.xml")
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual([done.stderr.count(f"custom property {name}") for name in NAMES], [1, 1])

    def test_what_a_person_types_is_delivered(self):
        self.assertEqual(self.seen("-p", "strange=1"), {"strange": "1"})
        done = self.run_event("-p", "TAR_OPTIONS=--to-command=id")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_the_configuration_lets_them_through_but_not_from_elsewhere(self):
        self.configure("[properties]\ndeliver_undefined = true\n")
        self.assertEqual(set(self.seen()), set(NAMES))
        self.assertEqual(self.report_of()["problems"], [])
        for event in ["before_vm_dehibernate", "before_vm_migrate_destination"]:
            self.hook("50_show", SHOW, event=event)
            self.assertEqual(self.seen(event=event), {})
            self.assertEqual(len(self.report_of(event=event)["problems"]), 2)

    def test_upstreams_rules_deliver_all(self):
        for event in ["before_vm_start", "before_vm_dehibernate"]:
            self.hook("50_show", SHOW, event=event)
            self.assertEqual(set(self.seen("--compat", "vdsm", event=event)), set(NAMES))

    def test_a_condition_of_an_installed_hook_is_a_definition(self):
        self.hook("50_other", event="after_vm_start")
        self.file("hooks/after_vm_start/50_other.toml", "[when]\nany_property = ['strange']\n")
        self.assertEqual(self.seen(), {"strange": "x y"})

    # A program that hooks call ran what the owner of a VM said.
    def test_the_owner_of_a_vm_cannot_steer_the_programs_that_hooks_call(self):
        self.hook("50_tar", f"#!/bin/sh\ntar -cf {self.dir}/x.tar -C / etc/hostname\n")
        attack = f"--checkpoint=1 --checkpoint-action=exec={self.file('owned', '#!/bin/sh' + chr(10) + f'touch {self.dir}/was_run' + chr(10), 0o755)}"
        self.file("vm.xml", DOMAIN.replace("<ovirt-vm:colour>red</ovirt-vm:colour>", f"<ovirt-vm:TAR_OPTIONS>{attack}</ovirt-vm:TAR_OPTIONS>"))
        for event in ["before_vm_start", "after_vm_start"]:
            self.hook("50_tar", (self.hooks / "before_vm_start/50_tar").read_text(), event=event)
            self.run_event(event=event)
            self.assertFalse((self.dir / "was_run").exists())

    def test_more_properties_than_are_taken_veto(self):
        custom = "".join(f"<ovirt-vm:p{i}>1</ovirt-vm:p{i}>" for i in range(40000))
        self.file("vm.xml", DOMAIN.replace("<ovirt-vm:colour>red</ovirt-vm:colour>", custom))
        self.check(self.run_event(), VETOED, "", ["40000 custom properties", "at most 1000"])


if __name__ == "__main__":
    unittest.main()
