#!/usr/bin/env python3
"""The generator of the hook point table: what it writes and what it refuses."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "hookpoints"
GENERATE = FOLDER / "generate.py"

GOOD = """\
[before_thing]
payload = "json"
result_used = true
vetoes = true
vm_properties = false
device_properties = false
fires = "Before a \\"thing\\" \\\\ happens."
follows = "First."

[before_thing.vdsm]
vetoes = false
"""


def run(*arguments):
    return subprocess.run([sys.executable, GENERATE, *arguments], capture_output=True, text=True, check=False)


class Generate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.table = os.path.join(folder.name, "table.toml")
        self.cpp = os.path.join(folder.name, "table.inc")

    def generate(self, content):
        Path(self.table).write_bytes(content if isinstance(content, bytes) else content.encode())
        return run(self.table, "--cpp", self.cpp)

    def test_the_real_table_gives_every_name_in_its_order(self):
        result = run(FOLDER / "hookpoints.toml", "--names", "-")
        self.assertEqual(result.returncode, 0, result.stderr)
        headers = re.findall(r"^\[([a-z_]+)\]$", (FOLDER / "hookpoints.toml").read_text(), re.MULTILINE)
        self.assertEqual(result.stdout.split(), headers)
        self.assertGreaterEqual(len(headers), 58)

    def test_both_columns_and_the_texts_reach_the_cpp_file(self):
        result = self.generate(GOOD)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        made = Path(self.cpp).read_text()
        self.assertIn("std::array<HookPoint, 1>", made)
        self.assertIn("{PayloadKind::json, true, true, false, false, false}, {PayloadKind::json, true, false, false, false, false}", made)
        self.assertIn(r'"Before a \"thing\" \\ happens."', made)

    def test_parameters_are_names_for_the_code_and_a_text_for_people(self):
        text = GOOD.replace('fires =', 'parameters = [{ name = "WHY", about = "why" }, { name = "WHO", about = "who" }]\nfires =')
        result = self.generate(text)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        made = Path(self.cpp).read_text()
        self.assertIn('kParametersOf_before_thing[] = {{"WHY", "why"}, {"WHO", "who"}};', made)
        self.assertIn('"WHY (why), WHO (who)"', made)
        for wrong, words in (('[{ name = "A B", about = "x" }]', "name must be that of a variable"), ('[{ name = "A" }]', "a list of { name, about }"),
                             ('[{ name = "A", about = "" }]', "about must be a text"), ('["A"]', "a list of { name, about }")):
            with self.subTest(wrong):
                result = self.generate(GOOD.replace("fires =", f"parameters = {wrong}\nfires ="))
                self.assertEqual(result.returncode, 1)
                self.assertIn(words, result.stderr)

    def test_an_added_point_is_all_it_takes(self):
        more = GOOD.split("\n[before_thing.vdsm]")[0].replace("before_thing", "site_thing")
        Path(self.table).write_text((FOLDER / "hookpoints.toml").read_text() + "\n" + more)
        result = run(self.table, "--names", "-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.split()[-1], "site_thing")

    def test_a_wrong_table_is_refused_with_file_line_and_point(self):
        rows = [
            # replaced, by, line, what the message says
            ("vetoes = true", "vetos = true", 1, "[before_thing]: unknown key 'vetos' (did you mean vetoes?)"),
            ("vetoes = true\n", "", 1, "[before_thing]: vetoes is missing"),
            ("vetoes = true", 'vetoes = "yes"', 1, "[before_thing]: vetoes must be true or false, not 'yes'"),
            ("vetoes = true", "vetoes = 1", 1, "[before_thing]: vetoes must be true or false, not 1"),
            ('"json"', '"xml"', 1, "[before_thing]: payload must be one of none, domxml, device_xml, json, not 'xml'"),
            ('"json"', "[]", 1, "[before_thing]: payload must be one of none, domxml, device_xml, json, not []"),
            ('"json"', '"none"', 1, "[before_thing]: result_used without a payload"),
            ('"First."', '""', 1, "[before_thing]: follows must be a text without blanks around it, not ''"),
            ('"First."', "7", 1, "[before_thing]: follows must be a text without blanks around it, not 7"),
            ('"First."', '"a\\nb"', 1, "[before_thing]: follows must be one line of printable ASCII"),
            ('"First."', '"\u00e9"', 1, "[before_thing]: follows must be one line of printable ASCII"),
            ("vetoes = false", "veto = false", 10, "[before_thing.vdsm]: unknown key 'veto' (did you mean vetoes?)"),
            ("vetoes = false", "vetoes = 0", 10, "[before_thing.vdsm]: vetoes must be true or false, not 0"),
            ("vetoes = false", "vetoes = true", 10, "[before_thing.vdsm]: vetoes is the same as ours: leave it out"),
            ("vetoes = false", 'fires = "x"', 10, "[before_thing.vdsm]: unknown key 'fires'"),
            ("vetoes = false", 'payload = "none"', 10, "[before_thing.vdsm]: result_used without a payload"),
            ("vetoes = false\n", "", 1, "[before_thing]: vdsm must be a table with at least one key"),
            ("[before_thing", '["../x"', 1, "[../x]: not the name of an event"),
            ("[before_thing", f"[{'a' * 65}", 1, f"[{'a' * 65}]: not the name of an event"),
        ]
        for old, new, line, why in rows:
            with self.subTest(why=why):
                self.assertIn(old, GOOD)
                result = self.generate(GOOD.replace(old, new))
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"{self.table}:{line}: {why}\n", result.stderr)
                self.assertFalse(os.path.exists(self.cpp))

    def test_a_file_that_cannot_be_a_table_is_refused_by_name(self):
        rows = [
            (GOOD + GOOD, "before_thing"),
            ("[a\n", "line 1"),
            ("a = 1", "[a]: must be a table"),
            ("", "no hook points"),
            (b"\xff", "utf-8"),
        ]
        for content, why in rows:
            with self.subTest(why=why):
                result = self.generate(content)
                self.assertEqual(result.returncode, 1)
                self.assertTrue(result.stderr.startswith(self.table + ":"), result.stderr)
                self.assertIn(why, result.stderr)
                self.assertNotIn("Traceback", result.stderr)

    def test_every_fault_is_named_in_one_go(self):
        result = self.generate(GOOD.replace("vetoes = true", "vetos = true").replace('"First."', "7"))
        self.assertEqual(len(result.stderr.splitlines()), 3)  # unknown, not a text, missing

    def test_a_missing_table_and_an_output_that_cannot_be_written_are_named(self):
        result = run(self.table, "--names", "-")
        self.assertEqual(result.returncode, 1)
        self.assertIn(self.table, result.stderr)
        result = run(FOLDER / "hookpoints.toml", "--cpp", os.path.join(self.table, "x"))
        self.assertEqual(result.returncode, 1)
        self.assertIn(self.table, result.stderr)
        self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
