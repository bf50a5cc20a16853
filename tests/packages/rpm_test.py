#!/usr/bin/env python3
"""The RPM packages of this build: what is in them, and what dnf makes of them in an empty root."""

import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from roothost import BUILD, SOURCE, call, must, skip, why_not_here
from rpmhost import PROGRAMS, PackageBuild, RpmHost, other_package, query, system_package

EVENT = "before_vm_start"
FILTER = "vdsm-no-mac-spoofing"  # macspoof takes it out
CONFIGURATION = "/etc/vdsm-hook/vdsm-hook.toml"


def setUpModule():
    os.umask(0o022)
    RpmTest.top = Path(tempfile.mkdtemp(prefix="vdsm-hook-rpm-"))
    unittest.addModuleCleanup(shutil.rmtree, RpmTest.top, True)
    RpmTest.build = PackageBuild(RpmTest.top)
    RpmTest.packages = RpmTest.build.packages()
    RpmTest.system = system_package(RpmTest.top, RpmTest.packages, RpmTest.build.root)


class RpmTest(unittest.TestCase):
    maxDiff = None

    def directory(self):
        return Path(tempfile.mkdtemp(dir=self.top))

    def host(self, *repositories):
        """A root with the system part, and these repositories."""
        host = RpmHost(self.directory())
        host.repository(self.system, *repositories)
        host.dnf("install", "fakebase")
        return host

    def start(self, host, *options):
        """The document that before_vm_start's hooks make of a VM with macspoof."""
        shutil.copy(SOURCE / "tests/data/web-01.xml", host.root / "web-01.xml")
        code, out = host.run("/usr/bin/vdsm-hook", "run", EVENT, "--domxml", "/web-01.xml", "-p", "macspoof=true", *options)
        self.assertEqual(code, 0, out)
        return out


class Contents(RpmTest):
    def test_the_packages_are_the_projects_and_one_for_each_hook(self):
        hooks = {path.parent.name for path in SOURCE.glob("vdsm_hooks/*/hook.toml")}
        parts = {"libvirt", "engine-config", "sdk", "devel", "all"}
        if (self.build.root / "usr/share/selinux/packages").is_dir():  # of a build with VDSM_HOOK_SELINUX, as bootstrap makes it
            parts.add("selinux")
        self.assertEqual(set(self.packages), {"vdsm-hook", *(f"vdsm-hook-{name.replace('_', '-')}" for name in hooks),
                                              *(f"vdsm-hook-{part}" for part in parts)})

    def test_every_installed_file_is_in_one_package_and_every_directory_of_ours_in_some(self):
        owners = {}
        for name, package in self.packages.items():
            for line in query(package, "-l") - {"(contains no files)"}:
                owners.setdefault(line, []).append(name)
        places = {f"/{path.relative_to(self.build.root)}": path for path in self.build.root.rglob("*")}
        for path, here in places.items():
            if here.is_dir() and not here.is_symlink():
                if "vdsm" in path:
                    self.assertIn(path, owners)
            else:
                self.assertEqual(len(owners.get(path, [])), 1, f"{path} is in {owners.get(path)}")
        beside = {path for path in owners if path not in places and "licenses" not in path}
        self.assertEqual(beside, {"/run/vdsm-hook"})

    def test_a_hooks_package_says_its_events_and_what_it_needs(self):
        package = self.packages["vdsm-hook-macspoof"]
        provides, requires = query(package, "--provides"), query(package, "--requires")
        for event in ("before_vm_start", "before_device_create", "before_nic_hotplug"):
            self.assertIn(f"vdsm-hook({event}) = 1:{self.build.version}-1", provides)
        self.assertTrue(any(line.startswith("vdsm-hook") and line.endswith(f">= 1:{self.build.version}-1") for line in requires), requires)
        self.assertIn("/usr/share/doc/vdsm-hook-macspoof/README.md", query(package, "-d"))

    def test_the_package_of_all_hooks_needs_every_one(self):
        names = {f"vdsm-hook-{path.parent.name.replace('_', '-')}" for path in SOURCE.glob("vdsm_hooks/*/hook.toml")}
        requires = {line.split()[0] for line in query(self.packages["vdsm-hook-all"], "--requires") if line.startswith("vdsm-hook-")}
        self.assertEqual(requires, names)

    def test_without_optional_hooks_only_the_required_ones_are_made(self):
        names = must("rpmspec", "-q", "--without", "hooks", "--qf", "%{name}\n", self.build.spec()).split()
        self.assertIn("vdsm-hook-macspoof", names)
        self.assertNotIn("vdsm-hook-vniclink", names)

    def test_of_a_build_with_some_hooks_only_their_packages_are_made(self):
        root = self.directory() / "root"
        shutil.copytree(self.build.root, root, symlinks=True)
        shutil.rmtree(root / "usr/share/doc/vdsm-hook-macspoof")
        for path in (root / "usr/libexec/vdsm/hooks").glob("*/50_macspoof*"):
            path.unlink()
        shutil.rmtree(root / "usr/share/selinux", ignore_errors=True)
        packages = self.build.packages(root=root, release="7")
        self.assertEqual(set(self.packages) - set(packages), {"vdsm-hook-macspoof", "vdsm-hook-selinux"} & set(self.packages))
        self.assertFalse(any("macspoof" in line for line in query(packages["vdsm-hook-all"], "--requires")))

    def test_the_target_makes_the_same_packages(self):
        must("cmake", "--build", BUILD, "--target", "rpm")
        made = {path.name.split(f"-{self.build.version}-")[0] for path in (BUILD / "rpm/RPMS").rglob("*.rpm")}
        self.assertEqual(made, set(self.packages))

    def test_a_source_package_is_made_of_the_tarball(self):
        top = self.directory()
        must("rpmbuild", "-ts", "--nodeps", "--define", f"_topdir {top}", self.build.tarball())
        self.assertTrue((top / f"SRPMS/vdsm-hook-{self.build.version}-1.src.rpm").is_file())

    def test_rpmlint_finds_no_error(self):
        code, out = call("rpmlint", "-c", SOURCE / "rpm/rpmlint.toml", self.build.spec(), *self.packages.values())
        self.assertRegex(out, rf"{len(self.packages)} packages and 1 specfiles checked; 0 errors")
        self.assertEqual(code, 0, out)


