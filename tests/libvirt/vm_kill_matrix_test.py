#!/usr/bin/env python3
"""Each command of `vdsm-hook vm` killed at each step on its way. Recovered, the VM's life goes on to its end: every event has then come
once or was taken back, and none of a VM's end while it lived. Prints one row a command.

For each command it runs once undisturbed, which counts its steps; then once more for each of them, with a VM of its own, several side by
side. The program that dies is made of what vdsm-hook-libvirt is made of (kill_at_step.cpp), and not installed.
"""

import collections
import concurrent.futures
import subprocess
import time
import tomllib
from pathlib import Path

from virtcase import USER_NIC, VirtHostTest, domain_xml, main
from virthost import BUILD

SOURCE = Path(__file__).resolve().parents[2]
PRODUCT = BUILD / "bin" / "vdsm-hook"
DYING = BUILD / "tests" / "libexec" / "vm-killed-at-step"
PHASES = tomllib.loads((SOURCE / "hookpoints" / "lifecycles.toml").read_text())["phase"]
EVENTS = sorted({event for one in PHASES.values() for key in ("before", "after", "failed", "undo") for event in one.get(key, [])})
METADATA = ('<ovirt-vm:vm xmlns:ovirt-vm="http://ovirt.org/vm/1.0"><ovirt-vm:device mac_address="52:54:00:00:00:01"><ovirt-vm:custom>'
            "<ovirt-vm:speed>1</ovirt-vm:speed></ovirt-vm:custom></ovirt-vm:device></ovirt-vm:vm>")
NEW_NIC = "<interface type='user'><mac address='52:54:00:00:00:09'/><model type='virtio'/></interface>"
SIDE_BY_SIDE = 4
LEFT_OUT = {"after_disk_prepare"}  # the VMs have no disk


def events_of(name, *keys):
    return [event for key in keys for event in PHASES[name].get(key, []) if event not in LEFT_OUT]


