#!/usr/bin/env python3
"""vdsm-hook list, points and plan: what they print."""

import hashlib
import os
import unittest
from pathlib import Path

from command import DOMAIN, DONE, PROGRAM, SOURCE, CommandTest


def table_names():
    """The names of the hook points, in the order of the project's own table."""
    lines = (SOURCE / "hookpoints" / "hookpoints.toml").read_text().splitlines()
    return [line[1:-1] for line in lines if line.startswith("[") and "." not in line]


class ListTest(CommandTest):
    def test_every_hook_of_every_event_has_the_checksum_of_its_file(self):
        for event in ["after_vm_start", "before_vm_start"]:
            for name in ["50_b", "50_a"]:
                self.hook(name, f"#!/bin/sh\n# {event} {name}\n", event=event)
        hooks = self.json_of("list")["hooks"]
        self.assertEqual([(h["event"], h["name"]) for h in hooks],
                         [("before_vm_start", "50_a"), ("before_vm_start", "50_b"),
                          ("after_vm_start", "50_a"), ("after_vm_start", "50_b")])
        for hook in hooks:
            self.assertEqual(hook["checksum"], hashlib.sha256(Path(hook["path"]).read_bytes()).hexdigest())
            self.assertEqual(hook["path"], f"{self.hooks}/{hook['event']}/{hook['name']}")
            self.assertEqual(hook["layer"], str(self.hooks))

    def test_events_come_in_the_order_of_the_table(self):
        for name in table_names():
            self.hook("50_a", event=name)
        self.assertEqual([h["event"] for h in self.json_of("list")["hooks"]], table_names())

    def test_a_large_file_is_summed_up_whole(self):
        content = b"#!/bin/sh\n" + os.urandom(3_000_000)
        self.hook("50_large", content)
        self.assertEqual(self.json_of("list")["hooks"][0]["checksum"], hashlib.sha256(content).hexdigest())

    def test_one_event_is_listed_alone(self):
        self.hook("50_a")
        self.hook("50_a", event="after_vm_start")
        self.assertEqual([h["event"] for h in self.json_of("list", "after_vm_start")["hooks"]], ["after_vm_start"])

    def test_an_unknown_event_is_wrong_use_unless_it_is_ad_hoc(self):
        self.hook("50_a", event="mine")
        self.refused(self.command("list", "before_vm_strat"), "did you mean before_vm_start?")
        self.refused(self.command("list", "mine"), "there is no hook point 'mine'")
        self.assertEqual([h["name"] for h in self.json_of("list", "mine", "--adhoc")["hooks"]], ["50_a"])
        for event in ["../hooks", "/x", "", "x" * 300]:
            self.refused(self.command("list", event, "--adhoc"))
        self.refused(self.command("list", "--adhoc"), "--adhoc")

    def test_only_hooks_are_listed_and_untrusted_ones_are_told(self):
        self.hook("50_a")
        self.hook("50_off", mode=0o644)
        self.hook("50_a.toml", "")
        self.hook("50_masked", "")
        bad = self.hook("50_bad", mode=0o757)
        done = self.command("list", "--format", "json")
        self.check(done, DONE, stderr=[str(bad), "writable by everybody"])
        self.assertEqual([h["name"] for h in self.json_of("list")["hooks"]], ["50_a"])

    def test_the_stronger_layer_is_the_one_that_is_listed(self):
        self.hook("50_a")
        self.hook("50_b")
        self.hook("50_a", "#!/bin/sh\n# other\n", hooks="admin")
        hooks = self.json_of("list", "--hooks-dir", self.dir / "admin")["hooks"]
        self.assertEqual([(h["name"], Path(h["layer"]).name) for h in hooks], [("50_a", "admin"), ("50_b", "hooks")])

    def test_a_hook_that_cannot_be_read_has_no_checksum(self):
        self.hook("50_a", mode=0o711 if os.geteuid() == 0 else 0o311)
        nobody = {"user": 65534} if os.geteuid() == 0 else {}  # root can read every file
        try:
            done = self.command("list", "--format", "json", **nobody)
        except PermissionError:
            self.skipTest(f"{PROGRAM} can only be executed by root")
        self.check(done, DONE, stderr="50_a: Permission denied")
        self.assertIn('"checksum":null', done.stdout)

    def test_a_hook_that_is_larger_than_what_is_summed_up_is_listed_without_a_checksum(self):
        limit = 256 << 20
        for name, size in [("50_sparse", 1 << 40), ("60_one_more", limit + 1)]:
            os.truncate(self.hook(name), size)
        self.hook("70_small")
        hooks = self.json_of("list")["hooks"]
        self.assertEqual([hook["checksum"] is None for hook in hooks], [True, True, False])
        for hook in hooks[:2]:
            self.assertEqual(hook["no_checksum"], f"{hook['path']} is larger than {limit} bytes")
        self.assertIsNone(hooks[2]["no_checksum"])
        done = self.command("list")
        self.check(done, DONE, stderr=[f"warning: no checksum: {hook['no_checksum']}" for hook in hooks[:2]])
        self.assertEqual([line.split()[1:3] for line in done.stdout.splitlines()[1:3]], [["no", "checksum"]] * 2)

    def test_the_text_is_aligned_and_sha256sum_agrees(self):
        paths = [self.hook("50_a"), self.hook("50_longer_name")]
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        self.check(self.command("list"), DONE, f"before_vm_start\n  50_a            {sums[0]}  {paths[0]}\n"
                                               f"  50_longer_name  {sums[1]}  {paths[1]}\n")

    def test_without_hooks_the_directories_are_named(self):
        self.check(self.command("list"), DONE, f"no hooks in {self.hooks}\n")
        self.assertEqual(self.json_of("list"), {"hooks": []})


