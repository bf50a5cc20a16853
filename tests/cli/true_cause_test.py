#!/usr/bin/env python3
"""What goes wrong outside of us is called by its name, and what others wrote makes up no message of ours."""

import os
import re
import resource
import shutil
import subprocess
import unittest

from command import BUILD, DOMAIN, DONE, ENGINE_FAILURE, PROGRAM, VETOED, WRONG_USE, CommandTest

IS_SANITIZED = re.search("^VDSM_HOOK_SANITIZE:STRING=.", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE) is not None


class TrueCauseTest(CommandTest):
    def chain(self, scripts, last):
        """A hook that is SCRIPTS scripts deep; LAST is what the last one names."""
        for number in range(scripts - 1, 0, -1):
            last = self.file(f"interpreter{number}", f"#!{last}\n", 0o755)
        return self.hook("50_chain", f"#!{last}\n")

    def test_an_interpreter_that_is_a_script(self):
        self.chain(3, "/nonexistent/python9")
        self.check(self.run_event(), VETOED, "", ["interpreter2 is a script itself, whose interpreter /nonexistent/python9 does not exist"])
        self.chain(3, self.file("plain", "text"))
        self.check(self.run_event(), VETOED, "", [f"whose interpreter {self.dir}/plain is not executable"])
        self.chain(6, "/bin/sh")
        self.check(self.run_event(), VETOED, "", ["the 6th in a row"])
        self.chain(5, "/bin/true")
        self.check(self.run_event(), DONE)

    def test_a_domain_of_a_namespace(self):
        self.hook("50_a")
        self.file("vm.xml", DOMAIN.replace("<domain ", "<domain xmlns='urn:mine' "))
        for action in ("run", "plan"):
            self.check(self.command(action, "before_vm_start", "--domxml", "vm.xml"), WRONG_USE, "", ["of the namespace 'urn:mine'"])
        self.check(self.command("props show", "--domxml", "vm.xml"), WRONG_USE, "", ["namespace"])

    @unittest.skipIf(IS_SANITIZED, "a sanitizer's own checks need descriptors")
    def test_no_descriptor_is_left(self):
        self.hook("50_a")
        done = self.run_event(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6)))
        self.assertNotEqual(done.returncode, DONE)
        self.assertRegex(done.stderr, "descriptor|Too many open files")

    @unittest.skipUnless(os.geteuid() == 0, "needs a mount namespace")
    def test_no_dev_null(self):
        self.hook("50_a")
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh", PROGRAM, "run", "before_vm_start",
                               *self.places(), "--domxml", "vm.xml"], cwd=self.dir, env=self.env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, ENGINE_FAILURE, done.stderr)
        self.assertIn("/dev/null cannot be opened", done.stderr)

    @unittest.skipUnless(shutil.which("strace"), "needs strace, which refuses the lock")
    def test_a_file_system_without_locks(self):
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK", PROGRAM, "props", "define", *self.places(), "colour",
                               "^red$"], cwd=self.dir, env={**self.env, "ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, ENGINE_FAILURE, done.stderr)
        self.assertIn("file system", done.stderr)

    def test_names_and_words_of_others_make_up_no_message(self):
        forged = "x\nvdsm-hook: forged"
        self.hook(f"50_{forged}", "#!/bin/sh\nprintf 'why\\nvdsm-hook: forged\\n' >&2\nexit 1\n")
        for done in (self.run_event("-v"), self.run_event("--skip", forged), self.command("run", forged), self.command("run", "before_vm_start", "--domxml", forged),
                     self.command("plan", "before_vm_start", "--domxml", "vm.xml"), self.command("list"), self.command("check"),
                     self.call("vm", "start", forged, "-c", "test:///default"), self.call(forged), self.command("props show", "--domxml", forged)):
            with self.subTest(words=done.args[1:]):
                for line in (done.stdout + done.stderr).splitlines():
                    self.assertFalse(line.startswith("vdsm-hook: forged"), done.stdout + done.stderr)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs another user")
    def test_a_user_without_HOME_is_told_whose_places_these_are(self):
        self.env.pop("HOME")
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "props", "define", "colour", "^red$"],
                              cwd="/", env=self.env, capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, DONE)
        self.assertIn("neither HOME nor XDG_CONFIG_HOME is set", done.stderr)


if __name__ == "__main__":
    unittest.main()
