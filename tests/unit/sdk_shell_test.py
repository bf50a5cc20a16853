"""hooking.sh and the templates for new hooks: every case is a hook in a process of its own, in each shell here."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CORE = pathlib.Path(__file__).resolve().parents[2] / "core"
SDK = CORE / "vdsm_hook/sdk/shell"
SHELLS = [argv for argv in (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(argv[0])]
HEAD = 'set -eu\n. "${VDSM_HOOK_SDK_SHELL:-/usr/share/vdsm-hook/shell}/hooking.sh"\n'


class Hook(unittest.TestCase):
    """Runs hooks; the file of the payload is all that may be left."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name, "with blank")
        self.directory.mkdir()
        self.payload = self.directory / "payload"

    def run_hook(self, shell, source, kind=None, payload=b"<a/>", head=HEAD, **environment):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "VDSM_HOOK_SDK_SHELL": str(SDK), **environment}
        if kind:
            self.payload.write_bytes(payload)
            self.payload.chmod(0o600)
            env["_hook_" + kind] = str(self.payload)
        done = subprocess.run(shell + ["-c", head + source], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)
        self.assertEqual([path.name for path in self.directory.iterdir() if path != self.payload], [])
        return done.returncode, done.stdout.decode(), done.stderr.decode()


class Sdk(Hook):
    def each(self, source, expected, *args, **environment):
        """EXPECTED is the exit code and the output; nothing is said on standard error."""
        for shell in SHELLS:
            with self.subTest(shell=shell, source=source):
                self.assertEqual(self.run_hook(shell, source, *args, **environment), (*expected, ""))

    def each_says(self, source, code, expected, *args, **environment):
        for shell in SHELLS:
            with self.subTest(shell=shell, source=source):
                got = self.run_hook(shell, source, *args, **environment)
                self.assertEqual(got[:2], (code, ""))
                self.assertRegex(got[2], expected)

    def test_there_is_a_shell_to_test(self):
        self.assertIn(["dash"], SHELLS)
        self.assertIn(["bash"], SHELLS)

    def test_using_it_sets_no_variables(self):
        source = """
            set; echo MARK; . "$VDSM_HOOK_SDK_SHELL/hooking.sh"
            p=$(hook_property PATH); hook_is_true 0 || hook_is_true -1; hook_log a 2>/dev/null
            p=$(hook_document); echo b | hook_replace_document; echo MARK; set
        """
        for shell in SHELLS:
            with self.subTest(shell=shell):
                code, out, _ = self.run_hook(shell, source, "domxml", head="", p="")
                parts = re.split("^MARK$", out, flags=re.M)
                before, _, after = (set(re.findall(r"^(\w+)=", part, re.M)) for part in parts)
                self.assertEqual((code, after - before - {"_", "PIPESTATUS"}), (0, set()))

    def test_a_property_is_printed_as_it_is(self):
        odd = ("$(exit 9) `exit 9` ${HOME} \\n %s", "-n", "-e x", "* ~", "'\"", "")
        for value in ("true", "caf\u00e9", "a  b\nc", *odd):
            self.each("hook_property p_1", (0, value + "\n"), p_1=value)
            self.each('[ "$(hook_property p_1)" = "$p_1" ] || exit 5', (0, ""), p_1=value)

    def test_a_property_that_is_not_set_is_status_1(self):
        self.each("hook_property p", (1, ""))
        self.each("hook_property p || exit 7", (7, ""))
        self.each('value=$(hook_property p) || exit 0; echo "on with $value"', (0, ""))

    def test_what_is_no_name_is_status_2(self):
        for name in ("''", "", "a-b", "1a", "'a}$(echo x >&2)'", "'a b'", "'a\nb'", "'*'", "caf\u00e9", "@"):
            self.each_says(f"hook_property {name}", 2, "no property's name")

    def test_true_and_integers_other_than_0_are_true(self):
        source = 'hook_is_true "$p" || exit 1'
        for value in ("true", "TRUE", "tRuE", "1", "2", "-1", "+1", "007", "100", "1_000", " 1 ", "1\n", "9" * 40):
            self.each(source, (0, ""), p=value)
        no_integers = ("true ", "1.5", "0x1", "1a", " ", "-", "--1", "*", "1 2", "1__0", "_1", "1_", "-_1")
        for value in ("", "yes", "on", "y", "false", "0", "-0", "00", *no_integers):
            self.each(source, (1, ""), p=value)
        self.each("hook_is_true", (1, ""))

    def test_log_writes_one_line_to_standard_error(self):
        self.each_says("hook_log '-n caf\u00e9 %s \\n'; hook_log two words", 0, "^-n caf\u00e9 %s \\\\n\ntwo words\n$")
        self.each("exec 2>&-; hook_log a; echo end", (0, "end\n"))

    def test_fail_is_exit_code_1_and_stop_is_2(self):
        self.each_says("hook_fail why not; echo on", 1, "^why not\n$")
        self.each_says("hook_stop why not; echo on", 2, "^why not\n$")
        self.each_says("exec 2>&-; hook_stop why not; echo on", 2, "^$")

    def test_the_document_is_the_payload_of_either_kind(self):
        for kind in ("domxml", "json"):
            self.each('cat "$(hook_document)"', (0, "<a/>"), kind)
        self.each_says("hook_document", 1, "no document")
        self.each_says("hook_document", 1, "no document", _hook_domxml="", _hook_json="")

    def test_a_replaced_document_is_another_file_and_stays_private(self):
        source = 'umask 0; sed s/a/b/ "$(hook_document)" | hook_replace_document; umask; echo "${new-}${document-}"'
        for shell in SHELLS:
            with self.subTest(shell=shell), tempfile.TemporaryDirectory() as other:
                self.payload.write_bytes(b"")
                kept = pathlib.Path(other, "link")  # keeps the inode's number from being used again
                os.link(self.payload, kept)
                code, out, err = self.run_hook(shell, source, "domxml", "<a>\u00e9</a>".encode())
                self.assertEqual((code, int(out.split()[0], 8), out.split()[1:], err), (0, 0, [], ""))
                self.assertEqual(self.payload.read_text("utf-8"), "<b>\u00e9</a>")
                self.assertNotEqual(self.payload.stat().st_ino, kept.stat().st_ino)
                self.assertEqual(self.payload.stat().st_mode & 0o7777, 0o600)
                self.payload.unlink()

    def test_a_document_of_10_mb_is_replaced(self):
        for shell in SHELLS:
            self.run_hook(shell, 'cat "$(hook_document)" | hook_replace_document', "json", b"x" * 10_000_000)
            self.assertEqual(self.payload.stat().st_size, 10_000_000)

    def test_empty_input_is_refused_and_the_document_stays(self):
        self.each_says("hook_replace_document </dev/null; echo on", 1, "empty", "domxml")
        self.each_says("false | hook_replace_document || exit 7", 7, "empty", "domxml")
        self.assertEqual(self.payload.read_bytes(), b"<a/>")

    def test_a_document_that_cannot_be_written_stays(self):
        self.each_says("echo '<b/>' | hook_replace_document; echo on", 1, "no document")
        self.each_says("echo '<b/>' | hook_replace_document; echo on", 1, "no/such", _hook_domxml="/no/such/payload")
        full = 'trap "" XFSZ; ulimit -f 1; head -c 100000 /dev/zero | hook_replace_document; echo on'
        self.each_says(full, 1, "could not be written", "domxml")
        self.assertEqual(self.payload.read_bytes(), b"<a/>")

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_finds_nothing(self):
        done = subprocess.run(["shellcheck", SDK / "hooking.sh"], capture_output=True, timeout=60)
        self.assertEqual(done.stdout.decode(), "")


