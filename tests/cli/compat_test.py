#!/usr/bin/env python3
"""--compat vdsm: what differs from our own rules, one test each, and what does not."""

import os
import time
import unittest

from command import DOMAIN, DONE, EDIT, SHOW, VETOED, CommandTest

COMPAT = ("--compat", "vdsm")
CHANGED = DOMAIN.replace("restart", "destroy")


class DifferenceTest(CommandTest):
    """Every test shows our own rule first."""

    def test_the_edits_of_a_failed_hook_are_kept(self):
        self.hook("50_half", EDIT + "exit 1\n", event="after_get_caps")
        self.hook("50_half", "#!/bin/sh\necho '[2]' > \"$_hook_json\"\nexit 1\n", event="after_get_caps")
        call = {"event": "after_get_caps", "document": ("--json", "-"), "stdin": "[1]"}
        self.check(self.run_event(**call), DONE, "[1]", "50_half failed")
        self.check(self.run_event(*COMPAT, **call), DONE, "[2]\n", "50_half failed")

    def test_the_next_hook_gets_the_edits_of_a_failed_one(self):
        self.hook("50_half", EDIT + "exit 1\n")
        self.hook("60_look", '#!/bin/sh\ngrep -o "<on_reboot>[a-z]*" "$_hook_domxml"\n')
        for words, seen in [((), "<on_reboot>restart\n"), (COMPAT, "<on_reboot>destroy\n")]:
            report = self.report_of(*words, code=VETOED)
            self.assertEqual(report["hooks"][1]["stdout"], seen)

    def test_the_document_is_not_checked(self):
        self.hook("50_break", "#!/bin/sh\necho '<domain><not-closed>' > \"$_hook_domxml\"\n")
        self.check(self.run_event(), VETOED, "", ["50_break", "line 2"])
        self.check(self.run_event(*COMPAT), DONE, "<domain><not-closed>\n")
        self.check(self.run_event(*COMPAT, document=("--domxml", "-"), stdin="no XML at all"), DONE)

    def test_the_identity_is_not_checked(self):
        self.hook("50_rename", '#!/bin/sh\nsed -i s,web-1,web-2, "$_hook_domxml"\n')
        self.check(self.run_event(), VETOED, "", ["50_rename", "name"])
        self.check(self.run_event(*COMPAT), DONE, DOMAIN.replace("web-1", "web-2"))

    def test_leftovers_run(self):
        self.hook("50_edit.rpmsave", EDIT)
        self.hook("50_edit~", "#!/bin/sh\n")
        self.check(self.run_event(), DONE, DOMAIN, "50_edit.rpmsave does not run: leftover name")
        self.check(self.run_event(*COMPAT), DONE, CHANGED)
        self.assertEqual([h["name"] for h in self.json_of("list", *COMPAT)["hooks"]], ["50_edit.rpmsave", "50_edit~"])
        self.assertEqual(self.json_of("list")["hooks"], [])

    def test_owners_and_modes_are_not_looked_at(self):
        self.hook("50_edit", EDIT, mode=0o777)
        self.check(self.run_event(), VETOED, "", ["50_edit", "writable by everybody"])
        self.check(self.run_event(*COMPAT), DONE, CHANGED)
        self.hooks.chmod(0o777)
        self.check(self.run_event(*COMPAT), DONE, CHANGED)

    def test_there_is_no_deadline_unless_it_is_asked_for(self):
        self.configure('timeout = "200ms"\n')
        self.hook("50_sleep", "#!/bin/sh\nsleep 0.5\n")
        self.file("hooks/before_vm_start/50_sleep.toml", 'timeout = "300ms"\n')
        self.check(self.run_event(), VETOED, "", "300ms")
        self.check(self.run_event(*COMPAT), DONE, DOMAIN)
        self.check(self.run_event(*COMPAT, "--timeout", "100ms"), VETOED, "", "100ms")
        plan = self.json_of("plan", "before_vm_start", "--domxml", "vm.xml", *COMPAT)
        self.assertIsNone(plan["hooks"][0]["timeout_s"])

    def test_the_callers_environment_is_inherited(self):
        self.hook("50_show", SHOW)
        for words, is_there in [((), False), (COMPAT, True)]:
            report = self.report_of(*words, env={"CALLERS_OWN": "yes"})
            self.assertIs("CALLERS_OWN=yes\n" in report["hooks"][0]["stderr"], is_there)

    def test_properties_are_not_refused_by_their_name_nor_their_value(self):
        self.hook("50_show", SHOW)
        for option in ["-p", "--param"]:
            for name, value in [("TMPDIR", "/x"), ("colour", "two\nlines"), ("tab", "a\tb"), ("1a", "b")]:
                with self.subTest(name=name, option=option):
                    self.refused(self.run_event(option, f"{name}={value}"))
                    report = self.report_of(*COMPAT, option, f"{name}={value}")
                    if option == "--param" and name == "colour":
                        value = "red"  # the VM's property wins
                    self.assertIn(f"{name}={value}\n", report["hooks"][0]["stderr"])

    def test_the_columns_of_the_table_are_upstreams(self):
        ours = {p["name"]: p for p in self.json_of("points")["points"]}
        upstream = {p["name"]: p for p in self.json_of("points", *COMPAT)["points"]}
        self.assertEqual(list(ours), list(upstream))
        self.assertEqual(ours["before_vm_destroy"]["payload"], "domxml")
        self.assertEqual(upstream["before_vm_destroy"]["payload"], "none")
        self.hook("50_fail", "#!/bin/sh\nexit 1\n", event="before_device_destroy")
        call = {"event": "before_device_destroy", "document": ("--device-xml", "-"), "stdin": "<interface/>"}
        self.check(self.run_event(**call), DONE, "<interface/>", "50_fail failed")
        self.check(self.run_event(*COMPAT, **call), VETOED, "", "50_fail failed")
        self.refused(self.run_event(*COMPAT, event="before_vm_destroy"), "carries no document")

    def test_the_vm_id_may_be_a_name(self):
        self.hook("50_show", SHOW)
        self.refused(self.run_event("--vm-id", "web_1.a-b"), "no UUID")
        report = self.report_of(*COMPAT, "--vm-id", "web_1.a-b")
        self.assertIn("vmId=web_1.a-b\n", report["hooks"][0]["stderr"])
        for name in ["../x", "a b", "a/b", "a\nb"]:
            self.refused(self.run_event(*COMPAT, "--vm-id", name), "no UUID")


