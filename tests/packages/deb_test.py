#!/usr/bin/env python3
"""The Debian packages of this build: what is in them, and what apt makes of them in an empty root."""

import filecmp
import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from debhost import PROGRAMS, DebHost, field, is_elsewhere, made, other_package, repacked, system_package
from roothost import BUILD, SOURCE, call, must, skip, why_not_here

HOOKS = sys.argv[1:]  # those that were built
EVENT = "before_vm_start"
FILTER = "vdsm-no-mac-spoofing"  # macspoof takes it out
CONFIGURATION = "etc/vdsm-hook/vdsm-hook.toml"
UNIT_LINK = "etc/systemd/system/multi-user.target.wants/vdsm-hookd.service"


def setUpModule():
    os.umask(0o022)
    DebTest.top = Path(tempfile.mkdtemp(prefix="vdsm-hook-deb-"))
    unittest.addModuleCleanup(shutil.rmtree, DebTest.top, True)
    DebTest.packages = made(DebTest.top / "made", *HOOKS)
    DebTest.root = DebTest.top / "root"
    must("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": str(DebTest.root)})
    DebTest.system = system_package(DebTest.top, DebTest.packages, filter(is_elf, DebTest.root.glob("usr/libexec/vdsm/hooks/*/*")))


def is_elf(path):
    return path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"


def package_names(parts):
    return {f"vdsm-hook-{part.lower().replace('_', '-')}" for part in parts}


def of_release(release):
    """For repacked(): the package as of another revision of Debian's, and so are those of ours that it needs."""
    return lambda root, control: re.sub(r"^((?:Version: |Depends: .*vdsm-hook).*)$",
                                        lambda line: re.sub(r"(\d-)1\b", rf"\g<1>{release}", line[1]), control, flags=re.M)


class DebTest(unittest.TestCase):
    maxDiff = None

    def directory(self):
        path = Path(tempfile.mkdtemp(dir=self.top))
        path.chmod(0o755)
        return path

    def host(self, *packages):
        """A root with the system part, that can have these packages."""
        host = DebHost(self.directory())
        host.repository(self.system, *packages)
        host.apt("install", "fakebase")
        return host

    def start(self, host, *options):
        """What is printed when before_vm_start's hooks run for a VM with macspoof."""
        shutil.copy(SOURCE / "tests/data/web-01.xml", host.root / "web-01.xml")
        out = host.must_run("/usr/bin/vdsm-hook", "run", EVENT, "--domxml", "/web-01.xml", "-p", "macspoof=true", *options)
        (host.root / "web-01.xml").unlink()
        return out

    def older(self, name):
        """The package as it may have been before, with other settings."""
        def change(root, control):
            if (root / CONFIGURATION).exists():
                with open(root / CONFIGURATION, "a", encoding="utf-8") as file:
                    file.write("# as it was then\n")
            return of_release("0")(root, control)
        return repacked(self.packages[name], self.directory(), change)


