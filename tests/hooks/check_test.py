#!/usr/bin/env python3
"""The engine finds nothing wrong with the hooks as they are built: it is the judge of their sidecars, names and patterns.

    check_test.py      with the build in VDSM_HOOK_BUILD
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reachable import reachable_build  # noqa: E402


class BuiltHooks(unittest.TestCase):
    def setUp(self):
        # In a place of its own: a checkout that a group may write to is not trusted.
        self.build = reachable_build(self.addCleanup)
        directory = tempfile.TemporaryDirectory(prefix="vdsm-hook-check.")
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)

    def check(self):
        done = subprocess.run([self.build / "bin/vdsm-hook", "check", "--hooks-dir", self.build / "libexec/vdsm/hooks",
                               "--config-dir", self.dir / "none", "--runtime-dir", self.dir / "run"],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_the_engine_finds_nothing_wrong_with_them(self):
        code, out = self.check()
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"nothing is wrong: looked at [1-9]\d* hooks? of [1-9]")

    def test_a_pattern_that_only_python_takes_is_found(self):
        sidecar = next((self.build / "libexec/vdsm/hooks").glob("*/*.toml"))
        sidecar.write_text('[vm_properties]\ncolour = "^(?=a)a$"\n')
        code, out = self.check()
        self.assertEqual(code, 1, out)
        self.assertIn(str(sidecar), out)


if __name__ == "__main__":
    unittest.main()
