#!/usr/bin/env python3
"""The README's example is what the command prints."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["VDSM_HOOK_BUILD"])


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


if __name__ == "__main__":
    unittest.main()
