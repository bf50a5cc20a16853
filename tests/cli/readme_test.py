#!/usr/bin/env python3
"""What README.md shows of the commands is what they print."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from command import CommandTest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["VDSM_HOOK_BUILD"])


def examples():
    """The command lines of README.md that begin with $, each with the lines shown below it."""
    shown = []
    for block in re.findall(r"(?m)(?:^ {4}.*\n)+", (TOP / "README.md").read_text()):
        lines = [line[4:] for line in block.splitlines()]
        if lines[0].startswith("$ "):
            shown.append((shlex.split(lines[0][2:]), lines[1:]))
    return shown


class Readme(unittest.TestCase):
    def test_the_example_is_the_real_output(self):
        os.umask(0o022)
        stage = pathlib.Path(tempfile.mkdtemp(prefix="vdsm-hook-readme-"))
        self.addCleanup(shutil.rmtree, stage)
        stage.chmod(0o755)
        shutil.copytree(BUILD / "libexec/vdsm/hooks", stage / "hooks")
        for path in stage.rglob("*"):
            path.chmod(path.stat().st_mode & 0o755)
        shutil.copy(TOP / "tests/data/test_node.xml", stage)
        readme = (TOP / "README.md").read_text()
        example = re.sub(r"(?m)^    ", "", re.search(r"(?ms)^    == The start: .*?(?=^## )", readme).group())
        title, output = example.split("\n", 1)
        # A path of this checkout may have letters that a URI must not have.
        command = title.removeprefix("== The start: ").replace("$PWD/tests/data", str(stage))
        words = [*command.split()[1:], "--hooks-dir", stage / "hooks", "--runtime-dir", stage / "run", "--config-dir", stage / "etc"]
        done = subprocess.run([BUILD / "bin/vdsm-hook", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env={**os.environ, "VDSM_HOOK_LAUNCHFLAGS_DIR": str(stage / "launchflags")})
        without_times = [re.sub(r"ran \d+ ms", "ran N ms", text).strip() for text in (output, done.stdout)]
        self.assertEqual(*without_times)
        self.assertEqual(done.returncode, 0)

    def test_it_is_short(self):
        self.assertLessEqual(len((TOP / "README.md").read_text().splitlines()), 150)

    def test_bootstrap_ends_with_the_example(self):
        readme = (TOP / "README.md").read_text()
        title = re.search(r"(?m)^    == (The start: .*)$", readme).group(1)
        says = re.findall(r'(?m)^  say "(The .*)"$', (TOP / "bootstrap").read_text())
        self.assertEqual(says[-1].replace("\\$", "$"), title)


class Commands(CommandTest):
    def test_every_example_prints_what_is_shown(self):
        shutil.copytree(BUILD / "libexec/vdsm/hooks", self.hooks, dirs_exist_ok=True, copy_function=shutil.copy)
        shutil.copytree(TOP / "tests/data", self.directory("tests/data"), dirs_exist_ok=True)
        shown = examples()
        self.assertEqual([words[:2] for words, _ in shown], [["vdsm-hook", name] for name in ("plan", "run", "check")])
        for words, lines in shown:
            with self.subTest(words[1]):
                if words[1] == "check":
                    self.hook("60_audit", mode=0o775)
                    self.hook("70_tune", mode=0o644)
                done = self.call(*words[1:], *self.places())
                printed = (done.stdout + done.stderr).replace(str(self.hooks), "/usr/libexec/vdsm/hooks").splitlines()
                if lines[-1] == "...":
                    lines, printed = lines[:-1], printed[:len(lines) - 1]
                self.assertEqual(printed, lines)


if __name__ == "__main__":
    unittest.main()
