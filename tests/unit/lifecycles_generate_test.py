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

# What is replaced in GOOD, by what, and what the fault names, behind the line.
WRONG = [
    ('["before_vm_start"]\nthen', '["before_vm_strat"]\nthen', "30: [[bridge]] 1: events: there is no hook point before_vm_strat"),
    ('["after_vm_start"]', '["after_vm_strat"]', "4: [phase.start]: after: there is no hook point after_vm_strat"),
    ('undo = ["before_vm_destroy"]', 'undo = ["destroy"]', "5: [phase.start]: undo: there is no hook point destroy"),
    ('["after_nic_hotplug_fail"]', '["oops"]', "12: [phase.plug_nic]: failed: there is no hook point oops"),
    ('phases = ["start"]', 'phases = ["strat"]', "16: [command.start]: phases: there is no phase strat"),
    ('["guest"]', '["qemu"]', "28: [[bridge]] 1: drivers: there is no driver qemu"),
    ("does = \"starts the VM\"", "dose = \"starts the VM\"", "2: [phase.start]: unknown key 'dose' (did you mean does?)"),
    ("note =", "notes =", "17: [command.start]: unknown key 'notes' (did you mean note?)"),
    ("then =", "than =", "31: [[bridge]] 1: unknown key 'than' (did you mean then?)"),
    ("[phase.start]", "[phases.start]", "1: unknown key 'phases' (did you mean phase?)"),
    ('after = ["after_vm_start"]\n', "", "1: [phase.start]: after is missing"),
    ('does = "starts', 'state_after = "awake"\ndoes = "starts', "2: [phase.start]: state_after must be one of on, running, paused, off, attached, detached, not 'awake'"),
    ('does = "starts', 'result_unused = ["after_vm_start"]\ndoes = "starts', "2: [phase.start]: result_unused: there is no hook point before it called after_vm_start"),
    ('summary = "list the VMs"\n', "", "23: [command.list]: summary is missing"),
    ('after = ["after_vm_start"]', 'after = "after_vm_start"', "4: [phase.start]: after must be a list"),
    ('after = ["after_vm_start"]', "after = [1]", "4: [phase.start]: after must be a list of texts"),
    ('summary = "list the VMs"', 'summary = " list"', "24: [command.list]: summary must be a text without blanks around it"),
    ('"prepare begin"', '"prepare"', "29: [[bridge]] 1: call must be an operation and a sub-operation"),
    ('then = "prepare"', 'parameters = ["a"]', "31: [[bridge]] 1: parameters: a is not NAME=VALUE"),
    ("[phase.start]", "[phase.start", " Expected ']' at the end of a table declaration (at line 1, column 13)"),
    ('phases = ["start"]', 'phases = ["start"]\nalso_phases = ["stop"]', "17: [command.start]: also_phases: there is no phase stop"),
    ('does = "starts', 'state_after = "on"\nreason = "saved"\ndoes = "starts', "3: [phase.start]: reason is of a phase that ends the VM: its state_after must be off"),
    ('call = "prepare begin"', 'call = "prepare begin"\nseen = "migrate"', "30: [[bridge]] 1: seen: migrate is what no call leaves behind"),
    ("[[bridge]]", '[[bridge]]\ndrivers = ["daemon"]\ncall = "start *"\nevents = []\n\n[[bridge]]\nevent = []', "33: [[bridge]] 2: unknown key 'event' (did you mean events?)"),
]


class GenerateLifecycles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def generate(self, table):
        (self.folder / "table.toml").write_text(table)
        return subprocess.run([sys.executable, "-B", GENERATE, FOLDER / "hookpoints.toml", "table.toml", "--cpp", "table.inc", "--names", "names.inc"],
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
                self.refused(self.generate(GOOD.replace(old, new)), "table.toml:" + fault)

    def test_every_fault_of_a_table_is_named(self):
        done = self.generate(GOOD.replace('["after_vm_start"]', '["oops"]').replace("note =", "notes ="))
        self.refused(done, "there is no hook point oops", "unknown key 'notes'")

    def test_a_sound_table_is_written(self):
        done = self.generate(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows, names = ((self.folder / file).read_text() for file in ("table.inc", "names.inc"))
        self.assertIn('vm_commands::kStart{.name = "start", .summary = "start a VM", .note = "With an image: as restore. Else not.", ', rows)
        self.assertIn('phases::kPlugNic{.name = "plug_nic", ', rows)
        for line in ("extern const Phase kPlugNic;", "extern const VmCommandFacts kAttachDevice;", 'std::string_view kPrepare = "prepare";'):
            self.assertIn(line, names)


if __name__ == "__main__":
    unittest.main()