class Installed(RpmTest):
    def test_engine_and_hook_are_installed_run_and_leave_nothing(self):
        host = self.host(self.packages)
        before = host.files()
        host.dnf("install", "vdsm-hook", "vdsm-hook-macspoof")
        self.assertEqual(host.installed(), {"fakebase", "vdsm-hook", "vdsm-hook-macspoof"})
        must("rpm", "--root", host.root, "-V", "vdsm-hook", "vdsm-hook-macspoof")
        self.assertIn(FILTER, (SOURCE / "tests/data/web-01.xml").read_text())
        self.assertNotIn(FILTER, self.start(host))
        (host.root / "web-01.xml").unlink()
        (host.root / "run/vdsm-hook/pycache").mkdir()  # what a hook in Python leads to
        host.dnf("remove", "vdsm-hook")
        self.assertEqual(host.installed(), {"fakebase"})
        self.assertEqual(host.files(), before)

    def test_without_its_package_the_hook_does_not_run(self):
        host = self.host(self.packages)
        host.dnf("install", "vdsm-hook", "vdsm-hook-macspoof")
        host.dnf("remove", "vdsm-hook-macspoof")
        self.assertIn(FILTER, self.start(host))

    def test_the_bridges_link_goes_with_the_engine(self):
        host = self.host(self.packages)
        host.dnf("install", "vdsm-hook")
        code, out = host.run("/usr/bin/vdsm-hook", "libvirt-bridge", "install")
        self.assertEqual(code, 0, out)
        link = host.root / "etc/libvirt/hooks/qemu.d/50-vdsm-hook"
        self.assertTrue(link.is_symlink())
        host.dnf("remove", "vdsm-hook")
        self.assertFalse(link.is_symlink())

    def test_all_of_them_go_together_and_leave_nothing(self):
        host = self.host(self.packages)
        before = host.files()
        host.dnf("install", *self.packages)
        self.assertTrue(set(self.packages) <= host.installed())
        host.dnf("remove", *self.packages)
        self.assertEqual(host.files(), before)

    def test_changed_configuration_is_kept_when_the_package_goes(self):
        host = self.host(self.packages)
        before = host.files()
        host.dnf("install", "vdsm-hook")
        with open(f"{host.root}{CONFIGURATION}", "a", encoding="utf-8") as file:
            file.write('timeout = "7s"\n')
        host.dnf("remove", "vdsm-hook")
        self.assertEqual(host.files() - before, {"/etc/vdsm-hook", f"{CONFIGURATION}.rpmsave"})

    def test_definitions_of_properties_stay_and_nothing_else_of_them(self):
        host = self.host(self.packages)
        before = host.files()
        host.dnf("install", "vdsm-hook")
        code, out = host.run("/usr/bin/vdsm-hook", "props", "define", "colour=^(red|blue)$")
        self.assertEqual(code, 0, out)
        self.assertTrue((host.root / "etc/vdsm-hook/properties.toml.lock").exists())
        host.dnf("remove", "vdsm-hook")
        self.assertEqual(host.files() - before, {"/etc/vdsm-hook", "/etc/vdsm-hook/properties.toml"})