class Contents(DebTest):
    def test_the_packages_are_the_projects_and_one_for_each_hook(self):
        parts = ["libvirt", "engine-config", "sdk", "dev", "all"]
        self.assertEqual(set(self.packages), {"vdsm-hook"} | package_names(parts) | package_names(HOOKS))

    def test_every_installed_file_is_in_one_package_and_every_directory_in_some(self):
        owners = {}
        for name, package in self.packages.items():
            for line in must("dpkg-deb", "-c", package).splitlines():
                path = line.split(None, 5)[5].split(" -> ")[0].removeprefix(".").rstrip("/")
                owners.setdefault(path, []).append(name)
        packed = set()
        for path in self.root.rglob("*"):
            place = f"/{path.relative_to(self.root)}"
            if place.startswith("/usr/share/selinux"):  # the component that is left out on Debian
                continue
            place += ".gz" if "/man/man" in place and path.is_file() else ""
            packed.add(place)
            if path.is_dir() and not path.is_symlink():
                self.assertIn(place, owners)
            else:
                self.assertEqual(len(owners.get(place, [])), 1, f"{place} is in {owners.get(place)}")
        beside = {path for path in owners if path not in packed and not re.match(r"/usr/share/(doc|lintian)(/|$)", path)}
        self.assertEqual(beside, set())
        for name in self.packages:
            for document in ("copyright", "changelog.Debian.gz"):
                self.assertEqual(owners[f"/usr/share/doc/{name}/{document}"], [name])

    def test_files_belong_to_root_who_alone_writes_them_and_programs_are_stripped(self):
        for package in self.packages.values():
            for line in must("dpkg-deb", "-c", package).splitlines():
                mode, owner = line.split()[:2]
                self.assertEqual(owner, "root/root", line)
                self.assertRegex(mode, r"^(l|[d-]...(r|-)-(x|-)(r|-)-(x|-)$)", line)
            unpacked = self.directory()
            must("dpkg-deb", "-x", package, unpacked)
            for program in filter(is_elf, unpacked.rglob("*")):
                self.assertIn(", stripped", must("file", program))
                self.assertNotIn(str(SOURCE).encode(), program.read_bytes())

    def test_each_says_what_it_is_in_debians_form(self):
        for name, package in self.packages.items():
            summary, *rest = field(package, "Description").split("\n")
            self.assertTrue(0 < len(summary) <= 80, name)
            self.assertTrue(rest, name)
            for line in rest:
                self.assertRegex(line, r"^ \S.{0,78}$", name)
            self.assertRegex(field(package, "Maintainer"), r"^\S.* <\S+@\S+>$")
            self.assertEqual(field(package, "Priority"), "optional")

    def test_packages_depend_on_each_other_and_on_shared_libraries(self):
        version = field(self.packages["vdsm-hook"], "Version")
        hook = field(self.packages["vdsm-hook-macspoof"], "Depends")
        self.assertIn(f"vdsm-hook (>= {version})", hook)
        self.assertIn("libtinyxml2-", hook)
        self.assertIn("libvirt0", field(self.packages["vdsm-hook-libvirt"], "Depends"))
        self.assertIn(f"vdsm-hook (= {version})", field(self.packages["vdsm-hook-dev"], "Depends"))
        self.assertEqual(set(field(self.packages["vdsm-hook-all"], "Depends").split(", ")),
                         {f"{name} (= {version})" for name in package_names(HOOKS)})

    def test_the_target_makes_the_same_packages(self):
        must("cmake", "--build", BUILD, "--target", "deb")
        self.assertEqual({path.name.split("_")[0] for path in (BUILD / "deb").glob("*.deb")}, set(self.packages))

    def test_lintian_finds_no_error(self):
        code, out = call("lintian", "--allow-root", "--fail-on", "error", *self.packages.values(), env={**os.environ, "TMPDIR": str(self.top)})
        self.assertEqual(code, 0, out)

    def test_the_same_packages_are_made_twice_and_only_those_of_hooks_that_were_asked_for(self):
        again = made(self.directory() / "made", "macspoof")
        self.assertEqual(set(self.packages) - set(again), package_names(HOOKS) - {"vdsm-hook-macspoof"})
        for name in set(again) - {"vdsm-hook-all"}:  # that one needs the others
            self.assertTrue(filecmp.cmp(again[name], self.packages[name], shallow=False), name)


