#!/usr/bin/env python3
"""Commands of `vdsm-hook vm` that are told to end while libvirt does what they asked for, or does not answer."""

import contextlib
import os
import signal
import threading

from virtcase import main
from virthost import eventually
from vmfaultcase import VmFaultTest, program_of

TRIED = ["before_vm_pause", "after_vm_pause", "before_vm_hibernate", "before_vm_cont", "after_vm_cont"]


class StopTest(VmFaultTest):
    def stuck_host(self):
        """With t1 running, whose QEMU does not answer any more."""
        host = self.vm_host()
        host.virsh("start", "t1")
        self.qemu = host.path("/run/libvirt/qemu/t1.pid").read_text().strip()
        host.run_inside(["kill", "-STOP", self.qemu])
        return host

    def asks_libvirt(self, host):
        host.eventually(lambda: "occupied" in host.virsh("domcontrol", "t1").stdout, "libvirt has asked QEMU")

    @contextlib.contextmanager
    def slowly_read(self, fd):
        is_over = threading.Event()

        def read():
            while not is_over.wait(0.02):
                with contextlib.suppress(BlockingIOError):
                    os.read(fd, 4096)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            os.close(fd)

    def end(self, process, number):
        os.kill(program_of(process), number)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (-number, ""), err)
        return err.splitlines()

    def test_what_qemu_does_not_answer_is_left_to_libvirt_and_to_recover(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                host = self.stuck_host()
                process = self.running(host, "suspend", "t1")
                self.asks_libvirt(host)
                lines = self.end(process, number)
                self.assertIn("error: the command was cancelled while libvirt did not answer", lines[-1])
                self.assertIn("vdsm-hook vm recover", lines[-1])
                self.assertEqual(self.logged(), ["before_vm_pause"])
                host.run_inside(["kill", "-CONT", self.qemu])  # libvirt does now what it was asked for
                host.eventually(lambda: self.state(host) == "paused", "it is paused")
                self.vm(host, "recover", "t1")
                self.assertEqual(self.logged(), ["after_vm_pause"])
                self.assert_nothing_is_left(host)
                host.stop()

    def test_a_save_that_cannot_pause_ends_too(self):
        host = self.stuck_host()
        process = self.running(host, "save", "t1", host.dir / "t1.save")
        self.asks_libvirt(host)
        self.assertIn("vdsm-hook vm recover", self.end(process, signal.SIGTERM)[-1])

    def test_who_waits_for_a_stuck_command_goes_on_when_that_is_ended(self):
        host = self.stuck_host()
        first = self.running(host, "suspend", "t1")
        self.asks_libvirt(host)
        second = self.running(host, "destroy", "t1")
        self.assertIn("waiting for `vdsm-hook vm suspend`", second.stderr.readline())
        self.end(first, signal.SIGTERM)
        _, err = second.communicate(timeout=60)
        self.assertEqual((second.returncode, self.state(host)), (0, "shut off"), err)

    def test_a_save_on_its_way_is_aborted_and_the_vm_goes_on(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                host = self.vm_host()
                # Memory that nobody used takes nine bytes a page: more than what lies between QEMU and the reader.
                host.virsh("define", host.file("big.xml", self.definition(host)[0].replace(">65536<", ">2097152<")))
                host.virsh("start", "t1")
                fifo = host.dir / "files" / "t1.save"
                os.mkfifo(fifo, 0o666)
                reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # nothing is read of it
                save = self.running(host, "save", "t1", fifo)
                eventually(lambda: "Memory processed" in host.virsh("domjobinfo", "t1", check=False).stdout, "the memory is on its way")
                with self.slowly_read(reader):  # what was written has to go somewhere before libvirt answers
                    lines = self.end(save, number)
                self.assertEqual(lines[-1], "vdsm-hook: error: the command was cancelled")
                self.assertEqual((self.state(host), self.logged()), ("running", TRIED))
                self.assert_nothing_is_left(host)
                host.stop()


if __name__ == "__main__":
    main()
