#!/usr/bin/env python3
"""What must never happen to a VM that lives, and to one that is saved: its end told too early, its start taken for something else, its saved guest changed."""

from bridge_test import UUID, BridgeTest
from hookd_process import Hookd
from virtcase import domain_xml, main
from virthost import eventually
from vmfaultcase import CREATED, PROGRAM, STARTED, VmFaultTest, kill

RUNS_SO = "<resource><partition>/machine</partition></resource>"


class LivingTest(VmFaultTest):
    def test_a_save_that_is_killed_before_libvirt_saves_tells_nothing_of_an_end(self):
        host = self.vm_host()
        for words in (["save", "t1", host.dir / "t1.save"], ["managedsave", "t1"]):
            with self.subTest(words[0]):
                host.virsh("start", "t1")
                wait = self.waiting_hook(host, "after_vm_pause")
                save = self.running(host, *words)
                wait.reach()
                kill(save)
                wait.remove()
                self.assertEqual(self.logged(), ["before_vm_pause", "after_vm_pause"])
                self.assertIn("the VM is paused", self.vm(host, "recover", "t1").stdout)
                self.assertEqual((self.state(host), self.logged()), ("paused", ["after_vm_pause"]))
                self.assert_nothing_is_left(host)
                self.vm(host, "resume", "t1")
                host.virsh("destroy", "t1")
                self.logged()

    def test_recover_waits_for_a_start_that_libvirt_is_still_busy_with_and_fires_what_follows_once(self):
        host = self.host()
        (host.dir / "files").mkdir()
        here, go = host.dir / "here", host.dir / "go"
        host.hook("qemu", f'#!/bin/sh\n[ "$2" != started ] || [ -e {go} ] || {{ : >{here}; sleep 3; : >{go}; }}\n')
        self.prepared(host)
        start = self.running(host, "start", "t1")
        eventually(here.exists, "libvirtd starts the VM")
        kill(start)
        recover = self.vm(host, "recover", "t1")
        self.assertTrue(go.exists())
        self.assertIn("finished", recover.stdout)
        self.assertNotIn("paused", recover.stdout)
        self.assertEqual((self.state(host), self.logged()), ("running", CREATED + STARTED))

    def prepared(self, host):
        self.log = host.dir / "files" / "log"
        # Or hooks would not get the speed of a NIC, by which the log tells them apart.
        definitions = host.path("/etc/vdsm-hook/properties.toml")
        definitions.parent.mkdir(parents=True, exist_ok=True)
        definitions.write_text("[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=.*}}'\n")
        for event in ("before_device_create", "before_vm_start", "after_vm_start", "after_device_create", "before_vm_pause", "after_vm_pause", "before_vm_hibernate",
                      "after_vm_hibernate", "before_device_destroy", "before_vm_destroy", "after_vm_destroy", "after_device_destroy"):
            self.hook(host, event, "10_log", f'echo "$VDSM_HOOK_EVENT" $speed $VDSM_HOOK_REASON >>{self.log}')
        host.start()
        self.define(host)

    def test_recover_waits_for_a_save_that_libvirt_still_writes_or_says_that_it_does(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        # Its QEMU stands still, so that libvirt waits for it.
        qemu = host.path("/run/libvirt/qemu/t1.pid").read_text().strip()
        self.hook(host, "before_vm_hibernate", "50_stop", f"kill -STOP {qemu}")
        save = self.running(host, "save", "t1", host.dir / "t1.save")
        host.eventually(lambda: (self.run_record(host) or {}).get("phase") == "hibernate" and
                        host.virsh("domcontrol", "t1", check=False).stdout.strip() != "ok", "libvirt saves")
        kill(save)
        self.logged()
        lines = self.refused(host, "recover", "t1", "--no-wait")
        self.assertIn("libvirt is still busy with", lines[-1])
        self.assertEqual(self.logged(), [])
        recover = self.running(host, "recover", "t1")
        self.assertIn("waiting for libvirt, which is busy with", recover.stderr.readline())
        host.run_inside(["kill", "-CONT", qemu], check=True)
        out, err = recover.communicate(timeout=60)
        self.assertEqual(recover.returncode, 0, err)
        self.assertIn("finished", out)
        self.assertEqual([line.split()[0] for line in self.logged() if "device" not in line], ["after_vm_hibernate", "before_vm_destroy", "after_vm_destroy"])

    def test_recover_waits_for_a_migration_that_libvirt_still_does_and_fires_what_follows_once(self):
        target = self.host("target")
        here, go = target.dir / "here", target.dir / "go"
        target.hook("qemu", f'#!/bin/sh\n[ "$2" != migrate ] || {{ : >{here}; while [ ! -e {go} ]; do sleep 0.05; done; }}\n')
        target.start()
        host = self.vm_host()
        for event in ("before_vm_migrate_source", "after_vm_migrate_source", "after_device_migrate_source"):
            self.hook(host, event, "10_log", f'echo "$VDSM_HOOK_EVENT" $speed $VDSM_HOOK_REASON >>{self.log}')
        host.virsh("start", "t1")
        migrate = self.running(host, "migrate", "t1", target.uri, "--live", "--p2p", "--migrateuri", f"unix://{host.dir}/migration.sock")
        eventually(here.exists, "the other host is asked")
        kill(migrate)
        self.assertEqual(self.logged(), ["before_vm_migrate_source"])
        self.assertIn("libvirt is still busy with", self.refused(host, "recover", "t1", "--no-wait")[-1])
        recover = self.running(host, "recover", "t1")
        self.assertIn("waiting for libvirt, which is busy with", recover.stderr.readline())
        self.assertEqual(self.logged(), [])
        go.touch()
        out, err = recover.communicate(timeout=60)
        self.assertEqual(recover.returncode, 0, err)
        self.assertIn("finished", out)
        self.assertEqual((self.state(host), self.state(target)), ("shut off", "running"))
        of_nics = [[f"{event} {n} migrated" for n in (1, 2)] for event in ("before_device_destroy", "after_device_destroy")]
        self.assertEqual(self.logged(), ["after_vm_migrate_source", "after_device_migrate_source 1", "after_device_migrate_source 2", *of_nics[0],
                                         "before_vm_destroy migrated", "after_vm_destroy migrated", *of_nics[1]])
        self.assert_nothing_is_left(host)

    def test_a_record_of_another_version_is_named_and_keeps_nobody_from_ending_the_vm(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        for record in ('{"version":1,"runs":{"%s":{"command":"start","phase":"hatch"}},"expected":[],"seen":{"word":"","was_running":false}}' % host.uuid,
                       '{"version":7}', "nonsense"):
            with self.subTest(record):
                file = self.record_file(host)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(record)
                for command in ("suspend", "recover"):
                    lines = self.refused(host, command, "t1", code=3)
                    self.assertIn("/record, where it is written down what happens to the VM, cannot be read", lines[-1])
                    self.assertNotIn("internal error", lines[-1])
                self.assertEqual(self.state(host), "running")
                done = self.vm(host, "destroy", "t1")
                self.assertIn("counts no more", done.stderr)
                self.assertEqual((self.state(host), len(self.logged())), ("shut off", 6))
                self.vm(host, "start", "t1")
                self.logged()

    def test_a_full_directory_keeps_nobody_from_ending_the_vm(self):
        host = self.vm_host()
        host.virsh("start", "t1")
        host.run_inside(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", "/run/vdsm-hook"], check=True)
        done = self.vm(host, "destroy", "t1")
        self.assertEqual(self.state(host), "shut off")
        self.assertIn("note: the VM is ended without being locked for others", done.stderr)

    def test_a_restore_uses_nothing_that_hooks_leave_before_the_start(self):
        host = self.vm_host()
        file = host.dir / "t1.save"
        host.virsh("start", "t1")
        host.virsh("save", "t1", file)
        for event, text in (("before_device_create", "s|<model |<boot order='7'/>&|"), ("before_vm_start", "s|<memory |<title>by hook</title>&|")):
            self.hook(host, event, "50_change", f"sed -i \"{text}\" \"$_hook_domxml\"")
        for words in (["restore", file], ["start", "t1"]):
            with self.subTest(words[0]):
                self.logged()
                done = self.vm(host, *words)
                self.assertIn("before_vm_start/50_change changed the document: nothing that the guest sees may change when it is restored", done.stderr)
                live = host.virsh("dumpxml", "t1").stdout
                self.assertNotIn("by hook", live)
                self.assertNotIn("<boot order", live)
                self.assertEqual(self.logged()[:4], [*CREATED, "before_vm_dehibernate"])
                host.virsh("managedsave", "t1")
        self.hook(host, "before_vm_dehibernate", "50_title", "sed -i 's|<memory |<title>restored</title>&|' \"$_hook_domxml\"")
        self.vm(host, "start", "t1")
        self.assertIn("<title>restored</title>", host.virsh("dumpxml", "t1").stdout)

    def test_a_save_that_fails_lets_the_vm_go_on_with_each_event_once(self):
        host = self.vm_host()
        hookd = Hookd(self, host.dir / "hookd", host.uri)
        hookd.start()
        host.virsh("start", "t1")
        host.run_inside(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", "/mnt"], check=True)
        places = [word for name in ("hooks", "config", "runtime") for word in (f"--{name}-dir", hookd.directory / ("run" if name == "runtime" else name))]
        done = host.run_inside([PROGRAM, "vm", "save", "t1", "/mnt/t1.save", *places])
        self.assertEqual(done.returncode, 1, done.stderr)
        host.virsh("suspend", "t1")
        hookd.wait_for_events("after_vm_pause", "after_vm_cont", "after_vm_pause")


class ArrivalTest(BridgeTest):
    def moved(self, definition):
        source, target = self.host("source").start(), self.bridged("target")
        source.virsh("define", source.file("vm.xml", definition))
        source.virsh("migrate", "vm", "--offline", "--persistent", target.uri)
        self.fired(target)
        return target

    def test_a_start_after_a_migration_without_memory_fires_its_events_and_can_be_vetoed(self):
        for definition in (domain_xml("vm", UUID), domain_xml("vm", UUID).replace("<os>", RUNS_SO + "<os>")):
            with self.subTest(definition):
                host = self.moved(definition)
                self.hook(host, "before_vm_start", "50_veto", "#!/bin/sh\nexit 2\n")
                self.assertEqual(host.virsh("start", "vm", check=False).returncode, 1)
                self.assertEqual(self.fired(host)[:1], ["before_vm_start"])
                host.path("/etc/vdsm/hooks/before_vm_start/50_veto").unlink()
                host.virsh("start", "vm")
                self.assertEqual(self.fired(host), ["before_vm_start", "after_vm_start"])


del BridgeTest, VmFaultTest  # their own tests are not these

if __name__ == "__main__":
    main()
