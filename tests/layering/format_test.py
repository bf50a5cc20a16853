#!/usr/bin/env python3
"""Every C++ file is laid out as .clang-format says, with the clang-format of Debian 12: others lay out differently."""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = "14"


def tool():
    """clang-format of the right version; None: there is none."""
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if path := shutil.which(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(rf"version {VERSION}\.", said):
                return path
    return None


class Layout(unittest.TestCase):
    def test_no_file_differs(self):
        files = [path for top in ("core", "tests", "vdsm_hooks") for path in (ROOT / top).rglob("*.[ch]pp")]
        self.assertGreater(len(files), 250)
        done = subprocess.run([TOOL, "--dry-run", "-Werror", "--ferror-limit=1", *files], capture_output=True, text=True, check=False, cwd=ROOT)
        self.assertEqual(done.returncode, 0, f"mend it with: {TOOL} -i FILE\n{done.stderr[:4000]}")

    def test_another_layout_is_seen(self):
        done = subprocess.run([TOOL, "--dry-run", "-Werror", "--assume-filename=core/a.cpp"], input="int  x;\n", capture_output=True, text=True,
                              check=False, cwd=ROOT)
        self.assertNotEqual(done.returncode, 0)


TOOL = tool()
if TOOL is None:
    print(f"skipped: there is no clang-format {VERSION}")
    sys.exit(77)
unittest.main()
