"""The folder that is imported, read within bounds, and the new one, which appears whole or not at all."""

import ctypes
import errno
import itertools
import os
import secrets
import shutil
import signal
import stat
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILES = 1000
MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 20
MAX_FINDING = 400
MAX_ALL_BYTES = 64 * 1024 * 1024
LEFT_BEHIND = {"Makefile.am", "Makefile.in", "Makefile", "__pycache__"}  # what vdsm's build is made of, or makes


class Refused(Exception):
    """The folder cannot be imported: wrong use."""


def printable(text):
    """TEXT fit for a terminal, in one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogateescape").decode("ascii")
                   if not "\udc80" <= c <= "\udcff" else f"\\x{ord(c) - 0xdc00:02x}" for c in text)


def shortened(text):
    return text if len(text) <= MAX_FINDING else text[:MAX_FINDING] + " ..."


@dataclass
class Findings:
    """What a human must look at. FILE may come with a line."""
    top: str
    all: dict = field(default_factory=dict)

    def add(self, file, line, what):
        self.all[(file, line, what)] = None

    def of(self, file):
        return FindingsOf(self, file)

    def lines(self):
        for file, line, what in sorted(self.all, key=lambda finding: (finding[0] != "Makefile.am", finding[0], finding[1])):
            yield f"{self.top}/{file}:{f'{line}:' if line else ''} {shortened(what)}"


@dataclass
class FindingsOf:
    """The same for one file."""
    findings: Findings
    file: str

    def add(self, line, what):
        self.findings.add(self.file, line, what)


class Folder:
    """`contents` and `modes` of the files that are taken, by their path in the folder. Links that stay inside are read as what
    they point at; everything else that is no regular file is a finding. Throws Refused, OSError."""

    def __init__(self, top, findings):
        self.top = Path(os.path.realpath(top))
        self.findings = findings
        self.contents, self.modes = {}, {}
        self.makefile = None
        self.seen, self.total = 0, 0
        if not self.top.is_dir():
            raise Refused(f"{top} is no directory")
        self.read_directory("")

    def read_directory(self, below):
        with os.scandir(self.top / below) as entries:
            for entry in sorted(itertools.islice(entries, MAX_FILES + 1), key=lambda entry: entry.name):
                name = f"{below}/{entry.name}" if below else entry.name
                self.seen += 1
                if self.seen > MAX_FILES or name.count("/") > MAX_DEPTH:
                    raise Refused(f"{self.top} holds more than {MAX_FILES} files, or deeper folders than {MAX_DEPTH}: "
                                  "is it the folder of one hook?")
                if name == "Makefile.am":
                    content = self.read_file(name)
                    self.makefile = None if content is None else content.decode("utf-8", "replace")
                elif entry.name in LEFT_BEHIND or entry.name.startswith(".") or entry.name.endswith(("~", ".pyc", ".pyo")):
                    continue
                elif entry.is_dir(follow_symlinks=False):
                    self.read_directory(name)
                elif (content := self.read_file(name)) is not None:
                    self.contents[name] = content

    def read_file(self, name):
        real = os.path.realpath(self.top / name)
        if not real.startswith(f"{self.top}/"):
            self.findings.add(name, 0, f"a link to {os.readlink(self.top / name)}, outside the folder: not taken")
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT, errno.ELOOP):  # a socket; a link to nothing
                self.findings.add(name, 0, f"cannot be read ({os.strerror(error.errno)}): not taken")
                return None
            raise
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                self.findings.add(name, 0, "no regular file: not taken")
                return None
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            self.findings.add(name, 0, f"larger than {MAX_FILE_BYTES >> 20} MiB: not taken")
            return None
        self.total += len(content)
        if self.total > MAX_ALL_BYTES:
            raise Refused(f"{self.top} holds more than {MAX_ALL_BYTES >> 20} MiB: is it the folder of one hook?")
        self.modes[name] = 0o755 if status.st_mode & 0o111 else 0o644
        return content


class Draft:
    """The folder NAME while it is made, in a hidden directory beside its place; that vanishes in the end, also by a signal."""

    def __init__(self, into, name):
        self.into, self.name = into, name
        self.above = into / f".vdsm-hook-import.{secrets.token_hex(8)}"
        self.path = self.above / name
        for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(ends) is not signal.SIG_IGN:
                signal.signal(ends, self.end)

    def end(self, number, _):
        self.remove()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def remove(self):
        shutil.rmtree(self.above, ignore_errors=True)

    def __enter__(self):
        self.above.mkdir(0o700)
        self.path.mkdir()
        self.path.chmod(0o755)
        return self

    def __exit__(self, *reason):
        self.remove()

    def add(self, name, content, mode):
        path = self.path / name
        for directory in reversed(path.relative_to(self.path).parents):
            (self.path / directory).mkdir(exist_ok=True)
            (self.path / directory).chmod(0o755)
        with open(path, "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)  # not left to the umask: files that a group may write are not trusted

    def publish(self):
        """Gives it its name, which must not exist. Throws Refused, OSError."""
        place = self.into / self.name
        libc = ctypes.CDLL(None, use_errno=True)
        at_working_directory, no_replace = -100, 1
        if libc.renameat2(at_working_directory, os.fsencode(self.path), at_working_directory, os.fsencode(place), no_replace) != 0:
            error = ctypes.get_errno()
            if error == errno.EEXIST:
                raise Refused(f"{place} exists already")
            raise OSError(error, os.strerror(error), str(place))
