#!/usr/bin/env python3
"""Runs every case of vdsm_hooks/<hook>/cases.json against the built hooks.

    vectors_test.py --hooks-dir BUILD/libexec/vdsm/hooks --sdk-dir BUILD/share/vdsm-hook [--source DIR] [--hook NAME]...

Without --hook, every hook that has a hook.toml is tested; --source holds the hooks' folders when it is not vdsm_hooks. A
hook without cases, an event of a hook without a case and a file that is not built are failures, never skipped.

A case: id, event, env (the properties), payload_kind (domxml, device_xml, json or none), payload, and expect with rc,
payload (left out: as it was; else compared as XML or JSON: the order of attributes, blank-only text, the declaration and
namespace prefixes do not matter), stderr_contains (none: stderr is empty).
The kind must be the event's own, and a property of the hook one that the event delivers: those of hookpoints.toml; an
event of a site's own may have any.
`installed`, where it is given, is the file below the hooks directory that oVirt's hook had. `upstream` and `note` are
for people.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HOOKS = TESTS.parent / "vdsm_hooks"
POINTS = tomllib.loads((TESTS.parent / "hookpoints/hookpoints.toml").read_text(encoding="utf-8"))
DEADLINE_S = 60
VARIABLES = {"domxml": "_hook_domxml", "device_xml": "_hook_domxml", "json": "_hook_json", "none": "NO_PAYLOAD"}
CASE_KEYS = {"id", "event", "installed", "env", "payload_kind", "payload", "expect", "upstream", "note"}
EXPECT_KEYS = {"rc", "payload", "commands", "stderr_contains"}
SIDECAR_KEYS = {"name", "vm_properties", "device_properties", "summary", "timeout", "on_failure", "needs_libvirt", "privileges", "when"}


def canonical(text, kind):
    """A value that is equal for documents that say the same."""
    if kind in ("json", "none"):
        return json.loads(text) if text else None

    def shown(string):
        return string if string and string.strip() else ""

    def plain(element):
        children = [(plain(child), shown(child.tail)) for child in element]
        return element.tag, sorted(element.attrib.items()), shown(element.text), children

    return plain(ElementTree.fromstring(text.encode("utf-8"))) if text else None


def run_hook(hook, sdk_dir, env, kind, payload):
    """(completed process, content of the payload file afterwards, whether it is still the same file, its mode)."""
    with tempfile.TemporaryDirectory(prefix="vectors_test.") as directory:
        path = Path(directory) / "payload"
        path.write_bytes(payload.encode("utf-8"))
        path.chmod(0o600)
        before = path.stat()
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(sdk_dir / "python"), "PYTHONDONTWRITEBYTECODE": "1",
                       "VDSM_HOOK_SDK_SHELL": str(sdk_dir / "shell"), VARIABLES[kind]: str(path), **env}
        done = subprocess.run([hook], env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, encoding="utf-8", timeout=DEADLINE_S, check=False)
        if os.listdir(directory) != ["payload"]:
            raise AssertionError(f"the hook left files behind: {os.listdir(directory)}")
        after = path.stat()
        same = (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        return done, path.read_text(encoding="utf-8"), same, after.st_mode & 0o777


class Vectors(unittest.TestCase):
    hooks_dir = None
    sdk_dir = None
    source = HOOKS
    only = []

    def hooks(self):
        found = {path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))
                 for path in self.source.glob("*/hook.toml")}
        self.assertTrue(found, f"no hook in {self.source}")
        for name in self.only:
            self.assertIn(name, found, "no such hook")
        return {name: found[name] for name in self.only or sorted(found)}

    def cases(self, hook):
        path = self.source / hook / "cases.json"
        self.assertTrue(path.is_file(), f"{hook} has no cases: {path} is missing")
        data = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual(data["hook"], hook)
        self.assertTrue(data["cases"], "no case")
        return data["cases"]

    def test_every_case_gives_what_it_should(self):
        for hook, description in self.hooks().items():
            for case in self.cases(hook):
                with self.subTest(hook=hook, case=case.get("id")):
                    installed = description["events"][case["event"]]["installed"]
                    self.check_event(case, description)
                    self.check(case, f"{case['event']}/{installed}")

    def check_event(self, case, description):
        """CASE is one that its event can bring about."""
        point = POINTS.get(case["event"])
        if point is None:
            return
        self.assertEqual(case["payload_kind"], point["payload"], f"not what {case['event']} hands over")
        if point["vm_properties"]:  # a VM may have a property of any name, also of that of a device
            return
        undelivered = set(description.get("vm_properties", {}))
        for properties in description.get("device_properties", {}).values():
            undelivered = undelivered - set(properties) if point["device_properties"] else undelivered | set(properties)
        self.assertFalse(undelivered & set(case["env"]), f"{case['event']} does not deliver these properties")

    def check(self, case, installed):
        expect = case["expect"]
        self.assertFalse((set(case) - CASE_KEYS) | (set(expect) - EXPECT_KEYS), "keys that this test does not know")
        self.assertEqual(case.get("installed", installed), installed, "the hook is installed under another name")
        kind = case["payload_kind"]
        self.assertIn(kind, VARIABLES)
        self.assertFalse(expect.get("commands"), "hooks that start commands are not tested here yet")
        program = self.hooks_dir / installed
        self.assertTrue(os.access(program, os.X_OK), f"{program} is not built")
        done, payload, is_same_file, mode = run_hook(program, self.sdk_dir, case["env"], kind, case["payload"])
        self.assertEqual(done.returncode, expect["rc"], done.stderr)
        self.assertEqual(done.stdout, "")
        for text in expect.get("stderr_contains", []):
            self.assertIn(text, done.stderr)
        if not expect.get("stderr_contains"):
            self.assertEqual(done.stderr, "")
        expected = canonical(expect.get("payload", case["payload"]), kind)
        self.assertEqual(canonical(payload, kind), expected)
        self.assertEqual(mode, 0o600)
        if canonical(case["payload"], kind) == expected:
            self.assertTrue(is_same_file, "nothing was to change, and the file was written")

    def test_every_event_has_a_case_and_is_staged_with_its_sidecar(self):
        for hook, description in self.hooks().items():
            cases = self.cases(hook)
            ids = [case["id"] for case in cases]
            self.assertEqual(len(ids), len(set(ids)), f"{hook}: an id is there twice")
            for event, data in description["events"].items():
                with self.subTest(hook=hook, event=event):
                    self.assertIn(event, [case["event"] for case in cases], "no case")
                    program = self.hooks_dir / event / data["installed"]
                    self.assertTrue(os.access(program, os.X_OK), f"{program} is not built")
                    sidecar = tomllib.loads(Path(f"{program}.toml").read_text(encoding="utf-8"))
                    self.assertEqual(sidecar["summary"], description["summary"])
                    self.assertFalse(set(sidecar) - SIDECAR_KEYS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hooks-dir", required=True, type=Path, metavar="DIR", help="the built hooks")
    parser.add_argument("--sdk-dir", required=True, type=Path, metavar="DIR", help="python/ and shell/ of the SDK")
    parser.add_argument("--source", default=HOOKS, type=Path, metavar="DIR", help="the hooks' folders")
    parser.add_argument("--hook", action="append", default=[], metavar="NAME", help="only this hook (repeatable)")
    options, rest = parser.parse_known_args()
    Vectors.hooks_dir, Vectors.sdk_dir, Vectors.source = options.hooks_dir.resolve(), options.sdk_dir.resolve(), options.source
    Vectors.only = options.hook
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
