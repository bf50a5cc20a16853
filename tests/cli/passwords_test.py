#!/usr/bin/env python3
"""Passwords in what commands say: hooks get them, and no message, report or line of the bridge has one."""

import subprocess
import unittest

from command import DEADLINE_S, DOMAIN, DONE, VETOED, CommandTest

SECRET = "hunter two, three"
CUSTOM = f"<ovirt-vm:root_password>{SECRET}</ovirt-vm:root_password>"
VM = DOMAIN.replace("<ovirt-vm:colour>red</ovirt-vm:colour>", CUSTOM).replace(
    "</domain>", f"<devices><graphics type='vnc' passwd='{SECRET}'/></devices></domain>")
PARTS = ["hunter", "two", "three"]
SAY = "#!/bin/sh\necho \"it was $root_password\"\ncat \"$_hook_domxml\" >&2\n"


class PasswordsTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.file("vm.xml", VM)
        self.define("root_password=^[0-9]+$")

    def has_none(self, *texts):
        for text in texts:
            for part in PARTS:
                self.assertNotIn(part, text)


class Messages(PasswordsTest):
    def test_a_value_that_its_definition_refuses_is_not_quoted(self):
        self.hook("50_a")
        refused = "root_password=***: does not match"
        done = self.run_event("--report", "report.json")
        self.check(done, VETOED, "", refused)
        self.has_none(done.stderr, (self.dir / "report.json").read_text())
        plan = self.command("plan", "before_vm_start", "--domxml", "vm.xml", "--format", "json").stdout
        self.assertIn(refused, plan)
        self.has_none(plan)

    def test_neither_is_one_that_was_given_for_one_command(self):
        self.hook("50_a")
        for value in (SECRET, f"{SECRET} {'x' * 300}"):
            done = self.run_event("-p", f"root_password={value}", event="before_vm_start")
            self.check(done, VETOED, "", "root_password=***: does not match")
            self.has_none(done.stderr)

    def test_check_and_show_say_what_is_wrong_without_it(self):
        check = self.command("check", "--domxml", "vm.xml")
        self.check(check, VETOED)
        self.assertIn("root_password=***: does not match", check.stdout)
        self.has_none(check.stdout, check.stderr)
        shown, = self.json_of("props show", "--domxml", "vm.xml")["properties"]
        self.assertEqual(shown["value"], SECRET)  # which is what was asked for
        self.has_none(*shown["problems"])

    def test_the_line_that_would_let_it_through_has_a_placeholder(self):
        (self.config / "properties.toml").unlink()
        self.hook("50_a")
        check = self.command("check", "--domxml", "vm.xml")
        ran = self.run_event()
        for text in (check.stdout, ran.stderr):
            self.assertIn("vdsm-hook props define 'root_password=PATTERN'", text)
            self.has_none(text)
        self.file("vm.xml", DOMAIN.replace("<ovirt-vm:colour>red</ovirt-vm:colour>", "<ovirt-vm:rbd>user=a,password=hunter</ovirt-vm:rbd>"))
        self.has_none(self.command("check", "--domxml", "vm.xml").stdout)

    def test_props_set_repeats_none(self):
        refused = self.command("props set", f"root_password={SECRET}", "--domxml", "vm.xml")
        self.check(refused, VETOED, "", "root_password=***: does not match")
        self.has_none(refused.stderr)
        done = self.command("props set", "root_password=123456", "--domxml", "vm.xml")
        self.check(done, DONE)
        self.assertIn("root_password=***", done.stdout)
        for values in (f"root_password={SECRET};x", f"root_password=a;{SECRET}"):
            done = self.command("props validate", "--vm", values)
            self.check(done, VETOED)
            self.has_none(done.stdout, done.stderr)


class Output(PasswordsTest):
    def test_the_rest_of_one_that_the_bound_of_output_cuts_is_hidden(self):
        self.define("root_password=.*")
        for cut in range(1, len(SECRET)):
            # The last 64 KiB begin within the password.
            rest = SECRET[cut:]
            self.hook("50_a", f"#!/bin/sh\nprintf '{SECRET}'\nhead -c {65536 - len(rest)} /dev/zero | tr '\\0' .\n")
            text = self.report_of()["hooks"][0]["stdout"].split("\n", 1)[1]
            self.assertEqual(text, "***" + "." * (65536 - len(rest)))


class Bridge(PasswordsTest):
    """As libvirt calls it."""

    def bridge(self, operation, sub, driver="qemu"):
        self.call("libvirt-bridge", "install", "--libvirt-hooks-dir", self.dir / "libvirt")
        return subprocess.run([self.dir / "libvirt" / f"{driver}.d" / "50-vdsm-hook", "web-1", operation, sub, "-"], input=VM, capture_output=True,
                              text=True, check=False, timeout=DEADLINE_S, cwd="/",
                              env={**self.env, "VDSM_HOOK_HOOKS_DIR": str(self.hooks), "VDSM_HOOK_CONFIG_DIR": str(self.config),
                                   "VDSM_HOOK_RUNTIME_DIR": str(self.runtime)})

    def kept(self):
        return [path.read_text() for path in self.runtime.rglob("*") if path.is_file()]

    def test_its_lines_and_what_it_keeps_have_none(self):
        self.define("root_password=.*")
        self.hook("50_say", SAY + "exit 2\n")
        self.check(vetoed := self.bridge("prepare", "begin"), VETOED)
        self.hook("50_say")
        said = [vetoed, self.bridge("prepare", "begin")]
        for operation, sub, event in (("started", "begin", "after_vm_start"), ("release", "end", "after_vm_destroy")):
            self.hook("50_say", SAY + "exit 1\n", event=event)
            said.append(self.bridge(operation, sub))
            self.has_none(*self.kept())
        for done in (said[0], *said[2:]):
            self.check(done, done.returncode, "", ["50_say failed", "passwd='***'"])
            self.has_none(done.stderr, *self.kept())
        self.assertEqual([done.returncode for done in said[1:]], [DONE] * 3)

    def test_nor_a_value_that_vetoes(self):
        self.hook("50_say", SAY)
        done = self.bridge("prepare", "begin")
        self.check(done, VETOED, "", "root_password=***: does not match")
        self.has_none(done.stderr, *self.kept())

    def test_nor_what_a_script_of_the_vms_own_says(self):
        self.file("libvirt/qemu.d/web-1/prepare/begin/10-a", "#!/bin/sh\nx=$(cat)\necho \"$x\" >&2\nexit 1\n", 0o755)
        done = self.bridge("prepare", "begin")
        self.check(done, VETOED, "", "passwd='***'")
        self.has_none(done.stderr, *self.kept())


if __name__ == "__main__":
    unittest.main()
