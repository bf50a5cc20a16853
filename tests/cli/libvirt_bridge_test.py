#!/usr/bin/env python3
"""vdsm-hook among libvirt's hook scripts: how it gets there, and what it does when libvirt calls it."""

import json
import os
import re
import socket
import stat
import subprocess
import unittest
from pathlib import Path

from command import DELIVER_UNDEFINED, DEADLINE_S, DOMAIN, DONE, ENGINE_FAILURE, PROGRAM, SHOW, SOURCE, UUID, VETOED, WRONG_USE, CommandTest, mode_of, reachable_build

LINK = "50-vdsm-hook"


class Installing(CommandTest):
    def setUp(self):
        super().setUp()
        self.scripts = self.dir / "libvirt/hooks"

    def bridge(self, action, *words):
        return self.call("libvirt-bridge", action, *words, "--libvirt-hooks-dir", self.scripts)

    def states(self, *words, code=VETOED):
        done = self.bridge("status", *words, "--format", "json")
        self.assertEqual(done.returncode, code, done.stderr)
        return {entry["driver"]: (entry["state"], entry["main_script"]) for entry in json.loads(done.stdout)["drivers"]}

    def tree(self):
        return sorted(str(path.relative_to(self.scripts)) for path in self.scripts.rglob("*"))

    def test_install_makes_links_to_the_program_and_directories_that_others_can_read(self):
        old = os.umask(0o077)
        try:
            done = self.bridge("install")
        finally:
            os.umask(old)
        self.check(done, DONE)
        self.assertEqual(self.tree(), ["daemon.d", f"daemon.d/{LINK}", "qemu.d", f"qemu.d/{LINK}"])
        for driver in ("qemu", "daemon"):
            link = self.scripts / f"{driver}.d" / LINK
            self.assertEqual(link.readlink(), PROGRAM.resolve())
            self.assertIn(f"{link} -> {PROGRAM.resolve()}\n", done.stdout)
        for directory in (self.scripts, self.scripts / "qemu.d"):
            self.assertEqual(mode_of(directory), 0o755)
        self.assertIn("systemctl reload libvirtd", done.stdout)
        self.assertEqual(self.states(code=DONE), {"qemu": ("installed", "none"), "daemon": ("installed", "none")})

    def test_install_again_changes_nothing(self):
        self.bridge("install")
        before = os.lstat(self.scripts / "qemu.d" / LINK)
        done = self.bridge("install")
        self.check(done, DONE)
        self.assertEqual(done.stdout, "".join(f"{self.scripts}/{driver}.d/{LINK} is there already\n" for driver in ("qemu", "daemon")))
        self.assertEqual(os.lstat(self.scripts / "qemu.d" / LINK), before)

    def test_only_the_drivers_that_are_named(self):
        self.check(self.bridge("install", "lxc", "bhyve"), DONE)
        self.assertEqual(self.tree(), ["bhyve.d", f"bhyve.d/{LINK}", "lxc.d", f"lxc.d/{LINK}"])
        self.assertEqual(self.states("lxc", "bhyve", code=DONE)["lxc"], ("installed", "none"))
        self.assertEqual(self.states(), {"qemu": ("not installed", "none"), "daemon": ("not installed", "none")})
        self.check(self.bridge("remove", "lxc"), DONE)
        self.assertEqual(self.tree(), ["bhyve.d", f"bhyve.d/{LINK}"])
        for words in (["network"], ["qmeu"]):
            self.check(self.bridge("install", *words), WRONG_USE, "", words[0])

    def test_a_main_script_is_never_touched(self):
        main = self.file("libvirt/hooks/qemu", "#!/bin/sh\nexit 0\n", 0o755)
        off = self.file("libvirt/hooks/daemon", "#!/bin/sh\nexit 0\n", 0o644)
        for action in ("install", "install", "status", "remove"):
            self.bridge(action)
            self.assertEqual((main.read_text(), mode_of(main), mode_of(off)), ("#!/bin/sh\nexit 0\n", 0o755, 0o644))
        self.assertEqual(self.states(), {"qemu": ("not installed", "runs"), "daemon": ("not installed", "not executable")})
        shown = self.bridge("status").stdout
        self.assertIn(f"{main} runs before it\n", shown)
        self.assertIn(f"{off} does not run: it is no executable file\n", shown)

    def test_a_main_script_beside_trees_of_vms_may_run_them_twice(self):
        main = self.file("libvirt/hooks/qemu", "#!/bin/sh\n", 0o755)
        self.assertEqual(self.bridge("install").stderr, "")  # no trees
        self.file("libvirt/hooks/qemu.d/web-1/prepare/begin/10-a", "#!/bin/sh\n", 0o755)
        for action in ("install", "status"):
            self.check(self.bridge(action), DONE, None, [f"warning: {main} is there", "each runs twice", "Take the dispatcher away"])
        main.chmod(0o644)
        for action in ("install", "status"):
            self.assertEqual(self.bridge(action).stderr, "")

    def test_what_is_in_its_place_is_neither_replaced_nor_removed(self):
        link = self.scripts / "daemon.d" / LINK
        link.parent.mkdir(parents=True)
        for make, what in [(lambda: link.write_text("mine"), "a file"), (link.mkdir, "a directory"),
                           (lambda: link.symlink_to("/bin/true"), "a link to something else")]:
            with self.subTest(what=what):
                make()
                self.check(self.bridge("install"), WRONG_USE, "", [f"{link} is {what}", "Move it away"])
                self.assertFalse((self.scripts / "qemu.d").exists())  # nothing was changed
                done = self.bridge("remove")
                self.check(done, DONE, "there is nothing to remove\n", f"{link} is {what}")
                self.assertTrue(os.path.lexists(link))
                self.assertEqual(self.states()["daemon"][0], "something else is there")
                self.assertIn(what, self.bridge("status").stdout)
                link.rmdir() if link.is_dir() and not link.is_symlink() else link.unlink()

    def test_a_link_to_a_program_that_is_gone_is_broken_and_made_anew(self):
        link = self.scripts / "qemu.d" / LINK
        link.parent.mkdir(parents=True)
        link.symlink_to("/no/such/bin/vdsm-hook")
        self.assertEqual(self.states()["qemu"][0], "broken")
        self.check(self.bridge("install"), DONE)
        self.assertEqual(link.readlink(), PROGRAM.resolve())
        self.assertEqual([path.name for path in link.parent.iterdir()], [LINK])

    def test_remove_takes_only_what_is_ours_and_empty(self):
        self.bridge("install")
        other = self.file("libvirt/hooks/qemu.d/10-mine", "#!/bin/sh\n", 0o755)
        done = self.bridge("remove")
        self.check(done, DONE)
        self.assertEqual(self.tree(), ["qemu.d", "qemu.d/10-mine"])
        self.assertIn(f"removed {self.scripts}/daemon.d\n", done.stdout)
        self.assertTrue(other.exists())
        self.check(self.bridge("remove"), DONE, "there is nothing to remove\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_directory_that_cannot_be_written_is_said(self):
        self.scripts.mkdir(parents=True)
        os.chmod(self.scripts, 0o755)
        program = reachable_build(self.addCleanup) / "bin" / "vdsm-hook"
        done = subprocess.run([program, "libvirt-bridge", "install", "--libvirt-hooks-dir", self.scripts], capture_output=True, text=True,
                              check=False, user=65534, env=self.env, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, ENGINE_FAILURE, done.stderr)
        self.assertIn("cannot make the directory", done.stderr)


class Called(CommandTest):
    """As libvirt calls it, with the places moved by the environment."""

    def setUp(self):
        super().setUp()
        self.check(self.call("libvirt-bridge", "install", "--libvirt-hooks-dir", self.dir / "libvirt"), DONE)
        self.seen = self.runtime / "vms" / UUID / "record"

    def bridge(self, *words, driver="qemu", stdin=DOMAIN, program=None):
        program = program or self.dir / "libvirt" / f"{driver}.d" / LINK
        done = subprocess.run([program, *words], input=stdin, capture_output=True, text=True, check=False, timeout=DEADLINE_S, cwd="/",
                              env={**self.env, "VDSM_HOOK_HOOKS_DIR": str(self.hooks), "VDSM_HOOK_CONFIG_DIR": str(self.config),
                                   "VDSM_HOOK_RUNTIME_DIR": str(self.runtime)})
        return done

    def said(self, done):
        """What is on stderr besides the one line on a machine where nothing may be mounted."""
        return re.sub("^.*warning: libvirt is not hidden from hooks, .*\n", "", done.stderr, count=1, flags=re.MULTILINE)

    def test_without_hooks_it_says_nothing_and_keeps_what_it_saw(self):
        for operation, sub in [("prepare", "begin"), ("start", "begin"), ("started", "begin"), ("stopped", "end"), ("release", "end"),
                               ("migrate", "begin"), ("restore", "begin"), ("reconnect", "begin"), ("attach", "begin"), ("new", "begin")]:
            done = self.bridge("web-1", operation, sub, "-")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "", ""), operation)
        self.assertEqual(json.loads(self.seen.read_text())["seen"], {"word": "restore", "was_running": False})
        self.bridge("web-1", "release", "end", "-")
        self.assertFalse(self.seen.exists())
        for operation, extra in [("start", "start"), ("shutdown", "shutdown")]:
            self.assertEqual(self.bridge("-", operation, "-", extra, driver="daemon", stdin="").returncode, DONE)

    def test_a_real_domain_goes_through_its_hooks(self):
        domain = (SOURCE / "tests/data/web-01.xml").read_text()
        self.configure(DELIVER_UNDEFINED)
        self.hook("50_show", SHOW, event="after_device_destroy")
        done = self.bridge("web-01", "release", "end", "destroyed", stdin=domain)
        self.assertEqual((done.returncode, done.stdout, self.said(done)), (DONE, "", ""))
        self.hook("50_edit", '#!/bin/sh\nsed -i "s|<title>[^<]*|<title>$VDSM_HOOK_EVENT|" "$_hook_domxml"\n', event="before_vm_migrate_destination")
        done = self.bridge("web-01", "migrate", "begin", "-", stdin=domain)
        self.check(done, DONE)
        self.assertIn("<title>before_vm_migrate_destination</title>", done.stdout)
        self.assertEqual(done.stdout.count("\n"), domain.count("\n"))

    def test_a_property_that_nothing_defines_is_withheld_and_named_to_the_person(self):
        self.hook("50_show", SHOW)
        done = self.bridge("web-1", "prepare", "begin", "-")
        self.check(done, DONE, "", ["vdsm-hook: before_vm_start: warning: ", "colour", "vdsm-hook props define 'colour=PATTERN'"])
        self.assertNotIn("colour=red", done.stderr)

    def test_a_veto_is_told_as_run_tells_it(self):
        self.configure(DELIVER_UNDEFINED)
        self.hook("50_refuse", "#!/bin/sh\necho 'no licence' >&2\nexit 1\n")
        done = self.bridge("web-1", "prepare", "begin", "-")
        self.check(done, VETOED, "", ["vdsm-hook: before_vm_start: error: ", "no licence"])
        words = self.said(done).replace("before_vm_start: error: ", "error: ")
        ran = self.run_event().stderr
        self.assertEqual(words.split(" after ")[0], ran.split(" after ")[0])
        self.assertFalse(self.seen.exists())

    def test_strict_is_a_setting(self):
        self.hook("50_edit", "#!/bin/sh\nsed -i s/restart/destroy/ \"$_hook_domxml\"\n")
        self.check(self.bridge("web-1", "prepare", "begin", "-"), DONE, "", "warning: ")
        self.configure("[bridge]\nstrict = true\n")
        self.check(self.bridge("web-1", "prepare", "begin", "-"), VETOED, "", "bridge.strict")
        for wrong in ("[bridge]\nstrict = 1\n", "[bridge]\nstrikt = true\n"):
            self.configure(wrong)
            self.check(self.bridge("web-1", "prepare", "begin", "-"), VETOED, "", "vdsm-hook.toml:2: ")
            self.check(self.bridge("web-1", "started", "begin", "-"), DONE, "", "warning: ")
            self.check(self.bridge("web-1", "reconnect", "begin", "-"), DONE, "", "warning: ")

    def test_a_broken_configuration_keeps_no_script_of_a_vm_from_cleaning_up(self):
        self.file("libvirt/qemu.d/web-1/release/end", f"#!/bin/sh\ntouch '{self.dir}/cleaned'\n", 0o755)
        self.hook("50_gone", f"#!/bin/sh\ntouch '{self.dir}/event'\n", event="after_vm_destroy")
        self.configure("timeout = 'x'\n")
        self.check(self.bridge("web-1", "release", "end", "-"), DONE, "", ["warning: no hooks run", "vdsm-hook.toml:1: "])
        self.assertTrue((self.dir / "cleaned").exists())
        self.assertFalse((self.dir / "event").exists())

    def test_a_document_beyond_the_bound_is_refused(self):
        self.configure("max_payload_bytes = 1024\n")
        self.check(self.bridge("web-1", "prepare", "begin", "-", stdin=DOMAIN + " " * 1024), VETOED, "", "larger than 1024 bytes")
        self.check(self.bridge("web-1", "release", "end", "-", stdin=DOMAIN + " " * 1024), DONE, "", "larger than 1024 bytes")

    def test_another_count_of_arguments_is_no_call_of_libvirts(self):
        for words in ([], ["web-1", "prepare", "begin"], ["web-1", "prepare", "begin", "-", "-"]):
            self.check(self.bridge(*words), VETOED, "", "four arguments")

    def test_somewhere_else_it_does_not_know_its_driver(self):
        link = self.dir / LINK
        link.symlink_to(PROGRAM)
        self.check(self.bridge("web-1", "prepare", "begin", "-", program=link), VETOED, "", "libvirt-bridge install")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_hooks_do_not_see_the_sockets_of_the_caller_and_the_vms_scripts_do(self):
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(str(self.dir / "socket"))
        listening.listen()
        look = f"#!/bin/sh\nstat -c %F '{self.dir}/socket' >>'{self.dir}/looked'\n"
        self.hook("50_look", look)
        tree = self.file("libvirt/qemu.d/web-1/prepare/begin", look, 0o755)
        self.assertTrue(tree.exists())
        done = self.bridge("web-1", "prepare", "begin", "-")
        if "is not hidden" in done.stderr:
            self.skipTest(done.stderr)
        self.check(done, DONE, "")
        self.assertEqual((self.dir / "looked").read_text(), "character special file\nsocket\n")
        self.assertTrue(stat.S_ISSOCK(os.stat(self.dir / "socket").st_mode))
        self.assertNotIn(str(self.dir), Path("/proc/self/mountinfo").read_text())


if __name__ == "__main__":
    unittest.main()
