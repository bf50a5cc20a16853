"""hooking.py: every case is a hook in a process of its own, with a payload file as the engine makes it."""

import ast
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from xml.dom import minidom

SDK = pathlib.Path(__file__).resolve().parents[2] / "core/vdsm_hook/sdk" / "python"
PYTHON = os.environ.get("VDSM_HOOK_TEST_PYTHON", sys.executable)

LIBVIRT = (
    "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "  <name>caf\u00e9-\u6771\u4eac-\U0001f40b</name>\n"
    "  <description>it&apos;s &quot;1 &lt; 2&quot; &amp; 3 &gt; 2&#13;\n\tend</description>\n"
    "  <!-- kept -->\n"
    "  <sysinfo type='fwcfg'><entry name='opt/x'><![CDATA[a < b]]></entry></sysinfo>\n"
    "  <qemu:commandline>\n"
    "    <qemu:arg value='a&#10;b&#9;c&#13;d &apos;e&apos; &quot;f&quot;'/>\n"
    "  </qemu:commandline>\n"
    "  <metadata>\n"
    '    <a:vm xmlns:a="http://a/1" b="it\'s &quot;1&#10;2&quot;" c="" d="" e="" f="">it\'s "1 &lt; 2"</a:vm>\n'
    "  </metadata>\n"
    "</domain>\n"
)
OVIRT = '<?xml version="1.0" encoding="UTF-8"?>\n<domain type="kvm"><name>it\'s "x"</name><x a="\'&quot;"/></domain>'


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.payload = self.directory / "payload"

    def run_hook(self, source, kind=None, payload=None, **environment):
        """Runs SOURCE as a hook; a payload of KIND (domxml, json) is in its file; nothing may stay beside it."""
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(SDK)}
        env.update(environment, PYTHONDONTWRITEBYTECODE="1")
        if kind:
            self.payload.write_bytes(payload.encode() if isinstance(payload, str) else payload)
            self.payload.chmod(0o600)
            env["_hook_" + kind] = str(self.payload)
        script = self.directory / "50_hook"
        script.write_text(textwrap.dedent(source), encoding="utf-8")
        done = subprocess.run([PYTHON, script], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        script.unlink()
        self.assertEqual([p.name for p in self.directory.iterdir() if p != self.payload], [])
        return done

    def passes(self, source, *args, **environment):
        done = self.run_hook(source, *args, **environment)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
        return done.stdout.decode()

    def fails(self, source, expected, *args, **environment):
        done = self.run_hook(source, *args, **environment)
        self.assertEqual(done.returncode, 1)
        last = done.stderr.decode().rstrip().rpartition("\n")[2]
        self.assertRegex(last, expected)


class Module(Case):
    def test_importing_it_loads_no_xml_subprocess_or_json(self):
        source = "import sys; old = set(sys.modules); import hooking; print(*set(sys.modules) - old)"
        loaded = self.passes(source).split()
        self.assertIn("hooking", loaded)
        heavy = {"xml", "pyexpat", "subprocess", "selectors", "json", "re", "tempfile"}
        self.assertEqual(heavy & {name.partition(".")[0] for name in loaded}, set())

    def test_it_is_python_3_9(self):
        ast.parse((SDK / "hooking.py").read_text(encoding="utf-8"), feature_version=(3, 9))


class Xml(Case):
    COPY = "import hooking; hooking.write_domxml(hooking.read_domxml())"

    def edit(self, code, document="<domain><name>a</name></domain>"):
        read = "import hooking\nd = hooking.read_domxml()\ne = d.documentElement\n"
        return self.run_hook(read + code + "\nhooking.write_domxml(d)", "domxml", document)

    def test_a_document_of_libvirt_comes_back_byte_for_byte(self):
        self.passes(self.COPY, "domxml", LIBVIRT)
        self.assertEqual(self.payload.read_bytes().decode(), LIBVIRT)

    def test_a_document_of_ovirt_comes_back_byte_for_byte(self):
        self.passes(self.COPY, "domxml", OVIRT)
        self.assertEqual(self.payload.read_bytes().decode(), OVIRT)

    def test_declaration_comments_and_instructions_outside_the_root_are_kept(self):
        text = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- a -->\n<?b c?>\n<domain/>\n<!-- d -->\n'
        self.passes(self.COPY, "domxml", text)
        self.assertEqual(self.payload.read_text(), text)

    def test_another_encoding_becomes_utf_8(self):
        self.passes(self.COPY, "domxml", '<?xml version="1.0" encoding="UTF-16"?><a b="\u00e9"/>'.encode("utf-16"))
        self.assertEqual(self.payload.read_bytes().decode().splitlines()[1], "<a b='\u00e9'/>")

    def test_blanks_in_attributes_and_texts_survive_for_the_next_reader(self):
        value = "a\nb\tc\rd\r\n \"e\" 'f' <&>"
        done = self.edit(f"e.setAttribute('v', {value!r}); e.appendChild(d.createTextNode({value!r}))")
        self.assertEqual(done.returncode, 0)
        root = minidom.parse(str(self.payload)).documentElement
        self.assertEqual(root.getAttribute("v"), value)
        self.assertEqual(root.lastChild.data, value)

    def test_an_element_is_taken_for_the_root_of_the_document(self):
        source = "import hooking; hooking.write_domxml(hooking.read_domxml().documentElement)"
        self.passes(source, "domxml", "<a  b='1'/>")
        self.assertEqual(self.payload.read_text(), "<a b='1'/>")

    def test_the_file_is_replaced_and_stays_private(self):
        self.payload.write_text("")
        with open(self.payload, "rb"):  # keeps the inode's number from being used again
            before = self.payload.stat().st_ino
            self.passes("import os; os.umask(0)\n" + self.COPY, "domxml", "<a/>")
            after = self.payload.stat()
        self.assertNotEqual(after.st_ino, before)
        self.assertEqual(after.st_mode & 0o7777, 0o600)

    def test_what_would_end_a_cdata_section_is_split(self):
        self.assertEqual(self.edit("e.appendChild(d.createCDATASection('a]]>b'))").returncode, 0)
        children = minidom.parse(str(self.payload)).documentElement.childNodes[1:]
        self.assertEqual("".join(child.data for child in children), "a]]>b")

    def test_a_document_nested_deeper_than_the_stack_is_written(self):
        text = "<a>" * 5000 + "</a>" * 5000
        self.passes(self.COPY, "domxml", text)
        self.assertEqual(self.payload.read_text(), text.replace("<a></a>", "<a/>"))

    def test_a_document_of_10_mb_comes_back_byte_for_byte(self):
        text = "<domain>" + "<disk type='file'><source file='/a&#10;b'/></disk>\n" * 200_000 + "</domain>\n"
        self.passes(self.COPY, "domxml", text)
        self.assertEqual(self.payload.read_text(), text)

    def test_what_is_not_sound_is_not_written(self):
        for code, expected in (
            ("e.setAttribute('a', '\\x01')", "ValueError: .*well-formed.*line 1"),
            ("e.setAttribute('a', '\\ud800')", "ValueError: .*well-formed"),
            ("e.appendChild(d.createTextNode('\\ufffe'))", "ValueError: .*well-formed"),
            ("e.appendChild(d.createElement('qemu:arg'))", "ValueError: .*unbound prefix"),
            ("e.appendChild(d.createElement('1a'))", "ValueError: .*well-formed"),
            ("e.appendChild(d.createElement('a><b/></a'))", "ValueError: .*no XML name"),
            ("e.setAttribute(\"a='1' b\", '2')", "ValueError: .*no XML name"),
            ("e.setAttribute('', '2')", "ValueError: .*no XML name"),
            ("e.appendChild(d.createComment('--><b/><!--'))", "ValueError: .*comment"),
            ("e.appendChild(d.createProcessingInstruction('a', '?><b/><?c '))", "ValueError: .*instruction"),
            ("d.removeChild(e)", "ValueError: .*no element found"),
            ("e.setAttribute('vcpu', 4)", "TypeError: vcpu is 4"),
            ("e.firstChild.firstChild.data = None", "TypeError: a text is None"),
            ("d = '<a/>'", "TypeError: .*not str"),
        ):
            with self.subTest(code):
                done = self.edit(code)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode().rstrip().rpartition("\n")[2], expected)
                self.assertEqual(self.payload.read_text(), "<domain><name>a</name></domain>")

    def test_no_document_is_a_clear_error(self):
        read = "import hooking; hooking.read_domxml()"
        self.fails(read, "RuntimeError: _hook_domxml is not set: .*XML")
        self.fails(read, "RuntimeError: _hook_domxml is not set", "json", "{}")
        self.fails("import hooking; hooking.write_domxml(None)", "RuntimeError: _hook_domxml is not set")
        self.fails(read, f"ValueError: {self.payload} is empty", "domxml", "")
        self.fails(read, f"ValueError: {self.payload}: not well-formed XML: .*line 2", "domxml", "<a>\n</b>")
        self.payload.unlink()
        self.fails(read, f"FileNotFoundError: .*{self.payload}", _hook_domxml=str(self.payload))


