#!/usr/bin/env python3
"""`vdsm-hook vm` on a real libvirtd with QEMU: events in vdsm's order, and the changed XML is what runs."""

import json

from virtcase import domain_xml, filtered_nic, main
from vmcase import NIC, PROPERTIES, VmTest, phase, title_of

UUID = "aaaaaaaa-0000-0000-0000-000000000001"
DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""


def set_title(title):
    return f'sed -i "s|</name>|</name><title>{title}</title>|" "$_hook_domxml"'


class VmLifecycleTest(VmTest):
    def start_host(self):
        host = self.hooked_host().start()
        disk = host.dir / "disk.raw"
        disk.write_bytes(b"\0" * (1 << 20))
        self.define(host, domain_xml("t1", UUID, extra_devices=DISK.format(path=disk), metadata=PROPERTIES))
        return host

    def test_a_vm_lives_with_its_hooks(self):
        host = self.start_host()
        definition = self.definition(host, "t1")
        file = host.path("/etc/libvirt/qemu/t1.xml").read_bytes()

        with self.subTest("start: the changed XML runs, the definition stays as it was"):
            title = self.event_hook(host, "before_vm_start", "50_title", set_title("changed"), keeps=False)
            done = self.vm(host, "start t1")
            title.unlink()
            self.assertEqual(done.stdout, "Domain 't1' started\n")
            self.assertEqual(title_of(self.live_xml(host, "t1")), "changed")
            self.assertEqual(self.definition(host, "t1"), definition)
            self.assertEqual(host.path("/etc/libvirt/qemu/t1.xml").read_bytes(), file)
            kept = self.kept(host)
            self.assertEqual(self.events(host), phase("start"))
            for event, env, document in kept:
                self.assertEqual((env["vmId"], env["colour"]), (UUID, "red"), event)
                if "device" in event:
                    self.assertEqual(env["speed"], "1000", event)
                    self.assertIn(NIC, document)
                    self.assertTrue(document.startswith("<interface"), document)
            self.assertIn('"path":"', kept[0][2])
            self.assertIn("<domain type='qemu' id=", kept[3][2])  # the live XML
            self.assertIn("<alias name=", kept[4][2])

        with self.subTest("suspend and resume"):
            self.vm(host, "suspend t1")
            self.assertEqual(self.state(host, "t1"), "paused")
            self.vm(host, "resume t1")
            self.assertEqual(self.state(host, "t1"), "running")
            self.assertEqual(self.events(host), phase("pause") + phase("continue"))

        with self.subTest("set-vcpus, set-memory"):
            self.vm(host, "set-vcpus t1 1 --live")
            self.assertEqual(self.events(host), phase("set_cpus"))
            self.vm(host, "set-memory t1 32MiB --config")
            self.assertIn("<currentMemory unit='KiB'>32768</currentMemory>", self.definition(host, "t1"))
            self.vm(host, "set-memory t1 64MiB --config")
            self.assertEqual(self.events(host), [])

        with self.subTest("save and restore: the saved document goes through the hooks and is used"):
            image = host.dir / "t1.save"
            self.vm(host, f"save t1 {image}")
            self.assertEqual(self.state(host, "t1"), "shut off")
            kept = self.kept(host)
            self.assertEqual(self.events(host), phase("pause") + phase("hibernate") + phase("release"))
            self.assertEqual({env.get("VDSM_HOOK_REASON") for event, env, _ in kept if "destroy" in event}, {"saved"})
            title = self.event_hook(host, "before_vm_dehibernate", "50_title", "sed -i s/changed/restored/ \"$_hook_domxml\"", keeps=False)
            self.vm(host, f"restore {image}")
            title.unlink()
            self.assertEqual(self.state(host, "t1"), "running")
            self.assertEqual(title_of(self.live_xml(host, "t1")), "restored")
            kept = self.kept(host)
            self.assertEqual(self.events(host), phase("dehibernate") + phase("continue") + phase("dehibernated"))
            self.assertEqual({env["FROM_SNAPSHOT"] for event, env, _ in kept if "dehibernate" in event}, {"False"})

        with self.subTest("managedsave: the next start restores it; --force-boot discards it"):
            self.vm(host, "managedsave t1")
            self.events(host)
            self.vm(host, "start t1")
            self.assertEqual(self.events(host), phase("dehibernate") + phase("continue") + phase("dehibernated"))
            self.assertEqual(title_of(self.live_xml(host, "t1")), "restored")
            self.vm(host, "managedsave t1")
            self.events(host)
            self.vm(host, "start t1 --force-boot --paused")
            self.assertEqual((self.events(host), self.state(host, "t1")), (phase("start"), "paused"))
            self.assertEqual(title_of(self.live_xml(host, "t1")), None)

        with self.subTest("destroy: the definition is back"):
            done = self.vm(host, "destroy t1")
            self.assertEqual((done.stdout, self.events(host)), ("Domain 't1' destroyed\n", phase("destroy")))
            self.assertEqual(self.state(host, "t1"), "shut off")
            self.assertEqual(self.definition(host, "t1"), definition)
            self.assertEqual(list(host.path("/run/vdsm").iterdir()), [])
            self.assertEqual([json.loads(file.read_text())["runs"] for file in host.path("/run/vdsm-hook/vms").glob("*/record")
                              if json.loads(file.read_text())["runs"]], [])

    def test_a_veto_starts_nothing_and_is_said_in_the_hooks_words(self):
        host = self.start_host()
        self.event_hook(host, "before_vm_start", "50_no", "echo 'no licence left' >&2", "exit 1", keeps=False)
        done = self.vm(host, "start t1", code=1)
        self.assertEqual(done.stdout, "")
        self.assertIn("no licence left", done.stderr)
        self.assertIn("50_no", done.stderr)
        self.assertEqual(self.state(host, "t1"), "shut off")
        # Hooks had run: they take back what they did.
        self.assertEqual(self.events(host), phase("start", "before", "undo"))

    def test_a_dry_run_starts_nothing(self):
        host = self.start_host()
        self.event_hook(host, "before_vm_start", "50_title", set_title("changed"), keeps=False)
        done = self.vm(host, "start t1 --dry-run --diff")
        self.assertEqual(title_of(done.stdout), "changed")
        self.assertIn("+", done.stderr)
        self.assertIn("<title>changed</title>", done.stderr)
        self.assertEqual(self.state(host, "t1"), "shut off")
        self.assertEqual(self.events(host), phase("start", "before", "undo"))

    def test_create_runs_a_vm_of_a_file(self):
        host = self.start_host()
        file = host.file("t2.xml", domain_xml("t2", UUID.replace("0001", "0002"), metadata=PROPERTIES))
        self.event_hook(host, "before_vm_start", "50_title", set_title("made"), keeps=False)
        self.vm(host, f"create {file}")
        self.assertEqual(title_of(self.live_xml(host, "t2")), "made")
        self.assertEqual(self.events(host), [event for event in phase("start") if event != "after_disk_prepare"])
        self.vm(host, "destroy t2")
        self.assertNotIn("t2", host.virsh("list", "--all", "--name").stdout.split())

    def test_devices_are_plugged_and_unplugged_with_their_hooks(self):
        host = self.start_host()
        self.vm(host, "start t1 --paused")
        self.events(host)
        nic = host.file("nic.xml", "<interface type='user'><mac address='52:54:00:00:00:09'/><model type='virtio'/></interface>")
        model = self.event_hook(host, "before_nic_hotplug", "50_model", "sed -i s/virtio/e1000/ \"$_hook_domxml\"", keeps=False)
        done = self.vm(host, f"attach-device t1 {nic} --live")
        model.unlink()
        self.assertEqual(done.stdout, "Device attached successfully\n")
        self.assertEqual(self.events(host), phase("plug_nic"))
        self.assertRegex(self.live_xml(host, "t1"), "(?s)52:54:00:00:00:09.*<model type='e1000'/>")

        down = host.file("down.xml", f"<interface type='user'><mac address='{NIC}'/><model type='virtio'/><link state='down'/></interface>")
        self.vm(host, f"update-device t1 {down} --live")
        self.assertEqual(self.events(host), phase("update_nic"))
        self.assertRegex(self.live_xml(host, "t1"), f"(?s){NIC}.*<link state='down'/>")

        disk = host.dir / "usb.raw"
        disk.write_bytes(b"\0" * (1 << 20))
        usb = host.file("usb.xml", DISK.format(path=disk).replace("vda", "sda").replace("virtio", "usb"))
        self.vm(host, f"attach-device t1 {usb} --live")
        self.assertEqual(self.events(host), phase("plug_disk"))
        done = self.vm(host, f"detach-device t1 {usb} --live")
        self.assertEqual((done.stdout, self.events(host)), ("Device detached successfully\n", phase("unplug_disk")))
        self.assertNotIn("usb.raw", self.live_xml(host, "t1"))

        with self.subTest("libvirt refuses a device"):
            wrong = host.file("wrong.xml", "<interface type='user'><mac address='52:54:00:00:00:0a'/><model type='nosuch'/></interface>")
            done = self.vm(host, f"attach-device t1 {wrong} --live", code=1)
            self.assertIn("error: Failed to attach device", done.stderr)
            self.assertEqual(self.events(host), phase("plug_nic", "before", "failed"))
        with self.subTest("a guest that does not let go"):
            done = self.vm(host, f"detach-device t1 {nic} --live --wait 500ms", code=1)
            self.assertIn("has not let go", done.stderr)
            self.assertEqual(self.events(host), phase("unplug_nic", "before", "failed"))
        with self.subTest("the definition of a VM has no hook points"):
            self.vm(host, f"attach-device t1 {usb} --config")
            self.assertEqual(self.events(host), [])
            self.assertIn("usb.raw", self.definition(host, "t1"))

    def test_macspoof_on_a_real_nic(self):
        host = self.host().start()
        for name in ("no-mac-spoofing", "vdsm-no-mac-spoofing"):
            host.virsh("nwfilter-define", host.file(f"{name}.xml", f"""<filter name='{name}' chain='mac' priority='-800'>
                <rule action='return' direction='out' priority='350'><mac srcmacaddr='$MAC'/></rule>
                <rule action='drop' direction='out' priority='500'><mac/></rule></filter>"""))
        for name in ("no-mac-spoofing", "vdsm-no-mac-spoofing"):
            with self.subTest(name):
                self.define(host, domain_xml("spoof", UUID, nic=filtered_nic("spooftap0", name)))
                self.vm(host, "start spoof --paused")
                self.assertIn("spooftap0", host.ebtables())
                self.vm(host, "destroy spoof")
                self.assertNotIn("spooftap0", host.ebtables())
                done = self.vm(host, "start spoof --paused -p macspoof=true --diff")
                self.assertNotIn("spooftap0", host.ebtables(), done.stderr)
                self.assertNotIn("filterref", self.live_xml(host, "spoof"))
                self.assertIn("filterref", self.definition(host, "spoof"))
                self.vm(host, "destroy spoof")


