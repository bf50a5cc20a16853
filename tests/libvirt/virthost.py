"""A private host for tests: a real libvirtd with QEMU in mount, pid, uts, ipc and network namespaces of its own.

Inside it `qemu:///system`, /etc/libvirt and our own directories are where they are on any machine; outside they are below one
temporary directory (VirtHost.path), and nothing else of the machine is written. Guests are emulated (TCG).

    with VirtHost() as host:
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
"""

import contextlib
import dataclasses
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid as uuids
from pathlib import Path

BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
INIT = Path(__file__).resolve().parent / "virthost_init.py"
DEADLINE_S = 60

# What is the host's alone and can be reached from outside through VirtHost.path().
PRIVATE = ["/etc/libvirt", "/etc/vdsm", "/etc/vdsm-hook", "/run/libvirt", "/run/vdsm", "/run/vdsm-hook", "/usr/libexec/vdsm",
           "/usr/libexec/vdsm-hook", "/var/lib/libvirt", "/var/lib/vdsm-hook", "/var/cache/libvirt", "/var/log/libvirt"]
CAPABILITIES = "/var/cache/libvirt/qemu/capabilities"
LOG = "/var/log/libvirt/libvirtd.log"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

QEMU_CONF = """user = "root"
group = "root"
stdio_handler = "file"
security_driver = "none"
remember_owner = 0
namespaces = []
cgroup_controllers = []
"""
LIBVIRTD_CONF = """auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "2:file:{log}"
"""

# A libvirt hook script that keeps what it was called with, for VirtHost.calls(). argv is written last and at once.
RECORDER = """#!/bin/sh
n=100
until mkdir "{calls}/$n" 2>/dev/null; do n=$((n + 1)); done
call="{calls}/$n"
cat "/proc/$$/environ" >"$call/env"
cat >"$call/stdin"
printf '%s\\0' "$0" "$@" >"$call/argv"
"""


def eventually(holds, what, deadline_s=DEADLINE_S):
    """Waits until HOLDS() is true and gives what it returned."""
    end = time.monotonic() + deadline_s
    while not (result := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.02)
    return result


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a hook script by libvirt."""
    argv: list  # with the script's own path first
    stdin: str
    env: dict


def words(path):
    """What PATH has, each ended by a zero byte; nothing without the file."""
    return path.read_text(errors="surrogateescape").split("\0")[:-1] if path.exists() else []


class Journal:
    """The /dev/log of a host. Whoever calls lines() gets all that was sent before."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        self.wake, self.waker = os.pipe()
        self.lock = threading.Lock()
        self.received = []
        self.thread = threading.Thread(target=self.listen, daemon=True)  # senders block when few datagrams wait
        self.thread.start()

    def listen(self):
        while self.wake not in select.select([self.socket, self.wake], [], [])[0]:
            self.lines()

    def lines(self):
        with self.lock, contextlib.suppress(BlockingIOError):
            while True:
                self.received.append(self.socket.recv(1 << 16).decode(errors="replace"))
        return list(self.received)

    def close(self):
        os.close(self.waker)
        self.thread.join()
        os.close(self.wake)
        self.socket.close()