class Json(Case):
    def test_what_is_written_is_read_again_and_is_ascii(self):
        source = """
            import hooking
            d = hooking.read_json()
            d["new"] = [None, True, 1.5, "caf\u00e9 \U0001f40b"]
            hooking.write_json(d)
            assert hooking.read_json() == d
        """
        self.passes(source, "json", '{"old": "\u6771"}')
        self.assertEqual(self.payload.stat().st_mode & 0o7777, 0o600)
        text = self.payload.read_bytes().decode("ascii")
        self.assertEqual(text, r'{"old": "\u6771", "new": [null, true, 1.5, "caf\u00e9 \ud83d\udc0b"]}')

    def test_no_document_is_a_clear_error(self):
        read = "import hooking; hooking.read_json()"
        self.fails(read, "RuntimeError: _hook_json is not set: .*JSON")
        self.fails("import hooking; hooking.write_json({})", "RuntimeError: _hook_json is not set")
        self.fails(read, f"ValueError: {self.payload} is empty", "json", "")
        self.fails(read, f"ValueError: {self.payload}: not JSON: .*line 1", "json", "{]")

    def test_what_json_cannot_say_is_not_written(self):
        for value, expected in (("{1, 2}", "TypeError"), ("float('nan')", "ValueError")):
            self.fails(f"import hooking; hooking.write_json([{value}])", expected, "json", "[0]")
            self.assertEqual(self.payload.read_text(), "[0]")