class Versions(RpmTest):
    def test_an_upgrade_keeps_settings(self):
        old_root = self.directory() / "root"
        shutil.copytree(self.build.root, old_root, symlinks=True)
        with open(f"{old_root}{CONFIGURATION}", "a", encoding="utf-8") as file:
            file.write("# as it was then\n")
        old = self.build.packages(root=old_root, release="0")
        host = self.host(old)
        host.dnf("install", "vdsm-hook", "vdsm-hook-macspoof")
        own = Path(f"{host.root}{CONFIGURATION}")
        own.write_text('timeout = "7s"\n')
        (host.root / f"etc/vdsm/hooks/{EVENT}/60_own").write_text('#!/bin/sh\nread -r line <"$_hook_domxml"\necho "own hook" >&2\n')
        (host.root / f"etc/vdsm/hooks/{EVENT}/60_own").chmod(0o755)
        host.repository(self.packages)
        host.dnf("upgrade")
        versions = must("rpm", "--root", host.root, "-q", "--qf", "%{release} ", "vdsm-hook", "vdsm-hook-macspoof")
        self.assertEqual(versions.split(), ["1", "1"])
        self.assertEqual(own.read_text(), 'timeout = "7s"\n')
        self.assertTrue(Path(f"{own}.rpmnew").is_file())
        out = self.start(host, "-v")
        self.assertNotIn(FILTER, out)
        self.assertIn("60_own: ran", out)

    def test_a_hook_of_a_newer_engine_is_refused_by_an_older_one_that_says_why(self):
        newer = self.build.packages(release="2")
        host = self.host(self.packages["vdsm-hook"], newer["vdsm-hook-macspoof"])
        host.dnf("install", "vdsm-hook")
        code, out = host.dnf_call("install", "vdsm-hook-macspoof")
        self.assertNotEqual(code, 0)
        self.assertRegex(out, rf"nothing provides vdsm-hook\S* >= 1:{re.escape(self.build.version)}-2 needed by vdsm-hook-macspoof")
        self.assertEqual(host.installed(), {"fakebase", "vdsm-hook"})

    def test_a_spec_of_another_version_than_the_build_fails(self):
        top = self.directory()
        root = top / "root"
        shutil.copytree(self.build.root, root, symlinks=True)
        program = root / "usr/bin/vdsm-hook"
        program.write_text("#!/bin/sh\necho vdsm-hook 9.9.9\n")
        code, out, _ = self.build.rpmbuild(root=root, release="9")
        self.assertNotEqual(code, 0)
        self.assertIn(f"the build is of vdsm-hook 9.9.9, this spec packages {self.build.version}", out)


class BesideOVirt(RpmTest):
    def test_an_engine_beside_vdsm_is_refused(self):
        host = self.host(self.packages, other_package(self.directory(), "vdsm", "4.50.5.1"))
        host.dnf("install", "vdsm")
        code, out = host.dnf_call("install", "vdsm-hook")
        self.assertNotEqual(code, 0)
        self.assertRegex(out, r"vdsm-hook-1:\S+ \S+ \S+ conflicts with vdsm|conflicts with vdsm provided by vdsm-4.50.5.1")
        self.assertEqual(host.installed(), {"fakebase", "vdsm"})

    def test_ovirts_package_of_the_same_hook_is_replaced_though_its_version_is_higher(self):
        host = self.host(self.packages, other_package(self.directory(), "vdsm-hook-macspoof", "4.40.60"))
        host.dnf("install", "vdsm-hook-macspoof-4.40.60")
        host.dnf("install", "vdsm-hook")
        self.assertEqual(must("rpm", "--root", host.root, "-q", "--qf", "%{version}", "vdsm-hook-macspoof"), self.build.version)

    def test_ovirts_packages_of_other_hooks_are_refused_beside_it(self):
        host = self.host(self.packages, other_package(self.directory(), "vdsm-hook-qos", "4.40.60"))
        host.dnf("install", "vdsm-hook-qos")
        code, out = host.dnf_call("install", "vdsm-hook")
        self.assertNotEqual(code, 0)
        self.assertIn("conflicts with vdsm-hook-qos < 1:0", out)


if __name__ == "__main__":
    if why := why_not_here(PROGRAMS):
        skip(why)
    unittest.main()
