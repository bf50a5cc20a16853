#!/usr/bin/env python3
"""Options, odd names, and places that cannot be written, of `vdsm-hook vm` on a real libvirtd."""

import json
import shlex

from virtcase import domain_xml, main
from vmfaultcase import BUILD, CREATED, METADATA, NICS, PLACES, STARTED, UNDO, UUID, VmFaultTest


class OptionsTest(VmFaultTest):
    def test_a_property_is_for_one_run(self):
        host = self.vm_host()
        before = self.definition(host)
        self.hook(host, "before_vm_start", "20_colour", f'echo "colour ${{colour-unset}}" >>{self.log}')
        for words, value in ((("-p", "colour=red green"), "red green"), ((), "unset")):
            self.vm(host, "start", "t1", *words)
            self.assertEqual(self.logged(), CREATED + [f"colour {value}"] + STARTED)
            host.virsh("destroy", "t1")
        self.assertEqual(self.definition(host), before)
        for word in ("colour", "=red", "PATH=/tmp", "LD_PRELOAD=x", "a b=1"):
            with self.subTest(word):
                self.refused(host, "start", "t1", "-p", word, code=2)
                self.assertEqual((self.state(host), self.logged()), ("shut off", []))
                self.assert_nothing_is_left(host)

    def test_a_hook_is_skipped_by_a_name_that_is_there(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "20_veto", "exit 2")
        lines = self.refused(host, "start", "t1", "--skip", "20_vetto", code=2)
        self.assertEqual(lines, ["vdsm-hook: there is no hook 20_vetto at the hook points of vm start to skip (did you mean 20_veto?)"])
        self.vm(host, "start", "t1", "--skip", "20_veto")
        self.assertEqual(self.logged(), CREATED + STARTED)

    def test_a_deadline_is_each_hooks(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "20_late", "sleep 1000")
        lines = self.refused(host, "start", "t1", "--timeout", "200ms")
        self.assertIn("200ms", lines[0])
        self.assertEqual((self.state(host), self.logged()), ("shut off", CREATED + UNDO))
        self.refused(host, "start", "t1", "--timeout", "soon", code=2)

    def test_upstreams_rules_keep_what_failed_hooks_changed(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "20_title", 'sed -i "s|</name>|</name><title>kept</title>|" "$_hook_domxml"', "exit 1")
        self.hook(host, "before_vm_start", "30_see", f'grep -c "<title>kept" "$_hook_domxml" >>{self.log}')
        self.refused(host, "start", "t1")
        self.assertEqual(self.logged(), CREATED + ["0"] + UNDO)
        self.refused(host, "start", "t1", "--compat", "vdsm")
        self.assertEqual(self.logged(), CREATED + ["1"] + UNDO)
        self.assert_nothing_is_left(host)

    def test_reports_say_how_it_ended(self):
        host = self.vm_host()

        def report(*words, code):
            self.vm(host, *words, "--report", host.dir / "report.json", code=code)
            return json.loads((host.dir / "report.json").read_text())
        veto = self.hook(host, "before_vm_start", "20_veto", "echo 'not today' >&2", "exit 2")
        vetoed = report("start", "t1", code=1)
        self.assertEqual((vetoed["command"], vetoed["vm"], vetoed["result"], vetoed["error"]), ("start", "t1", "vetoed", None))
        self.assertEqual([(event["event"], event["device"], event["vetoed"]) for event in vetoed["events"]][:3],
                         [("before_device_create", "interface 52:54:00:00:00:01", False),
                          ("before_device_create", "interface 52:54:00:00:00:02", False), ("before_vm_start", None, True)])
        self.assertEqual(vetoed["events"][2]["hooks"][1]["stderr"], "not today\n")
        self.assertEqual(len(vetoed["events"]), len(CREATED + UNDO))
        veto.unlink()
        self.assertEqual(report("start", "t1", code=0)["result"], "done")
        refused = report("start", "t1", code=1)
        self.assertEqual((refused["result"], refused["error"], refused["events"]), ("refused", "Domain is already active", []))
        missing = report("destroy", "no such", code=1)
        self.assertEqual((missing["vm"], missing["result"]), ("no such", "refused"))
        self.assertIn("no domain with matching name", missing["error"])

    # ---- where output goes

    def shell(self, host, line, code):
        """LINE in a shell inside, where $vm is the command."""
        words = shlex.join([f"{name}={value}" for name, value in PLACES.items()] + [str(BUILD / "bin/vdsm-hook"), "vm"])
        done = host.run_inside(["sh", "-c", line.replace("$vm", f"env {words}")])
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def test_output_that_cannot_be_written_is_said_and_the_vm_is_as_the_command_left_it(self):
        host = self.vm_host()
        for to in (">&-", ">/dev/full", "--report - >/dev/full", "--report - >&-", "--report /dev/full", "--report /no/such/dir/report"):
            with self.subTest(to):
                err = self.shell(host, f"$vm start t1 {to}", 3)
                self.assertEqual(len(err.splitlines()), 1, err)
                self.assertEqual((self.state(host), self.logged()), ("running", CREATED + STARTED))
                self.assert_nothing_is_left(host)
                host.virsh("destroy", "t1")
        self.shell(host, "$vm start t1 -v 2>&-", 0)
        self.assertEqual(self.state(host), "running")
        self.logged()

    def test_a_refusal_or_veto_is_told_also_when_the_report_cannot_be_written(self):
        host = self.vm_host()
        err = self.shell(host, "$vm destroy t1 --report /dev/full", 3)
        self.assertEqual(err.splitlines()[0], "vdsm-hook: error: Failed to destroy domain 't1'")
        self.assertIn("domain is not running", err)
        self.assertIn("/dev/full", err.splitlines()[-1])
        self.hook(host, "before_vm_start", "20_veto", "exit 2")
        err = self.shell(host, "$vm start t1 --report /dev/full", 3)
        self.assertIn("before_vm_start vetoed", err)
        self.assertIn("/dev/full", err.splitlines()[-1])

    def test_a_full_disk_refuses_the_save_and_the_vm_goes_on(self):
        host = self.vm_host()
        small = host.dir / "files" / "small"
        small.mkdir()
        # In libvirtd's own mount namespace, which is the host's.
        host.run_inside(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
        host.virsh("start", "t1")
        lines = self.refused(host, "save", "t1", small / "t1.save")
        self.assertEqual(lines[0], f"vdsm-hook: error: Failed to save domain 't1' to {small}/t1.save")
        self.assertEqual(self.state(host), "running")
        self.assertEqual(self.logged(), ["before_vm_pause", "after_vm_pause", "before_vm_hibernate", "before_vm_cont", "after_vm_cont"])
        self.assert_nothing_is_left(host)
        self.vm(host, "save", "t1", host.dir / "t1.save")
        self.assertEqual(self.state(host), "shut off")

    # ---- names

    def test_odd_names_are_names_and_no_paths(self):
        host = self.vm_host()
        names = ["a b", "quo'te", 'dou"ble', "semi;touch x", "$(touch x)", "-dash", "..x", "ü" * 100, "ü" * 120 + "x", "é" * 60 + "<&>"]
        for number, name in enumerate(names, 2):
            uuid = UUID.replace("0001", f"{number:04}")
            with self.subTest(name):
                self.define(host, name, uuid, nic="", metadata="")
                self.vm(host, "start", "--", name)
                self.assertEqual(self.logged(), ["before_vm_start", "after_vm_start"])
                self.assertEqual(json.loads(self.vm(host, "show", "--format", "json", "--", name).stdout)["name"], name)
                listed = json.loads(self.vm(host, "list", "--format", "json").stdout)["vms"]
                self.assertEqual([vm["name"] for vm in listed], [name])
                self.vm(host, "destroy", "--", name)
                self.assertEqual(self.logged(), ["before_vm_destroy destroyed", "after_vm_destroy destroyed"])
                self.assert_nothing_is_left(host, uuid)
        self.assertEqual(list(host.path("/run/vdsm-hook/vms").iterdir()), [])

    def test_names_that_libvirt_has_not_find_nothing(self):
        host = self.vm_host()
        for name in ("../x", "..", "/etc/passwd", "a\nb", "x" * 255, "\u00fc" * 127, "\udcff", "", "t1\x1b[31m"):
            with self.subTest(name):
                done = self.vm(host, "start", name, code=1)
                self.assertNotIn("\x1b", done.stderr)
                self.assertEqual(self.logged(), [])
        path = host.file("odd.xml", domain_xml("../x", UUID.replace("0001", "0009"), nic=NICS, metadata=METADATA))
        self.assertIn("'/'", "".join(self.refused(host, "create", path)))
        self.assertEqual(self.logged(), CREATED + UNDO)
        with self.subTest("255 bytes, which libvirt makes a longer file name of"):
            path = host.file("odd.xml", domain_xml("ü" * 127 + "x", UUID.replace("0001", "0009"), nic=NICS, metadata=METADATA))
            self.assertIn("File name too long", "".join(self.refused(host, "create", path)))
            self.assertEqual(self.logged(), CREATED + UNDO)

    def test_a_name_with_a_line_end_is_on_one_line(self):
        host = self.vm_host()
        uuid = UUID.replace("0001", "0009")
        done = self.vm(host, "create", host.file("odd.xml", domain_xml("a\nb", uuid)))
        self.assertEqual(done.stdout, f"Domain 'a\\nb' created from {host.dir}/files/odd.xml\n")
        self.assertEqual(self.vm(host, "list", "--name").stdout, "a\\nb\n")
        self.assertEqual(len(self.vm(host, "list").stdout.splitlines()), 2)
        self.assertEqual(self.vm(host, "destroy", "a\nb").stdout, "Domain 'a\\nb' destroyed\n")


if __name__ == "__main__":
    main()
