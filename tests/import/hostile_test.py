#!/usr/bin/env python3
"""`vdsm-hook import` runs nothing, writes nothing outside of the new folder, takes nothing from outside of the old one, and
says what it left out. Wrong use leaves nothing behind."""

import os
import signal
import socket
import subprocess
import time
import unittest

from importing import CASES, LAMP, ONE_EVENT, SCRIPT, ImportTest
from command import PROGRAM

HOOKS = "$(DESTDIR)$(vdsmhooksdir)"
X = "$(INSTALL_SCRIPT) before_vm_start.py"

# A line of install-data-local of which nothing is taken, and why. TRAP is a file that would be made if it were run.
LINES = [
    ("touch TRAP", "it runs touch, and nothing is run"),
    ("@-touch TRAP", "it runs touch, and nothing is run"),
    (f"{X} {HOOKS}/after_vm_start/50_lamp; touch TRAP", "it runs touch, and nothing is run"),
    (f"true && {X} {HOOKS}/after_vm_start/50_lamp && sh -c 'touch TRAP'", "it runs sh, and nothing is run"),
    ("$(shell touch TRAP)", "$(shell touch TRAP) is a function of make, and nothing is run"),
    ("${shell touch TRAP}", "$(shell touch TRAP) is a function of make, and nothing is run"),
    ("$(shell touch $(dir $(NAMES)))", "functions of make and references nested that deep are not followed, and nothing is run"),
    (f"{X} {HOOKS}/after_vm_start/`touch TRAP`", "backquotes run a command"),
    (f'{X} "{HOOKS}/after_vm_start/$$(touch TRAP)"', "a variable or command of the shell ($) is unknown here"),
    (f"{X} {HOOKS}/after_vm_start/$${{PWD}}", "a variable or command of the shell ($) is unknown here"),
    (f"for e in a b; do {X} {HOOKS}/$$e/50_lamp; done", "a variable or command of the shell ($) is unknown here"),
    (f"if true; then {X} {HOOKS}/after_vm_start/50_lamp; fi", "'if' of the shell is not followed"),
    (f"[ -e /x ] && {X} {HOOKS}/after_vm_start/50_lamp", "'[' of the shell is not followed"),
    (f"test -e /x || {X} {HOOKS}/after_vm_start/50_lamp", "'|' of the shell is not followed"),
    ("echo x >TRAP", "'>' of the shell is not followed"),
    ("(touch TRAP)", "'(' of the shell is not followed"),
    ("touch TRAP &", "'&' of the shell is not followed"),
    (f"{X} '{HOOKS}/after_vm_start/50_lamp", "the quote ' is not closed"),
    (f"$(INSTALL_DATA) *.py {HOOKS}/after_vm_start/", "which files '*' stands for is unknown here"),
    (f"$(INSTALL_DATA) ../other/secret {HOOKS}/after_vm_start/x", "../other/secret is not in this folder"),
    (f"$(INSTALL_DATA) $(srcdir)/a/../../secret {HOOKS}/x", "@srcdir@/a/../../secret is not in this folder"),
    (f"$(INSTALL_DATA) $(top_srcdir)/secret {HOOKS}/x", "@top_srcdir@/secret is not in this folder"),
    (f"$(INSTALL_DATA) /etc/passwd {HOOKS}/x", "/etc/passwd is not in this folder"),
    (f"$(INSTALL_DATA) passwd {HOOKS}/x", "there is no passwd in the folder that could be taken"),
    (f"$(INSTALL_DATA) none.py {HOOKS}/x", "there is no none.py in the folder that could be taken"),
    (f"{X} {HOOKS}/../../../../tmp/x", "/usr/libexec/vdsm/hooks/../../../../tmp/x leads upwards with .."),
    (f"{X} /etc/cron.d/x", "/etc/cron.d/x is not below $(DESTDIR)"),
    (f"{X} TRAP", "TRAP is not below $(DESTDIR)"),
    (f"{X} $(DESTDIR)$(libdir)/x", "there is no variable $(libdir) here"),
    (f"{X} $(DESTDIR)$(ROUND)/x", "$(ROUND) is made of itself"),
    (f"{X} $(DESTDIR)$(B40)/x", "its variables make more than 64 KiB of text"),
    (f"ln -s /etc/shadow {HOOKS}/after_vm_start/x", "/etc/shadow is no file that this hook installs, and links to others are not made"),
    (f"ln -s ../../../../../etc/shadow {HOOKS}/after_vm_start/x",
     "../../../../../etc/shadow is no file that this hook installs, and links to others are not made"),
    (f"ln before_vm_start.py {HOOKS}/after_vm_start/x", "only ln -s TARGET LINK is followed"),
    (f"cp -r . {HOOKS}/after_vm_start", "option -r not recognized"),
    (f"install -m 4755 before_vm_start.py {HOOKS}/x", "mode 4755 is not followed"),
    (f"install -o vdsm before_vm_start.py {HOOKS}/x", "a package installs its files for root, not for vdsm"),
    ("chmod 777 $(DESTDIR)/etc/passwd", "chmod of /etc/passwd, which this hook does not install as a file"),
    ("install before_vm_start.py", "it does not say what goes where"),
]
BEFORE = "NAMES = a\nROUND = $(ROUND)\nB0 = 0123456789\n" + "".join(f"B{n} = $(B{n - 1})$(B{n - 1})\n" for n in range(1, 41))
# What stands at the top of a Makefile.am, and what is said of it.
TOPS = [
    ("X != touch TRAP", "X != runs a command: nothing is run, so X is unknown"),
    ("include TRAP.mk", "include TRAP.mk: not followed; what it sets is unknown here"),
    ("-include ../x.mk", "-include ../x.mk: not followed; what it sets is unknown here"),
    ("SUBDIRS = more", "SUBDIRS: the Makefile.am of each is not read: more"),
    ("define X\nxdir = /etc\nendef", "define: not followed"),
    ("bin_PROGRAMS = lamp", "bin_PROGRAMS: PROGRAMS are not followed"),
    ("x_DATA = x", "x_DATA is not installed: there is no variable $(xdir) here"),
    ("xdir = $(sysconfdir)/..\nx_DATA = before_vm_start.py", "not installed: /etc/../before_vm_start.py leads upwards with .."),
    ("sysconf_DATA = ../x $(shell touch TRAP)",
     "sysconf_DATA is not installed: $(shell touch TRAP) is a function of make, and nothing is run"),
    ("xdir = /home/x\nx_DATA = before_vm_start.py",
     "/home/x/before_vm_start.py is below no directory that a hook may install to: before_vm_start.py is not installed"),
    ("all-local:\n\ttouch TRAP", "the rule all-local is not followed, and nothing of it is run"),
    ("$(shell touch TRAP): x\n\ttouch TRAP", "rule not followed: $(shell touch TRAP) is a function of make, and nothing is run"),
    ("uninstall-hook:\n\trm -rf /; touch TRAP",
     "touch in a rule that uninstalls; nothing is run; this line is left out: rm -rf /; touch TRAP"),
    ("install-data-local: X = y", "a variable of one target is not followed: install-data-local: X = y"),
    ("\ttouch TRAP", "a command that belongs to no rule is not followed"),
    ("what is this", "not understood: what is this"),
    ("else", "else without if"),
]


