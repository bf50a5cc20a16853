"""vdsm-hookd as a program and a service, on libvirt's own test driver: no daemon is needed."""

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

from command import BUILD, DEADLINE_S, DONE, ENGINE_FAILURE, WRONG_USE, CommandTest, mode_of

PROGRAM = BUILD / "bin" / "vdsm-hookd"
UNITS = {"system": BUILD / "core/vdsm_hook/hookd/vdsm-hookd.service", "user": BUILD / "core/vdsm_hook/hookd/vdsm-hookd.user.service"}
INSTALLED = None  # where it says that it is; from the command line


class HookdCommandTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(DEADLINE_S)
        self.manager.bind(str(self.dir / "notify"))
        self.env["NOTIFY_SOCKET"] = str(self.dir / "notify")

    def argv(self, *words):
        return [PROGRAM, *([] if "-c" in words else ["-c", "test:///default"]), *self.places(), *words]

    def hookd(self, *words, env=None, stderr=subprocess.PIPE):
        process = subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, text=True,
                                   cwd=self.dir, env={**self.env, **(env or {})})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def call_hookd(self, *words):
        return subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
                              check=False, cwd=self.dir, env=self.env)

    def message(self):
        return self.manager.recv(4096).decode()

    def wait_until_ready(self):
        while not self.message().startswith("STATUS=listening"):
            pass

    def end(self, process, by=signal.SIGTERM):
        process.send_signal(by)
        _, said = process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, DONE, said)
        return said


class Program(HookdCommandTest):
    def test_help_and_version(self):
        done = self.call_hookd("--help")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        for word in ("--connect URI", "--hooks-dir", "HUP is ignored", "Exit code"):
            self.assertIn(word, done.stdout)
        self.assertRegex(self.call_hookd("--version").stdout, r"^vdsm-hookd \d+\.\d+\.\d+\n$")

    def test_wrong_use_is_2(self):
        for words in (["--conect", "x"], ["-c", ""], ["web-1"]):
            done = self.call_hookd(*words)
            self.assertEqual((done.returncode, done.stdout), (WRONG_USE, ""), words)
            self.assertTrue(done.stderr.startswith("vdsm-hookd: "), done.stderr)

    def test_a_wrong_configuration_is_3_and_says_the_line(self):
        self.configure("grace = 'soon'\n")
        done = self.call_hookd(*self.argv()[1:])
        self.assertEqual(done.returncode, ENGINE_FAILURE)
        self.assertIn("vdsm-hook.toml:1", done.stderr)

    def test_a_second_one_says_who_serves_the_directory(self):
        first = self.hookd()
        self.wait_until_ready()
        second = self.call_hookd(*self.argv()[1:])
        self.assertEqual(second.returncode, ENGINE_FAILURE)
        self.assertIn(f"another vdsm-hookd serves {self.runtime} already: process {first.pid}", second.stderr)
        first.kill()  # the kernel frees the lock
        first.wait(DEADLINE_S)
        third = self.hookd()
        self.wait_until_ready()
        self.end(third)

    def test_nobody_else_can_take_its_lock(self):
        lock = self.file(f"{self.runtime.name}/vdsm-hookd.lock", "", 0o644)
        process = self.hookd()
        self.wait_until_ready()
        self.assertEqual((mode_of(lock), lock.read_text()), (0o600, f"{process.pid}\n"))
        self.end(process)

    def test_a_directory_that_others_can_write_to_is_refused(self):
        self.runtime.chmod(0o777)
        done = self.call_hookd(*self.argv()[1:])
        self.assertEqual(done.returncode, ENGINE_FAILURE)
        self.assertIn("nobody else can write to", done.stderr)


class Service(HookdCommandTest):
    def test_the_manager_hears_of_each_step(self):
        process = self.hookd()
        self.assertEqual(self.message(), "READY=1\nSTATUS=waiting for libvirt")
        self.assertEqual(self.message(), "STATUS=listening to test:///default")
        self.end(process)
        self.assertTrue(self.message().startswith("STOPPING=1\n"))

    def test_it_is_ready_while_libvirt_is_down(self):
        process = self.hookd("-c", f"qemu+unix:///system?socket={self.dir}/nobody")
        self.assertEqual(self.message(), "READY=1\nSTATUS=waiting for libvirt")
        self.assertEqual(process.stderr.readline(), "vdsm-hookd: failed to connect to the hypervisor\n")
        self.end(process)

    def test_an_abstract_socket_is_a_socket_too(self):
        name = f"vdsm-hook-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(DEADLINE_S)
            manager.bind("\0" + name)
            process = self.hookd(env={"NOTIFY_SOCKET": "@" + name})
            self.assertEqual(manager.recv(4096), b"READY=1\nSTATUS=waiting for libvirt")
            self.assertTrue(manager.recv(4096).startswith(b"STATUS=listening"))
            self.end(process)

    def test_without_a_manager_it_runs_as_well(self):
        for value in ("", "not/absolute", "/nonexistent/socket", "/" + "x" * 200):
            process = self.hookd(env={"NOTIFY_SOCKET": value})
            self.assertEqual(process.stderr.readline(), "vdsm-hookd: listening to test:///default\n")
            self.end(process)

    def test_int_ends_it_and_hup_does_not(self):
        process = self.hookd()
        self.wait_until_ready()
        process.send_signal(signal.SIGHUP)
        self.end(process, by=signal.SIGINT)

    def test_lines_for_the_journal_begin_with_their_level(self):
        log, theirs = socket.socketpair()
        with log, theirs:
            st = os.fstat(theirs.fileno())
            process = self.hookd(env={"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}, stderr=theirs)
            log.settimeout(DEADLINE_S)
            self.assertEqual(log.recv(4096), b"<6>listening to test:///default\n")
            self.end(process)
        process = self.hookd(env={"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})  # standard error is something else now
        self.assertEqual(process.stderr.readline(), "vdsm-hookd: listening to test:///default\n")
        self.end(process)


class Units(unittest.TestCase):
    def read(self, file):
        unit = configparser.RawConfigParser(strict=True, interpolation=None)
        unit.optionxform = str
        unit.read_string(file.read_text())
        return unit

    def test_they_start_the_installed_program(self):
        for kind, uri in (("system", "qemu:///system"), ("user", "qemu:///session")):
            service = self.read(UNITS[kind])["Service"]
            self.assertEqual(service["ExecStart"], f'"{INSTALLED}" --connect {uri}')
            self.assertEqual((service["Type"], service["Restart"]), ("notify", "on-failure"))

    def test_systemd_finds_nothing_wrong_with_them(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        for kind, file in UNITS.items():
            with self.subTest(kind):
                directory = BUILD / "tests" / f"units-{kind}"
                directory.mkdir(parents=True, exist_ok=True)
                copy = directory / "vdsm-hookd.service"
                # The program is not installed where this runs.
                copy.write_text(file.read_text().replace(str(INSTALLED), str(PROGRAM)))
                done = subprocess.run(["systemd-analyze", f"--{kind}", "verify", "--man=no", str(copy)], stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                                      env={**os.environ, "XDG_RUNTIME_DIR": str(directory)})
                about_it = [line for line in done.stderr.splitlines() if "vdsm-hookd" in line]
                self.assertEqual((done.returncode, about_it), (0, []), done.stderr)


if __name__ == "__main__":
    INSTALLED = Path(sys.argv.pop(1))
    unittest.main()
