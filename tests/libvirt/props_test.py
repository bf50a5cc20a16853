"""Custom properties of VMs that a real libvirtd keeps: set, shown, taken out, and delivered to hooks."""

import json
import subprocess
import threading

from virtcase import USER_NIC, domain_xml, main
from virthost import eventually
from vmcase import NIC, PLACES, PROGRAM, PROPERTIES, VmTest

UUID = "aaaaaaaa-0000-0000-0000-000000000001"
URI = "http://ovirt.org/vm/1.0"
COUNT = 50
DEFINITIONS = ("[UserDefinedVMProperties]\n'4.8' = 'colour=.*;size=.*;only=.*"
               + "".join(f";{name}{i}=.*" for name in "ab" for i in range(COUNT)) + "'\n"
               "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=.*;duplex=.*}}'\n"
               "[profiles.fast.properties]\nspeed = '1000'\n")
REFERENCE = (f'<ovirt-vm:vm xmlns:ovirt-vm="{URI}"><ovirt-vm:device mac_address="{NIC}"><ovirt-vm:vnic_profile>fast</ovirt-vm:vnic_profile>'
             "</ovirt-vm:device></ovirt-vm:vm>")


class PropsOfVms(VmTest):
    def started(self):
        host = self.hooked_host()
        path = host.path("/etc/vdsm-hook/properties.toml")
        path.write_text(DEFINITIONS)
        return host.start()

    def props(self, host, *words, code=0):
        done = host.run_inside([PROGRAM, "props", *words], env=PLACES)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}{done.stderr}{host.log_tail()}")
        return done

    def values(self, host, *words):
        """Of the VM, as `props show` tells them."""
        shown = json.loads(self.props(host, "show", *words, "--format", "json").stdout)
        return {one["name"]: one["value"] for one in shown["properties"]}

    def environments(self, host, event):
        return [env for name, env, _ in self.kept(host) if name == event]

    def test_what_is_set_on_a_vm_that_is_shut_off_reaches_its_hooks(self):
        host = self.started()
        self.define(host, domain_xml("vm", UUID))
        before = self.definition(host, "vm")
        self.assertEqual(self.props(host, "set", "vm", "colour=green").stdout, "VM vm: colour=green\nnote: no installed hook reads colour\n")
        self.props(host, "set", UUID, "speed=25", "--device", NIC)
        self.assertEqual(self.values(host, "vm"), {"colour": "green"})
        self.vm(host, "start vm")
        (env,) = self.environments(host, "before_vm_start")
        self.assertEqual(env["colour"], "green")
        (env,) = self.environments(host, "before_device_create")
        self.assertEqual((env["colour"], env["speed"]), ("green", "25"))
        self.vm(host, "destroy vm")
        self.props(host, "unset", "vm", "colour")
        self.props(host, "unset", "vm", "speed", "--device", NIC)
        self.assertEqual(self.values(host, "vm"), {})
        self.assertEqual(self.definition(host, "vm").replace("  <metadata/>\n", ""), before.replace("  <metadata/>\n", ""))

    def test_of_a_vm_that_runs_both_are_changed_each_on_its_own_content(self):
        host = self.started()
        self.define(host, domain_xml("vm", UUID, metadata=PROPERTIES))
        self.vm(host, "start vm")
        # From now on they differ.
        host.virsh("metadata", "vm", URI, "--config", "--key", "ovirt-vm", "--set", "<vm><custom><only>1</only></custom></vm>")
        self.props(host, "set", "vm", "size=2")
        self.assertEqual(self.values(host, "vm"), {"colour": "red", "size": "2"})
        self.assertEqual(self.values(host, "vm", "--inactive"), {"only": "1", "size": "2"})
        self.assertIn("note: this is the VM as it runs; its definition, for the next start, has other properties",
                      self.props(host, "show", "vm").stdout)
        self.assertIn("<ovirt-vm:speed>1000</ovirt-vm:speed>", self.live_xml(host, "vm"))
        # What one of them has only is taken out there.
        self.props(host, "unset", "vm", "only", "colour")
        self.assertEqual(self.values(host, "vm"), {"size": "2"})
        self.assertEqual(self.values(host, "vm", "--inactive"), {"size": "2"})
        self.assertIn("is not set on VM vm", self.props(host, "unset", "vm", "only", code=2).stderr)
        self.assertEqual(self.state(host, "vm"), "running")

    def test_a_device_of_what_runs_is_the_same_in_the_definition(self):
        host = self.started()
        self.define(host, domain_xml("vm", UUID))
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        host.virsh("attach-device", "vm", host.file("nic.xml", USER_NIC.replace("00:00:01", "00:00:09")), "--live")
        self.props(host, "set", "vm", "speed=25", "--device", "net0")  # an alias, which the definition has not
        for xml in (self.live_xml(host, "vm"), self.definition(host, "vm")):
            self.assertRegex(xml, f'<ovirt-vm:device mac_address="{NIC}">\\s*<ovirt-vm:custom>\\s*<ovirt-vm:speed>25<')
        done = self.props(host, "set", "vm", "speed=30", "--device", "interface:2")
        self.assertIn("note: interface 52:54:00:00:00:09 is in the VM as it runs only, not in its definition", done.stdout)
        self.assertIn("52:54:00:00:00:09", self.live_xml(host, "vm").split("</metadata>")[0])
        self.assertNotIn("52:54:00:00:00:09", self.definition(host, "vm"))

    def test_a_transient_vm_has_no_definition_to_change(self):
        host = self.started()
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID, metadata=PROPERTIES)))
        identifier = host.virsh("domid", "vm").stdout.strip()
        self.props(host, "set", identifier, "size=2")
        self.assertEqual(self.values(host, "vm"), {"colour": "red", "size": "2"})
        self.assertIn("has no definition", self.props(host, "show", "vm", "--inactive", code=2).stderr)
        self.props(host, "unset", "vm", "colour", "size")
        self.assertEqual(self.values(host, "vm"), {})

    def test_changes_at_the_same_time_are_all_there_afterwards(self):
        host = self.started()
        self.define(host, domain_xml("vm", UUID, metadata=PROPERTIES))
        host.virsh("start", "vm")
        failures = []

        def set_all(name):
            for i in range(COUNT):
                done = host.run_inside([PROGRAM, "props", "set", "vm", f"{name}{i}={name}"], env=PLACES)
                if done.returncode != 0:
                    failures.append(done.stderr)
        threads = [threading.Thread(target=set_all, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        expected = {"colour": "red"} | {f"{name}{i}": name for name in "ab" for i in range(COUNT)}
        self.assertEqual(self.values(host, "vm"), expected)
        self.assertEqual(self.values(host, "vm", "--inactive"), expected)

    def test_it_waits_for_a_start_that_is_going_on(self):
        host = self.hooked_host()
        host.path("/etc/vdsm-hook/properties.toml").write_text(DEFINITIONS)
        go, entered = host.dir / "go", host.dir / "entered"
        self.event_hook(host, "before_vm_start", "20_wait", f"touch {entered}", f"until [ -e {go} ]; do sleep 0.02; done", keeps=False)
        host.start()
        self.define(host, domain_xml("vm", UUID))
        environment = {**host.environment(), **PLACES}
        with subprocess.Popen(host.inside([PROGRAM, "vm", "start", "vm"]), env=environment, stdout=subprocess.DEVNULL) as start:
            eventually(entered.exists, "the hook runs")
            with subprocess.Popen(host.inside([PROGRAM, "props", "set", "vm", "size=2"]), env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as change:
                self.assertRegex(change.stderr.readline(), r"waiting for `vdsm-hook vm start` \(process \d+\), which holds the VM")
                go.touch()
                self.assertEqual((start.wait(60), change.wait(60)), (0, 0))
        self.assertEqual(self.values(host, "vm"), {"size": "2"})
        self.assertEqual(self.values(host, "vm", "--inactive"), {"size": "2"})

    def test_a_profile_is_deleted_once_no_vm_refers_to_it(self):
        host = self.started()
        self.define(host, domain_xml("vm", UUID, metadata=REFERENCE))
        self.assertIn(f"in use by interface {NIC} of the VM vm\n", self.props(host, "profile", "delete", "fast", code=1).stderr)
        host.virsh("start", "vm")
        host.virsh("undefine", "vm")
        self.assertIn(f"in use by interface {NIC} of the VM vm, which runs\n", self.props(host, "profile", "delete", "fast", code=1).stderr)
        host.virsh("destroy", "vm")
        self.assertEqual(self.props(host, "profile", "delete", "fast").stdout, "vNIC profile fast is deleted\n")

    def test_a_libvirtd_that_is_down_is_told_and_not_waited_for(self):
        host = self.started()
        host.stop_daemon()
        self.assertRegex(self.props(host, "profile", "delete", "fast").stdout, "^vNIC profile fast is deleted\nnote: VMs in libvirt were not looked at: .+\n$")
        self.assertIn("failed to connect", self.props(host, "show", "vm", "-c", "qemu:///system", code=1).stderr)


if __name__ == "__main__":
    main()
