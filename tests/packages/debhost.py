"""Roots that Debian packages of this build are installed into, with apt, and what is needed for that.

    host = DebHost(directory)            # an empty root; its system part is a package, too
    host.repository(system, packages)
    host.apt("install", "vdsm-hook-macspoof")
    host.run("vdsm-hook", "--version")   # in that root
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from roothost import BUILD, SOURCE, SYSTEM_PROGRAMS, call, libraries_of, must, run_in

PROGRAMS = ("cpack", "dpkg-deb", "dpkg-scanpackages", "dpkg-shlibdeps", "file", "lintian", "objdump", "strip", "unshare", "chroot")
SYSTEM_PACKAGES = ("perl-base", "init-system-helpers")  # deb-systemd-helper
MERGED = ("bin", "lib", "lib64", "sbin")  # links to usr/, as on every Debian 12
ARCHITECTURE = "dpkg", "--print-architecture"


def is_elsewhere():
    """Not on a Debian."""
    return not shutil.which("apt-get")


def field(package, name):
    return must("dpkg-deb", "-f", package, name).strip()


def made(directory, *hooks, source=SOURCE, build=BUILD):
    """The packages with these hooks, of what BUILD installs: by name."""
    version = must(BUILD / "bin/vdsm-hook", "--version").split()[1]
    must(sys.executable, source / "deb/deb.py", "make", "--version", version, "--build", build, "--into", directory,
         *(f"--hook={hook}" for hook in hooks))
    return {path.name.split("_")[0]: path for path in directory.glob("*.deb")}


def repacked(package, directory, change):
    """PACKAGE after CHANGE(its files' root, control) -> control."""
    root = directory / package.stem
    must("dpkg-deb", "-R", package, root)
    control = root / "DEBIAN/control"
    control.write_text(change(root, control.read_text()))
    return packed(root, directory)


def packed(root, directory):
    must("dpkg-deb", "--root-owner-group", "-Znone", "-b", root, directory)
    shutil.rmtree(root)
    return max(directory.glob("*.deb"), key=lambda path: path.stat().st_mtime_ns)


def other_package(directory, name, version="1", lines=()):
    """A package that is not ours, and empty."""
    (directory / "other/DEBIAN").mkdir(parents=True)
    (directory / "other/DEBIAN/control").write_text("\n".join([
        f"Package: {name}", f"Version: {version}", f"Architecture: {must(*ARCHITECTURE).strip()}",
        "Maintainer: tests <tests@example.org>", *lines, "Description: stands for another package in a test", ""]))
    return packed(directory / "other", directory)


def needed_from_elsewhere(packages):
    """Of Depends: the names of packages that are not ours."""
    words = {word.strip().split(" ")[0] for package in packages.values() for word in re.split("[,|]", field(package, "Depends"))}
    return sorted(words - set(packages) - {""})


def version_here(name):
    code, out = call("dpkg-query", "-W", "-f", "${Version}", name)
    return out if code == 0 and out else "1"


def system_package(directory, packages, programs):
    """The system part: what our packages need that is not ours, by the versions of this machine, with the files that PROGRAMS and
    maintainer scripts really need."""
    root = directory / "fakebase"
    own = [shutil.which(name) for name in SYSTEM_PROGRAMS]
    files = {*own, *libraries_of([*own, *programs])}
    for package in SYSTEM_PACKAGES:
        files |= set(must("dpkg-query", "-L", package).split("\n"))
    files |= libraries_of(path for path in files if path.startswith("/usr/bin/perl"))
    for place in ("DEBIAN", "etc/systemd/system", "run", "tmp", "var/lib/systemd", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64"):
        (root / place).mkdir(parents=True, exist_ok=True)
    for link in MERGED:
        (root / link).symlink_to(f"usr/{link}")
    for path in sorted(filter(os.path.isfile, files)):
        place = Path(re.sub(rf"^/({'|'.join(MERGED)})/", r"/usr/\1/", path))
        (root / place.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / place.relative_to("/"))
    provides = ", ".join(f"{name} (= {version_here(name)})" for name in needed_from_elsewhere(packages))
    (root / "DEBIAN/control").write_text(
        f"Package: fakebase\nVersion: 1\nArchitecture: {must(*ARCHITECTURE)}Maintainer: tests <tests@example.org>\n"
        f"Provides: {provides}\nDescription: stands for the system in a test\n")
    return packed(root, directory)


class DebHost:
    def __init__(self, directory):
        self.root = directory / "host"
        self.top = directory
        for place in ("host/var/lib/dpkg/info", "host/var/lib/dpkg/updates", "apt/etc/apt/apt.conf.d", "apt/etc/apt/preferences.d",
                      "apt/state/lists/partial", "apt/cache/archives/partial", "apt/var/log/apt", "repository"):
            (directory / place).mkdir(parents=True)
        for place in ("proc", "dev"):
            (self.root / place).mkdir()
        for place in ("var/lib/dpkg/status", "dev/null"):  # the latter takes what maintainer scripts do not want to see
            (self.root / place).touch()
        (directory / "apt/etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{directory}/repository ./\n")
        # Nothing of this machine's own configuration holds: neither apt's nor what dpkg is told to leave out.
        (directory / "apt.conf").write_text(
            f'Dir "{directory}/apt";\nDir::State "state";\nDir::Cache "cache";\nDir::State::status "{self.root}/var/lib/dpkg/status";\n'
            f'Dir::Bin::dpkg "{shutil.which("dpkg")}";\nDir::Bin::methods "/usr/lib/apt/methods";\nAPT::Sandbox::User "root";\n'
            f'APT::Install-Recommends "false";\nDPkg::Options {{ "--root={self.root}"; "--path-include=*"; "--log=/dev/null"; '
            '"--force-unsafe-io"; "--force-confdef"; "--force-confold"; };\n')

    def repository(self, *packages):
        """Adds these packages to what can be installed; a dict of them counts as all of them."""
        place = self.top / "repository"
        for package in packages:
            for path in package.values() if isinstance(package, dict) else [package]:
                os.link(path, place / path.name)
        with open(place / "Packages", "w", encoding="utf-8") as index:
            subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=place, stdout=index, stderr=subprocess.PIPE, check=True)
        self.apt("update")

    def apt_call(self, command, *names):
        return call("apt-get", "-y", "-q", command, *names,
                    env={**os.environ, "APT_CONFIG": str(self.top / "apt.conf"), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})

    def apt(self, command, *names):
        code, out = self.apt_call(command, *names)
        if code != 0:
            raise AssertionError(f"apt-get {command} {' '.join(names)} gave {code}:\n{out}")
        return out

    def run(self, *words):
        """(exit code, output) of a command in the root, which sees this machine's processes and devices."""
        return run_in(self.root, *words)

    def must_run(self, *words):
        code, out = self.run(*words)
        if code != 0:
            raise AssertionError(f"{' '.join(map(str, words))} gave {code}:\n{out}")
        return out

    def installed(self):
        """{name: version} of what is installed and configured."""
        out = must("dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n")
        return {words[1]: words[2] for words in map(str.split, out.splitlines()) if words[0] == "ii"}

    def files(self):
        """Every path in the root, without what dpkg keeps for itself."""
        paths = {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*")}
        return {path for path in paths if not path.startswith("/var/lib/dpkg/")}
