"""Roots that RPM packages of this build are installed into, with dnf, and what is needed for that.

    host = RpmHost(directory)            # an empty root; its system part is a package, too
    host.repository(build.packages())
    host.dnf("install", "vdsm-hook-macspoof")
    host.run("vdsm-hook", "--version")   # in that root
"""

import os
import shutil
import sys

from roothost import BUILD, SOURCE, SYSTEM_PROGRAMS, call, libraries_of, must, run_in

PROGRAMS = ("rpmbuild", "createrepo_c", "dnf", "rpmlint", "unshare", "chroot")

_EMPTY = """\
Name: {name}
Epoch: {epoch}
Version: {version}
Release: 1
Summary: Stands for another package in a test
License: Apache-2.0
BuildArch: noarch
{lines}

%description
Stands for another package in a test.

%install
{install}

%files
{directories}
{files}
"""


def query(package, *options):
    """What rpm says of a package's file, a set of lines."""
    return set(must("rpm", "-qp", *options, package).splitlines())


class PackageBuild:
    """RPM packages of what this build installs; each call of rpmbuild makes all of them."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / "root"
        must("cmake", "--install", BUILD, "--strip", env={**os.environ, "DESTDIR": str(self.root)})
        self.version = must(BUILD / "bin/vdsm-hook", "--version").split()[1]

    def spec(self, source=SOURCE):
        path = self.directory / "vdsm-hook.spec"
        path.write_text(must(sys.executable, SOURCE / "packages/packages.py", "spec", "--version", self.version, "--source", source))
        return path

    def tarball(self, source=SOURCE):
        path = self.directory / f"vdsm-hook-{self.version}.tar.gz"
        must(sys.executable, SOURCE / "packages/dist.py", "--version", self.version, "--source", source, "--output", path)
        return path

    def rpmbuild(self, *options, release="1", root=None, source=SOURCE):
        """(exit code, output, packages by name)."""
        top = self.directory / f"rpmbuild-{release}"
        shutil.rmtree(top, ignore_errors=True)
        code, out = call("rpmbuild", "-tb", "--nodeps", "--load", BUILD / "rpm/macros", "--define", f"_topdir {top}",
                         "--define", f"vdsm_hook_root {root or self.root}", "--define", f"vdsm_hook_release {release}",
                         "--define", "_binary_payload w1.gzdio", *options, self.tarball(source))
        return code, out, {path.name.split(f"-{self.version}-")[0]: path for path in (top / "RPMS").rglob("*.rpm")}

    def packages(self, **options):
        code, out, packages = self.rpmbuild(**options)
        if code != 0:
            raise AssertionError(f"rpmbuild gave {code}:\n{out}")
        return packages


def other_package(directory, name, version="1", epoch=0, lines="", files=(), directories=()):
    """A package that is not ours. FILES: (path in it, path here)."""
    top = directory / f"other-{name}-{version}"
    top.mkdir()
    spec = top / "other.spec"
    install = "\n".join(f"mkdir -p %{{buildroot}}{path}" for path in directories) + "\n"
    install += "\n".join(f"install -D -m 0755 '{here}' '%{{buildroot}}{path}'" for path, here in files)
    spec.write_text(_EMPTY.format(name=name, version=version, epoch=epoch, lines=lines, install=install,
                                  directories="\n".join(f"%dir {path}" for path in directories),
                                  files="\n".join(path for path, _ in files)))
    must("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", "__brp_compress /bin/true", "--define", "debug_package %{nil}",
         "--define", "__os_install_post %{nil}", "--define", "_binaries_in_noarch_packages_terminate_build 0", "--define", "_binary_payload w1.gzdio", spec)
    return next((top / "RPMS").rglob("*.rpm"))


def system_package(directory, packages, root):
    """The system part: what our packages need that is not ours, with the files that are really needed for it."""
    ours = set().union(*(query(package, "--provides") for package in packages.values()))
    needed = set().union(*(query(package, "--requires") for package in packages.values()))
    names = {line.split()[0] for line in ours}
    provided = {line for line in needed if line.split()[0] not in names and not line.startswith(("rpmlib(", "("))}
    programs = [shutil.which(name) for name in SYSTEM_PROGRAMS]
    elf = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
    files = {(f"/bin/{name}", path) for name, path in zip(SYSTEM_PROGRAMS, programs)}
    files |= {(path, path) for path in libraries_of([*programs, *elf])}
    directories = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_dir() and not path.is_symlink()}
    directories = {path for path in directories if "vdsm" not in path} | {"/run", "/var", "/var/tmp", "/usr/share/licenses"}
    return other_package(directory, "fakebase", files=sorted(files), directories=sorted(directories),
                         lines="AutoReqProv: no\n" + "\n".join(f"Provides: {line.replace('>=', '=')}" for line in sorted(provided)))


class RpmHost:
    def __init__(self, directory):
        self.root = directory / "host"
        self.root.mkdir(parents=True)
        self.repositories = []

    def repository(self, *packages):
        """Adds a repository with these packages; a dict of them counts as all of them."""
        place = self.root.parent / f"repository-{len(self.repositories)}"
        place.mkdir()
        for package in packages:
            for path in package.values() if isinstance(package, dict) else [package]:
                os.link(path, place / path.name)
        must("createrepo_c", "-q", place)
        self.repositories.append(place)

    def dnf_call(self, command, *names):
        words = ["dnf", "-y", f"--installroot={self.root}", "--releasever=1", "--setopt=reposdir=/dev/null", "--nogpgcheck",
                 f"--setopt=cachedir={self.root.parent}/cache", "--setopt=logdir=/var/log", "--setopt=tsflags=", "--setopt=install_weak_deps=0"]
        for number, place in enumerate(self.repositories):
            words += [f"--repofrompath=local{number},file://{place}", f"--setopt=local{number}.metadata_expire=0"]
        return call(*words, "--repo=local*", command, *names)

    def dnf(self, command, *names):
        code, out = self.dnf_call(command, *names)
        if code != 0 or "scriptlet failed" in out:
            raise AssertionError(f"dnf {command} {' '.join(names)} gave {code}:\n{out}")
        return out

    def run(self, *words):
        """(exit code, output) of a command in the root, which sees this machine's processes and devices."""
        return run_in(self.root, *words)

    def installed(self):
        return set(must("rpm", "--root", self.root, "-qa", "--qf", "%{name}\n").split())

    def files(self):
        """Every path in the root, without what the package system keeps for itself."""
        own = ("/var/lib/rpm", "/root", "/var/lib/dnf", "/var/log", "/var/cache", "/proc", "/dev", "/etc/dnf", "/usr/lib/sysimage")
        paths = {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*")}
        return {path for path in paths if not any(path == place or path.startswith(f"{place}/") for place in own)}
