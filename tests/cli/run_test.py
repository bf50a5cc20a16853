#!/usr/bin/env python3
"""vdsm-hook run: what goes in, what comes out, and the exit codes."""

import json
import os
import unittest

from command import DELIVER_UNDEFINED, DOMAIN, DONE, EDIT, ENGINE_FAILURE, NIC, SHOW, UUID, VETOED, CommandTest, mode_of

CHANGED = DOMAIN.replace("restart", "destroy")


class DocumentTest(CommandTest):
    def test_the_document_that_the_hooks_left_goes_to_stdout(self):
        self.hook("50_edit", EDIT)
        self.check(self.run_event(), DONE, CHANGED)
        self.assertEqual(self.leftovers(), [])

    def test_without_hooks_the_document_comes_back_byte_for_byte(self):
        document = "<?xml version='1.0'?>\n<!-- a -->\n<domain   type='kvm'>\r\n\t<name>a</name>\n\n</domain>\n\n"
        self.file("odd.xml", document)
        self.check(self.run_event(document=("--domxml", "odd.xml")), DONE, document)
        self.hook("50_read", '#!/bin/sh\ncat "$_hook_domxml" >/dev/null\n')
        self.check(self.run_event(document=("--domxml", "odd.xml")), DONE, document)

    def test_a_dash_reads_the_document_from_stdin(self):
        self.hook("50_edit", EDIT)
        self.check(self.run_event(document=("--domxml", "-"), stdin=DOMAIN), DONE, CHANGED)

    def test_a_document_comes_from_a_pipe_as_well(self):
        reader, writer = os.pipe()
        with open(writer, "w", encoding="utf-8") as pipe:
            pipe.write(DOMAIN)
        try:
            self.check(self.run_event(document=("--domxml", f"/dev/fd/{reader}"), pass_fds=[reader]), DONE, DOMAIN)
        finally:
            os.close(reader)

    def test_device_xml_and_json_go_through_hooks_too(self):
        self.hook("50_mac", '#!/bin/sh\nsed -i s/01/02/ "$_hook_domxml"\n', event="before_device_create")
        self.hook("50_net", '#!/bin/sh\nsed -i s/old/new/ "$_hook_json"\n', event="before_network_setup")
        self.file("nic.xml", NIC)
        self.check(self.run_event(event="before_device_create", document=("--device-xml", "nic.xml")), DONE,
                   NIC.replace("01", "02"))
        self.check(self.run_event(event="before_network_setup", document=("--json", "-"), stdin='{"net": "old"}'),
                   DONE, '{"net": "new"}')

    def test_an_event_without_a_document_prints_none(self):
        self.hook("50_a", '#!/bin/sh\n[ -f "$_hook_domxml" ] && [ ! -s "$_hook_domxml" ]\n', event="before_vdsm_start")
        self.check(self.run_event("--on-error", "veto", event="before_vdsm_start", document=()), DONE, "", "")

    def test_where_changes_are_not_used_the_document_comes_back_as_it_was(self):
        self.hook("50_edit", EDIT, event="after_vm_start")
        self.check(self.run_event(event="after_vm_start"), DONE, DOMAIN)
        self.assertFalse(self.report_of(event="after_vm_start")["changed"])

    def test_domain_gives_a_device_event_its_properties_name_and_uuid(self):
        self.define("colour=.*")
        self.hook("50_show", SHOW, event="before_device_create")
        report = self.report_of("--domain", "vm.xml", event="before_device_create", document=("--device-xml", "-"), stdin=NIC)
        self.assertEqual(report["vm_id"], UUID)
        self.assertIn("colour=red\n", report["hooks"][0]["stderr"])
        self.assertIn(f"vmId={UUID}\n", report["hooks"][0]["stderr"])


