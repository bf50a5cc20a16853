#!/usr/bin/env python3
"""Everything that the command prints as JSON is as core/vdsm_hook/cli/schemas says."""

import os
import sys

try:
    import jsonschema
except ImportError:
    # The distribution's own python has Debian's python3-jsonschema, another one in front of it may not.
    SYSTEM_PYTHON = "/usr/bin/python3"
    if os.path.realpath(sys.executable) == os.path.realpath(SYSTEM_PYTHON):
        sys.exit("this test needs the package python3-jsonschema")
    os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])

import json
import unittest

from command import DOMAIN, DONE, EDIT, NIC, SOURCE, UUID, VETOED, CommandTest

SCHEMAS = SOURCE / "core/vdsm_hook/cli" / "schemas"

# What programs rely on; a key of a list's entries has the list in front.
REQUIRED = {
    "report": "event vm_id vetoed changed problems problems.what problems.why ignored ignored.path ignored.reason survivors "
              "hooks hooks.name hooks.path hooks.verdict hooks.reason hooks.result hooks.exit_code hooks.signal "
              "hooks.duration_ms hooks.changed hooks.adopted hooks.stderr hooks.stdout hooks.tree hooks.survivors",
    "vm-report": "command vm result error events events.event events.device events.vetoed events.changed events.problems events.hooks",
    "plan": "event hooks hooks.name hooks.path hooks.verdict hooks.reason hooks.timeout_s hooks.on_failure ignored "
            "ignored.path ignored.reason problems",
    "list": "hooks hooks.event hooks.name hooks.path hooks.checksum hooks.no_checksum hooks.layer",
    "points": "points points.name points.payload points.result_used points.vetoes",
    "check": "findings findings.path findings.problem findings.hint",
    "props-validate": "problems problems.kind problems.key problems.value problems.expected problems.declared_by",
    "props-show": "name uuid properties devices devices.device devices.profile devices.properties notes",
    "props-definitions": "definitions definitions.name definitions.of definitions.pattern definitions.declared_by definitions.readers",
    "props-profiles": "profiles profiles.name profiles.properties profiles.files",
    "libvirt-bridge": "drivers drivers.driver drivers.state drivers.link drivers.target drivers.obstacle drivers.main_script",
    "vm-list": "vms vms.name vms.state vms.uuid",
    "vm-show": "name uuid state is_persistent has_managed_save properties properties.name properties.value devices_with_properties busy left",
    "props-change": "changed problems problems.kind in_use notes",
}


