#!/usr/bin/env python3
"""Signals to the command, and standard streams that are closed, full or blocked."""

import os
import signal
import subprocess
import threading
import time
import unittest

from command import DEADLINE_S, DOMAIN, DONE, EDIT, ENGINE_FAILURE, PROGRAM, CommandTest

# A tree: the hook, a child, and one in a session of its own that ignores TERM. Each holds the fifo open as long as it lives.
TREE = """#!/bin/sh
exec 3>{fifo}
sleep 1000 &
setsid sh -c 'trap "" TERM; while :; do sleep 0.1; done' &
touch {ready}
wait
"""


class SignalTest(CommandTest):
    def start(self, *words, **options):
        process = subprocess.Popen([PROGRAM, "run", *self.places(), *words], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, path):
        end = time.monotonic() + DEADLINE_S
        while not path.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_a_signal_stops_the_tree_leaves_nothing_and_ends_the_command_by_it(self):
        self.configure('grace = "200ms"\n')
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            with self.subTest(signal=number.name):
                fifo, ready = self.dir / f"fifo{number}", self.dir / f"ready{number}"
                os.mkfifo(fifo)
                reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
                self.addCleanup(os.close, reader)
                self.hook("50_tree", TREE.format(fifo=fifo, ready=ready))
                process = self.start("before_vm_start", "--domxml", "vm.xml", "--output", "new.xml", "--report", "report.json")
                self.wait_for(ready)
                process.send_signal(number)
                out, err = process.communicate(timeout=DEADLINE_S)
                self.assertEqual(process.returncode, -number, err)
                self.assertEqual(out, b"")
                self.assertIn(b"cancelled", err)
                self.assertEqual(os.read(reader, 1), b"")  # all who could write have ended
                self.assertEqual(self.leftovers(), [])
                self.assertFalse((self.dir / "new.xml").exists())
                self.assertIn('"cancelled":true', (self.dir / "report.json").read_text())

    def test_hooks_after_the_signal_are_not_started(self):
        self.hook("50_wait", f"#!/bin/sh\ntouch {self.dir}/ready\nexec sleep 1000\n")
        self.hook("60_next", f"#!/bin/sh\ntouch {self.dir}/started\n")
        process = self.start("before_vm_start", "--domxml", "vm.xml")
        self.wait_for(self.dir / "ready")
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertFalse((self.dir / "started").exists())

    def test_a_signal_that_the_caller_ignores_stops_nothing(self):
        self.hook("50_wait", f"#!/bin/sh\ntouch {self.dir}/ready\nread -r line <{self.dir}/go\n")
        os.mkfifo(self.dir / "go")
        process = self.start("before_vm_start", "--domxml", "vm.xml",
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_for(self.dir / "ready")
        process.send_signal(signal.SIGHUP)
        (self.dir / "go").write_text("on\n")
        out, err = process.communicate(timeout=DEADLINE_S)
        self.assertEqual((process.returncode, out.decode()), (DONE, DOMAIN), err)

    def test_term_ends_a_command_that_waits_for_its_reader(self):
        self.hook("50_grow", '#!/bin/sh\nprintf "<!--%1000000s-->" >>"$_hook_domxml"\n')
        process = self.start("before_vm_start", "--domxml", "vm.xml")
        first = process.stdout.read(1)
        self.assertEqual(first, b"<")  # the rest does not go into the pipe
        process.terminate()
        self.assertEqual(process.wait(DEADLINE_S), -signal.SIGTERM)
        self.assertEqual(self.leftovers(), [])

    def test_ignored_sigchld_takes_no_exit_code_away(self):
        self.hook("50_fail", "#!/bin/sh\nexit 1\n")
        process = self.start("before_vm_start", "--domxml", "vm.xml",
                             preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        _, err = process.communicate(timeout=DEADLINE_S)
        self.assertIn(b"exit code 1", err)
        self.assertEqual(process.returncode, 1)


class StreamTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("50_edit", EDIT)

    def test_streams_that_do_not_wait_are_waited_for(self):
        big = DOMAIN.replace("</domain>\n", f"<!--{'x' * 300_000}--></domain>\n")
        self.file("node.xml", "<node>" + "".join(f"<domain type='test'><name>{'v' * 200}{n}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
                                                 for n in range(500)) + "</node>")
        for name in ("before_vm_start", "after_vm_start"):
            for number in range(400):
                self.hook(f"60_{'h' * 200}{number}", event=name)
        places, event = ["--hooks-dir", self.directory("none"), "--config-dir", self.config, "--runtime-dir", self.runtime], ["before_vm_start", "--domxml", "-"]
        for words in (["run", *event, *places], ["plan", *event, *self.places()], ["list", *self.places()],
                      ["props", "show", "--domxml", "-", *places, "--format", "json"],
                      ["vm", "list", "--all", "--name", "-c", f"test://{self.dir}/node.xml", *places]):
            with self.subTest(words=words[:2]):
                given = big if "props" not in words else big.replace("red</", "r" * 100_000 + "</")
                wanted = self.call(*words, stdin=given)
                self.assertEqual(wanted.returncode, DONE, wanted.stderr)
                self.assertGreater(len(wanted.stdout), 65536)
                ends = [os.pipe(), os.pipe()]
                for fd in (ends[0][0], ends[1][1]):
                    os.set_blocking(fd, False)
                process = subprocess.Popen([PROGRAM, *words], cwd=self.dir, env=self.env, stdin=ends[0][0], stdout=ends[1][1], stderr=subprocess.PIPE)
                for fd in (ends[0][0], ends[1][1]):
                    os.close(fd)
                with open(ends[0][1], "wb") as stdin, open(ends[1][0], "rb") as stdout:
                    writing = threading.Thread(target=lambda: (stdin.write(given.encode()), stdin.close()))
                    if "-" in words:
                        writing.start()
                    self.assertEqual(stdout.read().decode(), wanted.stdout)
                    if "-" in words:
                        writing.join()
                _, err = process.communicate(timeout=DEADLINE_S)
                self.assertEqual(process.returncode, DONE, err)

    def closed(self, *numbers):
        """What makes the program start with these descriptors closed."""
        return {"preexec_fn": lambda: [os.close(number) for number in numbers]}

    def test_closed_streams_that_are_not_needed_change_nothing(self):
        for numbers in [(0,), (1,), (2,), (0, 1), (0, 1, 2)]:
            with self.subTest(numbers=numbers):
                self.assertEqual(self.run_event("--output", "new.xml", **self.closed(*numbers)).returncode, DONE)
                self.assertEqual((self.dir / "new.xml").read_text(), DOMAIN.replace("restart", "destroy"))
                os.unlink(self.dir / "new.xml")

    def test_hooks_have_three_descriptors_whatever_the_caller_closed(self):
        self.hook("60_look", "#!/bin/sh\nls /proc/self/fd | tr '\\n' ' '\nreadlink /proc/$$/fd/0\n")
        for numbers in [(), (0,), (1, 2), (0, 1, 2)]:
            with self.subTest(numbers=numbers):
                report = self.report_of("--output", "new.xml", **self.closed(*numbers))
                self.assertEqual(report["hooks"][1]["stdout"], "0 1 2 3 /dev/null\n")  # 3: the directory that ls reads

    def test_a_document_for_a_closed_stdout_is_not_lost_in_silence(self):
        self.check(self.run_event(**self.closed(1)), ENGINE_FAILURE, "", "standard output: Bad file descriptor")

    def test_a_document_from_a_closed_stdin_is_an_error(self):
        self.check(self.run_event(document=("--domxml", "-"), **self.closed(0)), ENGINE_FAILURE, "",
                   "standard input: Bad file descriptor")

    def test_a_full_disk_behind_stdout_is_an_engine_failure(self):
        calls = [("run", "before_vm_start", "--domxml", "vm.xml"), ("plan", "before_vm_start", "--domxml", "vm.xml"),
                 ("list",), ("points",), ("check",), ("run", "--help"), ("vm", "list"), ("vm", "start", "--help"), ("props", "show", "test"),
                 ("run", "before_vm_start", "--domxml", "vm.xml", "--output", "new.xml", "--report", "-")]
        for call in calls:
            with self.subTest(call=call), open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, *call, *self.places()], cwd=self.dir, env=self.env, stdout=full,
                                      stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False)
                self.assertEqual(done.returncode, ENGINE_FAILURE)
                self.assertIn(b"standard output: No space left on device", done.stderr)

    def test_a_full_disk_behind_stderr_or_no_reader_changes_no_result(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open("/dev/full", "wb") as full, open(writer, "wb") as nobody:
            for stderr in [full, nobody]:
                done = subprocess.run([PROGRAM, "run", *self.places(), "before_vm_start", "--domxml", "vm.xml", "-v"],
                                      cwd=self.dir, env=self.env, stdout=subprocess.PIPE, stderr=stderr, timeout=DEADLINE_S, check=False)
                self.assertEqual((done.returncode, done.stdout.decode()), (DONE, DOMAIN.replace("restart", "destroy")))

    def test_a_reader_that_went_away_is_an_engine_failure_and_leaves_nothing(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as nobody:
            done = subprocess.run([PROGRAM, "run", *self.places(), "before_vm_start", "--domxml", "vm.xml"], cwd=self.dir,
                                  env=self.env, stdout=nobody, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, ENGINE_FAILURE)
        self.assertIn(b"Broken pipe", done.stderr)
        self.assertEqual(self.leftovers(), [])

    def test_output_to_a_full_disk_is_an_engine_failure(self):
        self.check(self.run_event("--output", "/dev/full"), ENGINE_FAILURE, "", "No space left")
        self.check(self.run_event("--report", "/dev/full"), ENGINE_FAILURE, None, "No space left")


if __name__ == "__main__":
    unittest.main()