class VirtHost:
    """Made with its directories; start() starts it and waits, stop() ends every process and removes the directory."""

    def __init__(self, name="host", uuid=None):
        self.name = name
        self.uuid = uuid or str(uuids.uuid4())
        self.dir = Path(tempfile.mkdtemp(prefix="vh.", dir="/tmp"))  # short, for the names of sockets
        os.umask(0o022)
        for path in PRIVATE:
            self.path(path).mkdir(parents=True)
        self.hooks = self.path("/etc/libvirt/hooks")
        for path in (self.hooks, self.path(CAPABILITIES), self.dir / "calls"):
            path.mkdir(parents=True)
        self.path("/etc/libvirt/qemu.conf").write_text(QEMU_CONF)
        self.path("/etc/libvirt/libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=self.uuid, log=LOG))
        self.uri = f"qemu+unix:///system?socket={self.path('/run/libvirt/libvirt-sock')}"
        self.journal = Journal(self.dir / "log-socket")
        self.init = None
        self.namespace = None
        self.held_namespace = None

    def path(self, inside):
        """Where the file of this name inside, in one of PRIVATE, is to be found outside."""
        return Path(f"{self.dir}{inside}")

    def file(self, name, text, mode=0o644):
        """A file in the host's directory; its path is the same inside and outside."""
        path = self.dir / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def hook(self, name, text):
        """A libvirt hook script such as "qemu" or "qemu.d/10-a". libvirtd looks when it starts and at reload()."""
        path = self.hooks / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def recorder(self, *lines):
        """The text of a hook script that keeps its call for calls(), then does LINES, where its call is in "$call"."""
        return RECORDER.format(calls=self.dir / "calls") + "".join(f"{line}\n" for line in lines)

    def calls(self):
        """What the recorders among the hook scripts were called with, in order."""
        made = []
        for directory in sorted((self.dir / "calls").iterdir()):
            argv, env = (words(directory / name) for name in ("argv", "env"))
            if argv:
                made.append(Call(argv, (directory / "stdin").read_text(), dict(word.split("=", 1) for word in env)))
        return made

    def operations(self, script="qemu"):
        """Those of one script, as "prepare begin -": without the object. Later libvirts say why a guest has ended; here it is "-"."""
        return [re.sub("^(stopped|release) end .*", r"\1 end -", " ".join(call.argv[2:]))
                for call in self.calls() if call.argv[0] == f"/etc/libvirt/hooks/{script}"]

    def forget_calls(self):
        shutil.rmtree(self.dir / "calls")
        (self.dir / "calls").mkdir()

    def launch(self):
        """The namespaces and their init, without libvirtd."""
        with open(self.dir / "out", "wb") as out:
            self.init = subprocess.Popen(
                ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                 sys.executable, "-I", "-S", str(INIT), str(self.dir), self.name, *PRIVATE],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True, bufsize=1, cwd="/", start_new_session=True,
                env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
        if self.answer() != "ready":
            raise AssertionError(f"no private host: {(self.dir / 'out').read_text().strip()}")
        # While it is held, no later namespace, of a host of another test, gets the number by which this one is known.
        self.held_namespace = os.open(f"/proc/{self.init.pid}/ns/mnt", os.O_RDONLY)
        self.namespace = os.readlink(f"/proc/{self.init.pid}/ns/mnt")

    def start(self):
        for kept in shared_capabilities().glob("*.xml"):
            shutil.copy2(kept, self.path(CAPABILITIES))
        self.launch()
        self.start_daemon()
        return self

    def stop(self):
        """Also after a failed start, and twice."""
        if self.init:
            self.keep_capabilities()
            self.init.stdin.close()
            try:
                self.init.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.init.kill()
                self.init.wait()
                raise AssertionError(f"the host does not stop\n{self.log_tail()}") from None
            finally:
                self.init.stdout.close()
                self.init = None
                self.remove()
            if self.held_namespace is not None:
                try:
                    eventually(lambda: not processes_of(self.namespace), "no process of the host is left")
                finally:
                    os.close(self.held_namespace)
                    self.held_namespace = None
        else:
            self.remove()

    def remove(self):
        if self.journal:
            self.journal.close()
            self.journal = None
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def keep_capabilities(self):
        """Asking QEMU what it can do takes a second: later hosts get the answer. libvirt asks again when it is out of date."""
        for made in self.path(CAPABILITIES).glob("*.xml"):
            shared = shared_capabilities() / made.name
            if not shared.exists() or shared.read_bytes() != made.read_bytes():
                shared.parent.mkdir(parents=True, exist_ok=True)
                mine = shared.with_name(f"{made.name}.{self.dir.name}")
                shutil.copy2(made, mine)
                mine.replace(shared)

    # libvirtd

    def answer(self, deadline_s=DEADLINE_S):
        if not select.select([self.init.stdout], [], [], deadline_s)[0]:
            raise AssertionError(f"no answer within {deadline_s} s\n{self.log_tail()}")
        return self.init.stdout.readline().strip()

    def ask(self, command):
        self.init.stdin.write(f"{command}\n")
        return self.answer()

    def start_daemon(self):
        self.ask("start")

        def ready():
            if not (state := self.ask("status")).startswith("running"):
                raise AssertionError(f"libvirtd {state}")
            return self.virsh("list", check=False).returncode == 0
        self.eventually(ready, "libvirtd answers")

    def end_daemon(self, command):
        if not (state := self.ask(command)).startswith("ended"):
            raise AssertionError(f"libvirtd is {state} still\n{self.log_tail()}")

    def stop_daemon(self):
        """As a service manager does it; returns once it has ended. Guests go on."""
        self.end_daemon("term")

    def kill_daemon(self):
        """SIGKILL, in the middle of whatever it does. Guests go on."""
        self.end_daemon("kill")

    def restart(self):
        """Returns once libvirtd has found its guests again: what comes before that can cost it its hold on them."""
        self.stop_daemon()
        self.start_daemon()
        for name in self.virsh("list", "--name").stdout.split("\n"):
            if name:
                self.virsh("dommemstat", name, check=False)  # asks QEMU, after the finding

    def reload(self):
        """SIGHUP. Nothing tells when libvirtd has done it: wait for what it leads to."""
        self.ask("hup")

    def eventually(self, holds, what):
        """As the function, and a failure comes with the log."""
        try:
            return eventually(holds, what)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.log_tail()}") from None

    def log_tail(self, lines=40):
        texts = []
        for path in (self.dir / "out", self.path(LOG)):
            if path.exists():
                texts += [f"-- {path.name}:", *path.read_text(errors="replace").splitlines()[-lines:]]
        return "\n".join(texts)

    # Programs

    def environment(self, changes=None):
        return {"PATH": PATH, "HOME": str(self.dir), "LC_ALL": "C.UTF-8", "TSAN_OPTIONS": "atexit_sleep_ms=0",
                **{name: value for name, value in os.environ.items() if re.fullmatch("[A-Z]*SAN_OPTIONS", name)}, **(changes or {})}

    def run(self, argv, check=False, env=None, timeout=DEADLINE_S, **options):
        """A program outside. Output is text; with CHECK, another exit status than 0 is a failure with all that is known."""
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        argv = [str(word) for word in argv]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, errors="surrogateescape", timeout=timeout, check=False,
                                  env=self.environment(env), **options)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not within {timeout} s: {argv}\n{self.log_tail()}") from None
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}\n{self.log_tail()}")
        return done

    def virsh(self, *words, check=True, **options):
        return self.run(["virsh", "-c", self.uri, *words], check=check, **options)

    def inside(self, argv):
        """ARGV for a process inside, which is killed when the one outside is."""
        at = f"/proc/{self.init.pid}/ns"
        return ["nsenter", f"--mount={at}/mnt", f"--uts={at}/uts", f"--ipc={at}/ipc", f"--net={at}/net",
                f"--pid={at}/pid_for_children", "--", "setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]

    def run_inside(self, argv, **options):
        """A program inside, in /; takes and gives what run() does."""
        return self.run(self.inside(argv), **options)

    def journal_lines(self):
        """What programs inside have sent to the system log."""
        return self.journal.lines()

    def ebtables(self):
        """The rules for NICs with a filter."""
        return self.run_inside(["ebtables", "-t", "nat", "-L"], check=True).stdout


def processes_of(namespace):
    """The processes in a host's mount namespace (VirtHost.namespace), as pids outside."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(directory / "ns/mnt") == namespace:
                found.append(int(directory.name))
    return sorted(found)


def shared_capabilities():
    return BUILD / "tests" / "libvirt-capabilities"
