#!/usr/bin/env python3
"""What the Makefile does that configure leaves, on a small project in the place of the source."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

PROJECT = r"""cmake_minimum_required(VERSION 3.25)
project(vdsm-hook VERSION 0.1.0 LANGUAGES NONE)
include(GNUInstallDirs)
foreach(name VDSM_HOOK_STATIC_COMMAND VDSM_HOOK_TESTS CMAKE_INSTALL_LOCALSTATEDIR)
  message(STATUS "${name} is ${${name}}")
endforeach()
file(WRITE ${PROJECT_BINARY_DIR}/note "text")
add_custom_command(OUTPUT made COMMAND ${CMAKE_COMMAND} -E echo built VERBATIM COMMAND ${CMAKE_COMMAND} -E touch made)
add_custom_target(product ALL DEPENDS made)
foreach(name dist rpm deb)
  add_custom_target(${name} COMMAND ${CMAKE_COMMAND} -E touch ${name}.made)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/note DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME "a note's")
install(CODE "if(NOT EXISTS \"\$ENV{DESTDIR}${CMAKE_INSTALL_FULL_SYSCONFDIR}/vdsm-hook/note\")
  file(INSTALL DESTINATION \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/vdsm-hook\" TYPE FILE FILES \"${PROJECT_BINARY_DIR}/note\")
endif()")
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/vdsm/hooks/some_event)
if(VDSM_HOOK_TESTS)
  enable_testing()
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests.cmake)
    include(tests.cmake)
  endif()
