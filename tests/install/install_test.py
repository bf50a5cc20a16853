#!/usr/bin/env python3
"""What `cmake --install` puts where, and that a stranger's project can use it."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["VDSM_HOOK_BUILD"])
PREFIX, SYSCONFDIR, LIBDIR, FLAGS = (sys.argv.pop(1) for _ in range(4))
CXX_FLAGS = FLAGS.removeprefix("--cxx-flags=")


def must(*words, **options):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


class InstalledTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.umask(0o022)
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="vdsm-hook-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, True)
        cls.root.chmod(0o755)
        cls.dest = cls.root / "dest"
        must("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": str(cls.dest)})
        cls.usr = pathlib.Path(f"{cls.dest}{PREFIX}")
        cls.events = [path.name for path in (cls.usr / "libexec/vdsm/hooks").iterdir()]

    def environment(self):
        return {**os.environ, "VDSM_HOOK_LIBEXEC_DIR": str(self.usr / "libexec/vdsm-hook"),
                "LD_LIBRARY_PATH": f"{self.dest}{LIBDIR}"}

    def consume(self, program, hook):
        """Runs PROGRAM with HOOK as the only hook."""
        hooks = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        hooks.chmod(0o755)
        (hooks / "before_vm_start").mkdir()
        shutil.copy(hook, hooks / "before_vm_start/50_title")
        return must(program, hooks, hooks / "run", env=self.environment())

    def test_everything_lies_where_the_design_says(self):
        for place in ("bin/vdsm-hook", "libexec/vdsm-hook/run-helper", "libexec/vdsm/hooks/before_vm_start/50_macspoof",
                      "libexec/vdsm/hooks/before_vm_start/50_macspoof.toml", "share/vdsm-hook/python/hooking.py",
                      "share/vdsm-hook/shell/hooking.sh", "include/vdsm_hook/engine/engine.hpp",
                      "include/vdsm_hook/hooking.hpp", "bin/engine-config"):
            self.assertTrue((self.usr / place).is_file(), place)
        pages = {path.relative_to(BUILD) for path in (BUILD / "share/man").rglob("*.[1-8]")}
        self.assertEqual({path.relative_to(self.usr) for path in (self.usr / "share/man").rglob("*") if path.is_file()}, pages)
        self.assertEqual(os.readlink(self.usr / "bin/engine-config"), "vdsm-hook")
        points = json.loads(must(self.usr / "bin/vdsm-hook", "points", "--format", "json"))["points"]
        self.assertEqual(sorted(self.events), sorted(point["name"] for point in points))
        for event in self.events:
            self.assertTrue(pathlib.Path(f"{self.dest}{SYSCONFDIR}/vdsm/hooks/{event}").is_dir(), event)

    def test_nothing_installed_can_be_written_by_others(self):
        for path in self.dest.rglob("*"):
            if not path.is_symlink():
                self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_no_installed_text_names_the_build_tree(self):
        for path in self.dest.rglob("*"):
            if path.is_file() and path.suffix in (".cmake", ".pc", ".hpp", ".toml", ".py", ".sh", ".json", ".1", ".5", ".7", ".8"):
                self.assertNotIn(str(BUILD), path.read_text(), path)

    def test_the_installed_command_finds_its_neighbours(self):
        domain = self.root / "vm.xml"
        domain.write_text("<domain><name>a</name><devices><interface type='bridge'>"
                          "<filterref filter='no-mac-spoofing'/></interface></devices></domain>")
        out = must(self.usr / "bin/vdsm-hook", "run", "before_vm_start", "--domxml", domain, "-p", "macspoof=true",
                   "--runtime-dir", self.root / "run", "--config-dir", self.root / "etc")
        self.assertIn("<interface type='bridge'/>", out)

    def test_a_cmake_project_runs_an_event_and_builds_a_hook(self):
        build = self.root / "consumer"
        # The directory itself, besides: Debian's cmake does not look in the lib64 that rpm says.
        must("cmake", "-G", "Ninja", "-S", HERE, "-B", build, f"-DCMAKE_PREFIX_PATH={self.usr}",
             f"-DVdsmHook_DIR={self.dest}{LIBDIR}/cmake/VdsmHook",
             f"-DCMAKE_CXX_FLAGS={CXX_FLAGS}")
        must("cmake", "--build", build)
        out = self.consume(build / "consumer", build / "consumer_hook")
        self.assertEqual(out, "<domain>\n  <name>guest</name>\n  <title>red</title>\n</domain>\n done\n")

    def test_each_installed_header_needs_no_other_that_is_not(self):
        include = self.usr / "include"
        headers = sorted(path.relative_to(include) for path in include.rglob("*.hpp"))
        self.assertIn(pathlib.Path("vdsm_hook/engine/engine.hpp"), headers)
        self.assertNotIn(pathlib.Path("vdsm_hook/process/hook_process.hpp"), headers)
        for header in headers:  # first of its own file, so that it brings all it needs
            (self.root / f"{str(header).replace('/', '_')}.cpp").write_text(f"#include <{header}>\n")
        must("c++", "-std=c++20", "-fsyntax-only", "-I", include, *sorted(self.root.glob("*.hpp.cpp")))

    def test_pkg_config_knows_the_flags(self):
        environment = {**self.environment(), "PKG_CONFIG_PATH": f"{self.dest}{LIBDIR}/pkgconfig",
                       "PKG_CONFIG_SYSROOT_DIR": str(self.dest)}
        flags = shlex.split(must("pkg-config", "--cflags", "--libs", "vdsm-hook", env=environment))
        program = self.root / "by_pkg_config"
        must("c++", "-std=c++20", *CXX_FLAGS.split(), HERE / "consumer.cpp", "-o", program, *flags)
        hook = self.root / "hook.sh"
        hook.write_text('#!/bin/sh\nsed -i "s,</domain>,<title>$colour</title></domain>," "$_hook_domxml"\n')
        hook.chmod(0o755)
        self.assertEqual(self.consume(program, hook),
                         "<domain><name>guest</name><title>red</title></domain> done\n")


if __name__ == "__main__":
    unittest.main()
