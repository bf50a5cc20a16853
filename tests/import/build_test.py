#!/usr/bin/env python3
"""An imported folder builds like our own, installs what its Makefile.am installs (make itself says what that is), and its hook runs."""

import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

from importing import BUILD, DELIVER_UNDEFINED, LAMP, SOURCE, ImportTest

VERSION = (SOURCE / "NEWS").read_text().split("\n", 1)[0].split()[1]
FUNCTION = re.search(r"(?ms)^function\(vdsm_hook_install_configuration .*?^endfunction\(\)\n", (SOURCE / "CMakeLists.txt").read_text())[0]
# The part of the build that is about hooks, without the engine: no compiler is needed for scripts.
PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(hooks LANGUAGES NONE)
set(CMAKE_INSTALL_LIBDIR lib)
include(GNUInstallDirs)
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set(VDSM_HOOK_BUILD_LIBEXECDIR ${PROJECT_BINARY_DIR}/libexec)
set(VDSM_HOOK_HOOKSDIR ${CMAKE_INSTALL_LIBEXECDIR}/vdsm/hooks)
set(VDSM_HOOK_OPTIONAL_HOOKS ON)
""" + FUNCTION + """
add_subdirectory(tree)
"""
MAKEFILE = """\
libexecdir = /usr/libexec
vdsmhooksdir = $(libexecdir)/vdsm/hooks

eventdir = $(vdsmhooksdir)/before_vm_start
others = after_vm_start
conf = lamp.conf

install-data-local: install-hooks
	$(MKDIR_P) $(DESTDIR)$(sysconfdir)/vdsm $(DESTDIR)/var/lib/vdsm
	$(INSTALL_DATA) $(srcdir)/$(conf) \\
		$(DESTDIR)$(sysconfdir)/vdsm
	install -m 440 sudoers '$(DESTDIR)$(sysconfdir)/vdsm/lamp rules'
	install -m 440 sudoers $(DESTDIR)$(sysconfdir)/vdsm/lamp-rules && rm -f '$(DESTDIR)$(sysconfdir)/vdsm/lamp rules'
	install -D -p table.txt $(DESTDIR)/usr/share/vdsm/lamp/table && chmod 0444 $(DESTDIR)/usr/share/vdsm/lamp/table
	cp -p table.txt lampd $(DESTDIR)/var/lib/vdsm/

install-hooks:
	$(MKDIR_P) $(DESTDIR)$(eventdir) $(DESTDIR)$(vdsmhooksdir)/$(others)
	$(INSTALL_SCRIPT) $(srcdir)/hook.py $(DESTDIR)$(eventdir)/50_lamp; \\
	$(INSTALL_DATA) $(srcdir)/lamp_utils.py $(DESTDIR)$(eventdir)/lamp_utils.py
	$(LN_S) ../before_vm_start/50_lamp $(DESTDIR)$(vdsmhooksdir)/$(others)/60_lamp
"""
# What configure sets for that Makefile, were it made into one.
CONFIGURED = """\
DESTDIR = {destination}
srcdir = .
sysconfdir = /etc
MKDIR_P = mkdir -p
INSTALL_SCRIPT = install -m 755
INSTALL_DATA = install -m 644
LN_S = ln -s
"""
FOLDER = {
    "Makefile.am": MAKEFILE, "README.md": "lamp: lights a lamp\n",
    "hook.py": "#!/usr/bin/python3\nimport hooking\nimport lamp_utils\ndocument = hooking.read_domxml()\n"
               "document.getElementsByTagName('on_reboot')[0].firstChild.data = lamp_utils.ACTION\nhooking.write_domxml(document)\n",
    "lamp_utils.py": "ACTION = 'destroy'\n", "lamp.conf": "x = 1\n", "sudoers": "x\n", "table.txt": "1\n", "lampd": ("#!/bin/sh\n", 0o755),
}


def installed(top):
    """path -> (mode, content) of the files below TOP, without what no Makefile.am knows: the sidecars and the package's README."""
    files = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
    return {name: (f"{stat.S_IMODE(path.stat().st_mode):04o}", path.read_bytes()) for name, path in files.items()
            if not re.fullmatch(r"usr/libexec/vdsm/hooks/.*\.toml|usr/share/doc/vdsm-hook-lamp/README.md", name)}


