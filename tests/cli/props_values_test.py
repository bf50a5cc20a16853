#!/usr/bin/env python3
"""vdsm-hook props show, set and unset: properties in the metadata of a domain XML file, and from there to the hooks."""

import json
import os
import signal
import subprocess
import time
import unittest

from command import BUILD, DONE, ENGINE_FAILURE, PROGRAM, SOURCE, VETOED, CommandTest, mode_of

WEB = (SOURCE / "tests/data/web-01.xml").read_text()
NIC1, NIC2 = "52:54:00:6b:3c:58", "52:54:00:6b:3c:59"
STORE = """[UserDefinedVMProperties]
'4.8' = 'macspoof=^(true|false)$;note=.*'
[CustomDeviceProperties]
'4.8' = '{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}};{type=disk;prop={unmap=^(on|off)$}}'
"""


class ValuesTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.file("vm.xml", WEB)
        self.file("config/properties.toml", STORE)

    def props(self, action, *words, **options):
        return self.command(f"props {action}", "--domxml", "vm.xml", *words, **options)

    def changed(self, action, *words):
        self.check(self.props(action, *words), DONE, stderr="")
        return (self.dir / "vm.xml").read_text()

    def shown(self, *words):
        done = self.props("show", "--format", "json", *words)
        self.check(done, DONE)
        return json.loads(done.stdout)

    def values(self, device=None):
        shown = self.shown()
        entries = shown["properties"] if device is None else next(d for d in shown["devices"] if d["device"] == device)["properties"]
        return {entry["name"]: (entry["value"], entry["origin"]) for entry in entries}

    def test_what_is_set_is_in_the_metadata_and_nothing_else_has_changed(self):
        text = self.changed("set", "macspoof=true", "note=a < b & ]]>")
        self.assertEqual(text, WEB.replace(
            "<ovirt-vm:owner>shop</ovirt-vm:owner>",
            "<ovirt-vm:owner>shop</ovirt-vm:owner>\n        <ovirt-vm:macspoof>true</ovirt-vm:macspoof>\n"
            "        <ovirt-vm:note>a &lt; b &amp; ]]&gt;</ovirt-vm:note>"))
        self.assertEqual(self.values()["note"], ("a < b & ]]>", "VM"))
        self.assertEqual(self.changed("unset", "macspoof", "note"), WEB)

    def test_a_device_is_found_by_what_tells_it_from_others(self):
        for device in [NIC2, NIC2.upper(), "interface:2"]:
            with self.subTest(device=device):
                self.changed("set", "speed=100", "--device", device)
                self.assertEqual(self.values(f"interface {NIC2}"), {"speed": ("100", "device")})
                self.assertEqual(self.changed("unset", "speed", "--device", device), WEB)
        self.changed("set", "unmap=on", "--device", "vda")
        self.assertEqual(self.values("disk vda"), {"unmap": ("on", "device")})

    def test_a_device_that_is_not_there_or_not_the_only_one_is_wrong_use_with_a_list(self):
        self.refused(self.props("set", "speed=1", "--device", "52:54:00:00:00:00"), "no device '52:54:00:00:00:00'", f"interface {NIC1}", "disk vda")
        self.file("vm.xml", WEB.replace(NIC2, NIC1))
        self.refused(self.props("set", "speed=1", "--device", NIC1), "more than one device", "interface:1", "interface:2")
        self.refused(self.props("show", "--device", "vdx"), "'vdx'")

    def test_wrong_values_are_all_refused_at_once_and_nothing_is_changed(self):
        done = self.props("set", "note=x", "macspoof=maybe", "macspof=true", "note=y")
        self.check(done, VETOED, "", [
            "macspoof=maybe: not one of: true, false (pattern ^(true|false)$, declared by UserDefinedVMProperties)",
            "macspof=true: there is no such property (did you mean macspoof?)", "note' is set more than once", "nothing was changed"])
        done = self.props("set", "duplex=both", "--device", NIC1, "--format", "json")
        self.check(done, VETOED)
        problems = json.loads(done.stdout)
        self.assertEqual([(p["kind"], p["key"]) for p in problems["problems"]], [("INCORRECT_VALUE", "duplex")])
        self.assertFalse(problems["changed"])
        self.check(self.props("set", "x=1", "--device", "video:1"), VETOED, "", "there is no such property")
        self.assertEqual((self.dir / "vm.xml").read_text(), WEB)

    def test_a_property_of_something_else_says_of_what(self):
        for words, text in [(("speed=1",), "speed=1: it is a property of interface devices: give --device"),
                            (("macspoof=true", "--device", NIC1), "macspoof=true: it is a property of VMs: leave out --device"),
                            (("unmap=on", "--device", NIC1), "unmap=on: it is a property of disk devices: give one of them with --device"),
                            (("nothing=1",), "nothing=1: there is no such property")]:
            with self.subTest(words=words):
                self.check(self.props("set", *words), VETOED, "", [f"vdsm-hook: {text}\n", "nothing was changed"])
        self.file("config/properties.toml", "[CustomDeviceProperties]\n'4.8' = '{type=disk;prop={a=.*}};{type=interface;prop={a=.*}}'\n")
        self.check(self.props("set", "a=1"), VETOED, "", "a=1: it is a property of disk, interface devices: give --device")
        self.assertEqual((self.dir / "vm.xml").read_text(), WEB)

    def test_show_reads_standard_input_but_waits_for_no_pipe(self):
        shown = self.shown()
        done = self.command("props show", "--domxml", "-", "--format", "json", stdin=WEB)
        self.check(done, DONE)
        self.assertEqual(json.loads(done.stdout), shown)
        self.refused(self.command("props show", "--domxml", "-", stdin=""), "empty")
        os.mkfifo(self.dir / "pipe")
        self.refused(self.command("props show", "--domxml", "pipe"), "pipe is not a regular file")
        self.assertIn("--domxml FILE|-", self.call("props", "show", "--help").stdout)
        self.assertNotIn("FILE|-", self.call("props", "set", "--help").stdout)

    def test_what_is_not_set_cannot_be_unset(self):
        self.refused(self.props("unset", "ownr"), "'ownr' is not set on VM web-01", "did you mean owner?")
        self.refused(self.props("unset", "speed", "--device", NIC2), "is not set on interface")

    def test_show_tells_the_origin_the_definer_and_the_readers(self):
        self.hook("50_script", "#!/bin/sh\necho $macspoof\n")
        self.hook("60_noteless", "#!/bin/sh\necho $notes\n")
        self.hook("50_link", event="before_device_create")
        self.file("hooks/before_device_create/50_link.toml", "[when]\nany_property = ['speed']\n")
        self.changed("set", "macspoof=true")
        shown = self.shown()
        self.assertEqual((shown["name"], shown["uuid"]), ("web-01", "5d6f0c5e-3f6e-4a3e-9b5c-0f6f6a1f2b01"))
        self.assertEqual(shown["properties"], [
            {"name": "owner", "value": "shop", "origin": "VM", "declared_by": None, "readers": [], "problems": [],
             "notes": ["withheld from hooks: nobody defines it", "no installed hook reads it"]},
            {"name": "macspoof", "value": "true", "origin": "VM", "declared_by": "UserDefinedVMProperties",
             "readers": ["before_vm_start/50_script"], "problems": [], "notes": []}])
        self.assertEqual(shown["devices"][0]["properties"][0]["readers"], ["before_device_create/50_link"])
        text = self.props("show").stdout
        self.assertIn("  macspoof = true  of the VM      declared by UserDefinedVMProperties; read by before_vm_start/50_script\n", text)
        self.assertIn(f"interface {NIC1}\n", text)
        self.assertNotIn("macspoof", self.props("show", "--device", NIC1).stdout)

    def test_show_says_what_is_wrong(self):
        self.file("vm.xml", WEB.replace(">shop</ovirt-vm:owner>", ">shop</ovirt-vm:owner><ovirt-vm:macspoof>no</ovirt-vm:macspoof>")
                  .replace(f'mac_address="{NIC1}"', 'mac_address="52:54:00:00:00:99"'))
        text = self.props("show").stdout
        self.assertIn("WRONG: macspoof=no: not one of", text)
        self.assertIn("note: line 10: this metadata is about no device of the domain\n", text)

    def test_the_seeds_sequence_works_as_typed(self):
        hooks = ["--hooks-dir", self.installed_hooks()]
        self.file("config/properties.toml", "")
        (self.dir / "bin").mkdir()
        (self.dir / "bin" / "engine-config").symlink_to(PROGRAM)
        nic = WEB[WEB.index(f"<interface type='bridge'>\n      <mac address='{NIC1}'"):]
        nic = nic[:nic.index("</interface>") + 12]
        self.assertIn("vdsm-no-mac-spoofing", WEB)
        for words in [("-s", "UserDefinedVMProperties=macspoof=(true|false)"),
                      ("-s", "CustomDeviceProperties={type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}")]:
            done = subprocess.run([self.dir / "bin" / "engine-config", *words], env={**self.env, "VDSM_HOOK_CONFIG_DIR": str(self.config)},
                                  capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.changed("set", "macspoof=true", *hooks)
        done = self.run_event(*hooks)
        self.check(done, DONE)
        self.assertIn("<domain", done.stdout)
        self.assertNotIn("vdsm-no-mac-spoofing", done.stdout)

        # The device: its speed by the NIC, its duplex by a profile.
        self.file("nic.xml", nic)
        self.changed("unset", "speed", "duplex", "--device", NIC1, *hooks)
        self.check(self.command("props profile create", "office", "speed=100", "duplex=half", *hooks), DONE)
        self.check(self.command("props profile attach", "office", "--domxml", "vm.xml", "--device", NIC1, *hooks), DONE)
        self.changed("set", "speed=1000", "--device", NIC1, *hooks)
        self.hook("60_show", "#!/bin/sh\necho \"got $speed $duplex $macspoof\" >&2\nexit 1\n", event="before_device_create")
        seen = self.run_event("--hooks-dir", self.hooks, event="before_device_create", document=("--device-xml", "nic.xml", "--domain", "vm.xml"))
        self.check(seen, VETOED, None, "got 1000 half true")
        # What the guest is told is the matter of a hook of the VM, which looks into the metadata.
        done = self.run_event(*hooks)
        self.check(done, DONE)
        for part in ("name='speed' type='unsigned' value='1000'", "name='duplex' type='string' value='half'"):
            self.assertIn(part, done.stdout)
        self.check(self.command("props profile edit", "office", "duplex=full", *hooks), DONE)
        seen = self.run_event("--hooks-dir", self.hooks, event="before_device_create", document=("--device-xml", "nic.xml", "--domain", "vm.xml"))
        self.check(seen, VETOED, None, "got 1000 full true")

    def installed_hooks(self):
        """The project's own hooks where nobody else can write."""
        stage = self.directory("stage")
        subprocess.run(["cp", "-r", BUILD / "libexec" / "vdsm" / "hooks", stage], check=True)
        return stage / "hooks"

    def test_a_file_that_is_no_sound_domain_is_left_alone(self):
        for content, part in [("", "empty"), ("<domain>", "line 1"), ("<network/>", "<domain>"), ("<domain>\xff</domain>".encode("latin-1"), "not well-formed"),
                              ("<!DOCTYPE a><domain/>", "DTD"), ("<?xml version='1.0' encoding='ISO-8859-1'?><domain/>", "ISO-8859-1"),
                              (WEB.replace("</metadata>", "</metadata><metadata/>"), "two elements <metadata>")]:
            with self.subTest(part=part):
                path = self.file("vm.xml", content)
                before = path.read_bytes()
                self.refused(self.props("set", "macspoof=true"), part)
                self.assertEqual(path.read_bytes(), before)
        self.refused(self.command("props set", "macspoof=true", "--domxml", "nothere.xml"), "nothere.xml")
        self.refused(self.command("props set", "macspoof=true", "--domxml", "hooks"), "hooks is not a regular file")

    def test_mode_links_and_neighbours_stay(self):
        (self.dir / "vm.xml").chmod(0o640)
        (self.dir / "link.xml").symlink_to("vm.xml")
        names = sorted(path.name for path in self.dir.iterdir())
        self.check(self.command("props set", "macspoof=true", "--domxml", "link.xml"), DONE)
        self.assertTrue((self.dir / "link.xml").is_symlink())
        self.assertEqual(mode_of(self.dir / "vm.xml"), 0o640)
        self.assertIn("macspoof", (self.dir / "vm.xml").read_text())
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), names)

    def test_a_file_that_cannot_be_written_stays_as_it_was(self):
        def small():
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        done = self.props("set", "macspoof=true", preexec_fn=small)
        self.check(done, ENGINE_FAILURE, "", "vm.xml")
        self.assertEqual((self.dir / "vm.xml").read_text(), WEB)
        self.assertEqual([path.name for path in self.dir.glob("vm.xml?*")], [])

    def test_what_several_set_at_once_is_all_there(self):
        count, each = 8, 25
        self.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = '" + ";".join(f"p{i}_{n}=.*" for i in range(count) for n in range(each)) + "'\n")
        script = 'i=$1; for n in $(seq 0 %d); do "$0" props set "p${i}_$n=$n" --domxml vm.xml "${@:2}" >/dev/null || exit 1; done' % (each - 1)
        running = [subprocess.Popen(["bash", "-c", script, PROGRAM, str(i), *map(str, self.places())], cwd=self.dir, env=self.env,
                                    stderr=subprocess.PIPE) for i in range(count)]
        while any(process.poll() is None for process in running):
            self.assertTrue((self.dir / "vm.xml").read_text().endswith("</domain>\n"))
        for process in running:
            self.assertEqual((process.communicate()[1], process.returncode), (b"", 0))
        values = self.values()
        self.assertEqual({name for name in values if name != "owner"}, {f"p{i}_{n}" for i in range(count) for n in range(each)})

    def test_a_kill_at_any_moment_leaves_a_whole_file_and_no_lock(self):
        whole = 0
        for delay in range(40):
            process = subprocess.Popen([PROGRAM, "props", "set", f"note={delay}", "--domxml", "vm.xml", *self.places()], cwd=self.dir,
                                       env=self.env, stdout=subprocess.DEVNULL)
            time.sleep(delay / 10000)
            process.kill()
            process.wait()
            text = (self.dir / "vm.xml").read_text()
            whole += text == WEB or "<ovirt-vm:note>" in text and text.endswith("</domain>\n")
        self.assertEqual(whole, 40)
        self.changed("set", "note=last")
        self.assertEqual(self.values()["note"], ("last", "VM"))

    def test_someone_who_holds_the_lock_is_waited_for(self):
        import fcntl
        with open(self.dir / "vm.xml", "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            process = subprocess.Popen([PROGRAM, "props", "set", "note=1", "--domxml", "vm.xml", *self.places()], cwd=self.dir, env=self.env,
                                       stdout=subprocess.DEVNULL)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(0.5)
            fcntl.flock(held, fcntl.LOCK_UN)
        self.assertEqual(process.wait(60), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_the_owner_stays(self):
        os.chown(self.dir / "vm.xml", 12345, 12346)
        self.changed("set", "macspoof=true")
        found = os.stat(self.dir / "vm.xml")
        self.assertEqual((found.st_uid, found.st_gid), (12345, 12346))


if __name__ == "__main__":
    unittest.main()
