#!/usr/bin/env python3
"""What becomes of hooks when the command that runs them is killed by KILL."""

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from command import DOMAIN, PROGRAM, CommandTest

# Both tell their numbers before they are there for ever.
HOOK = """#!/bin/sh
setsid sh -c 'echo $$ >>"{0}/pids"; exec sleep 1000' >/dev/null 2>&1 &
echo $$ >>"{0}/pids"
sleep 1000
"""
PATIENCE_S = 20


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Killed(CommandTest):
    def eventually(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertTrue(condition())

    def pids(self):
        path = self.dir / "pids"
        return [int(word) for word in path.read_text(encoding="utf-8").split()] if path.exists() else []

    def check_killed(self, words, **options):
        """Starts the command, kills it where its hook runs, and waits for the end of what the hook was."""
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as command:
            command.stdin.write(DOMAIN.encode())
            command.stdin.close()
            self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in self.pids() if is_alive(pid)])
            self.eventually(lambda: len(self.pids()) == 2)
            self.assertTrue(all(is_alive(pid) for pid in self.pids()))
            command.kill()
        self.eventually(lambda: not any(is_alive(pid) for pid in self.pids()))

    def test_run_takes_the_hook_and_what_it_started_along(self):
        self.hook("50_slow", HOOK.format(self.dir))
        self.check_killed([PROGRAM, "run", "before_vm_start", *self.places(), "--domxml", "-"], cwd=self.dir, env=self.env)

    def test_the_bridge_takes_the_hook_and_what_it_started_along(self):
        self.hook("50_slow", HOOK.format(self.dir), event="before_vm_migrate_destination")
        self.call("libvirt-bridge", "install", "qemu", "--libvirt-hooks-dir", self.dir / "scripts")
        environment = {**self.env, "VDSM_HOOK_HOOKS_DIR": str(self.hooks), "VDSM_HOOK_CONFIG_DIR": str(self.config),
                       "VDSM_HOOK_RUNTIME_DIR": str(self.runtime), "VDSM_HOOK_STATE_DIR": str(self.directory("state"))}
        self.check_killed([self.dir / "scripts/qemu.d/50-vdsm-hook", "web-1", "migrate", "begin", "-"], cwd=self.dir, env=environment)

    def test_libvirt_call_takes_the_script_and_what_it_started_along(self):
        self.file("scripts/qemu", HOOK.format(self.dir), 0o755)
        self.check_killed([PROGRAM, "libvirt-call", "qemu", "web-1", "start", "begin", "-", "--config-dir", self.config,
                           "--runtime-dir", self.runtime, "--libvirt-hooks-dir", self.dir / "scripts"], cwd=self.dir, env=self.env)


if __name__ == "__main__":
    unittest.main()
