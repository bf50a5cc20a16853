#!/usr/bin/env python3
"""The manual pages say what the programs, the tables and the code say: all of it, and nothing that is not so."""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
import unittest
from collections import Counter

from command import BUILD, COMMANDS, PROGRAM, SOURCE

PAGES = {page.name: page for page in (BUILD / "share/man").glob("man?/*")}
LIFECYCLES = tomllib.loads((SOURCE / "hookpoints/lifecycles.toml").read_text())
FOREIGN = {"virsh(1)"}


def run(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def shown(page, width=1000):
    """PAGE as man shows it; wide, since that breaks no words."""
    return re.sub(r".\x08", "", run("mandoc", "-Tascii", f"-Owidth={width}", PAGES[page]))


def sections_of(text, indent=""):
    """What is below each heading of the page TEXT."""
    return dict(re.findall(rf"(?ms)^{indent}(\S.*?)\n(.*?)(?=^{indent}\S|\Z)", text))


def on_one_line(text):
    return " ".join(text.split())


def amount(text):
    """TEXT of C++ or of the guide as a number: of bytes, of milliseconds, or of whatever is counted."""
    units = {"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "ms": 1, "s": 1000, "min": 60000, "seconds": 1000, "minutes": 60000}
    if shifted := re.fullmatch(r"(\d+)U << (\d+)", text):
        return int(shifted[1]) << int(shifted[2])
    if time := re.fullmatch(r"std::chrono::(\w+)\((\d+)\)", text):
        return int(time[2]) * units[time[1]]
    number, _, unit = text.replace("'", "").partition(" ")
    return int(number) * units[unit]


def keys_read(file, *more):
    """The keys of a TOML file that the C++ FILE asks for."""
    text = (SOURCE / file).read_text()
    return {key for form in (r'(?:\.|->)(?:texts?|duration|flag|integers?|table)\("(\w+)"\)', *more) for key in re.findall(form, text)}


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
class EveryPage(unittest.TestCase):
    maxDiff = None

    def test_it_is_sound(self):
        self.assertGreater(len(PAGES), 16)
        for name, page in PAGES.items():
            with self.subTest(page=name):
                # Neither the pages on this machine nor how long a configured directory is are its fault.
                lines = page.read_text().splitlines()
                faults = [fault for fault in run("mandoc", "-Tlint", page).splitlines() if "referenced manual not found" not in fault]
                self.assertEqual([fault for fault in faults if "longer than 80 bytes" not in fault or
                                  not re.search(r"/vdsm(\\?-hook|/hooks)", lines[int(fault.split(":")[2]) - 1])], [])
                self.assertTrue(page.read_bytes().isascii())

    def test_it_refers_to_pages_that_there_are(self):
        ours = {re.sub(r"\.(\d)$", r"(\1)", name) for name in PAGES}
        for name, page in PAGES.items():
            references = {f"{title}({section})" for title, section in re.findall(r"\bXr (\S+) (\d)", page.read_text())}
            with self.subTest(page=name):
                self.assertEqual(references - ours - FOREIGN, set())
                self.assertIn("SEE ALSO", sections_of(shown(name)))

    def test_every_command_has_one_that_the_first_page_names(self):
        commands = set(re.findall(r"(?m)^  (\S+)  +\S", run(PROGRAM, "--help")))
        self.assertLess({"run", "vm"}, commands)
        self.assertEqual({name.removeprefix("vdsm-hook-").removesuffix(".1") for name in PAGES if name.startswith("vdsm-hook-")}, commands)
        self.assertEqual(set(re.findall(r"(?m)^     vdsm-hook-(\S+)\(1\)", sections_of(shown("vdsm-hook.1"))["COMMANDS"])), commands)


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
class Commands(unittest.TestCase):
    maxDiff = None

    def test_the_page_has_the_whole_help(self):
        for name in COMMANDS:
            first, *rest = name.split()
            sections = sections_of(shown(f"vdsm-hook-{first}.1"))
            own = sections_of(sections["COMMANDS"], "   ")[" ".join(rest)] if rest else sections["SYNOPSIS"] + sections["DESCRIPTION"]
            help_ = run(PROGRAM, *name.split(), "--help")
            usage, summary = re.match(r"Usage: (.*)\n\n((?:.+\n)+)", help_).groups()
            # A row of the help on a line, as "--option: description".
            there = re.findall(r"(?m)^     (\S.*?)(?:\n {5}| ) +(\S.*)$", own + sections["OPTIONS"])
            with self.subTest(command=name):
                self.assertEqual(own.splitlines()[0].strip(), usage)
                self.assertIn(on_one_line(summary), on_one_line(own))
                rows = re.findall(r"(?m)^  ([-A-Z]\S*(?: \S+)*)  +(\S.*)$", help_.partition("\n\nExample:")[0])
                self.assertIn(("-h, --help", "print this help"), rows)
                self.assertEqual([row for row in rows if row not in there], [])
                for example in re.findall(r"(?m)^  (vdsm-hook .*)$", help_):
                    self.assertIn(example, sections["EXAMPLES"])
                codes = "".join(re.findall(r"(?ms)^Exit code: (.*?)\.?\s*\Z", help_))
                for code in re.split(r"; (?=\d)", on_one_line(codes)):
                    self.assertIn(code, on_one_line(sections["EXIT STATUS"]))

    def test_every_command_of_vm_says_what_fires_in_its_order(self):
        sections = sections_of(sections_of(shown("vdsm-hook-vm.1", 200))["COMMANDS"], "   ")
        self.assertEqual(list(sections), list(LIFECYCLES["command"]))
        for name, command in LIFECYCLES["command"].items():
            text = on_one_line(sections[name])
            with self.subTest(command=name):
                if not command["phases"]:
                    self.assertIn("No hook points fire.", text)
                steps = []
                for phase in (LIFECYCLES["phase"][phase] for phase in command["phases"]):
                    steps += [*phase["before"], *(["libvirt " + phase["does"]] if "does" in phase else []), *phase["after"]]
                    for event in [*phase.get("failed", []), *phase.get("undo", [])]:
                        self.assertIn(event, re.split(r"[ ,.:]+", text[text.index("When libvirt refuses"):]))
                self.assertEqual(re.findall(r"(?m)^ +\d+\. +(libvirt .*?|\w+)(?::.*)?$", sections[name]), steps)

    def test_the_daemon_s_page_has_its_options(self):
        options = re.findall(r"(?m)^  (-.*?)  +\S.*$", run(BUILD / "bin/vdsm-hookd", "--help"))
        self.assertGreater(len(options), 4)
        self.assertEqual(re.findall(r"(?m)^     (-.*?)$", sections_of(shown("vdsm-hookd.8"))["OPTIONS"]), options)


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
class Files(unittest.TestCase):
    maxDiff = None

    def has_keys(self, keys, page, part=None):
        text = sections_of(shown(page))["DESCRIPTION"]
        text = sections_of(text, "   ")[part] if part else text
        self.assertEqual({key for key in keys if not re.search(rf"(?m)(?:^|[\[{{.,]) *{key}(?: = |\]|\.)", text)}, set())

    def test_hook_toml_has_every_key_that_the_sources_may_have(self):
        spec = importlib.util.spec_from_file_location("read_hooks", SOURCE / "vdsm_hooks/read_hooks.py")
        reader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reader)
        keys = {key for name in dir(reader) if name.endswith("_KEYS") for key in getattr(reader, name)}
        self.assertLess({"name", "source", "when", "vm"}, keys)
        self.has_keys(keys, "hook.toml.5", "In the sources")

    def test_hook_toml_has_every_key_of_a_sidecar(self):
        keys = keys_read("core/vdsm_hook/engine/sidecar.cpp", r'read_patterns\(table, "(\w+)"\)')
        self.assertLess({"on_failure", "when", "device_property"}, keys)
        self.has_keys(keys, "hook.toml.5", "On a host")

    def test_the_configuration_has_every_key(self):
        keys = keys_read("core/vdsm_hook/engine/settings.cpp")
        self.assertLess({"timeout", "environment", "strict"}, keys)
        self.has_keys(keys, "vdsm-hook.toml.5")
        self.assertEqual(set(re.findall(r"(?m)^ +\[?([a-z_]+)\]?(?: = .*)?$", sections_of(shown("vdsm-hook.toml.5"))["DESCRIPTION"])), keys)

    def test_every_variable_is_named_that_the_programs_read_or_set(self):
        code = [(path, path.read_text()) for path in (SOURCE / "core").rglob("*.cpp") if "sdk" not in path.parts]
        names = {name for _, text in code for name in re.findall(r'\b(?:getenv|environment|own_variable)\("(\w+)"\)', text)}
        paths = (SOURCE / "core/vdsm_hook/base/paths.cpp").read_text()
        ours = set(re.findall(r'environment\("(\w+)"\)', paths))
        given = set(re.findall(r'\{"(VDSM_HOOK_\w+)",', (SOURCE / "core/vdsm_hook/engine/event_run.cpp").read_text()))
        self.assertIn("XDG_RUNTIME_DIR", ours)
        self.assertIn("VDSM_HOOK_EVENT", given)
        self.assertEqual({name for name in names if name.startswith("VDSM_HOOK_")} - ours - given, set())
        section = sections_of(shown("vdsm-hook.1"))["ENVIRONMENT"]
        self.assertEqual(set(re.findall(r"\w+", " ".join(re.findall(r"(?m)^     ([A-Z_, ]+)$", section)))), ours)
        hooks = shown("vdsm-hooks.7")
        self.assertEqual({name for name in given if name not in hooks}, set())


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
class Authors(unittest.TestCase):
    maxDiff = None

    def test_every_hook_point_is_told_as_the_program_tells_it(self):
        sections = sections_of(sections_of(shown("vdsm-hookpoints.7"))["HOOK POINTS"], "   ")
        points = json.loads(run(PROGRAM, "points", "--format", "json", "--config-dir", "/nonexistent"))["points"]
        self.assertEqual(list(sections), [point["name"] for point in points])
        payloads = {"domxml": "the domain XML", "device_xml": "the XML of one device", "json": "a JSON document", "none": "none"}
        for point in points:
            rows = dict(re.findall(r"(?m)^     (\S.*?)  +(\S.*)$", sections[point["name"]]))
            with self.subTest(event=point["name"]):
                self.assertEqual(sections[point["name"]].splitlines()[0].strip().replace("  ", " "), point["fires"])
                self.assertEqual(rows["Order"], point["follows"])
                self.assertEqual(rows["Payload"], payloads[point["payload"]])
                self.assertEqual(rows["Result used"].startswith("yes"), point["result_used"])
                self.assertEqual(rows["Veto"].startswith("yes"), point["vetoes"])
                self.assertEqual("of the VM" in rows["Custom properties"], point["vm_properties"])
                self.assertEqual("of the device" in rows["Custom properties"], point["device_properties"])
                self.assertEqual("withheld" in rows["Custom properties"], point["from_elsewhere"])
                self.assertEqual(rows.get("Parameters", ""), point["parameters"])

    def test_the_guide_states_every_bound(self):
        limits = dict(re.findall(r"(?m)^inline constexpr \S+ (k\w+)(?: = |\{)([^;}]+)\}?;", (SOURCE / "core/vdsm_hook/base/limits.hpp").read_text()))
        self.assertGreater(len(limits), 20)
        guide = (SOURCE / "hookpoints/CONTRACT.md").read_text().partition("\n## Bounds\n")[2].partition("\n## ")[0]
        told = [row.split("|")[2].strip() for row in guide.splitlines() if row.startswith("| ") and "| bound |" not in row]
        self.assertEqual(Counter(amount(value) for value in told), Counter(amount(value) for value in limits.values()), limits)

    def test_no_word_of_the_contract_is_lost(self):
        def words(text):
            return Counter(re.findall(r"\w+", text.lower()))
        contract = (SOURCE / "hookpoints/CONTRACT.md").read_text().partition("\n")[2]  # its title is the page's name
        contract = re.sub(r"```\w*|\]\(#[^)]*\)", " ", contract)
        self.assertGreater(words(contract).total(), 2000)
        self.assertEqual(words(contract) - words(shown("vdsm-hooks.7")), Counter())


if __name__ == "__main__":
    unittest.main()
