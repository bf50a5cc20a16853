#!/usr/bin/env python3
"""The generator of the table of lifecycles: what it refuses, by name."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "hookpoints"
GENERATE = FOLDER / "generate_lifecycles.py"

GOOD = """\
[phase.start]
does = "starts the VM"
before = ["after_disk_prepare", "before_device_create", "before_vm_start"]
after = ["after_vm_start"]
undo = ["before_vm_destroy"]

[phase.plug_nic]
does = "attaches the network interface"
devices = ["interface"]
before = ["before_nic_hotplug"]
after = ["after_nic_hotplug"]
failed = ["after_nic_hotplug_fail"]

[command.start]
summary = "start a VM"
phases = ["start"]
note = "With an image: as restore. Else not."

[command.attach-device]
summary = "plug a device"
phases = ["plug_nic"]

[command.list]
summary = "list the VMs"
phases = []

[[bridge]]
drivers = ["guest"]
call = "prepare begin"
events = ["before_vm_start"]
then = "prepare"
"""

# What is replaced in GOOD, by what, and what the fault names.
WRONG = [
    ('["before_vm_start"]\nthen', '["before_vm_strat"]\nthen', "[[bridge]] 1: events: there is no hook point before_vm_strat"),
    ('["after_vm_start"]', '["after_vm_strat"]', "[phase.start]: after: there is no hook point after_vm_strat"),
    ('undo = ["before_vm_destroy"]', 'undo = ["destroy"]', "[phase.start]: undo: there is no hook point destroy"),
    ('["after_nic_hotplug_fail"]', '["oops"]', "[phase.plug_nic]: failed: there is no hook point oops"),
    ('phases = ["start"]', 'phases = ["strat"]', "[command.start]: phases: there is no phase strat"),
    ('["guest"]', '["qemu"]', "[[bridge]] 1: drivers: there is no driver qemu"),
    ("does = \"starts the VM\"", "dose = \"starts the VM\"", "[phase.start]: unknown key 'dose' (did you mean does?)"),
    ("note =", "notes =", "[command.start]: unknown key 'notes' (did you mean note?)"),
    ("then =", "than =", "[[bridge]] 1: unknown key 'than' (did you mean then?)"),
    ("[phase.start]", "[phases.start]", "unknown key 'phases' (did you mean phase?)"),
    ('after = ["after_vm_start"]\n', "", "[phase.start]: after is missing"),
    ('does = "starts', 'state_after = "awake"\ndoes = "starts', "[phase.start]: state_after must be one of on, running, paused, off, attached, detached, not 'awake'"),
    ('does = "starts', 'result_unused = ["after_vm_start"]\ndoes = "starts', "[phase.start]: result_unused: there is no hook point before it called after_vm_start"),
    ('summary = "list the VMs"\n', "", "[command.list]: summary is missing"),
    ('after = ["after_vm_start"]', 'after = "after_vm_start"', "[phase.start]: after must be a list"),
    ('after = ["after_vm_start"]', "after = [1]", "[phase.start]: after must be a list of texts"),
    ('summary = "list the VMs"', 'summary = " list"', "[command.list]: summary must be a text without blanks around it"),
    ('"prepare begin"', '"prepare"', "[[bridge]] 1: call must be an operation and a sub-operation"),
    ('then = "prepare"', 'parameters = ["a"]', "[[bridge]] 1: parameters: a is not NAME=VALUE"),
    ("[phase.start]", "[phase.start", "(at line 1, column 13)"),
]


class GenerateLifecycles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def generate(self, table):
        (self.folder / "table.toml").write_text(table)
        return subprocess.run([sys.executable, "-B", GENERATE, FOLDER / "hookpoints.toml", "table.toml", "--cpp", "table.inc"],
                              cwd=self.folder, capture_output=True, text=True, check=False)

    def refused(self, done, *parts):
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["table.toml"])

    def test_a_wrong_table_is_refused_by_what_is_wrong(self):
        for old, new, fault in WRONG:
            with self.subTest(fault=fault):
                self.assertEqual(GOOD.count(old), 1)
                self.refused(self.generate(GOOD.replace(old, new)), "table.toml: ", fault)

    def test_every_fault_of_a_table_is_named(self):
        done = self.generate(GOOD.replace('["after_vm_start"]', '["oops"]').replace("note =", "notes ="))
        self.refused(done, "there is no hook point oops", "unknown key 'notes'")

    def test_a_sound_table_is_written(self):
        done = self.generate(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('{"start", "start a VM", "With an image: as restore. Else not.", ', (self.folder / "table.inc").read_text())


if __name__ == "__main__":
    unittest.main()
