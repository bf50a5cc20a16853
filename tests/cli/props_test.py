#!/usr/bin/env python3
"""vdsm-hook props validate: whether values of custom properties are what their definitions allow."""

import json
import unittest

from command import DONE, SOURCE, VETOED, CommandTest

MACSPOOF = "macspoof=^(true|false)$"
NIC = "{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}"


class PropsTest(CommandTest):
    def validate(self, *words):
        return self.call("props", "validate", *words)

    def problems(self, *words):
        """[(kind, key, value, expected, declared_by)]; the text names each of them."""
        done = self.validate(*words, "--format", "json")
        found = json.loads(done.stdout)["problems"]
        self.check(done, VETOED if found else DONE, stderr="")
        self.assertEqual(done.stderr, "")
        text = self.validate(*words)
        self.assertEqual((text.returncode, text.stderr), (done.returncode, ""))
        self.assertEqual(len(text.stdout.splitlines()), max(1, len(found)))
        return [tuple(p[key] for key in ("kind", "key", "value", "expected", "declared_by")) for p in found]

    def test_values_that_are_right(self):
        for words in [("--vm", ""), ("--vm", "sap_agent=true;hugepages=0;"), ("--vm", "macspoof=true", "--vm-definitions", MACSPOOF),
                      ("--device", "interface", ""), ("--device", "interface", "SecurityGroups="),
                      ("--device", "interface", "speed=100;duplex=half", "--device-definitions", NIC)]:
            with self.subTest(words=words):
                self.check(self.validate(*words), DONE, "all values are valid\n")
                self.assertEqual(self.problems(*words), [])

    def test_a_wrong_value_says_what_was_expected(self):
        words = ("--vm", "macspoof=maybe", "--vm-definitions", MACSPOOF)
        self.check(self.validate(*words), VETOED,
                   "macspoof=maybe: not one of: true, false (pattern ^(true|false)$, declared by --vm-definitions)\n")
        self.assertEqual(self.problems(*words), [("INCORRECT_VALUE", "macspoof", "maybe",
                                                  "one of: true, false (pattern ^(true|false)$)", "--vm-definitions")])

    def test_definitions_that_are_given_replace_the_predefined_ones(self):
        self.assertEqual(self.problems("--vm", "sap_agent=true", "--vm-definitions", ""),
                         [("KEY_DOES_NOT_EXIST", "sap_agent", "true", None, None)])
        self.assertEqual(self.problems("--vm", "sap_agent=1", "--vm-definitions", "sap_agent=^[01]$"), [])
        self.assertEqual(self.problems("--device", "interface", "SecurityGroups=", "--device-definitions", NIC)[0][0],
                         "KEY_DOES_NOT_EXIST")

    def test_every_kind_of_problem_in_the_order_of_the_values(self):
        found = self.problems("--vm", "sapagent=1;sap_agent=x;sndbuf=1;sndbuf=2")
        self.assertEqual([(p[0], p[1], p[4]) for p in found],
                         [("KEY_DOES_NOT_EXIST", "sapagent", None), ("INCORRECT_VALUE", "sap_agent", "oVirt"),
                          ("DUPLICATE_KEY", "sndbuf", None)])
        self.assertEqual(found[0][3], "sap_agent")
        self.assertEqual(self.problems("--vm", "sap_agent=x;sap_agent"),
                         [("SYNTAX_ERROR", "", "sap_agent", "NAME=VALUE;NAME=VALUE", None)])
        found = self.problems("--device", "interfac", "a=1")
        self.assertEqual(found[0][:3], ("INVALID_DEVICE_TYPE", "", "interfac"))
        self.assertIn("interface, ", found[0][3])

    def test_definitions_that_are_refused_are_wrong_use(self):
        for words, part in [(("--vm", "", "--vm-definitions", "a=1;a=2"), "--vm-definitions: property a is defined twice"),
                            (("--vm", "", "--vm-definitions", "a=(?=x)"), "look-around"),
                            (("--vm", "", "--vm-definitions", "a=[a&&b]"), "&&"),
                            (("--vm", "", "--vm-definitions", "9=x"), "digit"),
                            (("--vm", "", "--vm-definitions", "PATH=x"), "reserved"),
                            (("--device", "disk", "", "--device-definitions", NIC + NIC), "a ; stands between two blocks"),
                            (("--device", "disk", "", "--device-definitions", "{type=nic;prop={}}"), "'nic' is no device type")]:
            for form in ("text", "json"):
                with self.subTest(words=words, form=form):
                    self.refused(self.validate(*words, "--format", form), part)

    def test_wrong_use_says_what_is_missing(self):
        for words, part in [((), "no action was given"), (("validat", "--vm", "a=1"), "did you mean validate?"),
                            (("validate",), "no values are given"), (("validate", "--device", "interface"), "TYPE TEXT"),
                            (("validate", "--vm"), "TEXT"), (("validate", "--vm", "a=1", "--device", "disk", "a=1"), "--vm"),
                            (("validate", "--vm", "a=1", "--device-definitions", NIC), "requires --device"),
                            (("validate", "--device", "disk", "a=1", "--vm-definitions", MACSPOOF), "requires --vm"),
                            (("validate", "--vm", "a=1", "--vm", "b=1"), "more than once"),
                            (("validate", "--vm", "a=1", "surplus"), "surplus")]:
            with self.subTest(words=words):
                self.refused(self.call("props", *words), part)

    def test_what_was_typed_is_shown_fit_for_a_terminal(self):
        done = self.validate("--vm", b"nvram_template=\x1b[31m\nx\xff".decode(errors="surrogateescape"))
        self.check(done, VETOED)
        self.assertTrue(done.stdout.startswith("nvram_template=\\x1b[31m\\nx\ufffd: "))
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_brackets_and_dashes_are_text_like_any_other(self):
        for text in ["[a=1]", "{a=1}", "-a=1", "%a=1", "a b=1"]:
            self.assertEqual(self.problems("--vm", text)[0][:3], ("SYNTAX_ERROR", "", text))
        self.assertEqual(self.problems("--vm", "a=[1,2]", "--vm-definitions", "a=.*"), [])

    def test_the_longest_argument_is_judged(self):
        self.assertEqual(self.problems("--vm", "nvram_template=" + "x" * 100000), [])

    def test_each_vector_is_judged_on_the_command_line_as_in_the_library(self):
        vectors = json.loads((SOURCE / "tests/data/custom_properties.json").read_text())["vectors"]
        judged = 0
        for vector in vectors:
            if vector["op"] != "validate_vm" or vector["predefined"] or "quirk" in vector or vector["id"] in ("vm-val-46", "vm-val-54"):
                continue
            with self.subTest(id=vector["id"]):
                judged += 1
                words = ("--vm", vector["input"], "--vm-definitions", vector["user_defined"])
                if "deviation" in vector:
                    self.refused(self.validate(*words))
                else:
                    self.assertEqual([{"reason": p[0], "key": p[1]} for p in self.problems(*words)], vector["expected"])
        self.assertEqual(judged, 11)


if __name__ == "__main__":
    unittest.main()