class PointsTest(CommandTest):
    def test_all_points_of_the_table_are_there_in_its_order(self):
        self.assertEqual([p["name"] for p in self.json_of("points")["points"]], table_names())
        lines = self.command("points").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:lines.index("")]], table_names())

    def test_the_table_is_aligned(self):
        lines = self.command("points").stdout.splitlines()
        for heading in ["PAYLOAD", "CHANGES", "A FAILURE"]:
            column = lines[0].index(heading)
            for line in lines[:lines.index("")]:
                self.assertEqual(line[column - 1], " ")
                self.assertNotEqual(line[column], " ")
                self.assertEqual(line, line.rstrip())

    def test_one_point_is_told_whole(self):
        done = self.command("points", "before_vm_destroy")
        self.check(done, DONE)
        point = self.json_of("points", "before_vm_destroy")["points"][0]
        text = " ".join(done.stdout.split())
        for part in [point["fires"], point["follows"], point["parameters"], "_hook_domxml", "the payload is none",
                     "vdsm-hook run before_vm_destroy --domxml FILE"]:
            self.assertIn(part, text)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)

    def test_every_point_can_be_told_both_ways(self):
        for name in table_names():
            for words in [(), ("--compat", "vdsm")]:
                self.check(self.command("points", name, *words), DONE, stderr="")
                self.assertEqual([p["name"] for p in self.json_of("points", name, *words)["points"]], [name])

    def test_an_unknown_point_is_wrong_use(self):
        self.refused(self.command("points", "before_vm_destory"), "did you mean before_vm_destroy?")
        self.refused(self.command("points", ""), "NAME")


class PlanTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("10_run")
        self.hook("20_when")
        self.hook("20_when.toml", 'summary = "Paints"\non_failure = "warn"\n[when]\nproperty = { colour = "green|blue" }\n')
        self.hook("30_off", mode=0o644)
        self.words = ("before_vm_start", "--domxml", "vm.xml")

    def test_the_plan_says_what_would_run_and_why_the_rest_would_not(self):
        plan = self.json_of("plan", *self.words)
        self.assertEqual([(h["name"], h["verdict"], h["on_failure"], h["timeout_s"]) for h in plan["hooks"]],
                         [("10_run", "run", "veto", 600), ("20_when", "skip", "warn", 600)])
        self.assertIn("colour = 'red' does not match", plan["hooks"][1]["reason"])
        self.assertEqual([Path(i["path"]).name for i in plan["ignored"]], ["30_off"])
        self.assertEqual((plan["event"], plan["problems"]), ("before_vm_start", []))

    def test_properties_decide_and_nothing_is_started(self):
        self.hook("10_run", f"#!/bin/sh\ntouch {self.dir}/started\n")
        plan = self.json_of("plan", *self.words, "-p", "colour=blue")
        self.assertEqual([h["verdict"] for h in plan["hooks"]], ["run", "run"])
        self.assertFalse((self.dir / "started").exists())
        self.assertEqual(self.leftovers(), [])

    def test_the_text_has_a_line_for_each_hook_and_file(self):
        done = self.command("plan", *self.words)
        self.check(done, DONE)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "before_vm_start: domxml, changes are used, a failure vetoes")
        self.assertEqual(lines[1], f"  run   10_run   within 10min  a failure: veto  {self.hooks}/before_vm_start/10_run")
        self.assertEqual(lines[2], "  skip  20_when  VM property colour = 'red' does not match green|blue")
        self.assertEqual(lines[3], f"  not run: {self.hooks}/before_vm_start/30_off: not executable: chmod +x makes it a hook")

    def test_a_problem_that_would_veto_is_told_and_the_plan_is_no_error(self):
        self.hook("40_bad", mode=0o757)
        done = self.command("plan", *self.words)
        self.check(done, DONE, stderr="")
        self.assertRegex(done.stdout, "vetoes: .*/40_bad: .*untrusted")
        self.assertEqual([p["vetoes"] for p in self.json_of("plan", *self.words)["problems"]], [True])

    def test_the_plan_says_what_run_then_does(self):
        for words in [(), ("-p", "colour=blue"), ("--skip", "10_run"), ("--compat", "vdsm"), ("--on-error", "warn")]:
            with self.subTest(words=words):
                plan = self.json_of("plan", *self.words, *words)
                report = self.report_of(*words)
                self.assertEqual([(h["name"], h["verdict"] == "run") for h in plan["hooks"]],
                                 [(h["name"], h["verdict"] == "ran") for h in report["hooks"]])
                self.assertEqual(plan["ignored"], report["ignored"])
        self.check(self.run_event(), DONE, DOMAIN)


if __name__ == "__main__":
    unittest.main()
