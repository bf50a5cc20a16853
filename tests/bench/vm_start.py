#!/usr/bin/env python3
"""What `vdsm-hook vm start` takes beyond `virsh start`, on a real libvirtd with QEMU, with no hooks installed.

    VDSM_HOOK_BUILD=build/release python3 tests/bench/vm_start.py
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "libvirt"))
os.environ["VDSM_HOOK_BUILD"] = str(Path(os.environ["VDSM_HOOK_BUILD"]).resolve())

from virtcase import domain_xml  # noqa: E402
from virthost import BUILD, VirtHost  # noqa: E402

ROUNDS = 30
UUID = "aaaaaaaa-0000-0000-0000-000000000001"


def milliseconds(argv, environment):
    begin = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment)
    return (time.monotonic() - begin) * 1000


with VirtHost() as host:
    host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID)))
    environment = host.environment({"VDSM_HOOK_HOOKS_DIR": str(host.dir / "none"), "VDSM_HOOK_RUNTIME_DIR": str(host.dir / "state")})
    taken = {}
    for _ in range(ROUNDS):
        for program in (["virsh"], [str(BUILD / "bin/vdsm-hook"), "vm"]):
            argv = [*program, "-c", host.uri, "start", "vm", "--paused"] if len(program) == 1 else [*program, "start", "vm", "--paused", "-c", host.uri]
            taken.setdefault(program[0], []).append(milliseconds(argv, environment))
            host.virsh("destroy", "vm")
    virsh, ours = (statistics.median(times) for times in taken.values())
    print(f"virsh start {virsh:.1f} ms, vdsm-hook vm start {ours:.1f} ms: {ours - virsh:+.1f} ms (at most 10)")
