"""What tests of faults of `vdsm-hook vm` share: a private host with a VM, hooks that keep a log, and a hook that waits for the test."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from virtcase import USER_NIC, VirtHostTest, domain_xml
from virthost import BUILD, eventually

PROGRAM = BUILD / "bin" / "vdsm-hook"
HOOKS = "/etc/vdsm/hooks"
PLACES = {"VDSM_HOOK_HOOKS_DIR": HOOKS, "VDSM_HOOK_CONFIG_DIR": "/etc/vdsm-hook"}
UUID = "aaaaaaaa-0000-4000-8000-000000000001"
NICS = "".join(USER_NIC.replace("00:01'", f"00:0{n}'") for n in (1, 2, 3))
# Two of three NICs have properties: device hooks are theirs.
METADATA = ('<ovirt-vm:vm xmlns:ovirt-vm="http://ovirt.org/vm/1.0">' + "".join(
    f'<ovirt-vm:device mac_address="52:54:00:00:00:0{n}"><ovirt-vm:custom><ovirt-vm:speed>{n}</ovirt-vm:speed></ovirt-vm:custom></ovirt-vm:device>'
    for n in (1, 2)) + "</ovirt-vm:vm>")
UNDO = ["before_device_destroy 2 failed", "before_device_destroy 1 failed", "before_vm_destroy failed", "after_vm_destroy failed",
        "after_device_destroy 2 failed", "after_device_destroy 1 failed"]
CREATED = ["before_device_create 1", "before_device_create 2", "before_vm_start"]
STARTED = ["after_vm_start", "after_device_create 1", "after_device_create 2"]
LOGGED = """after_disk_prepare before_device_create before_vm_start after_vm_start after_device_create before_device_destroy before_vm_destroy
after_vm_destroy after_device_destroy before_vm_pause after_vm_pause before_vm_cont after_vm_cont before_vm_hibernate after_vm_hibernate
before_vm_dehibernate after_vm_dehibernate""".split()


class VmFaultTest(VirtHostTest):
    def vm_host(self, **options):
        """Started, with the VM t1 defined."""
        host = self.host(**options)
        (host.dir / "files").mkdir()
        # Or hooks would not get the speed of a NIC, by which the log tells them apart.
        host.path("/etc/vdsm-hook/properties.toml").write_text("[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=.*}}'\n")
        self.log = host.dir / "files" / "log"
        for event in LOGGED:  # "before_device_create 1", "after_vm_destroy failed"
            self.hook(host, event, "10_log", f'echo "$VDSM_HOOK_EVENT" $speed $VDSM_HOOK_REASON >>{self.log}')
        host.start()
        self.define(host)
        return host

    def define(self, host, name="t1", uuid=UUID, **options):
        host.virsh("define", host.file(f"{uuid}.xml", domain_xml(name, uuid, **{"nic": NICS, "metadata": METADATA, **options})))

    def hook(self, host, event, name, *lines):
        path = host.path(f"{HOOKS}/{event}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + "".join(f"{line}\n" for line in lines))
        path.chmod(0o755)
        return path

    def logged(self):
        """What hooks have logged since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def vm(self, host, *words, code=0, env=None, **options):
        done = host.run_inside([PROGRAM, "vm", *words], env={**PLACES, **(env or {})}, **options)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}{done.stderr}{host.log_tail()}")
        return done

    def refused(self, host, *words, code=1, **options):
        """The lines on stderr of a command that fails."""
        return self.vm(host, *words, code=code, **options).stderr.splitlines()

    def running(self, host, *words):
        """The command, going on."""
        process = subprocess.Popen(host.inside([PROGRAM, "vm", *words]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=host.environment(PLACES))

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def waiting_hook(self, host, event, name="20_wait", *before):
        """A hook that waits for go_on() at the Waiting that this returns."""
        return Waiting(self, host, event, name, before)

    def state(self, host, name="t1"):
        return host.virsh("domstate", name).stdout.strip()

    def definition(self, host, name="t1"):
        return (host.virsh("dumpxml", "--inactive", "--security-info", name).stdout, host.path(f"/etc/libvirt/qemu/{name}.xml").read_bytes())

    def record_file(self, host, uuid=UUID):
        return host.path(f"/run/vdsm-hook/vms/{uuid}/record")

    def run_record(self, host, uuid=UUID):
        """What is written down of the command that works on the VM, or did; None: nothing."""
        file = self.record_file(host, uuid)
        return json.loads(file.read_text())["runs"].get(host.uuid) if file.exists() else None

    def assert_nothing_is_left(self, host, uuid=UUID):
        self.assertIsNone(self.run_record(host, uuid))
        self.assertFalse(host.path(f"/run/vdsm/{uuid}").exists())
        self.assertIn("Nothing was left", self.vm(host, "recover", uuid).stdout)

    def error_lines(self, lines):
        """Those of the command itself, without what it says about hooks."""
        return [line for line in lines if line.startswith("vdsm-hook: error:")]


class Waiting:
    def __init__(self, test, host, event, name, before):
        self.fifo, self.reached = (host.dir / "files" / f"{name}.{what}" for what in ("fifo", "reached"))
        os.mkfifo(self.fifo)
        self.path = test.hook(host, event, name, *before, f"echo $$ >{self.reached}", f"read answer <{self.fifo}")

    def reach(self):
        """Waits until the hook waits."""
        eventually(lambda: self.reached.exists() and self.reached.read_text(), "the hook is reached")

    def go_on(self):
        with open(self.fifo, "w") as fifo:
            fifo.write("go\n")

    def remove(self):
        for path in (self.path, self.fifo, self.reached):
            path.unlink(missing_ok=True)


def program_of(process):
    """The pid outside of the command that running() started: nsenter's child."""
    def child():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(eventually(child, "the command is started")[0])


def kill(process):
    """SIGKILL to the command; returns once it is gone."""
    os.kill(program_of(process), signal.SIGKILL)
    process.wait(60)