class Templates(Hook):
    """What a new hook starts as, in each language."""

    SAYS = "quiet_console: here something would be done for VM "

    def text(self, template):
        text = (SDK.parent / "new" / template).read_text(encoding="utf-8")
        words = {"NAME": "quiet_console", "PROPERTY": "quiet_console", "EVENT": "some_event", "SUMMARY": "Its summary",
                 "SOURCE": "quiet_console.sh", "PROGRAM": "quiet_console.sh", "OPTIONS": "", "FIRST": "", "HOOKS_DIR": "/hooks"}
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        text = re.sub(r"(?m)^.* @IF_NO_PROPERTY@\n| @IF_PROPERTY@$", "", text)
        self.assertNotRegex(text, "@[A-Z_]+@")
        return text

    def works_at_once(self, argv, source):
        python = {"PYTHONPATH": str(SDK.parent / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
        for kind in (None, "domxml", "json"):
            for value in ({}, {"quiet_console": "false"}):
                self.assertEqual(self.run_hook(argv, source, kind, b"", "", **python, **value), (0, "", ""))
            for value, vm in (({}, "(none)"), ({"vmId": "7"}, "7")):
                got = self.run_hook(argv, source, kind, b"", "", **python, **value, quiet_console="true")
                self.assertEqual(got, (0, "", self.SAYS + vm + "\n"))

    def test_the_shell_hook_works_at_once(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                self.works_at_once(shell, self.text("hook.sh.in"))

    def test_the_python_hook_works_at_once(self):
        self.works_at_once([sys.executable], self.text("hook.py.in"))

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler is installed")
    def test_the_cpp_hook_works_at_once(self):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            (directory / "hook.cpp").write_text(self.text("hook.cpp.in"), encoding="utf-8")
            build = ["c++", "-std=c++20", "-Wall", "-Wextra", "-o", "hook", "hook.cpp", "-I", str(CORE), "-ltinyxml2"]
            done = subprocess.run(build, cwd=directory, capture_output=True, timeout=300)
            self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
            self.works_at_once([str(directory / "hook")], "")

    def test_the_description_names_the_event_its_source_and_when_to_run(self):
        try:
            import tomllib
        except ImportError:
            self.skipTest("this python has no tomllib")
        self.assertEqual(tomllib.loads(self.text("hook.toml.in")), {
            "name": "quiet_console",
            "summary": "Its summary",
            "vm_properties": {"quiet_console": "^(true|false)$"},
            "events": {"some_event": {
                "installed": "50_quiet_console",
                "source": "quiet_console.sh",
                "when": {"any_property": ["quiet_console"]},
            }},
        })

    def test_the_readme_says_how_to_try_it(self):
        self.assertIn("vdsm-hook run some_event --hooks-dir try -p quiet_console=true", self.text("README.md.in"))


if __name__ == "__main__":
    unittest.main()
