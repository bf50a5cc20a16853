#!/usr/bin/env python3
"""A new hook is one folder: what vdsm-hook new makes is built, tested, packaged, installed and run with nothing else."""

import os
import shutil
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

from roothost import BUILD, SOURCE, call, must, skip, why_not_here
from rpmhost import PROGRAMS, PackageBuild, RpmHost, query, system_package

LANGUAGES = ("cpp", "python", "sh")
EVENT = "before_vm_start"


class NewHook(unittest.TestCase):
    def test_it_is_built_tested_packaged_and_run(self):
        os.umask(0o022)
        top = Path(tempfile.mkdtemp(prefix="vdsm-hook-new-"))
        self.addCleanup(shutil.rmtree, top, True)
        base = PackageBuild(top)
        with tarfile.open(base.tarball()) as archive:
            archive.extractall(top)
        tree = top / f"vdsm-hook-{base.version}"
        for language in LANGUAGES:
            must(BUILD / "bin/vdsm-hook", "new", f"in_{language}", "--event", EVENT, "--lang", language, "--into", tree / "vdsm_hooks",
                 "--config-dir", top / "none")
        with open(tree / "vdsm_hooks/in_sh/hook.toml", "a", encoding="utf-8") as file:
            file.write('\n[[files]]\nsource = "colour.conf"\npath = "etc/in_sh/colour.conf"\nconfig = true\n')
        (tree / "vdsm_hooks/in_sh/colour.conf").write_text("red\n")

        with open(tree / "MANIFEST", "a", encoding="utf-8") as manifest:  # as git add in a checkout
            manifest.writelines(f"{path.relative_to(tree)}\n" for language in LANGUAGES for path in (tree / f"vdsm_hooks/in_{language}").iterdir())

        # Built and tested: only these hooks, of a tree that knows nothing else of them.
        names = [f"in_{language}" for language in LANGUAGES]
        must("cmake", "-S", tree, "-B", top / "build", "-G", "Ninja", f"-DVDSM_HOOK_HOOKS={';'.join(names)}", "-DVDSM_HOOK_TESTS=OFF",
             "-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_SYSCONFDIR=/etc")
        must("cmake", "--build", top / "build", "--target", "vdsm_hook_hooks")
        out = must(sys.executable, tree / "tests/hooks/vectors_test.py", "--hooks-dir", top / "build/libexec/vdsm/hooks",
                   "--sdk-dir", BUILD / "share/vdsm-hook", "--source", tree / "vdsm_hooks", *(f"--hook={name}" for name in names))
        self.assertIn("OK", out)
        for name in names:
            must("cmake", "--install", top / "build", "--component", f"hook-{name}", env={**os.environ, "DESTDIR": str(base.root)})

        # Packaged, installed and run.
        packages = base.packages(source=tree)
        self.assertIn(f"vdsm-hook({EVENT}) = 1:{base.version}-1", query(packages["vdsm-hook-in-python"], "--provides"))
        host = RpmHost(top)
        host.repository(system_package(top, packages, base.root), packages)
        host.dnf("install", "vdsm-hook-in-cpp", "vdsm-hook-in-python", "vdsm-hook-in_sh")  # the last as oVirt would spell it
        self.assertIn("vdsm-hook-in-sh", host.installed())
        self.assertIn("vdsm-hook-sdk", host.installed(), "scripts need it")
        shutil.copy(SOURCE / "tests/data/web-01.xml", host.root / "web-01.xml")
        words = ["/usr/bin/vdsm-hook", "run", EVENT, "--domxml", "/web-01.xml", "-v"]
        for language in ("cpp", "sh"):  # there is no Python in this root
            code, out = host.run(*words, "-p", f"in_{language}=true")
            self.assertEqual(code, 0, out)
            self.assertIn(f"50_in_{language}: ran ", out)

        # What an administrator changed stays, and is no hook, even if it can be executed.
        (host.root / "etc/in_sh/colour.conf").write_text("blue\n")
        host.dnf("remove", "vdsm-hook-in-sh")
        self.assertEqual([path.name for path in (host.root / "etc/in_sh").iterdir()], ["colour.conf.rpmsave"])
        left = host.root / f"etc/vdsm/hooks/{EVENT}/50_in_sh.rpmsave"
        left.write_text("#!/bin/sh\nexit 2\n")
        left.chmod(0o755)
        code, out = host.run("/usr/bin/vdsm-hook", "plan", EVENT, "--domxml", "/web-01.xml")
        self.assertEqual(code, 0, out)
        self.assertIn(f"not run: /etc/vdsm/hooks/{EVENT}/50_in_sh.rpmsave: leftover name", out)
        code, out = host.run(*words)
        self.assertEqual(code, 0, out)

        # And without the folder there is no package.
        shutil.rmtree(tree / "vdsm_hooks/in_sh")
        code, out = call("rpmspec", "-q", "--qf", "%{name}\n", base.spec(source=tree))
        self.assertNotIn("vdsm-hook-in-sh", out.split())


if __name__ == "__main__":
    if why := why_not_here(PROGRAMS):
        skip(why)
    unittest.main()
