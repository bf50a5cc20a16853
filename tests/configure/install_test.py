#!/usr/bin/env python3
"""`configure && make && make check && make install` puts what `cmake --install` puts, and `make uninstall` takes it away.

One hook is built, without optimization, in directories with blanks and quotes; that is compared with the install of the
build that this test belongs to, which was made by cmake alone, without the other hooks' files.
"""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
PREFIX, SYSCONFDIR, LOCALSTATEDIR, LIBDIR, BUILD_TYPE = (sys.argv.pop(1) for _ in range(5))
HOOK = "macspoof"
POINT = "at_full_moon"
STANZA = f"""
[{POINT}]
payload = "domxml"
result_used = true
vetoes = true
vm_properties = true
device_properties = false
fires = "When the moon is full."
follows = "Nothing; the next comes a month later."
"""

# The tests that `make check` runs here: that it runs all is for `make_test.py`, that they pass for the build around us.
TESTS = """\
add_test(NAME cli_list COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/list_test.py)
add_test(NAME cli_completion COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/completion_test.py -k events_come)
set_tests_properties(cli_list cli_completion PROPERTIES ENVIRONMENT "VDSM_HOOK_BUILD=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
"""


def must(*words, **options):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words} gave {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout


def tree(top):
    """Every path below TOP with its type and mode, and its content: a link's target, a text; of a program that it is one."""
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        content = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
            content = "program" if content.startswith((b"\x7fELF", b"!<arch>")) else content
        # CMake names one file, and words in it, by the kind of build: None is what CXXFLAGS alone make.
        name = re.sub(rf"(VdsmHookTargets-){BUILD_TYPE.lower()}(\.cmake)$", r"\1none\2", str(path.relative_to(top)))
        if isinstance(content, bytes) and name.endswith("-none.cmake"):
            text = content.decode().replace(f'"{BUILD_TYPE}"', '"None"').replace(BUILD_TYPE.upper(), "NONE")
            content = text.encode()
        found[name] = (stat.S_IFMT(status.st_mode), oct(stat.S_IMODE(status.st_mode)), content)
    return found


class Installed(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        os.umask(0o022)
        cls.dir = Path(tempfile.mkdtemp(prefix="vdsm-hook-compat-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.dir.chmod(0o755)
        cls.source, cls.build, cls.dest = (cls.dir / name for name in ("so urce's", "bu ild's", "de st's"))
        shutil.copytree(SOURCE, cls.source, symlinks=True, ignore=shutil.ignore_patterns(".git", "build", "__pycache__"))
        (cls.source / "tests/CMakeLists.txt").write_text(TESTS)
        with open(cls.source / "hookpoints/hookpoints.toml", "a", encoding="utf-8") as table:
            table.write(STANZA)
        cls.build.mkdir()
        started = time.monotonic()
        cls.make("../so urce's/configure", f"--prefix={PREFIX}", f"--sysconfdir={SYSCONFDIR}", f"--libdir={LIBDIR}",
                 f"--localstatedir={LOCALSTATEDIR}", "--disable-hooks", f"--enable-{HOOK}", "CXXFLAGS=-O0")
        cls.make("make", "-j2")
        print(f"configure and make took {time.monotonic() - started:.0f} s", file=sys.stderr)

    @classmethod
    def make(cls, *words):
        return must(*words, cwd=cls.build)

    def expected(self):
        """The install of the build around us, without the other hooks and the policy module, with the hook point more."""
        components = set()
        for file in BUILD.rglob("cmake_install.cmake"):
            components |= set(re.findall(r'CMAKE_INSTALL_COMPONENT STREQUAL "([^"]+)"', file.read_text()))
        ours = [name for name in sorted(components) if name == f"hook-{HOOK}" or not name.startswith(("hook-", "selinux"))]
        self.assertLess(len(ours), len(components))
        dest = self.dir / "cmake"
        for name in ours:
            must("cmake", "--install", BUILD, "--component", name, env={**os.environ, "DESTDIR": str(dest)})
        for hooks in (f"{PREFIX}/libexec/vdsm/hooks", f"{SYSCONFDIR}/vdsm/hooks"):
            (dest / hooks[1:] / POINT).mkdir(mode=0o755)
        return tree(dest)

    def test_make_again_builds_nothing(self):
        self.assertNotIn("Building", self.make("make"))

    def test_it_is_what_cmake_installs(self):
        self.assertIn("100% tests passed, 0 tests failed out of 2", self.make("make", "-j2", "check"))
        self.make("make", "install", f"DESTDIR={self.dest}")
        expected, installed = self.expected(), tree(self.dest)
        self.assertGreater(len(installed), 200)
        self.assertEqual(sorted(installed), sorted(expected))
        differ = {name for name in installed if installed[name] != expected[name]}
        names_it = {name for name in differ if POINT.encode() in installed[name][2]}
        self.assertIn("vdsm-hookpoints.7", {Path(name).name for name in names_it})
        self.assertEqual({name: installed[name] for name in differ - names_it}, {name: expected[name] for name in differ - names_it})
        self.make("make", "uninstall", f"DESTDIR={self.dest}")
        self.assertEqual(tree(self.dest), {})

    def test_a_hook_point_more_is_a_stanza_in_the_table(self):
        command = self.build / "build/make/bin/vdsm-hook"
        self.assertIn("When the moon is full.", must(command, "points", POINT))
        hooks = self.dir / "hooks" / POINT
        hooks.mkdir(parents=True)
        (hooks / "50_moon").write_text("#!/bin/sh\nsed -i 's,</domain>,<title>moon</title></domain>,' \"$_hook_domxml\"\n")
        (hooks / "50_moon").chmod(0o755)
        out = must(command, "run", POINT, "--domxml", SOURCE / "tests/data/web-01.xml", "--hooks-dir", hooks.parent,
                   "--runtime-dir", self.dir / "run", "--config-dir", self.dir / "none")
        self.assertIn("<title>moon</title>", out)
        version = must(command, "--version").split()[1]
        spec = must(sys.executable, self.source / "packages/packages.py", "spec", "--version", version)
        for root in ("_libexecdir", "_sysconfdir"):
            self.assertIn(f"%dir %{{{root}}}/vdsm/hooks/{POINT}\n", spec)

    def test_a_prefix_with_blanks_and_quotes_is_one_word_in_what_is_made_of_it(self):
        build = self.dir / "prefix"
        build.mkdir()
        must(self.source / "configure", "--prefix=/it's a prefix", cwd=build)
        made = build / "build/make/core"
        flags = must("pkg-config", "--cflags", "vdsm-hook", env={**os.environ, "PKG_CONFIG_PATH": str(made)})
        self.assertIn("-I/it's a prefix/include", shlex.split(flags))
        for kind in ("", ".user"):
            unit = (made / f"vdsm_hook/hookd/vdsm-hookd{kind}.service").read_text()
            start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
            self.assertEqual(shlex.split(start.removeprefix("ExecStart="))[0], "/it's a prefix/sbin/vdsm-hookd")


if __name__ == "__main__":
    unittest.main()
