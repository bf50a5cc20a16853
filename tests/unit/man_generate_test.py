#!/usr/bin/env python3
"""The generator of the manual pages: what it makes of tables, documents and descriptions of commands, and what it refuses, by name."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
PROGRAM = BUILD / "bin/vdsm-hook"
SOURCE = Path(__file__).resolve().parents[2]
FOLDER = SOURCE / "docs/man"
PLACES = [f"--place={usual}={sys.argv.pop(1)}" for usual in ("/etc", "/usr/libexec", "/usr/share")]
sys.path += [str(FOLDER), str(SOURCE / "hookpoints")]

import described  # noqa: E402
import mdoc  # noqa: E402
import tables  # noqa: E402
from generate import read_table  # noqa: E402

POINTS = read_table(SOURCE / "hookpoints/hookpoints.toml")
LIFECYCLES = {
    "phase": {"start": {"does": "starts the VM", "before": ["after_disk_prepare", "before_device_create", "before_vm_start"],
                        "after": ["after_vm_start"], "undo": ["before_vm_destroy"]},
              "plug_nic": {"does": "attaches the network interface", "devices": ["interface"], "before": ["before_nic_hotplug"],
                           "after": ["after_nic_hotplug"], "failed": ["after_nic_hotplug_fail"]}},
    "command": {"start": {"phases": ["start"], "note": "With an image: as restore. Else not."}, "attach-device": {"phases": ["plug_nic"]},
                "list": {"phases": []}}}

TRY = {"name": "vdsm-hook try", "summary": "Tries it. And that is all.",
       "arguments": [{"names": ["FILE"], "is_positional": True, "is_required": True, "is_repeated": False, "metavar": "FILE", "about": "what is tried"},
                     {"names": ["WORD"], "is_positional": True, "is_required": False, "is_repeated": True, "metavar": "WORD", "about": "more"},
                     {"names": ["--to"], "is_positional": False, "is_required": True, "is_repeated": False, "metavar": "DIR", "about": "where"},
                     {"names": ["-p", "--part"], "is_positional": False, "is_required": False, "is_repeated": True, "metavar": "A=B", "about": ""},
                     {"names": ["-v", "--verbose"], "is_positional": False, "is_required": False, "is_repeated": False, "metavar": None, "about": ""}],
       "notes": [{"title": "Words:", "lines": "  one  two\n    three\n"}, {"title": "It is\nover.", "lines": ""}],
       "examples": ["vdsm-hook try a \\\n  --to b"], "exit_codes": "0 done; 1 not, or\nnot all."}

# Markdown, and what its fault names.
WRONG_MARKDOWN = [
    ("#### Deep\n", "'#### Deep'"), ("1. First\n", "'1. First'"), ("> Said\n", "'> Said'"), ("***\n", "'***'"), ("A `b\n", "'`'"),
    ("A <b>c</b>\n", "'<'"), ("![a](b.png) [c\n", "'['"), ("A _b_ c\n", "'_b'"), ("```sh\na\n", "line 1: ```sh has no end"),
    ("| a | b |\n| c | d |\n| e | f |\n", "|---|"), ("| a | b |\n|---|---|\n| c |\n", "a row of 1 cells in a table of 2"),
    ("\u00e4\n", "'\u00e4'"),
]


class Tables(unittest.TestCase):
    def test_a_command_says_what_fires_in_its_order_and_around_what(self):
        start = tables.lifecycle("start", LIFECYCLES, POINTS)
        self.assertEqual(start[start.index(".It"):start.index(".El")].splitlines(), [
            ".It", ".Cm after_disk_prepare :", "for each disk; its changes are used; may veto",
            ".It", ".Cm before_device_create :", "for each device with properties; its changes are used; may veto",
            ".It", ".Cm before_vm_start :", "its changes are used; may veto",
            ".It", "libvirt starts the VM",
            ".It", ".Cm after_vm_start"])
        self.assertIn(".Cm before_vm_destroy .\n", start[start.index(".El"):])
        self.assertTrue(start.endswith(".Pp\nWith an image: as restore.\nElse not.\n"))
        plug = tables.lifecycle("attach-device", LIFECYCLES, POINTS)
        self.assertIn("Hook points of a device of type interface", plug)
        self.assertIn(".Cm before_nic_hotplug :\nfor the device; its changes are used; may veto\n", plug)
        self.assertIn("When libvirt refuses:\n.Cm after_nic_hotplug_fail .\n", plug)
        self.assertEqual(tables.lifecycle("list", LIFECYCLES, POINTS), "No hook points fire.\n")

    def test_a_hook_point_says_what_upstream_has_otherwise(self):
        point = {"payload": "domxml", "result_used": False, "vetoes": False, "vm_properties": True, "device_properties": False,
                 "parameters": "WHY (why)", "fires": "Before it. And once more.", "follows": "First.", "vdsm": {"payload": "none"}}
        page = tables.hook_points({"before_it": point})
        self.assertTrue(page.startswith(".Ss before_it\nBefore it.\nAnd once more.\n"))
        self.assertIn(".It Parameters\nWHY (why)\n", page)
        self.assertIn("compat vdsm\npayload: none\n", page)


class Markdown(unittest.TestCase):
    def test_what_it_does_not_know_is_refused(self):
        for text, fault in WRONG_MARKDOWN:
            with self.subTest(text=text), self.assertRaises(mdoc.Fault) as caught:
                mdoc.markdown(text)
            self.assertIn(fault, str(caught.exception))

    def test_nothing_is_taken_for_a_macro(self):
        page = mdoc.markdown("## In `x`\n\n.Sh no heading. `'a` it\n\n```\n.Sh\n'b \\n -c\n```\n\n"
                             "| No | Of |\n|---|---|\n| Ar, or \"b\" | `\\e` |\n")
        self.assertEqual(page, ".Sh IN \\&X\n\\&.Sh no heading. \\fB\\(aqa\\fR it\n"
                               ".Bd -literal -offset indent\n\\&.Sh\n\\&'b \\en \\-c\n.Ed\n"
                               ".Bl -tag -width Ds\n.It \\fINo\\fR\n\\fIOf\\fR\n.It \\&Ar, or \\(dqb\\(dq\n\\fB\\ee\\fR\n.El\n")

    def test_a_section_that_is_gone_is_named(self):
        self.assertEqual(mdoc.section("## A\nb\n## C\nd\n", "A"), "b\n")
        with self.assertRaises(mdoc.Fault):
            mdoc.section("## A\nb\n", "B")


class Descriptions(unittest.TestCase):
    def test_all_that_a_command_says_of_itself_is_there(self):
        one = described.description_of(TRY)
        self.assertEqual((one.usage, one.summary), ("FILE [WORD] --to DIR [OPTION]...", "Tries it. And that is all."))
        self.assertEqual(one.rows, [("FILE", "what is tried"), ("WORD", "more"), ("--to DIR", "where"), ("-p, --part A=B ...", ""), ("-v, --verbose", "")])
        self.assertEqual(one.notes, [("Words:", ["one  two", "  three"]), ("It is over.", [])])
        self.assertEqual((one.examples, one.exit_codes), (["vdsm-hook try a \\", "  --to b"], "0 done; 1 not, or not all."))

    def test_a_program_that_says_nothing_of_itself_is_refused(self):
        for program in ("true", "false", "echo"):
            with self.subTest(program=program), self.assertRaises(mdoc.Fault):
                described.read(Path("/bin") / program, [], {})

    def test_every_command_says_in_its_description_what_it_says_in_its_help(self):
        def look(words):
            one = described.read(PROGRAM, words, dict(os.environ))
            text = subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertIn(f"Usage: {one.name} {one.usage}\n", text)
            for left, right in one.rows + one.commands:
                self.assertRegex(text, rf"(?m)^  {re.escape(left)} *{re.escape(right)}$")
            for line in one.examples + [line for _, lines in one.notes for line in lines]:
                self.assertIn(line, text)
            self.assertIn(" ".join(one.exit_codes.split()), " ".join(text.split()))
            return 1 + sum(look([*words, name]) for name, _ in one.commands)
        self.assertGreater(look([]), 40)


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.places = PLACES

    def make(self, *pages, **environment):
        return subprocess.run([sys.executable, "-B", FOLDER / "pages.py", "--program", BUILD / "bin/vdsm-hook",
                               "--libexec", BUILD / "libexec/vdsm-hook", "--source", SOURCE, "--date", "May 1, 2026",
                               *self.places, "--into", self.folder / "out", *pages], env={**os.environ, **environment},
                              capture_output=True, text=True, check=False)

    def test_they_are_the_same_wherever_and_whenever_they_are_made(self):
        done = self.make(*FOLDER.glob("*.in"), TZ="Asia/Tokyo", LC_ALL="C", COLUMNS="40", XDG_CONFIG_HOME="/nowhere")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        pages = list((BUILD / "share/man").glob("man?/*"))
        self.assertEqual(len(pages), len(list((self.folder / "out").glob("man?/*"))))
        for path in pages:
            built, made = (page.read_text().splitlines() for page in (path, self.folder / "out" / path.parent.name / path.name))
            self.assertEqual(made[0], ".Dd May 1, 2026")
            self.assertEqual(made[1:], built[1:], path)

    def test_places_are_named_as_they_were_configured(self):
        (self.folder / "a.7.in").write_text(".Pa /etc/vdsm-hook/x ,\n.Pa /etc/vdsm/hooks\n"
                                            "(\\(dq/usr/libexec/vdsm/hooks, \\fB/etc/vdsm\\-hook\\fR, /etc/libvirt/hooks,\n"
                                            "/opt/etc/vdsm-hook)\n")
        for places, expected in [
                ([], ".Pa /etc/vdsm-hook/x ,\n.Pa /etc/vdsm/hooks\n(\\(dq/usr/libexec/vdsm/hooks, \\fB/etc/vdsm\\-hook\\fR, "),
                (["--place=/etc=/opt/e o\u00fc", "--place=/usr/libexec=/opt/libexec"],
                 ".Pa /opt/e\\ o\\[u00FC]/vdsm-hook/x ,\n.Pa /opt/e\\ o\\[u00FC]/vdsm/hooks\n"
                 "(\\(dq/opt/libexec/vdsm/hooks, \\fB/opt/e\\ o\\[u00FC]/vdsm\\-hook\\fR, ")]:
            self.places = places
            done = self.make(self.folder / "a.7.in")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            page = (self.folder / "out/man7/a.7").read_text()
            self.assertEqual(page.split(".Os\n")[1], expected + "/etc/libvirt/hooks,\n/opt/etc/vdsm-hook)\n")

    def test_every_source_that_is_wrong_is_named_and_no_page_is_written(self):
        wrong = {"vdsm-hook-tun.1.in": (".Sh SEE ALSO\n", "there is no command tun, of run, plan"),
                 "vdsm-hook-run.1.in": (".Sh SEE TOO\n", "there is no section SEE TOO"),
                 "vdsm-hook-plan.1.in": ("Text\n.Sh FILES\n", "'Text' stands before the first .Sh"),
                 "vdsm-hook-props.1.in": (".Sh COMMANDS\n.Ss shwo\nText\n", "vdsm-hook props has no command shwo"),
                 "a.7.in": ("@markdwon b@\n", "@markdwon b@ is none of"),
                 "b.7.in": ("@markdown hookpoints/CONTRACT.md Sidcar@\n", "hookpoints/CONTRACT.md: there is no section Sidcar"),
                 "c.7.in": ("@markdown gone.md@\n", "gone.md"),
                 "d.7.in": ("\u00e4\n", "ascii")}
        for name, (text, _) in wrong.items():
            (self.folder / name).write_text(text)
        done = self.make(*(self.folder / name for name in wrong), FOLDER / "vdsm-hook-list.1.in")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for line, (name, (_, fault)) in zip(done.stderr.splitlines(), wrong.items(), strict=True):
            self.assertTrue(line.startswith(f"{self.folder / name}: "), line)
            self.assertIn(fault, line)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
