#!/usr/bin/env python3
"""An ordinary user's own VMs: qemu:///session, with that user's hooks and directories."""

import os
import shutil
import tempfile
from pathlib import Path

from virtcase import domain_xml, main, reachable_build
from vmcase import DEFINITIONS, PROPERTIES, VmTest, title_of

UID = 65534
UUID = "aaaaaaaa-0000-0000-0000-000000000005"
HOOK = """#!/bin/sh
sed -i "s|</name>|</name><title>$colour of $(id -u)</title>|" "$_hook_domxml"
"""


class SessionTest(VmTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = reachable_build(cls.addClassCleanup) / "bin" / "vdsm-hook"

    def setUp(self):
        self.virt = self.host().start()
        self.home = Path(tempfile.mkdtemp(prefix="vs.", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.config = self.home / ".config"
        self.xdg = self.home / "run"
        for path in (self.home, self.config, self.xdg):
            path.mkdir(exist_ok=True)
            path.chmod(0o700)
            os.chown(path, UID, UID)
        self.own(self.config / "vdsm-hook/properties.toml", DEFINITIONS, 0o644)

    def own(self, path, text, mode=0o755):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        for one in (path, *path.parents):
            if self.home in one.parents:
                os.chown(one, UID, UID)
        return path

    def as_user(self, *argv, code=0, **options):
        done = self.virt.run_inside(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--", *argv],
                                    env={"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.xdg), "XDG_CONFIG_HOME": str(self.config)}, **options)
        self.assertEqual(done.returncode, code, f"{argv}\n{done.stdout}{done.stderr}")
        return done

    def test_a_user_starts_a_vm_with_hooks_of_their_own(self):
        self.own(self.config / "vdsm-hook/hooks/before_vm_start/50_title", HOOK)
        xml = self.own(self.home / "vm.xml", domain_xml("mine", UUID, metadata=PROPERTIES))
        session = ("-c", "qemu:///session")
        self.as_user("virsh", *session, "define", xml)
        self.as_user(self.program, "props", "set", "mine", "macspoof=true", *session)
        self.assertIn("macspoof = true", self.as_user(self.program, "props", "show", "mine", *session).stdout)
        self.as_user(self.program, "vm", "start", "mine", "--paused", *session)
        self.assertEqual(title_of(self.as_user("virsh", *session, "dumpxml", "mine").stdout), f"red of {UID}")
        self.assertTrue((self.xdg / "vdsm-hook/vms").is_dir())
        self.as_user(self.program, "vm", "destroy", "mine", *session)
        self.assertIn("shut off", self.as_user("virsh", *session, "domstate", "mine").stdout)
        # The system's libvirtd has never heard of it, and neither have its directories.
        self.assertNotIn("mine", self.virt.virsh("list", "--all", "--name").stdout)
        self.assertEqual(list(self.virt.path("/run/vdsm-hook").iterdir()), [])

    def test_scripts_of_a_users_libvirt_can_be_tried(self):
        self.own(self.config / "libvirt/hooks/qemu", '#!/bin/sh\necho "$1 $2 of $(id -u)" >&2\nexit 1\n')
        done = self.as_user(self.program, "libvirt-call", "qemu", "mine", "prepare", "begin", "-", code=1, input=domain_xml("mine", UUID))
        self.assertIn(f"unexpected exit status 1: mine prepare of {UID}", done.stderr)

    def test_a_document_goes_through_a_users_hooks(self):
        self.own(self.config / "vdsm-hook/hooks/before_vm_start/50_title", HOOK)
        done = self.as_user(self.program, "run", "before_vm_start", "--domxml", "-", input=domain_xml("mine", UUID, metadata=PROPERTIES))
        self.assertEqual(title_of(done.stdout), f"red of {UID}")


if __name__ == "__main__":
    main()