class Words(Case):
    def test_true_and_integers_other_than_0_are_true(self):
        true = ["true", "TRUE", "True", "1", "2", "-1", "+1", "007", "1_000", " 1 ", "1\n", 1, -1, True]
        false = [None, "", "yes", "on", "y", "false", "0", "-0", "00", 0, False, [], {}]
        false += ["true ", "1.5", "0x1", "1a", " ", "-", "--1", "1 2", "1__0", "_1", "1_"]
        self.passes(f"from hooking import tobool\nassert [x for x in {true!r} if tobool(x) is not True] == []\n"
                    f"assert [x for x in {false!r} if tobool(x) is not False] == []")

    def test_log_writes_one_line_to_standard_error(self):
        done = self.run_hook("import hooking; hooking.log('caf\u00e9'); hooking.log('b\\n'); hooking.log(3)")
        self.assertEqual((done.stdout, done.stderr.decode()), (b"", "caf\u00e9\nb\n3\n"))

    def test_log_never_fails_the_hook(self):
        for code in ("os.close(2)", "sys.stderr = None", "sys.stderr.close()"):
            with self.subTest(code):
                source = f"import hooking, os, sys; {code}; hooking.log('a'); print('end', flush=True); os._exit(0)"
                done = self.run_hook(source)
                self.assertEqual((done.returncode, done.stdout), (0, b"end\n"))

    def test_exit_hook_says_why_and_stops_unless_told_otherwise(self):
        for arguments, code in (("'why'", 2), ("'why', 1", 1), ("'why', return_code=0", 0)):
            done = self.run_hook(f"import hooking; hooking.exit_hook({arguments}); print('on')")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (code, b"", b"why\n"))


