#!/usr/bin/env python3
"""The release tarball, and that the version is one."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
VERSION = subprocess.run([BUILD / "bin/vdsm-hook", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
TOP = f"vdsm-hook-{VERSION}"


def dist(output, source=SOURCE, version=VERSION, **environment):
    words = [sys.executable, source / "packages/dist.py", "--version", version, "--output", output]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", env={**os.environ, **environment})
    return done.returncode, done.stderr


class Dist(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="vdsm-hook-dist-")
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)

    def made(self, name="first.tar.gz", **options):
        output = self.dir / name
        self.assertEqual(dist(output, **options), (0, ""))
        return output

    def unpacked(self):
        with tarfile.open(self.made()) as archive:
            archive.extractall(self.dir)
        return self.dir / TOP

    def test_it_is_the_same_bytes_twice(self):
        first = self.made()
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.assertEqual(first.read_bytes(), self.made("second.tar.gz", TZ="Asia/Tokyo", LC_ALL="C").read_bytes())

    def test_the_tree_of_a_tarball_makes_the_same_tarball(self):
        tree = self.unpacked()
        (tree / "build").mkdir()
        (tree / "build/leftover").write_text("what was built is not packed\n")
        self.assertEqual(self.made("again.tar.gz", source=tree).read_bytes(), (self.dir / "first.tar.gz").read_bytes())

    def test_it_holds_what_the_project_keeps_and_the_spec(self):
        with tarfile.open(self.made()) as archive:
            names = {name.removeprefix(f"{TOP}/") for name in archive.getnames()}
            self.assertEqual({(member.uid, member.gid) for member in archive}, {(0, 0)})
            self.assertEqual({member.mode & 0o022 for member in archive if not member.issym()}, {0})
        for path in ("CMakeLists.txt", "bootstrap", "vdsm_hooks/macspoof/hook.toml", "vdsm-hook.spec", "tests/CMakeLists.txt"):
            self.assertIn(path, names)
        self.assertFalse({name for name in names if name.startswith(("build/", ".git/"))})

    def test_a_hook_that_does_not_belong_to_the_project_yet_is_refused(self):
        tree = self.unpacked()
        shutil.copytree(tree / "vdsm_hooks/macspoof", tree / "vdsm_hooks/lamp")
        text = (tree / "vdsm_hooks/lamp/hook.toml").read_text()
        (tree / "vdsm_hooks/lamp/hook.toml").write_text(text.replace("macspoof", "lamp"))
        code, error = dist(self.dir / "x.tar.gz", source=tree)
        self.assertEqual(code, 1)
        self.assertIn("/vdsm_hooks/lamp/README.md does not belong to the project yet: git add it, or name it in MANIFEST", error)

    def test_what_is_no_tree_of_the_project_is_refused(self):
        tree = self.unpacked()
        (tree / "MANIFEST").unlink()
        code, error = dist(self.dir / "x.tar.gz", source=tree, SOURCE_DATE_EPOCH="1")
        self.assertEqual((code, "Traceback" in error), (1, False))
        self.assertIn("neither a git checkout nor what a release tarball held", error)
        code, error = dist(self.dir / "x.tar.gz", SOURCE_DATE_EPOCH="today")
        self.assertEqual(code, 1)
        self.assertIn("SOURCE_DATE_EPOCH is no number of seconds: 'today'", error)

    def test_a_version_that_is_not_that_of_the_news_is_refused(self):
        code, error = dist(self.dir / "x.tar.gz", version="9.9.9")
        self.assertEqual(code, 1)
        self.assertIn("NEWS:1: the version is 9.9.9, but NEWS does not begin with it", error)
        self.assertEqual(os.listdir(self.dir), [])

    def test_a_version_of_the_build_that_is_not_that_of_the_news_stops_the_configuration(self):
        tree = self.unpacked()
        text = (tree / "CMakeLists.txt").read_text()
        self.assertIn(f"VERSION {VERSION} ", text)
        (tree / "CMakeLists.txt").write_text(text.replace(f"VERSION {VERSION} ", "VERSION 9.9.9 "))
        done = subprocess.run(["cmake", "-S", tree, "-B", self.dir / "build", "-G", "Ninja", "-DVDSM_HOOK_TESTS=OFF"],
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the version is 9.9.9 (project() in CMakeLists.txt), but NEWS begins with", " ".join(done.stderr.split()))


if __name__ == "__main__":
    unittest.main()
