#!/usr/bin/env python3
"""What else happens to a VM while `vdsm-hook vm` works on it: hooks never take a running VM apart, and nothing goes by them."""

import shutil
import subprocess

from bridge_test import METADATA, PROGRAM, UUID, BridgeTest
from virtcase import domain_xml, main
from virthost import eventually

PLACES = {"VDSM_HOOK_HOOKS_DIR": "/etc/vdsm/hooks", "VDSM_HOOK_CONFIG_DIR": "/etc/vdsm-hook"}


class RaceTest(BridgeTest):
    def started(self, host, *words):
        """A command that runs on; its result comes from finish()."""
        process = subprocess.Popen([str(word) for word in host.inside([PROGRAM, "vm", *words])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=host.environment(PLACES))
        self.addCleanup(process.kill)
        return process

    def finish(self, process, code):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        return err

    def first_waits(self, host, event):
        """A hook at EVENT that waits the first time; gives what tells that it does, and what lets it go on."""
        here, go = host.dir / "here", host.dir / "go"
        self.hook(host, event, "50_wait", f"#!/bin/sh\n[ -e {here} ] && exit 0\n: >{here}\nuntil [ -e {go} ]; do sleep 0.02; done\n")
        return lambda: eventually(here.exists, "the hook waits"), go.touch

    def guest(self, host):
        host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID, metadata=METADATA)))

    def test_who_starts_the_vm_meanwhile_is_asked_for_hooks_and_keeps_it(self):
        host = self.bridged("race")
        self.guest(host)
        reached, go_on = self.first_waits(host, "before_vm_start")
        ours = self.started(host, "start", "vm")
        reached()
        host.virsh("start", "vm")
        go_on()
        self.assertIn("already active", self.finish(ours, 1))
        fired = self.fired(host)
        self.assertEqual(fired.count("before_vm_start"), 2, fired)  # ours, and the bridge's
        self.assertEqual([event for event in fired if "destroy" in event], [])
        self.assertEqual(host.virsh("domstate", "vm").stdout.strip(), "running")

    def test_a_guest_that_ends_while_hooks_run_before_its_destroy_ends_with_its_events(self):
        host = self.bridged("race")
        self.guest(host)
        host.virsh("start", "vm")
        reached, go_on = self.first_waits(host, "before_vm_destroy")
        ours = self.started(host, "destroy", "vm")
        reached()
        self.fired(host)
        host.virsh("destroy", "vm")
        go_on()
        self.assertIn("not running", self.finish(ours, 1))
        self.assertEqual([event for event in self.fired(host) if event.startswith("after")], ["after_vm_destroy", "after_device_destroy"])

    def test_a_libvirtd_that_dies_while_it_starts_the_vm_leaves_that_to_recover(self):
        host = self.bridged("race")
        self.guest(host)
        here = host.dir / "here"
        host.hook("qemu", f'#!/bin/sh\n[ "$2" != started ] || {{ : >{here}; exec sleep 60; }}\n')
        host.restart()
        ours = self.started(host, "start", "vm")
        eventually(here.exists, "libvirtd starts the VM")
        host.kill_daemon()
        self.assertIn("vdsm-hook vm recover", self.finish(ours, 1))
        self.assertEqual([event for event in self.fired(host) if "destroy" in event], [])
        host.hook("qemu", "#!/bin/sh\n")
        host.start_daemon()
        if host.virsh("domstate", "vm").stdout.strip() == "running":
            wanted, said = ["after_vm_start", "after_device_create"], "finished"
        else:
            wanted, said = ["after_vm_destroy", "after_device_destroy"], "taken back"
        done = host.run_inside([PROGRAM, "vm", "recover", "vm"], env=PLACES, check=True)
        self.assertIn(said, done.stdout)
        self.assertEqual([event for event in self.fired(host) if event.startswith("after")], wanted)

    def test_a_restore_of_a_vm_that_runs_fires_nothing(self):
        host = self.bridged("race")
        self.guest(host)
        host.virsh("start", "vm")
        image, copy = host.dir / "vm.save", host.dir / "copy.save"
        host.virsh("save", "vm", image)
        shutil.copy(image, copy)
        host.virsh("restore", image)
        self.fired(host)
        self.assertIn("already active", self.finish(self.started(host, "restore", copy), 1))
        self.assertEqual(self.fired(host), [])
        self.assertEqual(host.virsh("domstate", "vm").stdout.strip(), "running")


del BridgeTest  # its own tests are not these

if __name__ == "__main__":
    main()
