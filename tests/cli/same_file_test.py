#!/usr/bin/env python3
"""Files of one command that are the same: what would be lost is refused before anything runs."""

import os
import subprocess
import unittest

from command import DEADLINE_S, DOMAIN, DONE, NIC, PROGRAM, WRONG_USE, CommandTest

DEVICE = "test"  # the VM of libvirt's test driver


class SameFileTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("50_edit", f"#!/bin/sh\ntouch {self.dir}/ran\nsed -i s/restart/destroy/ \"$_hook_domxml\"\n")

    def refused(self, done, *parts):
        super().refused(done, *parts)
        self.assertFalse((self.dir / "ran").exists())
        self.assertEqual(self.domain.read_text(), DOMAIN)

    def redirected(self, words, stdin=os.devnull, stdout=os.devnull):
        with open(self.dir / stdin, "rb") as given, open(self.dir / stdout, "ab") as taken:
            return subprocess.run([PROGRAM, "run", "before_vm_start", *self.places(), *words], cwd=self.dir, env=self.env, stdin=given,
                                  stdout=taken, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False)

    def test_output_and_report_whatever_they_are_called(self):
        self.file("there", "before")
        os.link(self.dir / "there", self.dir / "hard")
        (self.dir / "link").symlink_to("there")
        (self.dir / "to-nothing").symlink_to("new")
        self.directory("sub")
        (self.dir / "sub-link").symlink_to("sub")
        for output, report in [("new", "new"), ("new", "./new"), ("new", self.dir / "new"), ("there", "./there"), ("there", "link"), ("hard", "there"),
                               ("to-nothing", "new"), ("sub/new", "sub-link/new"), ("sub/new", "sub/../sub/new")]:
            with self.subTest(output=output, report=report):
                self.refused(self.run_event("--output", output, "--report", report), "is the same file as", "--help")
                self.refused(self.run_event("--output", report, "--report", output), "is the same file as")
        self.assertEqual((self.dir / "there").read_text(), "before")
        self.assertFalse((self.dir / "new").exists())

    def test_a_report_where_the_document_goes_or_came_from(self):
        self.refused(self.run_event("--report", "vm.xml"), "--report vm.xml is the same file as --domxml vm.xml")
        self.file("nic.xml", NIC)
        for words in (["--report", "vm.xml"], ["--output", "vm.xml"]):
            self.refused(self.command("run", "before_nic_hotplug", "--device-xml", "nic.xml", "--domain", "vm.xml", *words), "--domain vm.xml")
        done = self.redirected(["--domxml", "-", "--report", "vm.xml"], stdin="vm.xml")
        self.assertEqual(done.returncode, WRONG_USE, done.stderr)
        self.assertEqual(self.domain.read_text(), DOMAIN)

    def test_a_report_and_the_document_on_standard_output(self):
        self.refused(self.run_event("--report", "/dev/stdout"), "on standard output")
        self.refused(self.run_event("--report", "-"), "--output")
        (self.dir / "out").touch()
        done = self.redirected(["--domxml", "vm.xml", "--report", "out"], stdout="out")
        self.assertEqual((done.returncode, (self.dir / "out").read_bytes()), (WRONG_USE, b""), done.stderr)

    def test_what_loses_nothing_is_allowed(self):
        self.check(self.run_event("--output", "/dev/null", "--report", "/dev/null"), DONE, "")
        self.check(self.run_event("--output", "new.xml", "--report", "-"), DONE)
        self.check(self.run_event("--output", "vm.xml"), DONE, "")  # in place
        self.assertEqual(self.domain.read_text(), DOMAIN.replace("restart", "destroy"))

    def test_a_document_among_the_hooks_or_in_the_configuration(self):
        hook, settings = self.hooks / "before_vm_start/50_edit", self.configure("")
        before = hook.read_text()
        for option in ("--output", "--report"):
            for name in (hook, self.hooks / "before_vm_start/new"):
                self.refused(self.run_event(option, name), "among the hooks of before_vm_start")
            for name in (settings, self.config / "new.toml"):
                self.refused(self.run_event(option, name), "configuration")
        self.assertEqual((hook.read_text(), settings.read_text()), (before, ""))

    def test_a_report_of_vm_and_the_files_it_is_about(self):
        for name in ("memory", "nic.xml", "password", "vm.xml"):
            self.file(name, DOMAIN if name == "vm.xml" else "content")
        for words, name in [(["save", DEVICE, "memory"], "memory"), (["save", DEVICE, "new"], "./new"), (["restore", "memory"], "memory"),
                            (["create", "vm.xml"], "vm.xml"), (["define", "vm.xml"], "vm.xml"), (["attach-device", DEVICE, "nic.xml"], "nic.xml"),
                            (["set-password", DEVICE, "--password-file", "password"], "password"),
                            (["migrate", DEVICE, "test:///default", "--xml", "vm.xml"], "vm.xml"),
                            (["migrate", DEVICE, "test:///default", "--persistent-xml", "vm.xml"], "vm.xml")]:
            with self.subTest(words=words):
                self.refused(self.call("vm", *words, *self.places(), "--report", name), f"--report {name} is the same file as")
        self.assertEqual((self.dir / "memory").read_text(), "content")

    def test_a_report_of_vm_on_standard_output_is_all_there_is(self):
        for name in ("-", "/dev/stdout"):
            done = self.command("vm suspend", DEVICE, "-c", "test:///default", "--report", name)
            self.check(done, DONE)
            self.assertTrue(done.stdout.startswith("{") and done.stdout.endswith("}\n"), done.stdout)
            self.assertEqual(done.stdout.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