class VmMigrationTest(VmTest):
    def hosts(self):
        source = self.hooked_host("source").start()
        target = self.hooked_host("target").start()
        self.define(source, domain_xml("t1", UUID, metadata=PROPERTIES))
        self.vm(source, "start t1")
        self.events(source)
        return source, target

    def test_a_vm_moves_with_the_hooks_of_its_source(self):
        source, target = self.hosts()
        for way in (["--p2p"], []):
            with self.subTest(way=way):
                self.vm(source, "migrate t1", target.uri, "--live", "--persistent", "--migrateuri", f"unix://{source.dir}/migration", *way)
                kept = self.kept(source)
                self.assertEqual(self.events(source), phase("leave") + phase("release"))
                self.assertEqual({env.get("VDSM_HOOK_REASON") for event, env, _ in kept if "destroy" in event}, {"migrated"})
                self.assertEqual((self.state(source, "t1"), self.state(target, "t1")), ("shut off", "running"))
                target.virsh("destroy", "t1")
                self.vm(source, "start t1")
                self.events(source)

    def test_a_veto_at_the_source_and_a_refusal_of_the_other_host_leave_the_vm_where_it_is(self):
        source, target = self.hosts()
        veto = self.event_hook(source, "before_vm_migrate_source", "50_no", "echo 'not today' >&2", "exit 1", keeps=False)
        done = self.vm(source, "migrate t1", target.uri, "--live", "--p2p", code=1)
        self.assertIn("not today", done.stderr)
        veto.unlink()
        self.assertEqual(self.events(source), phase("leave", "before"))
        target.hook("qemu", '#!/bin/sh\n[ "$2" != migrate ] || { echo "forbidden migrate" >&2; exit 1; }\n')
        target.restart()
        done = self.vm(source, "migrate t1", target.uri, "--live", "--p2p", "--migrateuri", f"unix://{source.dir}/migration", code=1)
        self.assertIn("forbidden migrate", done.stderr)
        self.assertEqual(self.events(source), phase("leave", "before"))
        self.assertEqual(self.state(source, "t1"), "running")


if __name__ == "__main__":
    main()
