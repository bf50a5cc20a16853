"""What the tests of the command share: a directory of their own with hooks, and a way to call the program."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from reachable import reachable_build  # noqa: E402, F401 (for the tests)

BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
PROGRAM = BUILD / "bin" / "vdsm-hook"
SOURCE = Path(__file__).resolve().parents[2]
DEADLINE_S = 60


def commands_below(*words):
    """The commands that the program has below these, as it says itself: nothing else lists them."""
    done = subprocess.run([PROGRAM, *words, "--help=json"], stdout=subprocess.PIPE, timeout=DEADLINE_S, check=True)
    return [one["name"] for one in json.loads(done.stdout)["commands"]]


SUBCOMMANDS = commands_below()
VM = commands_below("vm")
PROPS = commands_below("props")
PROFILE = commands_below("props", "profile")
BRIDGE = commands_below("libvirt-bridge")
# Every command with options of its own.
COMMANDS = [*(name for name in SUBCOMMANDS if name not in ("vm", "props", "libvirt-bridge")), *(f"vm {name}" for name in VM),
            *(f"libvirt-bridge {name}" for name in BRIDGE),
            *(f"props {name}" for name in PROPS if name != "profile"),
            *(f"props profile {name}" for name in PROFILE)]
DONE, VETOED, WRONG_USE, ENGINE_FAILURE = range(4)

UUID = "11111111-2222-4333-8444-555555555555"
DOMAIN = f"""<domain type='kvm'>
  <name>web-1</name>
  <uuid>{UUID}</uuid>
  <metadata>
    <ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>
      <ovirt-vm:custom><ovirt-vm:colour>red</ovirt-vm:colour></ovirt-vm:custom>
    </ovirt-vm:vm>
  </metadata>
  <on_reboot>restart</on_reboot>
</domain>
"""
NIC = "<interface type='network'><mac address='52:54:00:00:00:01'/></interface>"

# Prints the environment that it was started with to stderr.
SHOW = "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >&2\n"
EDIT = "#!/bin/sh\nsed -i s/restart/destroy/ \"$_hook_domxml\"\n"


# Nothing in these tests defines the properties of DOMAIN.
DELIVER_UNDEFINED = "[properties]\ndeliver_undefined = true\n"


class CommandTest(unittest.TestCase):
    """Each test works in self.dir: hooks in self.hooks, configuration in self.config, payloads in self.runtime."""

    maxDiff = None

    def setUp(self):
        os.umask(0o022)
        self.dir = Path(tempfile.mkdtemp(prefix="vdsm-hook-cli."))
        self.addCleanup(self.remove)
        self.dir.chmod(0o755)
        self.hooks = self.directory("hooks")
        self.config = self.directory("config")
        self.runtime = self.directory("runtime")
        self.domain = self.file("vm.xml", DOMAIN)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "LC_ALL": "C.UTF-8",
                    "LIBVIRT_DEFAULT_URI": "test:///default",  # never the machine's own; with one VM, named test
                    "TSAN_OPTIONS": "atexit_sleep_ms=0",  # else every call takes a second
                    **{name: value for name, value in os.environ.items() if re.match("[A-Z]*SAN_OPTIONS", name)}}

    def remove(self):
        # A directory that a test closed must not stay behind.
        for path in [self.dir, *self.dir.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(self.dir)

    def directory(self, name, mode=0o755):
        path = self.dir / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        return path

    def file(self, name, content="", mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def hook(self, name, content="#!/bin/sh\n", event="before_vm_start", mode=0o755, hooks="hooks"):
        return self.file(f"{hooks}/{event}/{name}", content, mode)

    def configure(self, content):
        return self.file("config/vdsm-hook.toml", content)

    def define(self, of_vms):
        """Without a definition, hooks do not get what the domain XML sets."""
        return self.file("config/properties.toml", f"[UserDefinedVMProperties]\n'4.8' = '{of_vms}'\n")

    def places(self):
        return ["--hooks-dir", self.hooks, "--config-dir", self.config, "--runtime-dir", self.runtime]

    def call(self, *words, stdin=None, **options):
        """The finished program, called with WORDS as they are. Output is text where it is UTF-8."""
        done = subprocess.run([PROGRAM, *words], input=stdin.encode() if isinstance(stdin, str) else stdin,
                              stdin=subprocess.DEVNULL if stdin is None and "stdin" not in options else None,
                              capture_output=True, timeout=DEADLINE_S, check=False, cwd=self.dir,
                              env={**self.env, **options.pop("env", {})}, **options)
        done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode()
        return done

    def command(self, subcommand, *words, **options):
        """The same with the test's own places; WORDS come behind them and win."""
        return self.call(*subcommand.split(), *self.places(), *words, **options)

    def run_event(self, *words, event="before_vm_start", document=("--domxml", "vm.xml"), **options):
        return self.command("run", event, *document, *words, **options)

    def json_of(self, subcommand, *words, code=DONE):
        done = self.command(subcommand, *words, "--format", "json")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def report_of(self, *words, code=DONE, **options):
        done = self.run_event(*words, "--report", "report.json", **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads((self.dir / "report.json").read_text())

    def check(self, done, code, stdout=None, stderr=None):
        """DONE ended with CODE and printed these; stderr is a part of it, or a list of parts."""
        self.assertEqual(done.returncode, code, done.stderr)
        if stdout is not None:
            self.assertEqual(done.stdout, stdout)
        for part in [stderr] if isinstance(stderr, str) else stderr or []:
            self.assertIn(part, done.stderr)

    def refused(self, done, *parts):
        """Wrong use: nothing on stdout, the reason on stderr, and nothing was started."""
        self.check(done, WRONG_USE, "", ["vdsm-hook: ", *parts])
        self.assertEqual(self.leftovers(), [])

    def leftovers(self):
        return sorted(path.name for path in self.runtime.iterdir())


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)