class OutputTest(CommandTest):
    def test_output_takes_the_document_and_stdout_nothing(self):
        self.hook("50_edit", EDIT)
        self.check(self.run_event("--output", "new.xml"), DONE, "")
        self.assertEqual((self.dir / "new.xml").read_text(), CHANGED)

    def test_output_replaces_the_file_and_keeps_its_mode(self):
        self.file("old.xml", "old", mode=0o640)
        before = os.stat(self.dir / "old.xml").st_ino
        with open(self.dir / "old.xml", encoding="utf-8") as reader:
            self.check(self.run_event("--output", "old.xml"), DONE)
            self.assertEqual(reader.read(), "old")  # who had it open has the old one, whole
        self.assertNotEqual(os.stat(self.dir / "old.xml").st_ino, before)
        self.assertEqual(mode_of(self.dir / "old.xml"), 0o640)
        self.assertEqual(sorted(os.listdir(self.dir)), ["config", "hooks", "old.xml", "runtime", "vm.xml"])

    def test_the_input_file_can_be_the_output(self):
        self.hook("50_edit", EDIT)
        self.check(self.run_event("--output", "vm.xml"), DONE, "")
        self.assertEqual(self.domain.read_text(), CHANGED)

    def test_a_veto_leaves_output_as_it_was(self):
        self.hook("50_fail", "#!/bin/sh\necho no such bridge >&2\nexit 1\n")
        self.file("old.xml", "old")
        before = os.stat(self.dir / "old.xml")
        self.check(self.run_event("--output", "old.xml"), VETOED, "", ["50_fail", "exit code 1", "no such bridge"])
        after = os.stat(self.dir / "old.xml")
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.check(self.run_event("--output", "none.xml"), VETOED)
        self.assertFalse((self.dir / "none.xml").exists())

    @unittest.skipIf(os.geteuid() != 0, "only root can make another user's files")
    def test_what_another_user_laid_in_a_shared_directory_is_neither_followed_nor_his_afterwards(self):
        shared = self.directory("shared", 0o1777)
        precious = self.dir / "precious"
        precious.write_text("root's")
        for option in ("--output", "--report"):
            link = shared / "link"
            link.symlink_to(precious)
            os.chown(link, 12345, 12345, follow_symlinks=False)
            also = ("--output", "new.xml") if option == "--report" else ()
            self.check(self.run_event(option, "shared/link", *also), ENGINE_FAILURE, "", "shared/link is a link of uid 12345")
            self.assertTrue(link.is_symlink())
            link.unlink()
            made_first = shared / "made-first"
            made_first.write_text("")
            made_first.chmod(0o666)
            os.chown(made_first, 12345, 12345)
            self.check(self.run_event(option, "shared/made-first", *also), DONE, "")
            self.assertEqual((made_first.stat().st_uid, mode_of(made_first)), (0, 0o600))
            self.assertEqual([path.name for path in shared.iterdir()], ["made-first"])
            made_first.unlink()
        self.assertEqual(precious.read_text(), "root's")

    def test_output_dash_is_stdout(self):
        self.check(self.run_event("--output", "-"), DONE, DOMAIN)
        self.refused(self.run_event("--output", "-", "--report", "-"), "--output")

    def test_an_output_that_cannot_be_written_is_an_engine_failure(self):
        self.check(self.run_event("--output", "no/such/new.xml"), ENGINE_FAILURE, "", "no/such/new.xml")

    def test_report_goes_to_stdout_when_the_document_does_not(self):
        self.hook("50_edit", EDIT)
        done = self.run_event("--report", "-", "--output", "new.xml")
        report = json.loads(done.stdout)
        self.assertEqual((report["event"], report["vm_id"], report["vetoed"], report["changed"]),
                         ("before_vm_start", UUID, False, True))
        self.assertEqual([(h["name"], h["verdict"], h["result"], h["exit_code"], h["adopted"]) for h in report["hooks"]],
                         [("50_edit", "ran", "exited", 0, True)])

    def test_a_veto_is_in_the_report_too(self):
        self.define("colour=.*")
        self.hook("50_fail", "#!/bin/sh\nkill -SEGV $$\n")
        report = self.report_of(code=VETOED)
        self.assertTrue(report["vetoed"])
        self.assertEqual([(h["result"], h["exit_code"], h["signal"]) for h in report["hooks"]],
                         [("signalled", None, "SIGSEGV")])
        self.assertEqual([(p["what"], p["vetoes"]) for p in report["problems"]],
                         [(str(self.hooks / "before_vm_start" / "50_fail"), True)])


class WordsTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("10_edit", EDIT)
        self.hook("20_off", mode=0o644)
        self.hook("30_warn", "#!/bin/sh\necho careful >&2\nexit 1\n")
        self.file("hooks/before_vm_start/30_warn.toml", 'on_failure = "warn"\n')

    def test_without_a_word_problems_and_files_that_do_not_run_are_told(self):
        done = self.run_event()
        self.check(done, DONE, CHANGED, ["20_off does not run: not executable", "warning: ", "30_warn failed", "careful"])
        self.assertNotIn("10_edit", done.stderr)
        self.assertTrue(all(line.startswith("vdsm-hook: ") for line in done.stderr.splitlines() if "careful" not in line))

    def test_quiet_says_nothing_that_does_not_veto(self):
        for word in ["-q", "--quiet"]:
            self.check(self.run_event(word), DONE, CHANGED)
            self.assertEqual(self.run_event(word).stderr, "")
        self.hook("40_fail", "#!/bin/sh\nexit 1\n")
        done = self.run_event("-q")
        self.check(done, VETOED, "", ["40_fail", "vetoed"])
        self.assertNotIn("30_warn", done.stderr)

    def test_verbose_tells_of_each_hook(self):
        for word in ["-v", "--verbose"]:
            self.check(self.run_event(word), DONE, CHANGED, ["10_edit: ran ", "changed the document", "30_warn: ran "])

    def test_diff_shows_what_each_hook_changed_and_whether_it_was_taken(self):
        self.hook("40_half", EDIT.replace("restart", "web-1") + "exit 1\n")
        done = self.run_event("--diff")
        self.check(done, VETOED, "", ["10_edit changed:\n", "-  <on_reboot>restart</on_reboot>\n",
                                      "+  <on_reboot>destroy</on_reboot>\n", "40_half would have changed (discarded):\n"])

    def test_control_characters_do_not_reach_the_terminal(self):
        self.hook("40_\x1b[31mred", "#!/bin/sh\nexit 1\n")
        done = self.run_event("-v", "--diff")
        self.assertNotIn("\x1b", done.stderr)
        self.check(done, VETOED, "", "40_\\x1b[31mred")


class PasswordTest(CommandTest):
    VM = ("<domain><name>web-01</name><uuid>11111111-2222-4333-8444-555555555555</uuid><devices>"
          "<graphics type='vnc' passwd='{}'/></devices></domain>")

    def shown(self, script, *words, code=DONE):
        self.file("vm.xml", self.VM.format("hunter-one"))
        self.hook("50_a", "#!/bin/sh\n" + script)
        done = self.run_event("--diff", "-v", "--output", "out.xml", "--report", "report.json", *words)
        self.check(done, code)
        return done.stderr + (self.dir / "report.json").read_text()

    def test_a_password_that_a_hook_wraps_over_lines_is_in_no_diff_and_no_report(self):
        shown = self.shown(r"""sed -i "s/passwd='hunter-one'/passwd='hunter-two\n  hunter-three'/" "$_hook_domxml" """)
        for part in ("hunter-one", "hunter-two", "hunter-three"):
            self.assertNotIn(part, shown)
        self.assertIn("only what is hidden here changed", shown)
        self.assertIn("hunter-three", (self.dir / "out.xml").read_text())

    def test_a_password_that_a_failing_hook_says_is_in_no_message(self):
        shown = self.shown("echo it was hunter-one; cat $_hook_domxml >&2; exit 2", code=VETOED)
        self.assertNotIn("hunter-one", shown)
        self.assertIn("it was ***", shown)