class Commands(Case):
    def check(self, expression, expected, **environment):
        self.passes(f"import hooking, os, subprocess\ngot = {expression}\nassert got == {expected}, got", **environment)

    def test_output_is_lists_of_lines_or_raw_bytes(self):
        argv = "['sh', '-c', r'printf \"a\\377\\nb\\n\\nc\"; echo e >&2; exit 3']"
        self.check(f"hooking.execCmd({argv})", "(3, [b'a\\xff', b'b', b'', b'c'], [b'e'])")
        self.check(f"hooking.execCmd({argv}, raw=True)", "(3, b'a\\xff\\nb\\n\\nc', b'e\\n')")

    def test_no_shell_reads_the_arguments(self):
        self.check("hooking.execCmd(['echo', '$HOME; *', \"'\"], raw=True)[1]", "b\"$HOME; * '\\n\"")
        self.fails("import hooking; hooking.execCmd('ls -l')", "TypeError: execCmd takes a list")

    def test_a_death_by_signal_is_a_negative_code(self):
        self.check("hooking.execCmd(['sh', '-c', 'kill -9 $$'])", "(-9, [], [])")

    def test_data_is_the_input_and_otherwise_it_is_empty(self):
        self.check("hooking.execCmd(['cat'], data='caf\u00e9', raw=True)[1]", "'caf\u00e9'.encode()")
        self.check("hooking.execCmd(['wc', '-c'], data=b'x' * 5_000_000)[1]", "[b'5000000']")
        self.check("hooking.execCmd(['true'], data=b'x' * 5_000_000)", "(0, [], [])")
        hooks_own = "import hooking, os; [inp, out] = os.pipe(); os.write(out, b'x'); os.close(out); os.dup2(inp, 0)\n"
        self.passes(hooks_own + "assert hooking.execCmd(['cat']) == (0, [], [])")

    def test_much_output_on_both_ends_does_not_block(self):
        script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"
        self.check(f"[len(x) for x in hooking.execCmd(['sh', '-c', {script!r}], raw=True)[1:]]", "[3000000, 3000000]")

    def test_cwd_and_env_are_the_commands(self):
        self.check("hooking.execCmd(['pwd'], cwd='/usr')[1]", "[b'/usr']")
        self.check("hooking.execCmd(['env'], env={'A': 'b'})[1]", "[b'A=b']")
        self.check("sorted(hooking.execCmd(['env'], env={'A': 'b'})[1])", "[b'A=b', b'VDSM_HOOK_MARK=7']",
                   VDSM_HOOK_MARK="7")

    def test_unknown_keywords_and_commands_are_clear_errors(self):
        self.fails("import hooking; hooking.execCmd(['true'], shell=True)", "TypeError: .*'shell'")
        self.fails("import hooking; hooking.execCmd(['/no/such'])", "FileNotFoundError: .*/no/such")
        self.fails("import hooking; hooking.execCmd([])", "(Index|Value)Error")

    def test_sudo_is_put_in_front_unless_root_already(self):
        source = """
            import hooking, os, stat, tempfile
            with tempfile.TemporaryDirectory() as bin:
                with open(bin + "/sudo", "w") as file:
                    file.write('#!/bin/sh\\necho sudo "$@"\\n')
                os.chmod(bin + "/sudo", 0o755)
                os.environ["PATH"] = bin + ":" + os.environ["PATH"]
                for user, expected in ((0, b"a"), (36, b"sudo -n echo a")):
                    os.geteuid = lambda: user
                    got = hooking.execCmd(["echo", "a"], sudo=True)
                    assert got == (0, [expected], []), got
        """
        self.passes(source)

    def test_a_daemon_left_behind_is_not_waited_for(self):
        script = "sleep 50 & echo $!"
        begin = time.monotonic()
        pid = int(self.passes(f"import hooking; print(hooking.execCmd(['sh', '-c', {script!r}])[1][0].decode())"))
        self.assertLess(time.monotonic() - begin, 30)
        os.kill(pid, 9)  # it was left alone

    def test_a_timeout_stops_the_whole_group_and_keeps_what_was_said(self):
        script = "trap '' TERM; sleep 50 & echo $!; echo e >&2; wait; sleep 50"
        source = f"""
            import hooking, subprocess
            try:
                hooking.execCmd(['sh', '-c', {script!r}], timeout=2)
            except subprocess.TimeoutExpired as error:
                assert error.stderr == b'e\\n', error.stderr
                print(error.output.decode())
        """
        begin = time.monotonic()
        pid = int(self.passes(source))
        self.assertLess(time.monotonic() - begin, 30)
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self.addCleanup(os.close, pidfd)
        self.assertEqual(len(select.select([pidfd], [], [], 30)[0]), 1)

    def test_a_timeout_not_reached_changes_nothing(self):
        self.check("hooking.execCmd(['echo', 'a'], timeout=50)", "(0, [b'a'], [])")