class SameTest(CommandTest):
    """What upstream does plainly wrong stays mended."""

    def test_every_failure_is_named(self):
        self.hook("40_first", "#!/bin/sh\nkill -ABRT $$\n")
        self.hook("50_second", "#!/bin/sh\necho reason >&2\nexit 7\n")
        self.check(self.run_event(*COMPAT), VETOED, "", ["40_first", "SIGABRT", "50_second", "exit code 7", "reason"])

    def test_nothing_waits_for_a_pipe_that_a_background_process_holds(self):
        self.hook("50_daemon", "#!/bin/sh\nsleep 30 &\necho $!\n")
        begin = time.monotonic()
        report = self.report_of(*COMPAT)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(report["survivors"], 1)
        os.kill(int(report["hooks"][0]["stdout"]), 9)

    def test_output_is_bounded(self):
        self.hook("50_flood", "#!/bin/sh\nhead -c 10000000 /dev/zero | tr '\\0' x\n")
        stdout = self.report_of(*COMPAT)["hooks"][0]["stdout"]
        self.assertLess(len(stdout), 70_000)
        self.assertRegex(stdout, r"^\[\.\.\. \d+ bytes cut \.\.\.\]\n")

    def test_sidecars_and_masks_hold(self):
        self.hook("50_edit", EDIT)
        self.hook("60_edit", EDIT)
        self.file("hooks/before_vm_start/50_edit.toml", '[when]\nproperty = { colour = "blue" }\n')
        self.file("site/before_vm_start/60_edit")
        self.check(self.run_event(*COMPAT, "--hooks-dir", self.dir / "site"), DONE, DOMAIN)


if __name__ == "__main__":
    unittest.main()