def schema_of(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


class SchemaTest(CommandTest):
    def valid(self, name, value):
        jsonschema.Draft202012Validator(schema_of(name)).validate(value)
        return value

    def test_the_schemas_are_schemas_and_allow_nothing_that_they_do_not_name(self):
        def objects(node):
            if isinstance(node, dict):
                if node.get("type") == "object":
                    yield node
                for child in node.values():
                    yield from objects(child)

        self.assertEqual(sorted(path.name for path in SCHEMAS.iterdir()), sorted(f"{name}.schema.json" for name in REQUIRED))
        for name in REQUIRED:
            schema = schema_of(name)
            jsonschema.Draft202012Validator.check_schema(schema)
            for node in objects(schema):
                self.assertIs(node["additionalProperties"], False)
                self.assertEqual(sorted(node["required"]), sorted(node["properties"]))

    def test_the_keys_that_programs_rely_on_are_required(self):
        for name, keys in REQUIRED.items():
            schema = schema_of(name)
            for key in keys.split():
                above, _, last = key.rpartition(".")
                node = schema["properties"][above]["items"] if above else schema
                if "$ref" in node:
                    node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
                self.assertIn(last, node["required"], f"{name}: {key}")

    def test_a_report_without_hooks_is_valid(self):
        self.valid("report", self.report_of())

    def test_reports_of_every_kind_of_end_are_valid(self):
        self.hook("10_done", EDIT)
        self.hook("20_code", "#!/bin/sh\necho out; echo err >&2\nexit 3\n")
        self.hook("30_signal", "#!/bin/sh\nkill -KILL $$\n")
        self.hook("40_late", "#!/bin/sh\nsleep 1000\n")
        self.hook("50_missing", "#!/no/such/interpreter\n")
        self.hook("60_broken", "#!/bin/sh\necho '<' >\"$_hook_domxml\"\n")
        self.hook("70_skipped")
        self.hook("80_stop", "#!/bin/sh\nexit 2\n")
        self.hook("90_not_reached")
        self.hook("95_off", mode=0o644)
        self.hook("96_bad", mode=0o757)
        report = self.valid("report", self.report_of("--skip", "70_skipped", "--timeout", "300ms", code=VETOED))
        self.assertEqual([h["result"] for h in report["hooks"]],
                         ["exited", "exited", "signalled", "timed_out", "not_started", "exited", None, "exited", None])
        self.assertEqual([h["signal"] for h in report["hooks"]][2], "SIGKILL")
        self.assertEqual([h["exit_code"] for h in report["hooks"]], [0, 3, None, None, None, 0, None, 2, None])
        self.assertEqual([h["adopted"] for h in report["hooks"]], [True] + [False] * 8)
        self.assertEqual(len(report["ignored"]), 2)

    def test_reports_of_commands_on_a_vm_are_valid(self):
        # libvirt's driver for tests: no daemon, and what happens is gone with the command.
        self.file("node.xml", f"""<node xmlns:test="http://libvirt.org/schemas/domain/test/1.0"><domain type='test'><name>vm-1</name><uuid>{UUID}</uuid>
            <memory>65536</memory><os><type>hvm</type></os><test:runstate>5</test:runstate></domain></node>""")
        hook = self.hook("50_a", "#!/bin/sh\nexit 2\n")

        def report(command, *words, code):
            done = self.command(f"vm {command}", "-c", f"test://{self.dir}/node.xml", "--report", "vm.json", *words)
            self.assertEqual(done.returncode, code, done.stderr)
            return self.valid("vm-report", json.loads((self.dir / "vm.json").read_text()))

        vetoed = report("start", "vm-1", code=VETOED)
        self.assertEqual((vetoed["result"], vetoed["error"], [event["event"] for event in vetoed["events"]][0]), ("vetoed", None, "before_vm_start"))
        hook.write_text("#!/bin/sh\necho fine\n")
        done = report("start", "vm-1", code=DONE)
        self.assertEqual((done["result"], done["events"][0]["hooks"][0]["stdout"], done["events"][0]["device"]), ("done", "fine\n", None))
        refused = report("destroy", "vm-1", code=VETOED)
        self.assertEqual((refused["result"], refused["events"]), ("refused", []))
        self.assertIn("domain is not running", refused["error"])
        self.assertEqual(report("list", code=DONE)["vm"], "")

    def test_bytes_that_are_no_text_become_text(self):
        self.hook(b"50_\xff\x1b".decode(errors="surrogateescape"), b"#!/bin/sh\nprintf '\\377\\001\\033[31m' | tee /dev/stderr\nexit 1\n")
        self.hook(b"60_\xfe".decode(errors="surrogateescape"), mode=0o644)
        report = self.valid("report", self.report_of(code=VETOED))
        hook = report["hooks"][0]
        self.assertEqual((hook["name"], hook["stdout"], hook["stderr"]), ("50_\ufffd\\x1b",) + ("\ufffd\\x01\\x1b[31m",) * 2)
        self.valid("list", self.json_of("list"))
        self.valid("check", self.json_of("check", code=VETOED))
        self.valid("plan", self.json_of("plan", "before_vm_start", "--domxml", "vm.xml"))

    def test_plans_are_valid(self):
        self.hook("10_run")
        self.hook("20_skipped")
        self.hook("20_skipped.toml", 'summary = "s"\ntimeout = "1ms"\non_failure = "ignore"\n[when]\nvm = ["none"]\n')
        self.hook("30_off", mode=0o644)
        self.hook("40_bad", mode=0o757)
        for words in [("--domxml", "vm.xml"), ("--domxml", "vm.xml", "--compat", "vdsm"),
                      ("--domxml", "vm.xml", "--vm-id", "99999999-2222-4333-8444-555555555555")]:
            plan = self.valid("plan", self.json_of("plan", "before_vm_start", *words))
            self.assertEqual(len(plan["hooks"]), 3 if "--compat" in words else 2)
        self.valid("plan", self.json_of("plan", "before_vdsm_start"))

    def test_lists_points_and_findings_are_valid(self):
        self.valid("list", self.json_of("list"))
        self.valid("check", self.json_of("check"))
        self.hook("50_a")
        self.hook("50_a", event="nothing")
        self.assertEqual(len(self.valid("list", self.json_of("list"))["hooks"]), 1)
        self.assertEqual(len(self.valid("check", self.json_of("check", code=VETOED))["findings"]), 1)
        self.file("config/hookpoints.d/site.toml", '[before_backup]\npayload = "none"\n')
        for words in [(), ("--compat", "vdsm"), ("before_backup",)]:
            self.valid("points", self.json_of("points", *words))

    def test_problems_of_properties_are_valid(self):
        for words, code in [(("--vm", "sap_agent=true"), 0), (("--vm", "a=1;sap_agent=x;sndbuf=1;sndbuf=2"), VETOED),
                            (("--vm", "a"), VETOED), (("--device", "nic", "a=1"), VETOED)]:
            done = self.call("props", "validate", *words, "--format", "json")
            self.check(done, code)
            self.valid("props-validate", json.loads(done.stdout))
            self.assertEqual(done.stdout.count("\n"), 1)

    def test_properties_definitions_profiles_and_changes_are_valid(self):
        self.file("vm.xml", (SOURCE / "tests/data/web-01.xml").read_text())
        self.hook("50_a", "#!/bin/sh\necho $speed\n")
        nic = ("--domxml", "vm.xml", "--device", "interface:1")
        for command, code in [(("props define", "speed=^(1|2)$", "--device", "interface"), 0), (("props profile create", "red", "speed=1"), 0),
                              (("props profile create", "blue", "speed=3"), VETOED), (("props profile attach", "red", *nic), 0),
                              (("props profile delete", "red"), VETOED), (("props set", "speed=2", *nic), 0), (("props set", "a=2", *nic), VETOED),
                              (("props set", "speed=2", *nic), 0), (("props unset", "duplex", *nic), 0), (("props profile edit", "red", "speed=2"), 0)]:
            change = self.valid("props-change", self.json_of(*command, code=code))
            self.assertEqual(bool(change["problems"] or change["in_use"]), code == VETOED)
        shown = self.valid("props-show", self.json_of("props show", "--domxml", "vm.xml"))
        self.assertEqual(shown["devices"][0]["profile"], "red")
        self.valid("props-show", self.json_of("props show", *nic))
        self.assertIn(["1", "2"], [d["choices"] for d in self.valid("props-definitions", self.json_of("props definitions"))["definitions"]])
        self.assertEqual(len(self.valid("props-profiles", self.json_of("props profile list"))["profiles"]), 1)
        self.valid("props-change", self.json_of("props profile detach", *nic))
        self.assertTrue(self.valid("props-change", self.json_of("props profile delete", "red"))["changed"])

    def test_the_status_of_the_bridge_is_valid(self):
        scripts = self.directory("libvirt")
        for prepare, code in [(lambda: None, VETOED), (lambda: self.file("libvirt/qemu", "#!/bin/sh\n", 0o755), VETOED),
                              (lambda: self.call("libvirt-bridge", "install", "--libvirt-hooks-dir", scripts), 0),
                              (lambda: (scripts / "qemu.d/50-vdsm-hook").unlink(), VETOED),
                              (lambda: self.file("libvirt/qemu.d/50-vdsm-hook"), VETOED)]:
            prepare()
            done = self.call("libvirt-bridge", "status", "--format", "json", "--libvirt-hooks-dir", scripts)
            self.check(done, code)
            self.assertEqual(len(self.valid("libvirt-bridge", json.loads(done.stdout))["drivers"]), 2)

    def test_vms_and_their_properties_are_valid(self):
        self.env["LIBVIRT_DEFAULT_URI"] = f"test://{SOURCE}/tests/data/test_node.xml"
        self.assertEqual([vm["name"] for vm in self.valid("vm-list", self.json_of("vm list", "--all"))["vms"]], ["web-01"])
        self.assertEqual(self.valid("vm-list", self.json_of("vm list"))["vms"], [])
        self.assertEqual(self.valid("vm-show", self.json_of("vm show", "web-01"))["properties"], [{"name": "macspoof", "value": "true"}])
        self.assertEqual([one["name"] for one in self.valid("props-show", self.json_of("props show", "web-01"))["properties"]], ["macspoof"])
        self.assertTrue(self.valid("props-change", self.json_of("props unset", "web-01", "macspoof"))["changed"])

    def test_the_report_of_a_command_on_a_vm_has_a_report_of_each_event(self):
        self.env["LIBVIRT_DEFAULT_URI"] = f"test://{SOURCE}/tests/data/test_node.xml"
        self.hook("50_a", EDIT)
        self.check(self.command("vm start", "web-01", "--report", "report.json"), 0)
        report = json.loads((self.dir / "report.json").read_text())
        self.assertEqual((report["command"], report["vm"], report["result"]), ("start", "web-01", "done"))
        for event in report["events"]:
            self.assertIsNone(event.pop("device"))
            self.valid("report", event)
        self.assertEqual([len(event["hooks"]) for event in report["events"] if event["event"] == "before_vm_start"], [1])

    def test_json_is_one_line_that_ends(self):
        self.hook("50_a", "#!/bin/sh\nprintf 'two\\nlines\\n'\n")
        for words in [("list",), ("points",), ("check",), ("plan", "before_vm_start", "--domxml", "vm.xml"), ("vm list",),
                      ("vm show", "test")]:
            done = self.command(*words, "--format", "json")
            self.assertEqual(done.stdout.count("\n"), 1)
        self.report_of()
        self.assertEqual((self.dir / "report.json").read_text().count("\n"), 1)

    def test_a_device_event_and_a_json_event_report_too(self):
        self.hook("50_a", event="before_device_create")
        self.hook("50_a", event="after_get_caps")
        self.valid("report", self.report_of(event="before_device_create", document=("--device-xml", "-"), stdin=NIC))
        self.valid("report", self.report_of(event="after_get_caps", document=("--json", "-"), stdin="{}"))
        self.assertEqual(self.domain.read_text(), DOMAIN)


if __name__ == "__main__":
    unittest.main()
