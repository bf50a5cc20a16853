#!/usr/bin/env python3
"""vdsm-hook-vm(1) says what the program does: its commands, their options, and what fires."""

import re
import shutil
import subprocess
import tomllib
import unittest

from command import BUILD, PROGRAM, SOURCE

PAGE = BUILD / "core/cli/vdsm-hook-vm.1"
TABLE = tomllib.loads((SOURCE / "hookpoints/lifecycles.toml").read_text())


def help_of(command):
    """The usage and the options, as --help has them."""
    text = subprocess.run([PROGRAM, "vm", command, "--help"], capture_output=True, text=True, check=True).stdout
    usage = re.match(r"Usage: (.*)\n", text).group(1)
    return usage, re.findall(r"(?m)^  (-.*?)(?:   *\S.*)?$", text)


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
class ManPage(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        text = subprocess.run(["mandoc", "-Tascii", "-Owidth=200", PAGE], stdout=subprocess.PIPE, check=True).stdout.decode()
        text = re.sub(r".\x08", "", text)
        cls.sections = dict(re.findall(r"(?ms)^([A-Z ]+)\n(.*?)(?=^\S|\Z)", text))
        parts = re.findall(r"(?ms)^   (\S+)\n(.*?)(?=^   \S|\Z)", cls.sections["COMMANDS"])
        cls.order = [name for name, _ in parts]
        cls.commands = dict(parts)

    def options(self, text):
        return re.findall(r"(?m)^     (-.*?)(?:  +\S.*)?$", text)

    def test_it_is_sound(self):
        done = subprocess.run(["mandoc", "-Tlint", PAGE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        # Whether the pages that it refers to are on this machine is not its fault.
        self.assertEqual([line for line in done.stdout.splitlines() if "referenced manual not found" not in line], [])

    def test_it_has_every_section(self):
        self.assertEqual(list(self.sections), ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "FILES", "EXIT STATUS", "EXAMPLES",
                                               "SEE ALSO"])

    def test_it_has_every_command_in_the_order_of_the_table(self):
        self.assertEqual(self.order, list(TABLE["command"]))
        self.assertEqual(len(self.order), 21)

    def test_every_command_says_what_fires_in_its_order(self):
        for name, command in TABLE["command"].items():
            text = self.commands[name].replace("\n", " ")
            with self.subTest(command=name):
                if not command["phases"]:
                    self.assertIn("No hook points fire.", text)
                steps = []
                for phase in (TABLE["phase"][phase] for phase in command["phases"]):
                    steps += [*phase["before"], *(["libvirt " + phase["does"]] if "does" in phase else []), *phase["after"]]
                    for event in [*phase.get("failed", []), *phase.get("undo", [])]:
                        self.assertIn(event, re.split(r"[ ,.:]+", text[text.index("When libvirt refuses"):]))
                shown = re.findall(r"(?m)^ +\d+\. +(libvirt .*?|\w+)(?::.*)?$", self.commands[name])
                self.assertEqual(shown, steps)

    def test_every_command_has_the_usage_and_the_options_of_its_help(self):
        common = self.options(self.sections["OPTIONS"])
        self.assertIn("-c, --connect URI", common)
        for name in TABLE["command"]:
            with self.subTest(command=name):
                usage, options = help_of(name)
                self.assertEqual(self.commands[name].splitlines()[0].strip(), usage)
                self.assertEqual(sorted(self.options(self.commands[name]) + common), sorted(options))

    def test_the_examples_are_commands_with_options_that_there_are(self):
        examples = re.findall(r"(?m)^ +vdsm-hook vm (\S+) (.*)$", self.sections["EXAMPLES"])
        self.assertEqual(len(examples), 4)
        for command, words in examples:
            _, options = help_of(command)
            known = {word for option in options for word in re.findall(r"(?:^|, )(--?[a-z0-9-]+)", option)}
            self.assertEqual({word for word in words.split() if word.startswith("-")} - known, set())


if __name__ == "__main__":
    unittest.main()
