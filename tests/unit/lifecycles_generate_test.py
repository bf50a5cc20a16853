#!/usr/bin/env python3
"""The generator of the lifecycle table: what it writes and what it refuses."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "hookpoints"

GOOD = """\
[phase.start]
does = "starts the VM"
before = ["before_vm_start"]
after = ["after_vm_start"]

[command.start]
summary = "start a VM"
phases = ["start"]

[[bridge]]
drivers = ["guest", "daemon"]
call = "release end"
seen = "running"
events = ["after_vm_destroy"]
parameters = ["VDSM_HOOK_REASON=<extra>"]
then = ""
then_for_s = 60
never_fails = true
"""


class Generate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.table = Path(folder.name) / "table.toml"
        self.cpp = Path(folder.name) / "table.inc"

    def generate(self, content):
        self.table.write_text(content)
        return subprocess.run([sys.executable, "-B", FOLDER / "generate_lifecycles.py", FOLDER / "hookpoints.toml", self.table, "--cpp", self.cpp],
                              capture_output=True, text=True, check=False)

    def test_a_row_of_the_bridge_reaches_the_cpp_file(self):
        done = self.generate(GOOD)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        made = self.cpp.read_text()
        words = dict(line.removeprefix("constexpr std::string_view ").rstrip(";").split("[] = ") for line in made.splitlines() if "[] = {" in line)
        names = {text: name for name, text in words.items()}
        drivers, events, parameters = (names[text] for text in ('{"qemu", "lxc", "libxl", "bhyve", "daemon"}', '{"after_vm_destroy"}',
                                                                '{"VDSM_HOOK_REASON=<extra>"}'))
        self.assertIn(f'{{{drivers}, "release", "end", "running", {events}, {parameters}, "", std::chrono::seconds(60), false, true}}', made)

    def test_every_fault_is_named_and_nothing_is_written(self):
        for line, wrong, words in [
                ('events = ["after_vm_destroy"]', 'events = ["after_vm_dead"]', "[[bridge]] 1: events: there is no hook point after_vm_dead"),
                ('drivers = ["guest", "daemon"]', 'drivers = ["qemu"]', "drivers: there is no driver qemu"),
                ('call = "release end"', 'call = "release"', "call must be an operation and a sub-operation"),
                ("then_for_s = 60", 'then_for_s = "60"', "then_for_s must be a int"),
                ("never_fails = true", "never_fail = true", "unknown key 'never_fail'"),
                ("VDSM_HOOK_REASON=<extra>", "VDSM_HOOK_REASON", "parameters: VDSM_HOOK_REASON is not NAME=VALUE"),
                ('before = ["before_vm_start"]\n', "", "[phase.start]: before is missing"),
                ('phases = ["start"]', 'phases = ["stop"]', "[command.start]: phases: there is no phase stop")]:
            with self.subTest(wrong=wrong):
                self.assertIn(line, GOOD)
                done = self.generate(GOOD.replace(line, wrong))
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
                self.assertFalse(self.cpp.exists())


if __name__ == "__main__":
    unittest.main()