class Installed(DebTest):
    def test_engine_and_hook_are_installed_run_and_leave_nothing(self):
        host = self.host(self.packages)
        before = host.files()
        host.apt("install", "vdsm-hook", "vdsm-hook-macspoof")
        self.assertEqual(set(host.installed()), {"fakebase", "vdsm-hook", "vdsm-hook-macspoof"})
        self.assertEqual(must("dpkg", f"--root={host.root}", "--verify"), "")
        self.assertIn(FILTER, (SOURCE / "tests/data/web-01.xml").read_text())
        self.assertNotIn(FILTER, self.start(host))
        host.apt("purge", "vdsm-hook", "vdsm-hook-macspoof")
        self.assertEqual(set(host.installed()), {"fakebase"})
        self.assertEqual(host.files() ^ before, set())

    def test_changed_settings_stay_until_the_package_is_purged(self):
        host = self.host(self.packages)
        before = host.files()
        host.apt("install", "vdsm-hook")
        settings = host.root / CONFIGURATION
        settings.write_text('timeout = "7s"\n')
        host.must_run("/usr/bin/vdsm-hook", "props", "define", "mine=^a$")
        host.apt("remove", "vdsm-hook")
        self.assertEqual(settings.read_text(), 'timeout = "7s"\n')
        self.assertTrue((settings.parent / "properties.toml").exists())
        host.apt("purge", "vdsm-hook")
        self.assertEqual(host.files() ^ before, set())

    def test_hooks_of_the_administrator_stay_when_the_package_is_purged(self):
        host = self.host(self.packages)
        host.apt("install", "vdsm-hook")
        own = host.root / f"etc/vdsm/hooks/{EVENT}/60_own"
        own.write_text("#!/bin/sh\n")
        host.apt("purge", "vdsm-hook")
        self.assertTrue(own.exists())

    def test_a_copy_that_dpkg_left_is_not_run_as_a_hook(self):
        host = self.host(self.packages)
        host.apt("install", "vdsm-hook")
        for name in ("50_x.dpkg-old", "50_x.dpkg-dist", "50_y"):
            hook = host.root / f"etc/vdsm/hooks/{EVENT}/{name}"
            hook.write_text("#!/bin/sh\nexit 0\n")
            hook.chmod(0o755)
        out = self.start(host, "-v")
        self.assertIn("50_y: ran", out)
        self.assertNotRegex(out, r"50_x\S*: ran")

    def test_the_bridges_link_goes_with_the_engine(self):
        host = self.host(self.packages)
        host.apt("install", "vdsm-hook")
        host.must_run("/usr/bin/vdsm-hook", "libvirt-bridge", "install")
        link = host.root / "etc/libvirt/hooks/qemu.d/50-vdsm-hook"
        self.assertTrue(link.is_symlink())
        host.apt("remove", "vdsm-hook")
        self.assertFalse(link.is_symlink())

    def test_all_of_them_go_together_and_leave_nothing(self):
        host = self.host(self.packages)
        before = host.files()
        host.apt("install", *self.packages)
        self.assertEqual(set(host.installed()), {"fakebase", *self.packages})
        host.apt("purge", *self.packages)
        self.assertEqual(host.files() ^ before, set())

    def test_the_service_is_what_the_administrator_makes_of_it(self):
        host = self.host(*(self.older(name) for name in ("vdsm-hook", "vdsm-hook-libvirt")))
        before = host.files()
        host.apt("install", "vdsm-hook-libvirt")
        self.assertFalse((host.root / UNIT_LINK).is_symlink(), "it would fire hooks for VMs that run already")
        host.must_run("/bin/sh", "-c", "DPKG_MAINTSCRIPT_PACKAGE=vdsm-hook-libvirt deb-systemd-helper enable vdsm-hookd.service")
        self.assertTrue((host.root / UNIT_LINK).is_symlink())
        host.repository(self.packages)
        host.apt("upgrade")
        self.assertTrue(host.installed()["vdsm-hook-libvirt"].endswith("-1"))
        self.assertTrue((host.root / UNIT_LINK).is_symlink())
        host.apt("purge", "vdsm-hook", "vdsm-hook-libvirt")
        self.assertEqual(host.files() ^ before, set())


