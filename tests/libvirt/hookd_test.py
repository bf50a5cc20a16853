"""vdsm-hookd beside a real libvirtd: what others do to VMs fires hooks, each once."""

import contextlib
import json
import os
import pwd
import signal
import socket
import stat

from hookd_process import Hookd
from virtcase import VirtHostTest, domain_xml, main, reachable_build
from virthost import BUILD, eventually

ONE, TWO = (f"aaaaaaaa-0000-0000-0000-00000000000{n}" for n in (1, 2))
PROPERTIES = """<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>
  <ovirt-vm:custom><ovirt-vm:colour>red</ovirt-vm:colour></ovirt-vm:custom>
  <ovirt-vm:device mac_address='52:54:00:00:00:01'><ovirt-vm:custom><ovirt-vm:lane>fast</ovirt-vm:lane></ovirt-vm:custom></ovirt-vm:device>
  <ovirt-vm:device alias='ua-data'><ovirt-vm:custom><ovirt-vm:lane>slow</ovirt-vm:lane></ovirt-vm:custom></ovirt-vm:device>
</ovirt-vm:vm>"""
PAUSE, GO_ON, HIBERNATE = "after_vm_pause", "after_vm_cont", "after_vm_hibernate"
LEFT = ["after_vm_migrate_source", "after_device_migrate_source"]
CAME = ["after_vm_migrate_destination", "after_device_migrate_destination"]


class HookdTest(VirtHostTest):
    def hookd(self, host, name="hookd", **options):
        return Hookd(self, host.dir / name, host.uri, **options)

    def create(self, host, name="vm", uuid=ONE):
        host.virsh("create", host.file(f"{name}.xml", domain_xml(name, uuid, metadata=PROPERTIES)))