class OptionTest(CommandTest):
    def env_of(self, *words, **options):
        """The environment that a hook gets."""
        self.hook("50_show", SHOW)
        lines = self.report_of(*words, **options)["hooks"][0]["stderr"].splitlines()
        return dict(line.split("=", 1) for line in lines)

    def test_properties_of_the_command_line_win_over_the_document(self):
        self.define("colour=.*")
        self.assertEqual(self.env_of()["colour"], "red")
        env = self.env_of("-p", "colour=blue", "--property", "size=a=b c", "--property=empty=")
        self.assertEqual((env["colour"], env["size"], env["empty"]), ("blue", "a=b c", ""))

    def test_values_reach_the_hook_as_they_were_typed(self):
        for value in ["-x", "[a,b]", "'quoted'", '"', "a,b", "{}", "\\n", "  blanks  ", "größe", "%s", "--", "`id`"]:
            with self.subTest(value=value):
                self.assertEqual(self.env_of("-p", f"v={value}")["v"], value)

    def test_parameters_and_the_vm_id_reach_the_hook(self):
        other = "99999999-2222-4333-8444-555555555555"
        env = self.env_of("--param", "FROM_SNAPSHOT=yes", "--vm-id", other)
        self.assertEqual((env["FROM_SNAPSHOT"], env["vmId"]), ("yes", other))
        self.assertEqual(self.env_of()["vmId"], UUID)

    def test_device_properties_come_at_a_device_event_and_the_vms_hide_them(self):
        self.hook("50_show", SHOW, event="before_device_create")
        report = self.report_of("--device-property", "speed=10", "--device-property", "colour=none", "-p", "colour=blue",
                                event="before_device_create", document=("--device-xml", "-"), stdin=NIC)
        env = dict(line.split("=", 1) for line in report["hooks"][0]["stderr"].splitlines())
        self.assertEqual((env["speed"], env["colour"]), ("10", "blue"))
        self.assertNotIn("speed", self.env_of("--device-property", "speed=10"))

    def test_on_error_replaces_what_the_hook_point_says(self):
        self.hook("50_fail", "#!/bin/sh\nexit 1\n")
        self.hook("50_fail", "#!/bin/sh\nexit 1\n", event="after_vm_start")
        for event, word, code in [("before_vm_start", None, VETOED), ("before_vm_start", "warn", DONE),
                                  ("before_vm_start", "veto", VETOED), ("after_vm_start", None, DONE),
                                  ("after_vm_start", "veto", VETOED), ("after_vm_start", "warn", DONE)]:
            with self.subTest(event=event, word=word):
                done = self.run_event(*(["--on-error", word] if word else []), event=event)
                self.check(done, code, "" if code else DOMAIN, "50_fail failed")

    def test_a_hook_that_is_skipped_is_not_started(self):
        self.hook("10_edit", EDIT)
        self.hook("50_fail", "#!/bin/sh\nexit 1\n")
        self.check(self.run_event("--skip", "50_fail"), DONE, CHANGED)
        report = self.report_of("--skip", "50_fail", "--skip", "10_edit")
        self.assertEqual([h["verdict"] for h in report["hooks"]], ["skipped", "skipped"])
        self.assertEqual(report["hooks"][0]["reason"], "the caller asked to skip it")

    def test_timeout_ends_a_hook_that_does_not_end(self):
        self.define("colour=.*")
        self.hook("50_sleep", "#!/bin/sh\nexec sleep 1000\n")
        report = self.report_of("--timeout", "200ms", code=VETOED)
        self.assertEqual(report["hooks"][0]["result"], "timed_out")
        self.assertGreaterEqual(report["hooks"][0]["duration_ms"], 200)
        self.assertIn("deadline of 200ms", report["problems"][0]["why"])

    def test_adhoc_allows_an_event_of_ones_own(self):
        self.hook("50_edit", EDIT, event="my-event.v2")
        self.check(self.run_event("--adhoc", event="my-event.v2"), DONE, CHANGED)
        self.refused(self.run_event(event="my-event.v2"), "there is no hook point my-event.v2")
        self.hook("50_fail", "#!/bin/sh\nexit 1\n", event="mine")
        self.check(self.run_event("--adhoc", event="mine", document=()), VETOED, "", "50_fail failed at mine")


if __name__ == "__main__":
    unittest.main()
