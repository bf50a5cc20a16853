#!/usr/bin/env python3
"""TERM and INT end every command, whatever it waits for."""

import array
import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import termios
import time
import unittest
from pathlib import Path

from command import BUILD, DEADLINE_S, DOMAIN, DONE, PROGRAM, CommandTest

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The hook's tree holds the fifo open as long as it lives.
STUBBORN = "#!/bin/sh\ntrap '' TERM\nexec 3>{fifo}\necho $$ >{ready}\nwhile :; do sleep 0.1; done\n"


class StopTest(CommandTest):
    def start(self, *words, program=PROGRAM, **options):
        process = subprocess.Popen([program, *words], cwd=self.dir, env=self.env,
                                   **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def eventually(self, is_so):
        end = time.monotonic() + DEADLINE_S
        while not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def end(self, process, number):
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
        self.assertEqual((process.returncode, out), (-number, b""), err)
        return err.decode()

    def silent_libvirtd(self):
        """A libvirtd that takes connections and says nothing: its URI, and a function that waits for the next."""
        path = self.dir / f"silent{len(list(self.dir.iterdir()))}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(DEADLINE_S)
        taken = []

        def wait():
            connection = listener.accept()[0]
            taken.append(connection)
            connection.settimeout(DEADLINE_S)
            self.assertTrue(connection.recv(1))  # the client has asked, and now waits

        self.addCleanup(listener.close)
        self.addCleanup(lambda: [connection.close() for connection in taken])
        return f"qemu+unix:///system?socket={path}", wait

    @contextlib.contextmanager
    def half_of_stdin(self, *words, data=b"x", **options):
        """The command, once it has read a part of its standard input and waits for the rest."""
        reader, writer = os.pipe()
        try:
            process = self.start(*words, stdin=reader, **options)
            os.write(writer, data)
            unread = array.array("i", [1])

            def is_read():
                fcntl.ioctl(reader, termios.FIONREAD, unread)
                return unread[0] == 0

            self.eventually(is_read)
            yield process
        finally:
            os.close(reader)
            os.close(writer)


class Connecting(StopTest):
    def test_to_a_silent_libvirtd_ends_at_once(self):
        uri, wait = self.silent_libvirtd()
        for words in (["vm", "list"], ["vm", "start", "web-01"], ["vm", "recover", "web-01"], ["props", "show", "web-01"]):
            for number in SIGNALS:
                with self.subTest(words=words, signal=number.name):
                    process = self.start(*words, "-c", uri)
                    wait()
                    self.end(process, number)

    def test_vdsm_hookd_ends_in_good_order(self):
        uri, wait = self.silent_libvirtd()
        for number in SIGNALS:
            with self.subTest(signal=number.name):
                process = self.start(*self.places(), "-c", uri, program=BUILD / "bin" / "vdsm-hookd")
                wait()
                process.send_signal(number)
                _, err = process.communicate(timeout=DEADLINE_S)
                self.assertEqual(process.returncode, DONE, err)


class Reading(StopTest):
    def test_standard_input(self):
        for words in (["vm", "create", "-", "-c", "test:///default"], ["vm", "define", "-", "-c", "test:///default"],
                      ["vm", "set-password", "test", "-c", "test:///default"], ["vm", "attach-device", "test", "-", "-c", "test:///default"],
                      ["run", "before_vm_start", "--domxml", "-"], ["plan", "before_vm_start", "--domxml", "-"],
                      ["libvirt-call", "qemu", "web-01", "start", "begin", "-"]):
            for number in SIGNALS:
                with self.subTest(words=words, signal=number.name), self.half_of_stdin(*words) as process:
                    self.end(process, number)

    def test_a_pipe_that_nobody_writes(self):
        os.mkfifo(self.dir / "fifo")
        for words in (["run", "before_vm_start", "--domxml", "fifo"], ["vm", "create", "fifo", "-c", "test:///default"]):
            process = self.start(*words)
            writer = os.open(self.dir / "fifo", os.O_WRONLY)  # until it reads
            self.addCleanup(os.close, writer)
            self.end(process, signal.SIGTERM)

    def bridge(self, operation):
        link = self.directory("libvirt/qemu.d") / "50-vdsm-hook"
        if not link.exists():
            link.symlink_to(PROGRAM)
        self.env["VDSM_HOOK_CONFIG_DIR"] = str(self.config)
        return self.half_of_stdin("web-01", operation, "begin", "-", program=link)

    def test_the_bridge_refuses_a_start_and_keeps_a_guest_that_runs(self):
        for number in SIGNALS:
            with self.bridge("prepare") as process:
                self.end(process, number)
            with self.bridge("reconnect") as process:
                process.send_signal(number)
                _, err = process.communicate(timeout=DEADLINE_S)
                self.assertEqual(process.returncode, DONE, err)


class Locking(StopTest):
    def waits_with(self, process, path):
        def has_it_open():
            return any(os.path.realpath(f"/proc/{process.pid}/fd/{fd}") == str(path) for fd in os.listdir(f"/proc/{process.pid}/fd"))

        self.eventually(has_it_open)

    def test_a_file_of_definitions_that_somebody_else_changes(self):
        lock = self.file("config/properties.toml.lock", mode=0o600)
        with open(lock, encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            for number in SIGNALS:
                process = self.start("props", "define", *self.places(), "colour", "^(red|green)$")
                self.waits_with(process, lock)
                self.end(process, number)

    def test_a_domain_xml_that_somebody_else_changes(self):
        with open(self.domain, encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            for number in SIGNALS:
                process = self.start("props", "set", *self.places(), "--domxml", self.domain, "colour=red")
                self.waits_with(process, self.domain)
                self.end(process, number)
        self.assertEqual(self.domain.read_text(), DOMAIN)


class Twice(StopTest):
    """The second signal does not wait for the good order that the first one asks for."""

    def stubborn_hook(self, event):
        self.configure('grace = "1h"\n')
        os.mkfifo(self.dir / "fifo")
        self.reader = os.open(self.dir / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reader)
        self.hook("50_stubborn", STUBBORN.format(fifo=self.dir / "fifo", ready=self.dir / "ready"), event)

    def end_by_two(self, process):
        self.eventually(lambda: (self.dir / "ready").exists() or process.poll() is not None)
        process.terminate()
        self.eventually(lambda: not self.is_pending(process.pid, signal.SIGTERM))
        self.assertIsNone(process.poll())  # it waits for the hook
        return self.end(process, signal.SIGINT)

    def is_pending(self, pid, number):
        status = Path(f"/proc/{pid}/status").read_text()
        return int(re.search("ShdPnd:\t([0-9a-f]+)", status)[1], 16) >> (number - 1) & 1

    def test_a_vm_command_says_what_is_left_and_its_helper_stops_the_hook(self):
        self.stubborn_hook("before_vm_pause")
        said = self.end_by_two(self.start("vm", "suspend", "test", "-c", "test:///default", *self.places()))
        self.assertIn("vdsm-hook vm recover", said)
        with self.assertRaises(BlockingIOError):
            os.read(self.reader, 1)  # the hook has its grace
        os.kill(int((self.dir / "ready").read_text()), signal.SIGKILL)
        os.set_blocking(self.reader, True)
        self.assertEqual(os.read(self.reader, 1), b"")
        self.check(self.command("vm recover", "test", "-c", "test:///default"), DONE)
        self.assertEqual(list((self.runtime / "vms").iterdir()), [])

    def test_run_dies_of_it(self):
        self.stubborn_hook("before_vm_start")
        self.end_by_two(self.start("run", "before_vm_start", "--domxml", "vm.xml", *self.places()))
        os.kill(int((self.dir / "ready").read_text()), signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