class Build(ImportTest):
    def do(self, *words, **options):
        done = subprocess.run(words, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
                              **options)
        self.assertEqual(done.returncode, 0, done.stdout)

    def install_with_cmake(self):
        """The new folder, through the real description of the hooks' build."""
        for file in ("CMakeLists.txt", "read_hooks.py"):
            shutil.copy(SOURCE / "vdsm_hooks" / file, self.tree / file)
        self.file("CMakeLists.txt", PROJECT)
        destination = self.directory("by-cmake")
        self.do("cmake", "-S", ".", "-B", "build", "-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_SYSCONFDIR=/etc",
                "-DCMAKE_INSTALL_LOCALSTATEDIR=/var", "-G", "Ninja", f"-DPython3_EXECUTABLE={sys.executable}")
        self.do("cmake", "--build", "build")
        self.do("cmake", "--install", "build", "--component", "hook-lamp", env={**os.environ, "DESTDIR": str(destination)})
        return destination

    def test_it_installs_what_make_installs_and_the_hook_runs(self):
        done = self.import_folder(FOLDER)
        self.check(done, 1)
        self.assertEqual(self.findings(done), ["Makefile.am:21: a link to /usr/libexec/vdsm/hooks/before_vm_start/50_lamp: "
                                               "installed as a copy of it"])
        by_cmake = self.install_with_cmake()
        files = installed(by_cmake)

        with self.subTest("the hook runs"):
            self.configure(DELIVER_UNDEFINED)
            self.hooks = by_cmake / "usr/libexec/vdsm/hooks"
            done = self.run_event()
            self.check(done, 0)
            self.assertIn("<on_reboot>destroy</on_reboot>", done.stdout)
            self.assertEqual(done.stderr, "")
            self.check(self.command("plan", "after_vm_start", "--domxml", "vm.xml"), 0)

        self.assertTrue(shutil.which("make"), "make is not installed: ./bootstrap deps does that")
        by_make = self.directory("by-make")
        self.file("vdsm/lamp/Makefile", CONFIGURED.format(destination=by_make) + MAKEFILE)
        self.do("make", "-C", "vdsm/lamp", "install-data-local")
        self.assertEqual(files, installed(by_make))
        self.assertEqual(len(installed(by_make)), 8)

    def test_its_first_cases_hold_for_a_hook_that_waits_for_its_property_and_fail_for_another(self):
        edit = 'document = hooking.read_domxml()\ndocument.documentElement.setAttribute("x", "y")\nhooking.write_domxml(document)\n'
        waits = '#!/usr/bin/python3\nimport os\nimport sys\nimport hooking\nif "lamp" not in os.environ:\n    sys.exit(0)\n' + edit
        for script, code in ((waits, 0), ("#!/usr/bin/python3\nimport hooking\n" + edit, 1)):
            self.afresh()
            for made in ("build", "by-cmake"):
                shutil.rmtree(self.dir / made, ignore_errors=True)
            self.check(self.import_folder({**LAMP, "before_vm_start.py": script}), 1 - code)  # a property that nothing defines is a finding
            by_cmake = self.install_with_cmake()
            done = subprocess.run([sys.executable, SOURCE / "tests/hooks/vectors_test.py", "--hooks-dir", by_cmake / "usr/libexec/vdsm/hooks",
                                   "--sdk-dir", BUILD / "share/vdsm-hook", "--source", self.tree, "--hook", "lamp"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual("before_vm_start, no property" in done.stderr, code == 1)

    def test_its_package_has_every_file_that_it_installs(self):
        for part in ("hookpoints", "packages", "rpm", "vdsm_hooks"):
            shutil.copytree(SOURCE / part, self.dir / "copy" / part)
        shutil.copy(SOURCE / "NEWS", self.dir / "copy/NEWS")
        self.folder(FOLDER)
        self.check(self.call("import", "vdsm/lamp", "--into", "copy/vdsm_hooks"), 1)
        spec = self.dir / "copy/packages/packages.py"
        done = subprocess.run([sys.executable, spec, "spec", "--version", VERSION], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        files = re.search(r"(?ms)^%files -n vdsm-hook-lamp\n(.*?)\n(?:%endif|\n)", done.stdout)[1].splitlines()
        self.assertEqual([line for line in files if not line.startswith("%d") and not line.endswith(".toml")], [
            "%{_libexecdir}/vdsm/hooks/before_vm_start/50_lamp", "%{_libexecdir}/vdsm/hooks/after_vm_start/60_lamp",
            "%{_libexecdir}/vdsm/hooks/before_vm_start/lamp_utils.py", "%config(noreplace) %{_sysconfdir}/vdsm/lamp.conf",
            "%config(noreplace) %{_sysconfdir}/vdsm/lamp-rules", "%{_datadir}/vdsm/lamp/table", "%{_localstatedir}/lib/vdsm/table.txt",
            "%{_localstatedir}/lib/vdsm/lampd"])


if __name__ == "__main__":
    unittest.main()