class Versions(DebTest):
    def test_an_upgrade_keeps_settings(self):
        host = self.host(*(self.older(name) for name in ("vdsm-hook", "vdsm-hook-macspoof")))
        host.apt("install", "vdsm-hook", "vdsm-hook-macspoof")
        settings = host.root / CONFIGURATION
        settings.write_text('timeout = "7s"\n')
        host.repository(self.packages)
        host.apt("upgrade")
        self.assertEqual({version[-2:] for name, version in host.installed().items() if name != "fakebase"}, {"-1"})
        self.assertEqual(settings.read_text(), 'timeout = "7s"\n')
        self.assertTrue(Path(f"{settings}.dpkg-dist").is_file())
        self.assertNotIn(FILTER, self.start(host))

    def test_a_hook_of_a_newer_engine_is_refused_by_an_older_one_that_says_why(self):
        newer = repacked(self.packages["vdsm-hook-macspoof"], self.directory(), of_release("2"))
        host = self.host(self.packages["vdsm-hook"], newer)
        host.apt("install", "vdsm-hook")
        code, out = host.apt_call("install", "vdsm-hook-macspoof")
        self.assertNotEqual(code, 0)
        version = field(self.packages["vdsm-hook"], "Version")
        self.assertIn(f"vdsm-hook-macspoof : Depends: vdsm-hook (>= {version[:-1]}2) but {version} is to be installed", out)
        self.assertEqual(set(host.installed()), {"fakebase", "vdsm-hook"})

    def test_an_engine_beside_vdsm_is_refused(self):
        vdsm = other_package(self.directory(), "vdsm", "4.50.5.1")
        host = self.host(self.packages, vdsm)
        host.apt("install", "vdsm")
        code, out = call("dpkg", f"--root={host.root}", "--log=/dev/null", "-i", self.packages["vdsm-hook"])
        self.assertNotEqual(code, 0)
        self.assertIn("vdsm-hook conflicts with vdsm", out)
        self.assertEqual(set(host.installed()), {"fakebase", "vdsm"})


class NewHook(DebTest):
    def test_a_new_folder_is_a_new_package_with_its_settings_and_what_it_needs(self):
        top = self.directory()
        tree, build = top / "tree", top / "build"
        shutil.copytree(SOURCE, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
        must(BUILD / "bin/vdsm-hook", "new", "in_sh", "--event", EVENT, "--lang", "sh", "--into", tree / "vdsm_hooks",
             "--config-dir", top / "none")
        with open(tree / "vdsm_hooks/in_sh/hook.toml", "a", encoding="utf-8") as file:
            file.write('\n[[files]]\nsource = "colour.conf"\npath = "etc/in_sh/colour.conf"\nconfig = true\n')
        (tree / "vdsm_hooks/in_sh/colour.conf").write_text("red\n")
        # All but the hook is as this build made it, and nothing of that is built again.
        for place in ("bin", "share", "libexec/vdsm-hook"):
            shutil.copytree(BUILD / place, build / place, symlinks=True)
        (build / "core").mkdir()
        for library in BUILD.glob("core/*.so*"):
            shutil.copy(library, build / "core", follow_symlinks=False)
        must("cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DVDSM_HOOK_HOOKS=in_sh",
             "-DVDSM_HOOK_TESTS=OFF", "-DVDSM_HOOK_STATIC_COMMAND=ON", "-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_SYSCONFDIR=/etc")
        must("cmake", "--build", build, "--target", "vdsm_hook_hooks")
        packages = made(top / "made", "in_sh", source=tree, build=build)
        package = packages["vdsm-hook-in-sh"]
        version = field(package, "Version")
        self.assertEqual(field(package, "Architecture"), "all")
        self.assertEqual(set(field(package, "Depends").split(", ")), {f"vdsm-hook (>= {version})", f"vdsm-hook-sdk (>= {version})"})
        code, out = call("lintian", "--allow-root", "--fail-on", "error", package, env={**os.environ, "TMPDIR": str(self.top)})
        self.assertEqual(code, 0, out)

        host = self.host(packages)
        before = host.files()
        host.apt("install", "vdsm-hook-in-sh")
        self.assertIn("vdsm-hook-sdk", host.installed())
        self.assertIn("50_in_sh: ran", self.start(host, "-v", "-p", "in_sh=true"))
        settings = host.root / "etc/in_sh/colour.conf"
        settings.write_text("blue\n")
        host.apt("remove", "vdsm-hook-in-sh")
        self.assertEqual(settings.read_text(), "blue\n")
        host.apt("purge", "vdsm-hook-in-sh", "vdsm-hook-sdk", "vdsm-hook")
        self.assertEqual(host.files() ^ before, set())


if __name__ == "__main__":
    if is_elsewhere():
        skip("Debian packages are made on Debian", is_for_here=False)
    if why := why_not_here(PROGRAMS):
        skip(why)
    unittest.main(argv=sys.argv[:1])