class LaunchFlags(Case):
    def setUp(self):
        super().setUp()
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.base = pathlib.Path(base.name, "deep", "vdsm")
        self.file = self.base / "vm-1" / "launchflags"

    def flags(self, code):
        return f"import hooking; print(hooking.{code})", {"VDSM_HOOK_LAUNCHFLAGS_DIR": str(self.base)}

    def test_none_are_0(self):
        source, environment = self.flags("load_vm_launch_flags_from_file('vm-1')")
        self.assertEqual(self.passes(source, **environment), "0\n")

    def test_what_is_dumped_is_loaded(self):
        source, environment = self.flags("dump_vm_launch_flags_to_file('vm-1', 2 | 8)")
        self.passes("import os; os.umask(0)\n" + source, **environment)
        self.assertEqual(self.file.read_text(), "10")
        modes = [path.stat().st_mode & 0o777 for path in (self.base, self.file.parent, self.file)]
        self.assertEqual(modes, [0o755, 0o755, 0o644])
        self.assertEqual(os.listdir(self.file.parent), ["launchflags"])
        self.file.write_text("11\n")
        source, environment = self.flags("load_vm_launch_flags_from_file('vm-1')")
        self.assertEqual(self.passes(source, **environment), "11\n")

    def test_garbage_is_an_error_that_names_the_file(self):
        self.file.parent.mkdir(parents=True)
        for garbage in ("", "x", "-1", "0x10", "1 2", "\u0661"):
            self.file.write_text(garbage, encoding="utf-8")
            source, environment = self.flags("load_vm_launch_flags_from_file('vm-1')")
            self.fails(source, f"ValueError: {self.file}: .*decimal", **environment)
        self.file.write_text("5")
        for garbage, expected in (("-1", "ValueError"), ("'x'", "ValueError"), ("None", "TypeError")):
            source, environment = self.flags(f"dump_vm_launch_flags_to_file('vm-1', {garbage})")
            self.fails(source, expected, **environment)
        self.assertEqual(self.file.read_text(), "5")

    def test_a_vm_id_is_one_plain_name(self):
        for vm_id in ("", ".", "..", "../x", "a/b", "/x", "a\0b", None, 7):
            for call in (f"load_vm_launch_flags_from_file({vm_id!r})", f"dump_vm_launch_flags_to_file({vm_id!r}, 1)"):
                source, environment = self.flags(call)
                self.fails(source, "ValueError: a VM's id is one plain name", **environment)

    def test_they_are_in_run_vdsm_unless_moved(self):
        path = self.passes("import hooking; print(hooking._launch_flags_file('a'))")
        self.assertEqual(path, "/run/vdsm/a/launchflags\n")


if __name__ == "__main__":
    unittest.main()