class Events(HookdTest):
    def test_what_virsh_does_fires_each_event_once(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        image = host.dir / "image"
        self.create(host)  # nothing: the bridge's matter
        for words in (["suspend", "vm"], ["resume", "vm"], ["save", "vm", image], ["restore", image], ["suspend", "vm"]):
            host.virsh(*words)
        fired = hookd.wait_for_events(PAUSE, GO_ON, PAUSE, HIBERNATE, PAUSE)
        for one in fired:
            self.assertEqual(one.vm_id, ONE)
            self.assertEqual(one.env["colour"], "red")
            self.assertIn(f"<uuid>{ONE}</uuid>", one.document)
            self.assertRegex(one.document, r"^<domain type='qemu' id='\d+'")  # also of the VM that was gone
        host.virsh("destroy", "vm")
        self.create(host)
        host.virsh("suspend", "vm")
        hookd.wait_for_events(PAUSE, GO_ON, PAUSE, HIBERNATE, PAUSE, PAUSE)
        hookd.stop()
        self.assertEqual(os.listdir(hookd.directory / "run"), ["vdsm-hookd.lock"])

    def test_what_the_command_fires_itself_fires_no_second_time(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        self.create(host)
        places = [word for name in ("hooks", "config", "runtime") for word in
                  (f"--{name}-dir", hookd.directory / ("run" if name == "runtime" else name))]
        for word in ("suspend", "resume"):
            host.run([BUILD / "bin" / "vdsm-hook", "vm", word, "-c", host.uri, *places, "vm"], check=True)
        host.virsh("suspend", "vm")
        host.virsh("resume", "vm")
        hookd.wait_for_events(PAUSE, GO_ON, PAUSE, GO_ON)

    def test_a_vm_that_starts_paused_was_not_paused(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        image = host.dir / "image"
        host.virsh("define", host.file("vm.xml", domain_xml("vm", ONE)))
        for words in (["start", "vm", "--paused"], ["resume", "vm"], ["suspend", "vm"], ["save", "vm", image], ["restore", image],
                      ["resume", "vm"], ["managedsave", "vm"], ["start", "vm", "--paused"], ["resume", "vm"]):
            host.virsh(*words)
        hookd.wait_for_events(GO_ON, PAUSE, HIBERNATE, GO_ON, PAUSE, HIBERNATE, GO_ON)

    def test_devices_fire_with_their_own_xml_and_properties(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        self.create(host)
        image = host.file("disk.img", "\0" * (1 << 20))
        disk = host.file("disk.xml", f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>"
                                     "<target dev='sda' bus='usb'/><alias name='ua-data'/></disk>")
        tablet = host.file("tablet.xml", "<input type='tablet' bus='usb'><alias name='ua-tablet'/></input>")  # no hook point
        for words in (["attach-device", "vm", disk], ["attach-device", "vm", tablet], ["detach-device", "vm", tablet],
                      ["detach-device", "vm", disk], ["suspend", "vm"]):
            host.virsh(*words)
        plugged, unplugged, _ = hookd.wait_for_events("after_disk_hotplug", "after_disk_hotunplug", PAUSE)
        for one in (plugged, unplugged):
            self.assertTrue(one.document.startswith("<disk "), one.document)
            self.assertIn("<alias name='ua-data'/>", one.document)
            self.assertEqual((one.vm_id, one.env["lane"], one.env["colour"]), (ONE, "slow", "red"))

    def test_no_password_is_in_its_journal(self):
        host = self.host().start()
        hookd = self.hookd(host)
        (hookd.directory / "config/properties.toml").write_text("[UserDefinedVMProperties]\n'4.8' = 'root_password=.*;pin_secret=^[0-9]+$'\n")
        hookd.hook(PAUSE, "10_say", "#!/bin/sh\necho \"it was $root_password\" >&2\ngrep hunter \"$_hook_domxml\" >&2\nexit 1\n")
        hookd.start()
        custom = "<ovirt-vm:root_password>hunter two, three</ovirt-vm:root_password>"
        metadata = f"<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'><ovirt-vm:custom>{custom}</ovirt-vm:custom></ovirt-vm:vm>"
        host.virsh("create", host.file("vm.xml", domain_xml("vm", ONE, metadata=metadata)))
        host.virsh("suspend", "vm")
        paused, = hookd.wait_for_events(PAUSE)
        self.assertEqual(paused.env["root_password"], "hunter two, three")
        hookd.wait_for_log("it was ***")
        metadata = metadata.replace("root_password", "pin_secret")
        host.virsh("create", host.file("two.xml", domain_xml("two", TWO, metadata=metadata)))
        host.virsh("suspend", "two")
        hookd.wait_for_log("pin_secret=***: does not match")
        hookd.wait_for_events(PAUSE, PAUSE)
        hookd.stop()
        for text in (hookd.text(), *(path.read_text() for path in (hookd.directory / "run").rglob("*") if path.is_file())):
            for part in ("hunter", "two, three"):
                self.assertNotIn(part, text)

    def test_migration_fires_on_both_hosts(self):
        hosts = [self.host("hosta").start(), self.host("hostb").start()]
        hookds = [self.hookd(host) for host in hosts]
        (hookds[1].directory / "config/properties.toml").unlink()
        for hookd in hookds:
            hookd.start()
        self.create(hosts[0])

        def migrate(source, destination):
            source.virsh("migrate", "vm", "--live", "--p2p", "--desturi", destination.uri, "--migrateuri",
                         f"unix://{source.dir}/migration.sock")
        migrate(*hosts)
        # What nobody defines on a host is withheld there.
        for hookd, wanted, lane in zip(hookds, (LEFT, CAME), ("fast", None)):
            vm, nic = hookd.wait_for_events(*wanted)
            self.assertEqual((vm.vm_id, nic.vm_id, nic.env.get("lane")), (ONE, ONE, lane))
            self.assertIn("<name>vm</name>", vm.document)
            self.assertTrue(nic.document.startswith("<interface "), nic.document)
        hosts[1].virsh("suspend", "vm")
        migrate(*reversed(hosts))  # a paused VM arrives, and is not paused again
        hosts[0].virsh("resume", "vm")
        hookds[0].wait_for_events(*LEFT, *CAME, GO_ON)
        hookds[1].wait_for_events(*CAME, PAUSE, *LEFT)

    def test_a_hook_that_hangs_holds_up_no_other_vm(self):
        host = self.host().start()
        hookd = self.hookd(host)
        hookd.hook(PAUSE, "10_hang", f"#!/bin/sh\n[ $vmId = {ONE} ] || exit 0\nsleep 1000 &\necho $! >{host.dir}/hanging\nwait\n")
        hookd.start()
        self.create(host)
        self.create(host, "other", TWO)
        for words in (["suspend", "vm"], ["resume", "vm"], ["suspend", "other"], ["resume", "other"], ["suspend", "other"]):
            host.virsh(*words)
        hookd.wait_for_events(PAUSE, GO_ON, PAUSE, vm_id=TWO)
        eventually(lambda: (host.dir / "hanging").exists() and (host.dir / "hanging").read_text().endswith("\n"), "the hook hangs")
        self.assertEqual([one for one in hookd.events() if ONE in one], [])
        hookd.stop()  # TERM while it runs: its whole tree is stopped
        with self.assertRaises(ProcessLookupError):
            os.kill(int((host.dir / "hanging").read_text()), 0)
        self.assertEqual(os.listdir(hookd.directory / "run"), ["vdsm-hookd.lock"])
        self.assertIn("wait no longer for their hooks", hookd.text())


    def test_a_migration_that_is_refused_fires_nothing(self):
        hosts = [self.host("hosta").start(), self.host("hostb")]
        hosts[1].hook("qemu", "#!/bin/sh\n[ \"$2\" != migrate ]\n")
        hosts[1].start()
        hookds = [self.hookd(host).start() for host in hosts]
        self.create(hosts[1], "other", TWO)
        self.create(hosts[0])
        self.assertEqual(hosts[0].virsh("migrate", "vm", "--live", "--p2p", "--desturi", hosts[1].uri, "--migrateuri",
                                        f"unix://{hosts[0].dir}/migration.sock", check=False).returncode, 1)
        hosts[0].virsh("suspend", "vm")
        hosts[1].virsh("suspend", "other")
        hookds[0].wait_for_events(PAUSE)
        self.assertEqual([one.vm_id for one in hookds[1].wait_for_events(PAUSE)], [TWO])


class Gaps(HookdTest):
    def qmp(self, host, command):
        """COMMAND to the guest's QEMU itself, while no libvirtd is there to see it."""
        path, = host.path("/var/lib/libvirt/qemu").glob("domain-*-vm/monitor.sock")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as monitor:
            monitor.settimeout(20)
            monitor.connect(str(path))
            stream = monitor.makefile("rw")
            for line in ('{"execute": "qmp_capabilities"}', json.dumps({"execute": command})):
                print(line, file=stream, flush=True)
                while "return" not in json.loads(stream.readline()):
                    pass
            stream.close()

    def test_what_happened_while_libvirtd_was_away_fires_once(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        self.create(host)
        self.create_two(host)
        for end, change, wanted in ((host.stop_daemon, "stop", [PAUSE]), (host.kill_daemon, "cont", [PAUSE, GO_ON]),
                                    (host.kill_daemon, None, [PAUSE, GO_ON])):
            end()
            hookd.wait_for("STATUS=the connection to libvirt was lost")
            if change:
                self.qmp(host, change)
            host.start_daemon()
            hookd.wait_for("STATUS=listening")
            hookd.wait_for_events(*wanted)
        host.virsh("suspend", "vm")  # shows that no other event was on its way
        fired = hookd.wait_for_events(PAUSE, GO_ON, PAUSE)
        self.assertEqual({one.vm_id for one in fired}, {ONE})
        for text in ("the connection to libvirt was lost at 20", "connected to libvirt again at 20",
                     f"VM vm ({ONE}) changed while nobody listened: pause"):
            self.assertIn(text, hookd.text())

    def create_two(self, host):
        host.virsh("create", host.file("two.xml", domain_xml("two", TWO)), "--paused")

    def test_a_vm_that_ended_while_libvirtd_was_away_is_only_logged(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        self.create(host)
        host.kill_daemon()
        hookd.wait_for("STATUS=the connection")
        self.qmp(host, "quit")
        host.start_daemon()
        hookd.wait_for("STATUS=listening")
        hookd.wait_for_log(f"VM vm ({ONE}) ended while nobody listened")
        self.create(host)
        host.virsh("suspend", "vm")
        hookd.wait_for_events(PAUSE)

    def test_events_that_come_while_it_is_stopped_are_not_lost(self):
        host = self.host().start()
        hookd = self.hookd(host).start()
        self.create(host)
        hookd.process.send_signal(signal.SIGSTOP)
        for word in ("suspend", "resume", "suspend"):
            host.virsh(word, "vm")
        hookd.process.send_signal(signal.SIGCONT)
        hookd.wait_for_events(PAUSE, GO_ON, PAUSE)

    def test_it_waits_for_libvirtd_and_then_takes_vms_as_they_are(self):
        host = self.host().start()
        self.create(host)
        host.virsh("suspend", "vm")
        host.stop_daemon()
        hookd = self.hookd(host).start(wants_ready=False)
        hookd.wait_for("STATUS=waiting for libvirt")
        hookd.wait_for_log("failed to connect to the hypervisor")
        self.assertEqual(hookd.messages, [])
        host.start_daemon()
        hookd.wait_for("STATUS=listening")
        host.virsh("resume", "vm")
        hookd.wait_for_events(GO_ON)
        self.assertEqual(hookd.text().count("failed to connect"), 1)  # not at each attempt


class Session(HookdTest):
    def test_an_ordinary_users_own_vms(self):
        user = pwd.getpwnam("nobody").pw_uid  # libvirt wants one that has a name
        host = self.host()
        host.launch()
        host.dir.chmod(0o711)
        home = host.dir / "home"
        home.mkdir()
        run = home / "run"
        run.mkdir(mode=0o700)
        for path in (home, run):
            os.chown(path, user, user)
        places = {"HOME": str(home), "XDG_RUNTIME_DIR": str(run), "XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache")}
        hookd = Hookd(self, home / "hookd", "qemu:///session", env=places)
        for path in [hookd.directory, *hookd.directory.rglob("*")]:
            os.lchown(path, user, user)

        def as_user(argv):
            return host.inside(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", *(f"{k}={v}" for k, v in places.items()), *argv])
        program = reachable_build(self.addCleanup) / "bin" / "vdsm-hookd"
        hookd.start(wrap=lambda argv: as_user([program, *argv[1:]]))
        virsh = ["virsh", "-c", "qemu:///session"]
        for words in (["create", host.file("vm.xml", domain_xml("vm", ONE, metadata=PROPERTIES))], ["suspend", "vm"], ["resume", "vm"]):
            host.run(as_user([*virsh, *words]), check=True)
        fired = hookd.wait_for_events(PAUSE, GO_ON)
        self.assertEqual([one.env["colour"] for one in fired], ["red", "red"])
        self.assertEqual(os.lstat(hookd.directory / "run").st_uid, user)
        self.assertEqual(stat.S_IMODE(os.lstat(hookd.directory / "run").st_mode) & 0o022, 0)
        host.run(as_user([*virsh, "destroy", "vm"]), check=True)


if __name__ == "__main__":
    main()