endif()
"""


class MakeTest(unittest.TestCase):
    maxDiff = None
    generator = "Ninja"

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="vdsm-hook-make-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.source, self.build, self.dest = (self.dir / name for name in ("so urce's", "bu ild's", "de st's"))
        self.build.mkdir()
        self.source.mkdir()
        (self.source / "CMakeLists.txt").write_text(PROJECT)
        shutil.copytree(SOURCE / "configure-compat", self.source / "configure-compat")
        shutil.copy(SOURCE / "configure", self.source)
        self.run_in_build(self.source / "configure", "--prefix=/it's a prefix", f"CMAKE_GENERATOR={self.generator}")

    def run_in_build(self, *words, code=0):
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(words, cwd=self.build, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def make(self, *words, code=0):
        return self.run_in_build("make", *words, code=code)

    def write_tests(self, text):
        (self.source / "tests.cmake").write_text(text)

    def installed(self):
        return sorted(str(path.relative_to(self.dest)) for path in self.dest.rglob("*"))

    def test_all_and_clean(self):
        self.assertIn("built", self.make("V=1", "-j2"))
        made = self.build / "build/make/made"
        self.assertTrue(made.exists())
        self.make("clean")
        self.assertFalse(made.exists())
        self.make()
        self.assertTrue(made.exists())

    def test_v_says_the_commands(self):
        said = "-E touch made"
        self.assertNotIn(said, self.make("V=0"))
        self.make("clean")
        self.assertIn(said, self.make("V=1"))

    def tools(self, script):
        tools = self.dir / "tools"
        tools.mkdir()
        for name in ("cmake", "ctest"):
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        return tools

    def test_no_two_commands_work_in_the_tree_at_once(self):
        lock = self.dir / "lock"
        tools = self.tools(f"mkdir {lock} || exit 1; sleep 0.2; rmdir {lock}; echo well done")
        self.assertEqual(self.make(f"PATH={tools}:{os.environ['PATH']}", "-j4", "dist", "rpm", "deb").count("well done"), 3)

    def test_jobs_are_handed_on(self):
        tools = self.tools('echo ${0##*/} "$@" "[$MAKEFLAGS]"')
        for words, jobs in ((["-j3"], " -j3"), (["-kj3"], " -j3"), ([], ""), (["-j"], " -j"), (["X=a -j7"], ""),
                            (["-j2", "X=a -j7"], " -j2")):
            with self.subTest(words):
                said = self.make(f"PATH={tools}:{os.environ['PATH']}", *words)
                self.assertEqual(said.split("\n")[0].replace("  ", " ").strip(),
                                 f"cmake --build build/make{jobs} --target all []")

    def test_the_packages_are_targets_of_the_build(self):
        self.make("dist", "rpm", "deb")
        for name in ("dist", "rpm", "deb"):
            self.assertTrue((self.build / f"build/make/{name}.made").exists(), name)

    def test_check_runs_the_tests(self):
        self.write_tests('add_test(NAME good COMMAND "${CMAKE_COMMAND}" -E echo well)\n'
                   'add_test(NAME bad COMMAND "${CMAKE_COMMAND}" -E cat /no/such)\n')
        said = self.make("check", code=2)
        self.assertIn("1 tests failed out of 2", said)
        self.assertIn("/no/such", said)
        self.assertIn("100% tests passed, 0 tests failed out of 1", self.make("check", "TESTS=^go+d$", "-j2"))

    def test_check_without_a_test_fails(self):
        self.assertIn("No tests were found", self.make("check", code=2))
        self.write_tests('add_test(NAME good COMMAND "${CMAKE_COMMAND}" -E echo well)\n')
        self.run_in_build("cmake", "build/make")
        self.assertIn("No tests were found", self.make("check", "TESTS=none_such", code=2))
        self.make("check")

    def test_check_where_the_tests_cannot_be_built_leaves_make_as_it_was(self):
        self.write_tests('message(FATAL_ERROR "no Boost.Test")\n')
        said = self.make("check", code=2)
        self.assertIn("no Boost.Test", said)
        self.assertIn("make check: the tests cannot be built", said)
        self.make("all")

    def test_uninstall_leaves_nothing_of_install(self):
        self.make("install", f"DESTDIR={self.dest}")
        prefix = "it's a prefix"
        self.assertEqual([name for name in self.installed() if (self.dest / name).is_file()],
                         [f"{prefix}/bin/a note's", f"{prefix}/etc/vdsm-hook/note"])
        self.assertIn(f"{prefix}/libexec/vdsm/hooks/some_event", self.installed())
        self.make("uninstall", f"DESTDIR={self.dest}")
        self.assertEqual(self.installed(), [])

    def test_uninstall_leaves_what_others_put_there(self):
        (self.dest / "it's a prefix/bin").mkdir(parents=True)
        theirs = self.dest / "it's a prefix/libexec/vdsm/hooks/some_event/50_mine"
        self.make("install", f"DESTDIR={self.dest}")
        theirs.write_text("")
        self.make("install", f"DESTDIR={self.dest}")  # again: what is ours stays ours
        self.make("uninstall", f"DESTDIR={self.dest}")
        self.assertTrue(theirs.exists())
        self.assertTrue((self.dest / "it's a prefix/bin").is_dir())
        self.assertFalse((self.dest / "it's a prefix/etc").exists())

    def test_uninstall_forgets_what_it_took_away(self):
        self.make("install", f"DESTDIR={self.dest}")
        self.make("install", f"DESTDIR={self.dest}")
        self.make("uninstall", f"DESTDIR={self.dest}")
        self.assertIn("nothing was installed from here", self.make("uninstall", f"DESTDIR={self.dest}", code=2))
        theirs = self.dest / "it's a prefix/etc/vdsm-hook/note"
        theirs.parent.mkdir(parents=True)
        theirs.write_text("")
        os.utime(theirs, (0, 0))  # as a package's
        self.make("install", f"DESTDIR={self.dest}")
        self.make("uninstall", f"DESTDIR={self.dest}")
        self.assertEqual([path for path in self.dest.rglob("*") if path.is_file()], [theirs])

    def test_uninstall_after_a_second_install_of_less(self):
        self.make("install", f"DESTDIR={self.dest}")
        project = self.source / "CMakeLists.txt"
        project.write_text(project.read_text().replace("install(DIRECTORY", "return()\ninstall(DIRECTORY"))
        self.make("install", f"DESTDIR={self.dest}")  # and the configuration is there
        self.make("uninstall", f"DESTDIR={self.dest}")
        self.assertEqual(self.installed(), [])

    def test_uninstall_keeps_a_configuration_that_was_changed(self):
        etc = self.dest / "it's a prefix/etc"
        for installs in (1, 2):
            with self.subTest(installs):
                for _ in range(installs):
                    self.make("install", f"DESTDIR={self.dest}")
                    (etc / "vdsm-hook/note").write_text("mine")
                said = self.make("uninstall", f"DESTDIR={self.dest}")
                self.assertIn(f"kept, it was changed: {etc}/vdsm-hook/note\n", said)
                self.assertEqual([path.read_text() for path in self.dest.rglob("*") if path.is_file()], ["mine"])
                shutil.rmtree(self.dest)

    def test_uninstall_of_what_is_not_there_fails(self):
        self.assertIn("nothing was installed from here", self.make("uninstall", code=2))
        self.make("install", f"DESTDIR={self.dest}")
        said = self.make("uninstall", f"DESTDIR={self.dest}/other", code=2)
        self.assertIn(f"none of its files is in {self.dest}/other/", said)
        self.assertEqual(stat.S_IMODE((self.dest / "it's a prefix/etc/vdsm-hook/note").stat().st_mode), 0o644)

    def test_configure_again_and_distclean(self):
        self.make()
        self.run_in_build(self.source / "configure", "-q", "--prefix=/other")
        self.make("install", f"DESTDIR={self.dest}")
        self.assertTrue((self.dest / "other/bin/a note's").is_file())
        self.make("distclean")
        self.assertEqual(list(self.build.iterdir()), [])

    def test_in_the_source_itself(self):
        before = sorted(self.source.rglob("*"))
        self.build = self.source
        (self.source / "build/dev").mkdir(parents=True)
        self.run_in_build("./configure", "-q")
        self.make()
        self.make("distclean")
        self.assertTrue((self.source / "build/dev").is_dir())
        shutil.rmtree(self.source / "build")
        self.assertEqual(sorted(self.source.rglob("*")), before)


class WithMakefiles(MakeTest):
    generator = "Unix Makefiles"


if __name__ == "__main__":
    unittest.main()
