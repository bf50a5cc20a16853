"""A vdsm-hookd for tests, with hooks that record what fires, and the socket of its service manager."""

import contextlib
import os
import signal
import socket
import subprocess
import tomllib
from pathlib import Path

from virthost import BUILD, DEADLINE_S, eventually

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = BUILD / "bin" / "vdsm-hookd"
EVENTS = [name for name in tomllib.loads((SOURCE / "hookpoints/hookpoints.toml").read_text()) if name.startswith("after_")]

RECORD = """#!/bin/sh
tr '\\0' '\\n' <"/proc/$$/environ" >"{0}/$VDSM_HOOK_RUN_ID.env"
cp "$_hook_domxml" "{0}/$VDSM_HOOK_RUN_ID.xml"
echo "$VDSM_HOOK_EVENT $vmId $VDSM_HOOK_RUN_ID" >>"{0}/fired"
"""


class Fired:
    """One run of an event, as its hook saw it."""

    def __init__(self, directory, line):
        self.event, self.vm_id, run = line.split()
        self.document = (directory / f"{run}.xml").read_text()
        self.env = dict(entry.split("=", 1) for entry in (directory / f"{run}.env").read_text().splitlines() if "=" in entry)


# Hooks get no others of a domain XML.
DEFINITIONS = ("[UserDefinedVMProperties]\n'4.8' = 'colour=.*'\n"
               "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={lane=.*}};{type=disk;prop={lane=.*}}'\n")


class Hookd:
    """Everything below DIRECTORY. start() returns when it listens, unless told otherwise; stop() checks that it ends well."""

    def __init__(self, test, directory, uri, user=None, env=None):
        self.directory = directory
        self.uri, self.user = uri, user
        for path in ("hooks", "config", "seen"):
            (directory / path).mkdir(parents=True)
        (directory / "config/properties.toml").write_text(DEFINITIONS)
        for event in EVENTS:
            self.hook(event, "90_record", RECORD.format(directory / "seen"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "notify"))
        self.env = {"PATH": os.environ["PATH"], "HOME": str(directory), "NOTIFY_SOCKET": str(directory / "notify"),
                    "TSAN_OPTIONS": "atexit_sleep_ms=0", **(env or {})}
        if user:
            for path in [directory, *directory.rglob("*")]:
                os.chown(path, user, user)
        self.process = None
        self.messages = []
        self.log = directory / "log"
        test.addCleanup(self.end)

    def hook(self, event, name, text):
        path = self.directory / "hooks" / event / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start(self, wants_ready=True, wrap=lambda argv: argv):
        argv = [PROGRAM, "-c", self.uri, "--hooks-dir", self.directory / "hooks", "--config-dir", self.directory / "config",
                "--runtime-dir", self.directory / "run"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(wrap([str(word) for word in argv]), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env, user=self.user, group=self.user, extra_groups=[] if self.user else None)
        if wants_ready:
            self.wait_for("STATUS=listening")
        return self

    def wait_for(self, word):
        """Until the service manager was told WORD; all messages are kept."""
        self.socket.settimeout(DEADLINE_S)
        while not any(word in message for message in self.messages):
            try:
                self.messages.append(self.socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"no {word} within {DEADLINE_S} s\n{self.text()}") from None
        del self.messages[:1 + next(i for i, message in enumerate(self.messages) if word in message)]

    def wait_for_log(self, text):
        eventually(lambda: text in self.text(), f"'{text}' in the log:\n{self.text()}")

    def text(self):
        return self.log.read_text()

    def fired(self):
        record = self.directory / "seen" / "fired"
        return [Fired(self.directory / "seen", line) for line in record.read_text().splitlines()] if record.exists() else []

    def events(self):
        return [f"{one.event} {one.vm_id}" for one in self.fired()]

    def wait_for_events(self, *wanted, vm_id=None):
        """Until as many fired as are WANTED, of all VMs or one; they must be these, in this order."""
        def mine():
            return [one for one in self.fired() if vm_id in (None, one.vm_id)]
        with contextlib.suppress(AssertionError):
            eventually(lambda: len(mine()) >= len(wanted), "events", 20)
        fired = mine()
        if [one.event for one in fired] != list(wanted):
            raise AssertionError(f"wanted {list(wanted)}\nfired {[one.event for one in fired]}\n{self.text()}")
        return fired

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_S)
        self.process = None
        if code != 0:
            raise AssertionError(f"ended with {code}\n{self.text()}")

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.socket.close()