class Hostile(ImportTest):
    def setUp(self):
        super().setUp()
        self.trap = self.dir / "trap"
        self.file("other/secret", "secret")

    def everything(self):
        return {str(path.relative_to(self.dir)) for path in self.dir.rglob("*")} - {"tree/lamp"}

    def outside(self):
        return {path for path in self.everything() if not path.startswith("tree/lamp/")}

    def import_makefile(self, text):
        self.afresh()
        self.folder({**LAMP, "Makefile.am": text.replace("TRAP", str(self.trap))})
        (self.dir / "vdsm/lamp/passwd").symlink_to("/etc/passwd")
        before = self.outside()
        done = self.import_folder({})
        self.assertFalse(self.trap.exists())
        self.assertEqual(self.outside(), before)
        return done

    def test_a_line_that_is_not_followed_is_named_and_nothing_of_it_is_done(self):
        done = self.import_makefile(BEFORE + ONE_EVENT + "\ninstall-exec-local:\n" + "".join(f"\t{line}\n" for line, _ in LINES))
        self.check(done, 1, stderr="")
        first = (BEFORE + ONE_EVENT).count("\n") + 3
        self.assertEqual(self.findings(done), [
            *(f"Makefile.am:{number}: {why}; this line is left out: {line}".replace("TRAP", str(self.trap))
              for number, (line, why) in enumerate(LINES, first)),
            "passwd: a link to /etc/passwd, outside the folder: not taken"])
        self.assertEqual(self.description().count("\n["), 1)
        self.assertEqual(sorted(path.name for path in (self.tree / "lamp").iterdir()), ["README.md", "before_vm_start.py", "cases.json", "hook.toml"])

    def test_what_else_a_makefile_may_try_is_named(self):
        for top, what in TOPS:
            with self.subTest(top):
                done = self.import_makefile(top + "\n" + ONE_EVENT)
                self.check(done, 1)
                said = [finding.partition(": ")[2] for finding in self.findings(done)]
                self.assertIn(what.replace("TRAP", str(self.trap)), said)
                self.assertEqual(self.description().count("\n["), 1)

    def test_variables_of_variables_take_no_time(self):
        text = "A0 =\n" + "".join(f"A{n} = $(A{n - 1})$(A{n - 1})\n" for n in range(1, 46)) + ONE_EVENT.replace("50_lamp", "50_lamp$(A45)")
        self.check(self.import_makefile(text), 1, stderr="")

    def test_what_is_no_file_of_the_folder_is_named_and_not_taken(self):
        folder = self.folder(LAMP)
        (folder / "in").symlink_to("before_vm_start.py")
        (folder / "up").symlink_to("../../other/secret")
        (folder / "dir").symlink_to("../../other")
        (folder / "void").symlink_to("nothing")
        os.mkfifo(folder / "fifo")
        self.file("vdsm/lamp/large", b"x" * (8 * 1024 * 1024 + 1))
        here = socket.socket(socket.AF_UNIX)
        self.addCleanup(here.close)
        here.bind(str(folder / "socket"))
        done = self.import_folder({})
        self.assertEqual(self.findings(done), [
            "dir: a link to ../../other, outside the folder: not taken", "fifo: no regular file: not taken",
            "large: larger than 8 MiB: not taken", "socket: cannot be read (No such device or address): not taken",
            "up: a link to ../../other/secret, outside the folder: not taken",
            "void: cannot be read (No such file or directory): not taken"])
        self.assertEqual(sorted(os.listdir(self.tree / "lamp")), ["README.md", "before_vm_start.py", "cases.json", "hook.toml", "in"])
        self.assertEqual(((self.tree / "lamp/in").read_text(), (self.tree / "lamp/in").is_symlink()), (SCRIPT, False))

    def test_a_makefile_that_is_a_link_to_elsewhere_is_not_read(self):
        folder = self.folder({**LAMP, "Makefile.am": None})
        (folder / "Makefile.am").symlink_to(self.file("other/Makefile.am", ONE_EVENT.replace("50_lamp", "60_lamp")))
        done = self.import_folder({})
        self.assertIn(f"Makefile.am: a link to {self.dir}/other/Makefile.am, outside the folder: not taken", self.findings(done))
        self.assertIn('installed = "50_lamp"', self.description())

    def test_files_without_end_are_refused(self):
        for name, files in [("many", {f"f{n}": "" for n in range(1000)}), ("deep", {"d/" * 22 + "f": ""}),
                            ("much", {f"f{n}": b"x" * 8 * 1024 * 1024 for n in range(9)})]:
            with self.subTest(name):
                self.afresh()
                self.refused(self.import_folder({**LAMP, **files}), "is it the folder of one hook?")
                self.assertEqual(list(self.tree.iterdir()), [])
        self.afresh()
        self.refused(self.import_folder({**LAMP, "Makefile.am": ONE_EVENT + "#" * 64 * 1024}), "Makefile.am is larger than 64 KiB")

    def test_names_cannot_write_on_the_terminal(self):
        done = self.import_folder({**LAMP, "a\x1b[31m\n.py": "import vdsm\n"})
        self.check(done, 1)
        self.assertIn("a\\x1b[31m\\n.py:1: vdsm is a module", done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_a_name_that_is_no_text_is_copied_and_named_safely(self):
        folder = self.folder(LAMP)
        with open(os.fsencode(folder) + b"/\xff.py", "w", encoding="utf-8") as file:
            file.write("import vdsm\n")
        done = self.import_folder({})
        self.assertIn("\\xff.py:1: vdsm is a module", done.stdout)
        self.assertIn(b"\xff.py", os.listdir(os.fsencode(self.tree / "lamp")))


class WrongUse(ImportTest):
    def refused(self, done, *parts):
        super().refused(done, *parts)
        self.assertEqual([path.name for path in self.tree.iterdir() if path.name.startswith(".")], [])

    def test_places_that_will_not_do_are_refused(self):
        folder = self.folder(LAMP)
        (self.tree / "lamp").mkdir()
        self.refused(self.call("import", folder, "--into", "tree"), "tree/lamp exists already")
        (self.tree / "lamp").rmdir()
        (self.tree / "lamp").symlink_to("nowhere")
        self.refused(self.call("import", folder, "--into", "tree"), "tree/lamp exists already")
        self.refused(self.call("import", folder, "--into", "nowhere"), "nowhere is no directory")
        self.refused(self.call("import", "nowhere"), "nowhere is no directory")
        self.refused(self.call("import", folder / "README", "--into", "tree"), "README is no directory")
        self.refused(self.call("import", "", "--into", "tree"), "empty")
        self.refused(self.call("import", folder, "--into", ""), "empty")
        self.refused(self.call("import"), "DIR is required")
        self.refused(self.call("import", folder, "--int", "tree"), "did you mean --into?")
        self.refused(self.call("import", folder, "more"), "'more' is not expected here")

    def test_a_folder_that_is_no_hook_of_vdsms_is_refused(self):
        self.refused(self.import_folder({"README": "x\n"}), "nothing in vdsm/lamp is installed as a hook",
                     "vdsm/lamp/Makefile.am: there is none")
        self.refused(self.import_folder({**LAMP, "hook.toml": ""}), "has a hook.toml already")
        self.refused(self.import_folder(LAMP, "a lamp"), "'a lamp' is no name for a hook", "rename the folder")
        self.assertEqual(list(self.tree.iterdir()), [])

    def test_a_description_that_the_build_would_refuse_is_refused(self):
        twice = ("\ninstall-exec-local:\n\t$(INSTALL_DATA) README $(DESTDIR)/lib/x\n\t$(INSTALL_DATA) README $(DESTDIR)/usr/lib/x\n")
        self.refused(self.import_folder({**LAMP, "Makefile.am": ONE_EVENT + twice}), "nothing is imported", "installs lib/x as well")
        self.assertEqual(list(self.tree.iterdir()), [])

    def test_here_is_where_it_is_made_unless_said(self):
        folder = self.folder(LAMP)
        self.check(self.call("import", folder), 0, "lamp: imported\n  hooks/before_vm_start/50_lamp  0755  before_vm_start.py\n" + CASES)
        self.assertTrue((self.dir / "lamp/hook.toml").is_file())

    def test_a_full_disk_under_the_report_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "import", self.folder(LAMP), "--into", self.tree], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual((done.returncode, done.stderr.decode()), (3, "vdsm-hook: standard output: No space left on device\n"))

    def test_without_the_sdk_it_says_which_package_has_it(self):
        done = self.call("import", "x", env={"VDSM_HOOK_LIBEXEC_DIR": str(self.dir)})
        self.check(done, 3, "", "vdsm-hook-import: install the package vdsm-hook-sdk for importing hooks")

    def test_with_the_sdk_and_no_python_it_says_what_is_missing(self):
        self.file("vdsm-hook-import", "#!/no/such/python3\n", 0o755)
        done = self.call("import", "x", env={"VDSM_HOOK_LIBEXEC_DIR": str(self.dir)})
        self.check(done, 3, "", f"cannot start {self.dir}/vdsm-hook-import: its interpreter is missing")

    def test_a_directory_that_cannot_be_written_is_an_error(self):
        self.check(self.call("import", self.folder(LAMP), "--into", "/proc"), 3, "", "vdsm-hook: /proc/.vdsm-hook-import.")

    # Each took longer than all tests together when the work grew with the square of the file.
    def test_a_readme_that_is_large_is_not_searched(self):
        for readme in ("UserDefinedVMProperties=" * 300_000, "'UserDefinedVMProperties=" * 280_000, "x" * 7_000_000, "\n" * 7_000_000):
            self.afresh()
            done = self.import_folder({**LAMP, "README": readme})
            self.check(done, 1, None, "")
            self.assertIn("README:larger than 256 KiB: no custom properties were looked for in it".replace(":l", ": l"), self.findings(done))

    def test_a_readme_within_the_bound_is_searched_in_one_pass(self):
        for part in ("UserDefinedVMProperties=", "'UserDefinedVMProperties=", "UserDefinedVMProperties='", "UserDefinedVMProperties=a=b\n",
                     "CustomDeviceProperties='{type=interface;prop={a=b}}' ", "CustomDeviceProperties={type=interface;prop={"):
            self.afresh()
            self.check(self.import_folder({**LAMP, "README": part * (256 * 1024 // len(part))}), 1)

    def test_a_readme_defines_so_many_properties_and_no_more(self):
        done = self.import_folder({**LAMP, "README": "UserDefinedVMProperties=" + ";".join(f"p{n}=^a$" for n in range(1500)) + "\n"})
        self.check(done, 1)
        self.assertIn("there are more than 1000 properties", done.stdout)

    def test_a_makefile_within_the_bound_is_followed_in_one_pass(self):
        bound = 64 * 1024 - len(ONE_EVENT) - 2048
        names = " ".join(f"a{n}" for n in range(4000))

        def filled(part):
            return part * (bound // len(part))

        for makefile in (filled("\\\n"), "V =" + filled(" \\\n"), filled("V += b\n"), filled("${"), filled("$("), filled("@a"),
                         f"V = {'x' * 30000}\n" + "all:\n" + filled("\t$(V)\n")[:30000],
                         f"{names} : {names}\n", filled("\tmkdir -p $(DESTDIR)/etc/x\n"), "install-data-local: " + names + "\n\t" + filled(";")[:30000] + "\n",
                         "install-data-local: r0\n" + "".join(f"r{n}: r{n + 1}\n" for n in range(3000)), filled("dist_") + "SCRIPTS = x\n",
                         "install-data-local:\n" + filled("\trm -rf $(DESTDIR)/etc/a\n")):
            self.afresh()
            with self.subTest(makefile=makefile[:40]):
                done = self.import_folder({**LAMP, "Makefile.am": ONE_EVENT + "\n" + makefile})
                self.assertIn(done.returncode, (0, 1), done.stderr)

    def test_scripts_are_looked_at_up_to_a_bound(self):
        done = self.import_folder({**LAMP, "large.py": "\n" * 8_000_000, "line.sh": "#!/bin/sh\n" + "sleep" * 1_500_000,
                                   **{f"many{n}.py": "pass\n" * 200_000 for n in range(6)}})
        self.check(done, 1)
        findings = "\n".join(self.findings(done))
        for name in ("large.py", "line.sh"):
            self.assertRegex(findings, f"{name}: larger than 1024 KiB")
        self.assertRegex(findings, "many[45].py: there are more than 4 MiB of scripts")

    def test_a_directory_of_many_files_is_refused_before_all_are_listed(self):
        self.folder(LAMP)
        for number in range(5000):
            (self.dir / f"vdsm/lamp/n{number}").touch()
        self.refused(self.call("import", "vdsm/lamp", "--into", "tree"), "more than 1000 files")

    def test_ended_by_a_signal_it_leaves_nothing(self):
        files = {**LAMP, **{f"f{n}": "x" * 100_000 for n in range(300)}}
        self.folder(files)
        codes = set()
        for _ in range(5):
            self.afresh()
            self.folder(files)
            child = subprocess.Popen([PROGRAM, "import", "vdsm/lamp", "--into", "tree"], cwd=self.dir, stdout=subprocess.DEVNULL)
            while child.poll() is None and not list(self.tree.iterdir()):
                time.sleep(0.0005)  # until the draft is there
            child.send_signal(signal.SIGTERM)
            code = child.wait(60)
            self.assertIn((code, [path.name for path in self.tree.iterdir()]), [(-signal.SIGTERM, []), (0, ["lamp"]), (-signal.SIGTERM, ["lamp"])])
            codes.add(code)
        self.assertIn(-signal.SIGTERM, codes)


if __name__ == "__main__":
    unittest.main()
