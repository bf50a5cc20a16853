#!/usr/bin/env python3
"""vdsm-hook props define and definitions: what the administrator, oVirt and the installed hooks define, in this order."""

import json
import unittest

from command import DONE, ENGINE_FAILURE, CommandTest, mode_of


class DefineTest(CommandTest):
    def define(self, *words):
        return self.command("props define", *words)

    def definitions(self):
        done = self.command("props definitions", "--format", "json")
        self.check(done, DONE, stderr="")
        return {(d["name"], d["of"]): (d["pattern"], d["declared_by"]) for d in json.loads(done.stdout)["definitions"]}

    def hook_with(self, name, sidecar, event="before_vm_start", hooks="hooks"):
        self.hook(name, event=event, hooks=hooks)
        self.file(f"{hooks}/{event}/{name}.toml", sidecar)

    def test_what_is_defined_and_taken_out_again(self):
        fresh = self.definitions()
        self.check(self.define("colour=^(red|green)$", "size=^[0-9]+$"), DONE,
                   "UserDefinedVMProperties, level 4.8: colour=^(red|green)$\nUserDefinedVMProperties, level 4.8: size=^[0-9]+$\n")
        self.check(self.define("speed=^[0-9]$", "--device", "interface"), DONE)
        self.check(self.define("mtu=^[0-9]+$", "--network"), DONE)
        self.check(self.define("colour=^(blue)$"), DONE)
        self.assertEqual(self.definitions(), fresh | {
            ("colour", "VM"): ("^(blue)$", "UserDefinedVMProperties"), ("size", "VM"): ("^[0-9]+$", "UserDefinedVMProperties"),
            ("speed", "interface"): ("^[0-9]$", "CustomDeviceProperties"), ("mtu", "network"): ("^[0-9]+$", "UserDefinedNetworkCustomProperties"),
            ("SecurityGroups", "interface"): (fresh["SecurityGroups", "interface"][0], "CustomDeviceProperties")})
        self.check(self.define("colour", "size", "--remove"), DONE)
        self.check(self.define("speed", "--remove", "--device", "interface"), DONE)
        self.check(self.define("mtu", "--remove", "--network"), DONE)
        self.assertEqual({name for name, of in self.definitions()}, {name for name, of in fresh})

    def test_hooks_then_ovirt_then_the_administrator(self):
        self.hook_with("50_a", "name = 'A_b'\n[vm_properties]\nsndbuf = 'x'\nmine = '^(a|b)$'\ncommon = '1'\n"
                       "[device_properties.disk]\nunmap = '^(on|off)$'\n")
        self.hook_with("60_b", "[vm_properties]\ncommon = '2'\n")
        self.check(self.define("mine=^c$"), DONE)
        found = self.definitions()
        self.assertEqual(found["sndbuf", "VM"][1], "oVirt")
        self.assertEqual(found["mine", "VM"], ("^c$", "UserDefinedVMProperties"))
        self.assertEqual(found["unmap", "disk"], ("^(on|off)$", "vdsm-hook-a-b"))
        self.assertEqual(found["common", "VM"], ("2", f"{self.hooks}/before_vm_start/60_b"))

    def test_a_hook_that_does_not_run_defines_nothing(self):
        self.hook_with("50_a", "[vm_properties]\nmine = 'x'\n")
        self.assertIn(("mine", "VM"), self.definitions())
        (self.hooks / "before_vm_start" / "50_a").chmod(0o644)
        self.assertNotIn(("mine", "VM"), self.definitions())

    def test_the_text_has_a_line_for_each(self):
        self.check(self.define("colour=^(red|green)$"), DONE)
        self.check(self.command("props definitions", "colour"), DONE,
                   "PROPERTY  OF  PATTERN        DECLARED BY\ncolour    VM  ^(red|green)$  UserDefinedVMProperties\n")
        self.refused(self.command("props definitions", "color"), "nobody defines a property 'color'", "did you mean colour?")

    def test_what_is_wrong_is_refused_and_changes_nothing(self):
        self.check(self.define("colour=^(red|green)$"), DONE)
        before = (self.config / "properties.toml").read_text()
        for words, part in [(("a",), "has no ="), (("9a=x",), "digit"), (("PATH=x",), "reserved"), (("a=[",), "missing ]"),
                            (("a=(?=x)",), "look-around"), (("a=[a&&b]",), "&&"), (("a=x;b=y",), "cannot hold a ;"), (("a=x", "a=y"), "defined twice"),
                            (("a=x", "--device", "nic"), "'nic' is no device type"), (("a=x", "--cver", "9.9"), "no compatibility level"),
                            (("colur", "--remove"), "did you mean colour?"), (("a=" + "x" * 70000,), "65536"),
                            (("a=x", "--device", "disk", "--network"), "--network")]:
            with self.subTest(words=words):
                self.refused(self.define(*words), part)
        self.assertEqual((self.config / "properties.toml").read_text(), before)

    def test_levels(self):
        self.check(self.define("a=1", "--cver", "4.7"), DONE)
        self.refused(self.define("b=2"), "UserDefinedVMProperties has the versions 4.7, 4.8: say which one with --cver=4.8")
        self.check(self.define("a=2", "--cver", "4.8"), DONE)
        self.assertEqual(self.definitions()["a", "VM"], ("2", "UserDefinedVMProperties"))
        self.check(self.define("a", "--remove", "--cver", "4.8"), DONE)
        self.assertEqual(self.definitions()["a", "VM"], ("1", "UserDefinedVMProperties (level 4.7)"))

    def test_the_store_can_be_read_by_eye(self):
        self.check(self.define("colour=^(red|green)$", "size=^[0-9]+$"), DONE)
        path = self.config / "properties.toml"
        self.assertEqual([line for line in path.read_text().splitlines() if not line.startswith("#")],
                         ["", "[UserDefinedVMProperties]", "\"4.8\" = '''", "colour=^(red|green)$;", "size=^[0-9]+$'''"])
        self.assertEqual(mode_of(path), 0o644)
        path.chmod(0o600)
        self.check(self.define("size=^[0-9]$"), DONE)
        self.assertEqual(mode_of(path), 0o600)

    def test_the_directory_is_made(self):
        self.config.rmdir()
        self.check(self.define("a=1"), DONE)
        self.assertEqual(mode_of(self.config), 0o755)

    def test_a_directory_that_others_can_write_is_not_used(self):
        self.config.chmod(0o777)
        self.check(self.define("a=1"), ENGINE_FAILURE, "", f"{self.config} is not read: {self.config} is writable by everybody")
        self.assertEqual(list(self.config.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
