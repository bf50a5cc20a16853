#!/usr/bin/env python3
"""vdsm-hook props profile: vNIC profiles and the vNICs that refer to them."""

import fcntl
import json
import subprocess
import time
import unittest

from command import DONE, ENGINE_FAILURE, PROGRAM, SOURCE, VETOED, CommandTest

WEB = (SOURCE / "tests/data/web-01.xml").read_text()
NIC1, NIC2 = "52:54:00:6b:3c:58", "52:54:00:6b:3c:59"
STORE = "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}'\n"


class ProfileTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.file("vm.xml", WEB)
        self.file("config/properties.toml", STORE)

    def profile(self, action, *words):
        return self.command(f"props profile {action}", *words)

    def done(self, action, *words):
        self.check(self.profile(action, *words), DONE)

    def profiles(self):
        found = json.loads(self.profile("list", "--format", "json").stdout)["profiles"]
        return {p["name"]: ({e["name"]: e["value"] for e in p["properties"]}, p["files"]) for p in found}

    def attach(self, name, nic=NIC2, file="vm.xml"):
        self.done("attach", name, "--domxml", file, "--device", nic)

    def test_from_making_one_to_deleting_it(self):
        self.check(self.profile("list"), DONE, "", "there is no vNIC profile")
        self.done("create", "red", "speed=10", "duplex=half")
        self.done("create", "the blue one")
        self.assertEqual(self.profiles(), {"red": ({"speed": "10", "duplex": "half"}, []), "the blue one": ({}, [])})
        self.done("edit", "red", "speed=100", "--unset", "duplex")
        self.assertEqual(self.profiles()["red"], ({"speed": "100"}, []))
        self.check(self.profile("list", "red"), DONE, "red\n  speed = 100\n")
        self.done("delete", "red")
        self.done("delete", "the blue one")
        self.assertEqual(self.profiles(), {})

    def test_one_in_use_is_not_deleted_and_its_users_are_listed(self):
        self.file("other.xml", WEB.replace("web-01", "web-02"))
        self.done("create", "red", "speed=10")
        self.attach("red", NIC1)
        self.attach("red", "interface:2")
        self.attach("red", NIC2, "other.xml")
        done = self.profile("delete", "red")
        self.check(done, VETOED, "", [f"in use by interface {NIC1} of the VM web-01 in {self.dir}/vm.xml", f"interface {NIC2} of the VM web-01",
                                      f"interface {NIC2} of the VM web-02 in {self.dir}/other.xml", "nothing was changed"])
        done = self.profile("delete", "red", "--format", "json")
        self.assertEqual(len(json.loads(done.stdout)["in_use"]), 3)
        self.done("detach", "--domxml", "other.xml", "--device", NIC2)
        for nic in [NIC1, NIC2]:
            self.check(self.profile("delete", "red"), VETOED)
            self.done("detach", "--domxml", "vm.xml", "--device", nic)
        self.assertEqual((self.dir / "vm.xml").read_text(), WEB)
        self.done("delete", "red")

    def test_a_file_that_cannot_be_read_keeps_its_profile(self):
        self.done("create", "red")
        self.attach("red")
        self.file("vm.xml", "<domain")
        self.check(self.profile("delete", "red"), VETOED, "", [f"{self.dir}/vm.xml cannot be read", "not well-formed"])

    def test_who_is_in_a_file_that_is_gone_nobody_knows(self):
        self.done("create", "red")
        self.attach("red")
        (self.dir / "vm.xml").rename(self.dir / "moved.xml")
        self.check(self.profile("delete", "red"), VETOED, "",
                   [f"in use by nobody knows whom: {self.dir}/vm.xml is gone or was moved", "nothing was changed; --force deletes it although"])
        self.assertEqual(self.profiles()["red"], ({}, [f"{self.dir}/vm.xml"]))
        self.check(self.profile("delete", "red", "--force"), DONE,
                   f"vNIC profile red is deleted\nnote: it was in use by nobody knows whom: {self.dir}/vm.xml is gone or was moved\n")
        self.assertEqual(self.profiles(), {})

    def test_one_in_use_is_deleted_by_force(self):
        self.done("create", "red")
        self.attach("red")
        done = self.profile("delete", "red", "--force", "--format", "json")
        self.check(done, DONE)
        self.assertEqual(json.loads(done.stdout), {"changed": True, "problems": [], "in_use": [], "notes": [
            f"it was in use by interface {NIC2} of the VM web-01 in {self.dir}/vm.xml"]})
        self.assertEqual(self.profiles(), {})

    def test_a_vnic_that_changes_its_profile_leaves_the_old_one(self):
        self.done("create", "red")
        self.done("create", "blue")
        for nic in [NIC1, NIC2]:
            self.attach("red", nic)
        files = [f"{self.dir}/vm.xml"]
        self.attach("blue", NIC1)
        self.assertEqual(self.profiles(), {"red": ({}, files), "blue": ({}, files)})
        self.attach("blue", NIC2)
        self.assertEqual(self.profiles(), {"red": ({}, []), "blue": ({}, files)})
        self.attach("blue", NIC2)
        self.assertEqual(self.profiles(), {"red": ({}, []), "blue": ({}, files)})
        self.done("delete", "red")

    def start(self, action, *words):
        return subprocess.Popen([PROGRAM, "props", "profile", action, *words, *self.places()], cwd=self.dir, env=self.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def test_who_holds_a_domains_lock_holds_up_that_domain_only(self):
        self.done("create", "red")
        self.attach("red", NIC1)
        for action, words in [("attach", ("red",)), ("detach", ())]:
            with self.subTest(action=action), open(self.dir / "vm.xml", "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                waiting = self.start(action, *words, "--domxml", "vm.xml", "--device", NIC1)
                time.sleep(0.3)
                other = self.start("create", f"not-{action}ed")
                try:
                    self.assertEqual(other.wait(10), 0)
                    self.assertIsNone(waiting.poll())
                finally:
                    fcntl.flock(held, fcntl.LOCK_UN)
                    self.assertEqual((waiting.communicate()[1], waiting.returncode), (b"", 0))
                    other.communicate()

    def test_a_kill_at_any_moment_leaves_no_vnic_that_its_profile_does_not_know(self):
        self.done("create", "red")
        self.done("create", "blue")
        for delay in range(40):
            name = ["red", "blue"][delay % 2]
            process = self.start("attach", name, "--domxml", "vm.xml", "--device", NIC2)
            time.sleep(delay / 10000)
            process.kill()
            process.communicate()
            text, profiles = (self.dir / "vm.xml").read_text(), self.profiles()
            for known in ["red", "blue"]:
                if f"<ovirt-vm:vnic_profile>{known}<" in text:
                    self.assertEqual(profiles[known][1], [f"{self.dir}/vm.xml"])
        self.attach("red", NIC2)
        self.assertEqual(self.profiles()["red"][1], [f"{self.dir}/vm.xml"])

    def test_attaching_and_deleting_at_once_leaves_no_vnic_without_its_profile(self):
        for _ in range(20):
            self.done("create", "red")
            both = [self.start("attach", "red", "--domxml", "vm.xml", "--device", NIC2), self.start("delete", "red")]
            for process in both:
                process.communicate()
            refers = "vnic_profile>red<" in (self.dir / "vm.xml").read_text()
            self.assertEqual(refers, "red" in self.profiles())
            self.assertEqual(both[0].returncode == 0, refers)
            if refers:
                self.done("detach", "--domxml", "vm.xml", "--device", NIC2)
                self.done("delete", "red")

    def test_help_says_which_users_are_known(self):
        text = " ".join(self.call("props", "profile", "delete", "--help").stdout.split())
        self.assertIn("Looked at are the VMs of libvirt's default connection, and files that were given to vdsm-hook props profile attach", text)
        self.assertIn("--force", text)

    def test_a_vnic_has_its_profiles_properties_and_its_own_over_them(self):
        self.done("create", "red", "speed=10", "duplex=half")
        self.attach("red", NIC1)
        shown = json.loads(self.command("props show", "--domxml", "vm.xml", "--format", "json").stdout)
        nic = next(d for d in shown["devices"] if d["device"] == f"interface {NIC1}")
        self.assertEqual(nic["profile"], "red")
        self.assertEqual({p["name"]: (p["value"], p["origin"]) for p in nic["properties"]},
                         {"speed": ("1000", "device"), "duplex": ("full", "device")})
        self.check(self.command("props unset", "duplex", "--domxml", "vm.xml", "--device", NIC1), DONE)
        text = self.command("props show", "--domxml", "vm.xml", "--device", NIC1).stdout
        self.assertRegex(text, rf"interface {NIC1}, vNIC profile red\n  duplex = half  of the profile red .*\n  speed = 1000   of the device ")

    def test_what_is_wrong_is_refused(self):
        self.done("create", "red")
        for words, part in [(("create", "red"), "there is a vNIC profile 'red' already"), (("edit", "rad", "speed=1"), "did you mean red?"),
                            (("delete", "blue"), "there is no vNIC profile 'blue'"), (("edit", "red"), "nothing is to be changed"),
                            (("edit", "red", "--unset", "speed"), "has no property 'speed'"), (("create", " x"), "blanks"),
                            (("create", "a\nb"), "control"), (("create", "x" * 256), "256 bytes"), (("create", "b", "speed"), "NAME=VALUE"),
                            (("list", "blue"), "'blue'"), (("attach", "blue", "--domxml", "vm.xml", "--device", NIC1), "'blue'"),
                            (("attach", "red", "--domxml", "vm.xml", "--device", "vda"), "disk vda is no vNIC"),
                            (("attach", "red", "--domxml", "vm.xml"), "--device"),
                            (("attach", "red", "--domxml", "no.xml", "--device", NIC1), "no.xml"),
                            (("detach", "--domxml", "vm.xml", "--device", NIC1), "refers to no vNIC profile")]:
            with self.subTest(words=words):
                self.refused(self.profile(*words), part)
        self.check(self.profile("create", "b", "speed=fast", "colour=1"), VETOED, "", ["speed=fast: does not match", "colour=1: there is no such"])
        self.check(self.profile("edit", "red", "duplex=none"), VETOED, "", "duplex=none: not one of: full, half")
        self.assertEqual(self.profiles(), {"red": ({}, [])})

    def test_a_store_that_cannot_be_read_is_left_alone(self):
        for content, part in [("[profiles", "properties.toml:1:"), (b"a = '\xff'", "properties.toml:1:"),
                              ("[UserDefinedVMProperties]\n'4.8' = 'a=['\n", "properties.toml:2:"), ("[profiles.a]\nspeed = '1'\n", "unknown key 'speed'"),
                              ("[UserDefinedVMProperty]\n", "did you mean UserDefinedVMProperties?"),
                              ("[UserDefinedVMProperties]\n'9.9' = ''\n", "'9.9' is no compatibility level")]:
            path = self.file("config/properties.toml", content)
            before = path.read_bytes()
            self.check(self.profile("create", "x"), ENGINE_FAILURE, "", part)
            self.assertEqual(path.read_bytes(), before)
        path.write_text("")
        path.chmod(0o666)
        self.check(self.profile("create", "x"), ENGINE_FAILURE, "", "properties.toml is not read: ")


if __name__ == "__main__":
    unittest.main()
