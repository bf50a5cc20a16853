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


def printed(*words):
    done = subprocess.run([BUILD / "bin/vdsm-hook", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP,
                          text=True, check=True)
    return re.sub(r"ran \d+ ms", "ran N ms", done.stdout).strip()


class Readme(unittest.TestCase):
    def test_the_example_is_the_real_output(self):
        os.umask(0o022)
        stage = pathlib.Path(tempfile.mkdtemp(prefix="vdsm-hook-readme-"))
        self.addCleanup(shutil.rmtree, stage)
        stage.chmod(0o755)
        shutil.copytree(BUILD / "libexec/vdsm/hooks", stage / "hooks")
        for path in stage.rglob("*"):
            path.chmod(path.stat().st_mode & 0o755)
        example = re.search(r"(?ms)^    == The plan.*?(?=^## )", (TOP / "README.md").read_text()).group()
        example = re.sub(r"(?m)^    ", "", re.sub(r"ran \d+ ms", "ran N ms", example))
        _, plan, run = re.split(r"(?m)^== The \w+: ", example)
        for shown in (plan, run):
            command, output = shown.split("\n", 1)
            words = command.split()[1:]
            if words[0] == "run":
                words += ["--output", str(stage / "out.xml")]
            words += ["--hooks-dir", str(stage / "hooks"), "--runtime-dir", str(stage / "run"), "--config-dir", str(stage / "etc")]
            self.assertEqual(output.strip(), printed(*words).replace(str(stage / "hooks"), "/usr/libexec/vdsm/hooks"))


if __name__ == "__main__":
    unittest.main()
