#!/usr/bin/env python3
"""vdsm-hook check where SELinux is on: a mount namespace whose /sys/fs says so, a policy of file contexts, and real labels."""

import os
import shutil
import subprocess
import sys
import unittest

from command import DONE, PROGRAM, SOURCE, VETOED, CommandTest

SKIPPED = 77
HOOK, CONFIGURATION = "system_u:object_r:bin_t:s0", "system_u:object_r:vdsm_hook_etc_t:s0"
HOST = """set -e
mount -t tmpfs none /sys/fs; mkdir /sys/fs/selinux; echo 1 >/sys/fs/selinux/enforce
mount --bind "$1" /etc/selinux; shift
exec "$@"
"""


def why_not_here():
    if os.geteuid() != 0:
        return "labels are set by root"
    missing = [name for name in ("matchpathcon", "unshare") if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    return f"not installed: {', '.join(missing)}" if missing else None


class CheckLabels(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("50_a", "#!/bin/sh\n")
        # The module's contexts, for this test's directories.
        contexts = (SOURCE / "rpm/selinux/vdsm_hook.fc").read_text()
        self.libexec = self.directory("libexec")
        shutil.copy(PROGRAM.parents[1] / "libexec/vdsm-hook/run-helper", self.libexec)
        for ours, here in (("/usr/libexec/vdsm-hook", self.libexec), ("/etc/vdsm-hook", self.config), ("/usr/libexec/vdsm/hooks", self.hooks), ("/run/vdsm-hook", self.runtime)):
            self.assertIn(f"{ours}(/.*)?", contexts)
            contexts = contexts.replace(ours, str(here))
        policy = self.directory("selinux")
        (policy / "test/contexts/files").mkdir(parents=True)
        (policy / "config").write_text("SELINUX=enforcing\nSELINUXTYPE=test\n")
        (policy / "test/contexts/files/file_contexts").write_text(contexts)
        # As some Fedoras have it, where /run is what the policy calls /var/run.
        (policy / "test/contexts/files/file_contexts.subs_dist").write_text("/run /var/run\n")
        self.policy = policy
        for path in [self.hooks, *self.hooks.rglob("*"), self.libexec, self.libexec / "run-helper"]:
            self.label(path, HOOK)
        for path in [self.config, *self.config.rglob("*")]:
            self.label(path, CONFIGURATION)
        self.runtime.mkdir(exist_ok=True)
        for path in [self.runtime, *self.runtime.rglob("*")]:
            self.label(path, "system_u:object_r:vdsm_hook_runtime_t:s0")

    @staticmethod
    def label(path, label):
        os.setxattr(path, "security.selinux", label.encode() + b"\0")

    def checked(self):
        return subprocess.run(["unshare", "--mount", "sh", "-c", HOST, "sh", self.policy, PROGRAM, "check", "--hooks-dir", self.hooks,
                               "--config-dir", self.config, "--runtime-dir", self.runtime],
                              env={**os.environ, "VDSM_HOOK_LIBEXEC_DIR": str(self.libexec)}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    def test_right_labels_are_no_finding(self):
        done = self.checked()
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), done.stdout)

    def test_a_wrong_label_is_named_with_the_right_one_and_the_way_out(self):
        hook = self.hooks / "before_vm_start/50_a"
        self.label(hook, "system_u:object_r:etc_t:s0")
        done = self.checked()
        self.assertEqual(done.returncode, VETOED, done.stderr)
        self.assertIn(f"{hook}: its SELinux label is system_u:object_r:etc_t:s0, it should be {HOOK}\n    restorecon -v", done.stdout)
        self.assertIn("1 finding:", done.stdout)

    def test_a_wrong_label_of_the_helper_is_named(self):
        self.label(self.libexec / "run-helper", CONFIGURATION)
        self.assertIn(f"{self.libexec}/run-helper: its SELinux label is {CONFIGURATION}, it should be {HOOK}", self.checked().stdout)

    def test_a_wrong_label_of_the_configuration_is_named(self):
        self.label(self.config, HOOK)
        done = self.checked()
        self.assertEqual(done.returncode, VETOED, done.stderr)
        self.assertIn(f"{self.config}: its SELinux label is {HOOK}, it should be {CONFIGURATION}", done.stdout)

    def test_a_wrong_label_of_private_files_is_named_where_run_is_another_name_of_var_run(self):
        self.label(self.runtime, HOOK)
        contexts = (SOURCE / "rpm/selinux/vdsm_hook.fc").read_text().splitlines()
        names = {line.split("(")[0] for line in contexts}
        self.assertTrue({"/run/vdsm-hook", "/var/run/vdsm-hook"} <= names)
        done = self.checked()
        self.assertIn(f"{self.runtime}: its SELinux label is {HOOK}, it should be system_u:object_r:vdsm_hook_runtime_t:s0", done.stdout)

    def test_a_file_without_a_label_is_named(self):
        os.removexattr(self.hooks / "before_vm_start/50_a", "security.selinux")
        done = self.checked()
        self.assertEqual(done.returncode, VETOED, done.stderr)
        self.assertIn("before_vm_start/50_a: its SELinux label cannot be read", done.stdout)

    def test_where_selinux_is_off_nobody_looks(self):
        self.label(self.hooks / "before_vm_start/50_a", "system_u:object_r:etc_t:s0")
        self.check(self.command("check"), DONE)


if __name__ == "__main__":
    if why := why_not_here():
        print(f"skipped: {why}")
        sys.exit(1 if os.environ.get("VDSM_HOOK_REQUIRE_VIRT") == "1" else SKIPPED)
    unittest.main()
