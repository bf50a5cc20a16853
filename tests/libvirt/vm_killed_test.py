#!/usr/bin/env python3
"""Commands of `vdsm-hook vm` that are killed, cancelled, or meet another one: what they leave, and who takes it back."""

import json
import os
import signal

from virtcase import main
from virthost import eventually
from vmfaultcase import CREATED, STARTED, UNDO, UUID, VmFaultTest, kill, program_of


class KilledTest(VmFaultTest):
    def left(self, host):
        """What show says is left; a held VM has nothing left."""
        def shown():
            return json.loads(self.vm(host, "show", "t1", "--format", "json").stdout)
        eventually(lambda: shown()["busy"] is None, "what held the VM for the hook is gone")
        return shown()["left"]

    def killed(self, host, event, *words):
        """A command that is killed while a hook of EVENT runs; what was logged up to there."""
        wait = self.waiting_hook(host, event)
        process = self.running(host, *words)
        wait.reach()
        kill(process)
        hook = wait.reached.read_text().strip()
        host.eventually(lambda: host.run_inside(["kill", "-0", hook]).returncode != 0, "the hook is stopped with its command")
        wait.remove()
        return self.logged()

    def test_a_start_that_is_killed_while_its_first_hook_runs_is_taken_back_by_recover(self):
        host = self.vm_host()
        host.virsh("define", host.file("plain.xml", host.virsh("dumpxml", "t1").stdout.replace("ovirt-vm:speed", "ovirt-vm:other")))
        for name in ("before_device_create", "before_vm_start"):
            host.path(f"/etc/vdsm/hooks/{name}/10_log").unlink()
        self.assertEqual(self.killed(host, "before_vm_start", "start", "t1"), [])
        self.assertIn("vm start, since 20", self.left(host))
        self.assertTrue(self.run_record(host)["hooks_ran"])
        self.assertIn("taken back", self.vm(host, "recover", "t1").stdout)
        self.assertEqual([line for line in self.logged() if "_vm_" in line], ["before_vm_destroy failed", "after_vm_destroy failed"])
        self.assert_nothing_is_left(host)

    def test_a_start_that_is_killed_between_its_hooks_and_libvirt_is_taken_back_by_recover(self):
        host = self.vm_host()
        libvirtd = host.ask("status").split()[1]
        stop = self.hook(host, "before_vm_start", "20_stop", f"kill -STOP {libvirtd}")
        start = self.running(host, "start", "t1", "-p", "colour=red")
        eventually(lambda: ") T " in host.run_inside(["cat", f"/proc/{libvirtd}/stat"]).stdout and self.log.exists() and
                   self.log.read_text().splitlines() == CREATED, "hooks have run")
        kill(start)
        host.run_inside(["kill", "-CONT", libvirtd], check=True)
        stop.unlink()
        self.assertEqual(self.logged(), CREATED)
        self.assertTrue(host.path(f"/run/vdsm/{UUID}/launchflags").exists())
        self.assertIn("vm start, since 20", self.left(host))

        with self.subTest("a second start is refused, and changes nothing"):
            lines = self.refused(host, "start", "t1")
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(f"`vdsm-hook vm start` (process {self.run_record(host)['pid']}, since 20", lines[0])
            self.assertIn("was killed before it came to its end, before libvirt was asked; hooks had run: `vdsm-hook vm recover`", lines[0])
            self.assertEqual(self.logged(), [])

        with self.subTest("recover fires the undo sequence, with the properties of that start"):
            self.hook(host, "after_vm_destroy", "20_property", f'echo "$colour" >>{self.log}')
            self.assertIn("taken back", self.vm(host, "recover", "t1").stdout)
            self.assertEqual(self.logged(), UNDO[:4] + ["red"] + UNDO[4:])
            self.assertIsNone(self.left(host))
            self.assert_nothing_is_left(host)
        self.vm(host, "start", "t1")
        self.assertEqual(self.logged(), CREATED + STARTED)

    def test_a_vm_that_somebody_else_started_since_is_not_taken_back_while_it_runs(self):
        host = self.vm_host()
        self.killed(host, "before_vm_start", "start", "t1")
        host.virsh("start", "t1")
        self.assertIn("did not start the VM, and yet it runs", self.refused(host, "recover", "t1")[0])
        self.assertEqual((self.state(host), self.logged()), ("running", []))
        self.vm(host, "destroy", "t1")
        self.assertEqual(self.logged()[0], "before_device_destroy 1 destroyed")
        self.assert_nothing_is_left(host)

    def test_recover_waits_until_the_hook_of_the_killed_command_is_gone(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_vm_start", "05_wait", "trap '' TERM")
        start = self.running(host, "start", "t1")
        wait.reach()
        self.hook(host, "before_vm_destroy", "05_look", f'if kill -0 "$(cat {wait.reached})"; then echo alive; else echo gone; fi >>{self.log}')
        kill(start)
        self.assertIn("taken back", self.vm(host, "recover", "t1").stdout)
        self.assertIn("gone", self.logged())
        wait.remove()
        self.assert_nothing_is_left(host)

    def test_only_devices_whose_create_event_ran_are_taken_back(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_device_create", "05_wait", '[ "$speed" = 2 ] || exit 0')
        start = self.running(host, "start", "t1")
        wait.reach()
        kill(start)
        wait.remove()
        self.assertEqual(self.logged(), ["before_device_create 1"])
        self.vm(host, "recover", "t1")
        self.assertEqual(self.logged(), UNDO)  # 2 was at it
        self.assert_nothing_is_left(host)

        wait = self.waiting_hook(host, "before_device_create")
        start = self.running(host, "start", "t1")
        wait.reach()
        kill(start)
        wait.remove()
        self.assertEqual(self.logged(), ["before_device_create 1"])
        self.vm(host, "recover", "t1")
        self.assertEqual(self.logged(), [line for line in UNDO if " 2 " not in line])
        self.assert_nothing_is_left(host)

    def test_a_start_that_is_killed_once_the_vm_runs_is_finished_by_recover(self):
        host = self.vm_host()
        self.assertEqual(self.killed(host, "after_vm_start", "start", "t1"), CREATED + STARTED[:1])
        self.assertEqual(self.state(host), "running")
        for command in ("start", "suspend"):
            lines = self.refused(host, command, "t1")
            self.assertIn("was killed before it came to its end, after libvirt had been asked; hooks had run: `vdsm-hook vm recover`", lines[0])
        self.assertEqual(self.state(host), "running")
        self.assertIn("finished", self.vm(host, "recover", "t1").stdout)
        self.assertEqual(self.logged(), STARTED)
        self.assert_nothing_is_left(host)
        self.assertEqual(self.state(host), "running")

    def test_what_a_killed_start_left_is_taken_back_by_destroy_too(self):
        host = self.vm_host()
        self.killed(host, "after_vm_start", "start", "t1")
        self.assertIn("was killed", self.vm(host, "destroy", "t1").stderr)
        self.assertEqual(self.logged(), ["before_device_destroy 1 destroyed", "before_device_destroy 2 destroyed", "before_vm_destroy destroyed",
                                         "after_vm_destroy destroyed", "after_device_destroy 1 destroyed", "after_device_destroy 2 destroyed"])
        self.assert_nothing_is_left(host)

    def test_a_killed_destroy_is_finished_by_recover_where_the_vm_is_gone(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        self.killed(host, "before_vm_destroy", "destroy", "t1")
        self.assertIn("nothing was left to do", self.vm(host, "recover", "t1").stdout)
        self.assertEqual((self.state(host), self.logged()), ("running", []))
        self.killed(host, "after_vm_destroy", "destroy", "t1")
        self.assertEqual(self.state(host), "shut off")
        self.assertIn("was killed", self.refused(host, "start", "t1")[0])
        self.assertIn("finished", self.vm(host, "recover", "t1").stdout)
        self.assertEqual(self.logged(), ["after_vm_destroy destroyed", "after_device_destroy 1 destroyed", "after_device_destroy 2 destroyed"])
        self.assert_nothing_is_left(host)

    def test_a_killed_save_is_finished_by_recover_where_the_vm_is_saved(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        file = host.dir / "t1.save"
        self.assertEqual(self.killed(host, "before_vm_hibernate", "save", "t1", file), ["before_vm_pause", "after_vm_pause", "before_vm_hibernate"])
        self.assertIn("the VM is paused", self.vm(host, "recover", "t1").stdout)
        self.assertFalse(file.exists())
        self.vm(host, "resume", "t1")
        self.logged()

        self.killed(host, "after_vm_hibernate", "save", "t1", file)
        self.assertEqual(self.state(host), "shut off")
        self.assertIn("finished", self.vm(host, "recover", "t1").stdout)
        released = ["before_device_destroy 1 saved", "before_device_destroy 2 saved", "before_vm_destroy saved", "after_vm_destroy saved",
                    "after_device_destroy 1 saved", "after_device_destroy 2 saved"]
        self.assertEqual(self.logged(), ["after_vm_hibernate", *released])
        self.assert_nothing_is_left(host)

        self.killed(host, "after_vm_dehibernate", "restore", file)
        self.assertIn("finished", self.vm(host, "recover", "t1").stdout)
        self.assertEqual((self.state(host), self.logged()), ("running", ["after_vm_dehibernate"]))
        self.assert_nothing_is_left(host)

    def test_what_is_left_of_a_vm_that_is_gone_is_taken_back_by_its_uuid(self):
        host = self.vm_host()
        xml = host.file("t1.xml", host.virsh("dumpxml", "t1").stdout)
        host.virsh("undefine", "t1")
        self.killed(host, "before_vm_start", "create", xml)
        self.refused(host, "recover", "t1")
        self.assertIn("taken back", self.vm(host, "recover", UUID).stdout)
        self.assertEqual(self.logged(), UNDO)
        self.assert_nothing_is_left(host)

    # ---- one VM's commands, one after the other

    def test_of_two_starts_one_waits_and_finds_the_vm_active(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_vm_start", "20_wait", f'[ "$vmId" = {UUID} ] || exit 0')
        first = self.running(host, "start", "t1")
        wait.reach()
        pid = self.run_record(host)["pid"]
        with self.subTest("--no-wait says who holds it"):
            lines = self.refused(host, "start", "t1", "--no-wait")
            self.assertEqual(len(lines), 1)
            self.assertRegex(lines[0], f"^vdsm-hook: error: the VM is held by `vdsm-hook vm start` \\(process {pid}, since 20.*Z\\), and --no-wait was given$")
        with self.subTest("show says it too"):
            shown = json.loads(self.vm(host, "show", "t1", "--format", "json").stdout)
            self.assertIsNone(shown["left"])
            self.assertIn(f"vm start, process {pid}, since 20", shown["busy"])
        with self.subTest("another VM does not wait"):
            self.define(host, "t2", UUID.replace("0001", "0002"), nic="")
            self.vm(host, "start", "t2", "--no-wait")
            self.assertEqual(self.state(host, "t2"), "running")
        second = self.running(host, "start", "t1")
        self.assertEqual(second.stderr.readline(), f"vdsm-hook: note: waiting for `vdsm-hook vm start` (process {pid}), which holds the VM\n")
        wait.go_on()
        first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0)
        _, err = second.communicate(timeout=60)
        self.assertEqual((second.returncode, err), (1, "vdsm-hook: error: Domain is already active\n"))
        self.assertEqual(self.logged().count("before_vm_start"), 2)  # one of them t2's
        self.assert_nothing_is_left(host)

    def test_a_command_that_waits_ends_on_TERM_and_has_done_nothing(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "before_vm_start")
        self.running(host, "start", "t1")
        wait.reach()
        second = self.running(host, "start", "t1")
        second.stderr.readline()
        os.kill(program_of(second), signal.SIGTERM)
        _, err = second.communicate(timeout=60)
        self.assertEqual((second.returncode, err), (-signal.SIGTERM, "vdsm-hook: error: the command was cancelled\n"))
        self.assertEqual(self.logged(), CREATED)

    # ---- signals

    def test_TERM_while_a_hook_runs_stops_its_tree_and_hooks_take_back(self):
        host = self.vm_host()
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                wait = self.waiting_hook(host, "before_vm_start", "20_wait", f"sleep 1000 & echo $! >{host.dir}/files/child")
                start = self.running(host, "start", "t1")
                wait.reach()
                pids = [wait.reached.read_text().strip(), (host.dir / "files/child").read_text().strip()]
                os.kill(program_of(start), number)
                out, err = start.communicate(timeout=60)
                self.assertEqual((start.returncode, out), (-number, ""), err)
                self.assertEqual(err.splitlines()[-1], "vdsm-hook: error: the command was cancelled")
                for pid in pids:
                    self.assertNotEqual(host.run_inside(["kill", "-0", pid]).returncode, 0, pid)
                wait.remove()
                self.assertEqual(self.logged(), CREATED + UNDO)
                self.assertEqual(self.state(host), "shut off")
                self.assert_nothing_is_left(host)

    def test_TERM_while_hooks_after_the_start_run_leaves_them_to_recover(self):
        host = self.vm_host()
        wait = self.waiting_hook(host, "after_vm_start")
        start = self.running(host, "start", "t1")
        wait.reach()
        os.kill(program_of(start), signal.SIGTERM)
        _, err = start.communicate(timeout=60)
        wait.remove()
        self.assertEqual(start.returncode, -signal.SIGTERM, err)
        self.assertIn("libvirt had done it: `vdsm-hook vm recover` fires what was left out", err)
        self.assertEqual((self.state(host), self.logged()), ("running", CREATED + STARTED[:1]))
        self.vm(host, "recover", "t1")
        self.assertEqual(self.logged(), STARTED)
        self.assert_nothing_is_left(host)

    def test_a_save_that_is_cancelled_or_vetoed_lets_the_vm_go_on(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        tried = ["before_vm_pause", "after_vm_pause", "before_vm_hibernate", "before_vm_cont", "after_vm_cont"]
        wait = self.waiting_hook(host, "before_vm_hibernate")
        save = self.running(host, "save", "t1", host.dir / "t1.save")
        wait.reach()
        os.kill(program_of(save), signal.SIGTERM)
        _, err = save.communicate(timeout=60)
        wait.remove()
        self.assertEqual((save.returncode, self.state(host), self.logged()), (-signal.SIGTERM, "running", tried), err)
        self.assert_nothing_is_left(host)

        self.hook(host, "before_vm_hibernate", "20_veto", "exit 2")
        lines = self.refused(host, "managedsave", "t1")
        self.assertEqual(lines[-1], "vdsm-hook: error: before_vm_hibernate vetoed `vdsm-hook vm managedsave`")
        self.assertEqual((self.state(host), self.logged()), ("running", tried))
        self.assert_nothing_is_left(host)


if __name__ == "__main__":
    main()