class Life:
    """One VM with hooks that write down their events, driven by virsh, the product's commands and the one that dies."""

    def __init__(self, matrix, number):
        self.matrix, self.host = matrix, matrix.source
        self.uuid = f"aaaaaaaa-0000-4000-8000-{number:012}"
        self.name = f"vm{number}"
        self.file = self.host.dir / f"{self.name}.save"
        self.log = self.host.dir / "logs" / self.uuid
        self.steps = self.host.dir / "steps" / self.uuid
        self.define()

    def define(self):
        xml = domain_xml(self.name, self.uuid, nic=USER_NIC, metadata=METADATA)
        if self.matrix.is_test_driver:
            xml = xml.replace("type='qemu'", "type='test'").replace("<os><type arch='x86_64' machine='pc'>hvm</type></os>", "<os><type>hvm</type></os>")
        self.virsh("define", self.host.file(f"{self.name}.xml", xml))

    def virsh(self, *words, check=True):
        return self.host.run(["virsh", "-c", self.matrix.uri, *words], check=check)

    def run(self, program, *words, env=None):
        return self.host.run_inside([*program, "vm", *words, "-c", self.matrix.inner_uri], env={
            "VDSM_HOOK_HOOKS_DIR": "/etc/vdsm/hooks", "VDSM_HOOK_CONFIG_DIR": "/etc/vdsm-hook", "VDSM_HOOK_LIBEXEC_DIR": str(BUILD / "libexec/vdsm-hook"),
            **(env or {})})

    def vm(self, *words):
        done = self.run([PRODUCT], *words)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.host.log_tail()}")
        return done.stdout

    def killed(self, words, at):
        """Whether the command died at step AT; its steps."""
        env = {"VDSM_HOOK_TEST_STEPS": str(self.steps), **({"VDSM_HOOK_TEST_KILL_AT": str(at)} if at else {})}
        done = self.run([DYING], *words, env=env)
        if done.returncode not in ((0,) if not at else (-9, 137, 0)):
            raise AssertionError(f"{words} at {at}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.host.log_tail()}")
        return self.steps.read_text().splitlines()

    def state(self):
        done = self.virsh("domstate", self.name, check=False)
        return done.stdout.strip() if done.returncode == 0 else "gone"

    def lives(self):
        return self.state() in ("running", "paused")

    def logged(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def forget(self):
        self.log.unlink(missing_ok=True)


class Row:
    """A command: what comes before it, its words, and the phases that it is made of, each with what the VM is like when it happened."""

    def __init__(self, name, words, before, phases, drivers=("qemu", "test")):
        self.name, self.words, self.before, self.phases, self.drivers = name, words, before, phases, drivers


def started(life):
    life.vm("start", life.name)


def saved(life):
    started(life)
    life.vm("save", life.name, str(life.file))


def managed(life):
    started(life)
    life.vm("managedsave", life.name)


RESTORE = ["dehibernate", "continue", "dehibernated"]
ROWS = [
    Row("start", lambda life: ["start", life.name], lambda life: None, ["start"]),
    Row("destroy", lambda life: ["destroy", life.name], started, ["destroy"]),
    Row("save", lambda life: ["save", life.name, str(life.file)], started, ["pause", "hibernate", "release"]),
    Row("managedsave", lambda life: ["managedsave", life.name], started, ["pause", "hibernate", "release"]),
    Row("restore", lambda life: ["restore", str(life.file)], saved, RESTORE),
    Row("start of a managed save", lambda life: ["start", life.name], managed, RESTORE),
    Row("suspend", lambda life: ["suspend", life.name], started, ["pause"]),
    Row("attach-device", lambda life: ["attach-device", life.name, str(life.host.file("nic.xml", NEW_NIC)), "--live"], started, ["plug_nic"], ("qemu",)),
    Row("migrate", lambda life: ["migrate", life.name, life.matrix.other.uri, "--live", "--p2p", "--migrateuri", f"unix://{life.host.dir}/{life.name}.sock"],
        started, ["leave", "release"], ("qemu",)),
]


def holds(life, phase):
    """Whether libvirt has done it, by the state of the VM."""
    state = life.state()
    if phase == "plug_nic":
        return "52:54:00:00:00:09" in life.virsh("dumpxml", life.name).stdout
    wanted = PHASES[phase]["state_after"]
    return {"on": state in ("running", "paused"), "off": state not in ("running", "paused")}.get(wanted, state == wanted)


class KillMatrixTest(VirtHostTest):
    is_test_driver = False

    def hooked(self, name):
        host = self.host(name)
        for directory in ("logs", "steps"):
            (host.dir / directory).mkdir()
        for event in EVENTS:
            path = host.path(f"/etc/vdsm/hooks/{event}/10_log")
            path.parent.mkdir(parents=True)
            path.write_text(f'#!/bin/sh\necho "$VDSM_HOOK_EVENT" >>{host.dir}/logs/$vmId\n')
            path.chmod(0o755)
        return host.start()

    def new_life(self):
        self.number += 1
        return Life(self, self.number)

    def test_qemu(self):
        self.matrix("qemu")

    def test_test_driver(self):
        self.is_test_driver = True
        self.matrix("test")

    def matrix(self, driver):
        self.number = 0
        self.source = self.hooked("source")
        self.uri, self.inner_uri = self.source.uri, "qemu:///system"
        if driver == "test":
            # What libvirt's test driver knows is lost with its last connection.
            self.uri = self.source.uri.replace("qemu+unix:///system", "test+unix:///default")
            self.inner_uri = "test+unix:///default"
            keeper = subprocess.Popen(["virsh", "-c", self.uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(keeper.communicate)
            keeper.stdout.readline()
        begin = time.monotonic()
        failures, rows = [], [row for row in ROWS if driver in row.drivers]
        if driver == "qemu":
            self.other = self.host("target").start()
        for row in rows:
            undisturbed = self.new_life()
            row.before(undisturbed)
            undisturbed.forget()
            steps = undisturbed.killed(row.words(undisturbed), None)
            wanted = [event for phase in row.phases for event in events_of(phase, "before", "after")]
            self.assertEqual(undisturbed.logged(), wanted, row.name)
            self.end(undisturbed)
            with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                results = list(pool.map(lambda at, row=row, steps=steps: self.one(row, at, steps), range(1, len(steps) + 1)))
            bad = [f"{row.name}, killed at {at} ({steps[at - 1]}): {why}" for at, why in enumerate(results, 1) if why]
            failures += bad
            again = sum(step.split()[0] in ("begun", "ran") for step in steps)
            print(f"{driver:5} {row.name:24} {len(steps):3} kill points, {again:2} of them within an event, {len(bad)} wrong", flush=True)
        print(f"{driver:5} in {time.monotonic() - begin:.0f} s", flush=True)
        self.assertEqual(failures, [], "\n".join(failures))

    def one(self, row, at, steps):
        """What is wrong with a life in which the command is killed at step AT; empty: nothing."""
        life = self.new_life()
        try:
            row.before(life)
            life.forget()
            life.killed(row.words(life), at)
            life.vm("recover", life.uuid)
            return self.verdict(row, life, steps[at - 1]) or self.verdict_of_end(life)
        except AssertionError as error:
            return str(error)
        finally:
            self.end(life)

    def verdict(self, row, life, step):
        """Of what has come once the command is recovered: all of the phases that have happened, of the next one no more than what comes before it."""
        happened, allowed = [], collections.Counter()
        for phase in row.phases:
            if row.phases[-1] == "release" and not life.lives():
                happened = list(row.phases)
                break
            if phase == "continue" and life.matrix.is_test_driver:
                allowed.update(events_of(phase, "before", "after"))  # it restores nothing paused, so that a VM may go on without its hooks
            elif holds(life, phase):
                happened.append(phase)
            elif phase != "continue":  # a VM that was restored has been, whether it goes on or not
                break
        logged = life.logged()
        required = collections.Counter()
        for phase in happened:
            required.update(events_of(phase, "before", "after"))
        rest = [phase for phase in row.phases if phase not in happened and not (phase == "continue" and life.matrix.is_test_driver)][:1]
        for phase in rest:
            allowed.update(events_of(phase, "before", "failed"))
        if rest and PHASES[rest[0]].get("undo") and logged:
            required.update(events_of(rest[0], "undo"))
        # The hooks of the event that it was in may have run, and run again.
        within = step.split()[1] if step.split()[0] in ("begun", "ran") else None
        if within:
            allowed[within] += 1
        counted = collections.Counter(logged)
        missing, too_many = required - counted, counted - required - allowed
        if missing or too_many:
            return f"{life.state()}: missing {dict(missing)}, too many {dict(too_many)} in {logged}"
        return ""

    def verdict_of_end(self, life):
        """Ended by a command, a VM that lives has its end once."""
        if not life.lives():
            return ""
        if life.state() == "paused":
            life.vm("resume", life.name)
        life.forget()
        life.vm("destroy", life.name)
        ended = events_of("destroy", "before", "after")
        return "" if life.logged() == ended else f"its end: {life.logged()}"

    def end(self, life):
        life.virsh("destroy", life.name, check=False)
        if not self.is_test_driver:
            life.virsh("managedsave-remove", life.name, check=False)
            self.other.virsh("destroy", life.name, check=False)
        life.virsh("undefine", life.name, check=False)
        life.file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
