"""PID 1 of a private host: makes its file systems, keeps its libvirtd, reaps orphans at once. Started by virthost.py
in namespaces of its own, as: virthost_init.py DIRECTORY HOSTNAME PRIVATE-PATH...

One command a line on stdin, one line on stdout in answer. When stdin ends, also because the test was killed, every process
of the host is killed and DIRECTORY is removed.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

DEADLINE_S = 30
MS_BIND, MS_MOVE, MNT_DETACH = 4096, 8192, 2
# What the host may change without a trace: everything written there is gone with the host.
OVERLAID = ["/etc", "/usr", "/var"]
# No kvm: guests are emulated, and libvirt's notes about QEMU do not depend on the core that it asks from.
DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "net/tun"]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}

libc = ctypes.CDLL(None, use_errno=True)


def checked(result, *what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)}: {' '.join(map(str, what))}")


def mount(source, target, kind="none", flags=0, data=""):
    checked(libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()), "mount", source, target, kind, data)


def make_devices(stage, log_socket):
    mount("tmpfs", stage, "tmpfs", data="mode=755")
    for name in DEVICES:
        if os.path.exists(f"/dev/{name}"):
            os.makedirs(os.path.dirname(f"{stage}/{name}"), exist_ok=True)
            open(f"{stage}/{name}", "wb").close()
            mount(f"/dev/{name}", f"{stage}/{name}", flags=MS_BIND)
    for name in ("pts", "shm"):
        os.mkdir(f"{stage}/{name}")
    mount("devpts", f"{stage}/pts", "devpts", data="newinstance,mode=620,ptmxmode=666")
    for name, target in {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
                         "log": log_socket}.items():
        os.symlink(target, f"{stage}/{name}")
    mount(stage, "/dev", flags=MS_MOVE)


def make_file_systems(directory, private_paths):
    """The machine's root with private parts. The real ones are never written, not even to make a mount point."""
    stage = f"{directory}/stage"
    os.mkdir(stage)
    mount("tmpfs", stage, "tmpfs", data="mode=755")
    for path in OVERLAID:
        upper, work = (f"{stage}{path}.{part}" for part in ("upper", "work"))
        os.mkdir(upper)
        os.mkdir(work)
        mount("overlay", path, "overlay", data=f"lowerdir={path},upperdir={upper},workdir={work}")
    os.mkdir(f"{stage}/dev")
    make_devices(f"{stage}/dev", f"{directory}/log-socket")
    mount("sysfs", "/sys", "sysfs")  # that of our network namespace
    mount("tmpfs", "/run", "tmpfs", data="mode=755")
    os.mkdir("/run/lock")
    for path in private_paths:
        os.makedirs(path, exist_ok=True)
        mount(directory + path, path, flags=MS_BIND)
    checked(libc.umount2(stage.encode(), MNT_DETACH), "umount", stage)
    os.rmdir(stage)


class Daemon:
    def __init__(self):
        self.changed = threading.Condition()
        self.pid = None
        self.status = None
        threading.Thread(target=self.reap, daemon=True).start()

    def reap(self):
        while True:
            signal.sigwait({signal.SIGCHLD})
            with self.changed:
                try:
                    while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                        if ended[0] == self.pid:
                            self.pid, self.status = None, os.waitstatus_to_exitcode(ended[1])
                            self.changed.notify()
                except ChildProcessError:
                    pass

    def do(self, command):
        with self.changed:
            if command == "start" and not self.pid:
                self.pid = os.posix_spawn("/usr/sbin/libvirtd", ["libvirtd"], ENVIRONMENT, setsigmask=[])
            elif command in ("hup", "term", "kill") and self.pid:
                os.kill(self.pid, getattr(signal, "SIG" + command.upper()))
                if command != "hup":
                    self.changed.wait_for(lambda: not self.pid, DEADLINE_S)
            return f"running {self.pid}" if self.pid else f"ended {self.status}"


def main(directory, hostname, *private_paths):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    os.umask(0o022)
    socket.sethostname(hostname)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    make_file_systems(directory, private_paths)
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")  # close-on-exec, as the plain numbers are not
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.chdir("/")
    daemon = Daemon()
    print("ready", file=answers, flush=True)
    for line in commands:
        print(daemon.do(line.strip()), file=answers, flush=True)
    os.kill(-1, signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


main(*sys.argv[1:])
