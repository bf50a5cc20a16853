#!/usr/bin/env python3
"""engine-config: what oVirt's tool of that name prints and stores, and where ours differs on purpose."""

import concurrent.futures
import json
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import time
import unittest

from command import BUILD, DEADLINE_S, SOURCE, CommandTest, mode_of

PROGRAM = BUILD / "bin/engine-config"
VM, DEVICE, NETWORK = "UserDefinedVMProperties", "CustomDeviceProperties", "UserDefinedNetworkCustomProperties"
NIC = "{type=interface;prop={speed=^([0-9]{1,5})$;duplex=^(full|half)$}}"
DATA = json.loads((SOURCE / "tests/data/custom_properties.json").read_text())
VECTORS = {vector["id"]: vector for vector in DATA["vectors"] if vector["op"] == "cli_run"}


def unknown(key, near=None):
    return f"There is no key '{key}'" + (rf" \(did you mean {near}\?\)" if near else "") + "; engine-config -l lists them"


# What ours does where oVirt's tool crashes, hangs or errs: (what it prints, its exit code, the row that it writes).
INSTEAD_OF_QUIRKS = {
    "cli-run-13": (unknown("Nope"), 1, None),
    "cli-run-14": (unknown("PredefinedVMProperties", VM), 1, None),
    "cli-run-15": (unknown("userdefinedvmproperties", VM), 1, None),
    "cli-run-33": (r"Argument for set/merge action must be in format of key=value\.", 1, None),
    "cli-run-36": (f"{VM} has the versions 4.6, 4.7, 4.8: say which one with --cver=4.8", 1, None),
    "cli-run-41": (unknown("Nope"), 1, None),
    "cli-run-47": ("", 0, (NETWORK, "4.7", "")),
    "cli-run-48": (f"Cannot set value a b=.* to key {NETWORK}. .*item 1, 'a b=.*': a name has only letters, .*", 1, None),
    "cli-run-56": (rf"Error merging {VM}'s value\. No such entry with version 9\.9\.", 1, None),
    "cli-run-57": (f"{DEVICE} cannot be merged into: copy what engine-config -g {DEVICE} shows, and set .*", 1, None),
    "cli-run-60": ("There is nothing to reload: what is set holds from the next event on", 1, None),
    "cli-run-63": (r"(?s:Usage: engine-config <action> \[<args>\]\n.*NOTE: nothing needs to be restarted\..*)", 0, None),
    "cli-run-64": (rf"Action verb must come first, and '--help={VM}' is not an action\.\nPlease tell me .*", 1, None),
}
# The vectors' own "deviation", in the same form.
DEVIATIONS = {
    "cli-run-28": (f"Cannot set value a=1;a=2; to key {VM}. .*property a is defined twice", 1, None),
    "cli-run-34": INSTEAD_OF_QUIRKS["cli-run-36"],
    "cli-run-35": INSTEAD_OF_QUIRKS["cli-run-36"],
    "cli-run-54": ("", 0, (VM, "4.7", "a=9")),
}
# Keys of oVirt that are about something else than custom properties.
ABSENT_KEYS = {
    "cli-run-18": "SearchResultsLimit",
    "cli-run-19": "BootstrapMinimalVdsmVersion",
    "cli-run-37": "SearchResultsLimit",
    "cli-run-38": "SearchResultsLimit",
    "cli-run-40": "SearchResultsLimit",
}


class EngineConfigTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.env["VDSM_HOOK_CONFIG_DIR"] = str(self.config)
        self.store = self.config / "properties.toml"

    def ec(self, *words, stdin="", **options):
        done = subprocess.run([PROGRAM, *words], input=stdin.encode(), capture_output=True, timeout=DEADLINE_S, check=False,
                              cwd=self.dir, env=self.env, **options)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def must(self, *words):
        done = self.ec(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def fails(self, done, *parts):
        """DONE failed with a text on both streams, which has these PARTS; what stderr has beside it is returned."""
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertTrue(done.stdout.endswith("\n"))
        self.assertTrue(done.stderr.startswith(done.stdout), done.stderr)
        for part in parts:
            self.assertIn(part, done.stdout)
        return done.stderr[len(done.stdout):]

    def rows(self):
        """{(key, version): value}"""
        found = {}
        for key in (VM, DEVICE, NETWORK):
            for line in self.must("-g", key).splitlines():
                name, value, version = re.fullmatch(r"(\w+): (.*) version: (\S+)", line).groups()
                found[name, version] = value
        return found


class VectorTest(EngineConfigTest):
    def seed(self):
        for key, version, value, _ in DATA["_schema"]["cli_base_db"]["rows"]:
            if key in (VM, DEVICE, NETWORK):
                self.must("-s", f"{key}={value}", f"--cver={version}")
        self.fresh = self.store.read_bytes()

    def one(self, vector):
        """Runs VECTOR on the seeded store: (what was done, {row: value that changed})."""
        self.store.write_bytes(self.fresh)
        for row in vector.get("db_changes_before", []):
            self.must("-s", f"{row['name']}={row['value']}", f"--cver={row['version']}")
        before = self.rows()
        done = self.ec(*vector["args"], stdin=vector.get("stdin", ""))
        after = self.rows()
        self.assertEqual(before.keys(), after.keys())
        return done, {row: value for row, value in after.items() if before[row] != value}

    def test_every_vector(self):
        self.seed()
        handled = {"as oVirt": 0}
        for name, vector in VECTORS.items():
            with self.subTest(id=name):
                done, changed = self.one(vector)
                if vector.get("quirk") or "deviation" in vector:
                    table = INSTEAD_OF_QUIRKS if vector.get("quirk") else DEVIATIONS
                    printed, code, row = table[name]
                    self.assertRegex(done.stdout.removesuffix("\n"), rf"\A(?:{printed})\Z")
                    self.assertEqual(done.returncode, code)
                    self.assertEqual(changed, {row[:2]: row[2]} if row else {})
                    handled[name] = 1
                elif name in ABSENT_KEYS:
                    self.assertRegex(done.stdout, unknown(ABSENT_KEYS[name]))
                    self.assertEqual((done.returncode, changed), (1, {}))
                    handled[name] = 1
                else:
                    expected = vector["expected"]
                    self.assertEqual((done.stdout, done.returncode), (expected["stdout"], expected["exit"]))
                    self.assertEqual(changed, {(row["name"], row["version"]): row["value"] for row in expected["db_changes"]})
                    handled["as oVirt"] += 1
                if done.returncode == 0:
                    self.assertEqual(done.stderr, "")
                else:
                    self.fails(done)
        self.assertEqual(handled.keys() - {"as oVirt"}, INSTEAD_OF_QUIRKS.keys() | DEVIATIONS.keys() | ABSENT_KEYS.keys())
        self.assertEqual((handled["as oVirt"], len(handled) - 1, len(VECTORS)), (34, 22, 56))


class ActionTest(EngineConfigTest):
    def test_list(self):
        lines = self.must("-l").splitlines()
        self.assertEqual([line.split(":")[0] for line in lines], [VM, DEVICE, NETWORK])
        self.assertEqual(lines[0], f"{VM}: User defined VM properties (Value Type: UserDefinedVMProperties)")
        for words in [("-l", "-o"), ("--list", "--only-reloadable")]:
            self.assertEqual(self.must(*words), "")

    def test_all_and_diff(self):
        self.assertEqual(self.must("-a"), "".join(self.must("-g", key) for key in (VM, DEVICE, NETWORK)))
        self.assertEqual(self.must("-d"), "")
        self.must("-s", f"{DEVICE}={NIC}")
        self.must("-s", f"{VM}=a=1", "--cver=4.7")
        default = re.search("Default: (.*)", self.must("-d")[self.must("-d").index(DEVICE):]).group(1)
        self.assertTrue(default.startswith("{type=interface;prop={SecurityGroups="))
        self.assertEqual(self.must("--diff"), f"Name: {VM}\nVersion: 4.7\nCurrent: a=1\nDefault: \n\n"
                                              f"Name: {DEVICE}\nVersion: 4.8\nCurrent: {NIC}\nDefault: {default}\n\n")
        self.assertEqual(self.must("-a", "--cver=4.7"), f"{VM}: a=1 version: 4.7\n")
        self.must("-s", f"{DEVICE}={default}")
        self.must("-s", f"{VM}=", "--cver=4.7")
        self.assertEqual(self.must("-d"), "")

    def test_the_examples_of_the_readmes(self):
        self.must("-s", f"{VM}=macspoof=(true|false)")
        self.must("-s", f"{DEVICE}={NIC}")
        self.assertEqual(self.must("-g", VM), f"{VM}: macspoof=(true|false) version: 4.8\n")
        self.assertEqual(self.must("-g", DEVICE, "--cver=4.8"), NIC + "\n")
        self.assertEqual(mode_of(self.store), 0o644)

    def test_a_version_of_ovirts_is_added_and_no_other(self):
        for version in ("4.2", "4.7"):
            self.must("-s", f"{VM}=a=1", f"--cver={version}")
            self.must("-m", f"{VM}=b=1", f"--cver={version}")
            self.assertEqual(self.must("-g", VM, f"--cver={version}"), "a=1;b=1\n")
        self.must("-m", f"{VM}=c=1", "--cver=4.3")
        self.assertEqual([line.split()[-1] for line in self.must("-g", VM).splitlines()], ["4.2", "4.3", "4.7", "4.8"])
        for version in ("4.1", "4.9", "general", "4.80", " 4.8"):
            more = self.fails(self.ec("-s", f"{VM}=a=1", f"--cver={version}"),
                              f"Error setting {VM}'s value. No such entry with version {version}.\n")
            self.assertEqual(more, "oVirt's compatibility versions are 4.2, 4.3, 4.4, 4.5, 4.6, 4.7, 4.8\n")
        more = self.fails(self.ec("-g", VM, "--cver=4.4"), f"Error fetching {VM} value: no such entry with version '4.4'.\n")
        self.assertEqual(more, f"{VM} has the versions 4.2, 4.3, 4.7, 4.8\n")

    def test_merge(self):
        for later, result in [("a=1;b=(x|y);", "a=1;b=(x|y);"), ("b=z;c=3", "a=1;b=z;c=3"), ("a=", "a=;b=z;c=3")]:
            self.must("-m", f"{VM}={later}")
            self.assertEqual(self.must("-g", VM, "--cver=4.8"), result + "\n")
        for later in ("c=3", "b=z;a=", ""):
            self.assertEqual(self.must("-m", f"{VM}={later}"), "Merge operation cancelled as value is unchanged.\n")
        more = self.fails(self.ec("-m", f"{VM}=c=3;d"), f"Cannot set value a=;b=z;c=3;d to key {VM}. Invalid syntax, ")
        self.assertIn("'d', has no =", more)
        self.assertEqual(self.fails(self.ec("-m", f"{VM}=d=[")), "")

    def test_what_only_we_refuse_has_our_sentence(self):
        for key, value, why in [
                (VM, "a=[", "property a: the pattern '[' is refused: missing ]"),
                (VM, "a=(?=x)", "no look-around"), (VM, "a=[a&&b]", "&&"), (VM, "9a=1", "digit"),
                (VM, "PATH=x", "property PATH: the name is reserved"), (VM, "a=1;a=1", "property a is defined twice"),
                (VM, "a=" + "x" * 70000, "at most 65536"),
                (DEVICE, "{type=disk;prop={a=1}}{type=interface;prop={b=2}}", "a ; stands between two blocks"),
                (DEVICE, "{type=disk;prop={a=1}},{type=interface;prop={b=2}}", "a ; stands between two blocks"),
                (NETWORK, "a=1;a=2", "defined twice"), (NETWORK, "a-b=1", "letters, digits and _")]:
            with self.subTest(value=value[:80]):
                more = self.fails(self.ec("-s", f"{key}={value}"), f"Cannot set value {value} to key {key}. ", why)
                self.assertEqual(more, "")
        self.assertFalse(self.store.exists())

    def test_an_error_names_the_key_once(self):
        for words, said in [(("-s", f"{VM}=a=["), f"Cannot set value a=[ to key {VM}. property a: the pattern "),
                            (("-s", f"{VM}=a=[", "--cver=4.7"), f"Cannot set value a=[ to key {VM}. property a: the pattern "),
                            (("-s", f"{DEVICE}={{type=disk;prop={{9a=1}}}}"), f" to key {DEVICE}. {{type=disk"),
                            (("-m", f"{VM}=a=["), f"Cannot set value b=1;a=[ to key {VM}. property a: the pattern ")]:
            with self.subTest(words=words):
                if words[0] == "-m":
                    self.must("-s", f"{VM}=b=1")
                done = self.ec(*words)
                self.assertIn(said, done.stdout)
                self.assertEqual(done.stdout.count(words[1].split("=")[0]), 1)

    def test_what_ovirt_refuses_has_its_text_and_on_stderr_ours(self):
        device = "Invalid syntax, custom device properties specification should conform to \\{type=(disk|interface|"
        for key, value, text, why in [
                (VM, "a=1;;b=2", "Invalid syntax, user defined VM properties specification", "item 2 is empty"),
                (DEVICE, "{type=nic;prop={}}", device, "'nic' is no device type"),
                (DEVICE, "{type=disk;prop={a}}", device, "'a', has no ="),
                (DEVICE, "{type=disk;prop={}};{type=disk;prop={}}", device, "two blocks for disk"),
                (NETWORK, "a=1;b", "imporper format. b cannot be used for custom properties definition.\nA string", "item 2, 'b', has no ="),
                (NETWORK, "a=1;b=(", "imporper format. ( must be a valid regex expression\n", "property b: the pattern '('")]:
            with self.subTest(value=value):
                more = self.fails(self.ec("-s", f"{key}={value}"), f"Cannot set value {value} to key {key}. ", text)
                self.assertIn(why, more)
                self.assertEqual(more.count("\n"), 1)

    def test_help_wherever_it_stands(self):
        text = self.must("--help")
        for word in ("AVAILABLE ACTIONS:", "OPTIONS", "SETTING PASSWORDS:", "CUSTOM LOGGING:", "NOTE: nothing needs to be restarted"):
            self.assertIn(word, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 95)
        for words in [("-h",), ("-help",), ("-s", f"{VM}=a=1", "-h"), ("foo", "--help"), ("-g", VM, "--cver", "-h")]:
            self.assertEqual(self.must(*words), text)
        self.assertFalse(self.store.exists())

    def test_options_without_effect(self):
        for words in [("-u", "admin"), ("--user=admin",), ("--admin-pass-file=f",), ("--log-file", "f"), ("--log-level=FINE",),
                      ("-c", str(self.domain)), (f"--config={self.dir}",)]:
            self.assertEqual(self.must("-g", VM, *words, "--cver=4.8"), "\n")

    def test_a_tool_configuration_is_never_run(self):
        self.file("evil", f"touch {self.dir}/ran\n", 0o755)
        self.must("-l", "-c", "evil")
        self.assertFalse((self.dir / "ran").exists())
        self.assertEqual(self.fails(self.ec("-l", "--config=nosuch"), "Files nosuch does not exist\n"), "")

    def test_another_key_file(self):
        self.file("keys", f'# keys\n{VM}.description="VM things = all"\r\n {DEVICE}.type = Text \nOther.type=x\n{NETWORK}.type\n')
        self.assertEqual(self.must("-l", "-p", "keys"), f'{VM}: "VM things (Value Type: UserDefinedVMProperties)\n'
                         f"{DEVICE}: Custom device properties, by type of device (Value Type: Text)\n")
        self.assertNotIn(NETWORK, self.must("-a", "--properties=keys"))
        self.must("-s", f"{VM}=a=1", "-p", "keys")
        self.fails(self.ec("-g", NETWORK, "-p", "keys"), f"There is no key '{NETWORK}' in keys")
        self.fails(self.ec("-g", "Other", "-p", "keys"), "There is no key 'Other' in keys; engine-config -l -p keys lists them")
        self.assertEqual(self.fails(self.ec("-l", "-p", "nosuch"), "Files nosuch does not exist\n"), "")
        self.fails(self.ec("-l", "-p", self.dir), str(self.dir))
        self.file("empty")
        self.assertEqual(self.must("-l", "-p", "empty"), "")

    def test_another_configuration_directory(self):
        other = self.directory("other")
        self.must("-s", f"{VM}=a=1", f"--config-dir={other}")
        self.assertEqual(self.must("-g", VM, "--config-dir", other), f"{VM}: a=1 version: 4.8\n")
        self.assertEqual(self.must("-g", VM, "--cver=4.8"), "\n")
        self.assertFalse(self.store.exists())

    def test_words_are_shown_fit_for_a_terminal(self):
        done = self.ec("-g", b"\x1b[31m\xff".decode(errors="surrogateescape"))
        self.fails(done, "There is no key '\\x1b[31m\ufffd'; ")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.fails(self.ec("-s", f"{VM}=a=\x1b"), f"Cannot set value a=\\x1b to key {VM}. ", "control character")

    def test_the_name_decides(self):
        os.symlink(BUILD / "bin/vdsm-hook", self.dir / "engine-config")
        done = subprocess.run(["./engine-config", "-l"], cwd=self.dir, env=self.env, stdout=subprocess.PIPE, check=True)
        self.assertTrue(done.stdout.startswith(VM.encode()))
        done = subprocess.run(["vdsm-hook", "--version"], executable=PROGRAM, stdout=subprocess.PIPE, check=True)
        self.assertTrue(done.stdout.startswith(b"vdsm-hook "))

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_the_man_page_s_examples_work(self):
        page = BUILD / "share/man/man8/engine-config.8"
        text = subprocess.run(["mandoc", "-Tascii", page], stdout=subprocess.PIPE, check=True).stdout.decode()
        text = re.sub(r".\x08", "", text)
        examples = re.findall(r"engine-config -[sm]\s+(\S+)\n", text)
        self.assertEqual(len(examples), 3)
        for example in examples:
            self.must("-s" if DEVICE in example else "-m", example.replace('"', ""))


class TerminalTest(EngineConfigTest):
    """The menu: versions 4.7 and 4.8."""

    MENU = "Please select a version:\r\n1. 4.7\r\n2. 4.8\r\n"

    def setUp(self):
        super().setUp()
        self.must("-s", f"{VM}=", "--cver=4.7")

    def type(self, keys, *words):
        """(what the terminal shows, exit code) when KEYS are typed to it, each at a menu."""
        master, slave = pty.openpty()
        process = subprocess.Popen([PROGRAM, *words], stdin=slave, stdout=slave, stderr=slave, env=self.env, close_fds=True)
        os.close(slave)
        self.addCleanup(os.close, master)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        shown, end = b"", time.monotonic() + DEADLINE_S
        keys = list(keys)
        asked = 0
        while time.monotonic() < end:
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(master, 4096)
            except OSError:  # EIO: nobody has the other side any more
                break
            shown += data
            while keys and shown.count(b"2. 4.8\r\n") > asked:
                asked += 1
                os.write(master, keys.pop(0).encode())
        return shown.decode(), process.wait(DEADLINE_S)

    def test_a_choice(self):
        for action, choice, version in [("-s", "1\n", "4.7"), ("-m", " 2 \n", "4.8")]:
            shown, code = self.type([choice], action, f"{VM}=a{choice.strip()}=1")
            self.assertEqual((shown, code), (self.MENU + choice.replace("\n", "\r\n"), 0))
            self.assertEqual(self.must("-g", VM, f"--cver={version}"), f"a{choice.strip()}=1\n")

    def test_a_wrong_choice_asks_again(self):
        wrong = ["x\n", "0\n", "3\n", "\n", "-1\n", "1x\n", "99999999999999999999\n", "y" * 200 + "\n"]
        shown, code = self.type([*wrong, "2\n"], "-s", f"{VM}=a=1")
        self.assertEqual((shown.count(self.MENU), code), (9, 0))
        self.assertEqual(self.must("-g", VM, "--cver=4.8"), "a=1\n")

    def test_the_end_of_the_input_is_an_error_shown_once(self):
        shown, code = self.type(["\x04"], "-s", f"{VM}=a=1")
        self.assertEqual(code, 1)
        self.assertEqual(shown.count("The input ended before a version was selected"), 1)
        self.assertIn("--cver=4.8", shown)
        self.assertEqual(self.must("-g", VM, "--cver=4.8"), "\n")

    def test_a_version_that_is_given_or_alone_is_not_asked_for(self):
        self.assertEqual(self.type([], "-s", f"{VM}=a=1", "--cver=4.8"), ("", 0))
        self.assertEqual(self.type([], "-s", f"{DEVICE}={NIC}"), ("", 0))

    def test_without_a_terminal_it_fails_at_once(self):
        for stdin in ("", "1\n"):
            self.fails(self.ec("-s", f"{VM}=a=1", stdin=stdin), f"{VM} has the versions 4.7, 4.8: say which one with --cver=4.8")


class StreamTest(EngineConfigTest):
    def closed(self, *numbers):
        return {"preexec_fn": lambda: [os.close(number) for number in numbers]}

    def test_one_file_behind_both_streams_has_the_text_once(self):
        text = "There is no key 'X'; engine-config -l lists them\n"
        both = subprocess.run([PROGRAM, "-g", "X"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((both.stdout.decode(), both.returncode), (text, 1))
        with open(self.dir / "out", "ab") as out, open(self.dir / "out", "ab") as err:  # opened twice, still one file
            subprocess.run([PROGRAM, "-g", "X"], env=self.env, stdout=out, stderr=err, check=False)
        self.assertEqual((self.dir / "out").read_text(), text)
        both = subprocess.run([PROGRAM, "-s", f"{VM}=bad"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = both.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("Invalid syntax", lines[0])
        self.assertIn("'bad', has no =", lines[1])

    def test_closed_streams(self):
        done = self.ec("-g", VM, **self.closed(1))
        self.assertEqual((done.returncode, done.stderr), (1, "cannot write standard output: Bad file descriptor\n"))
        done = self.ec("-g", "X", **self.closed(1))
        self.assertEqual((done.returncode, done.stderr), (1, "There is no key 'X'; engine-config -l lists them\n"))
        for numbers in [(0,), (1,), (2,), (0, 1, 2)]:
            with self.subTest(numbers=numbers):
                self.assertEqual(self.ec("-s", f"{VM}=a=1", **self.closed(*numbers)).returncode, 0)
                self.assertEqual(self.ec("-s", f"{VM}=bad", **self.closed(*numbers)).returncode, 1)
                self.assertEqual(self.must("-g", VM, "--cver=4.8"), "a=1\n")

    def test_a_full_disk_or_no_reader_behind_stdout(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open("/dev/full", "wb") as full, open(writer, "wb") as nobody:
            for out, why in [(full, b"No space left"), (nobody, b"Broken pipe")]:
                done = subprocess.run([PROGRAM, "-l"], env=self.env, stdout=out, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(why, done.stderr)


class StoreTest(EngineConfigTest):
    """A store that is damaged, contended or cannot be written."""

    def long_value(self, count=40):
        return ";".join(f"name_{i}=^(yes|no|{i})$" for i in range(count))

    def is_left_alone(self, *parts):
        """Reading and changing fail with a sentence that has PARTS, and the file stays as it is."""
        before, status = self.store.read_bytes(), self.store.stat()
        for words in [("-g", VM), ("-a",), ("-d",), ("-s", f"{VM}=a=1"), ("-s", f"{VM}=a=1", "--cver=4.8"),
                      ("-m", f"{VM}=a=1", "--cver=4.8")]:
            with self.subTest(words=words):
                self.fails(self.ec(*words), str(self.store), *parts)
        after = self.store.stat()
        self.assertEqual(self.store.read_bytes(), before)
        self.assertEqual((after.st_ino, after.st_mtime_ns, after.st_uid), (status.st_ino, status.st_mtime_ns, status.st_uid))

    def test_a_file_that_was_cut_in_half(self):
        self.must("-s", f"{VM}={self.long_value()}")
        content = self.store.read_bytes()
        self.store.write_bytes(content[:len(content) // 2])
        self.is_left_alone("properties.toml:")

    def test_bad_utf8(self):
        self.file("config/properties.toml", f"[{VM}]\n\"4.8\" = 'a=".encode() + b"\xff'\n")
        self.is_left_alone("properties.toml:2")

    def test_what_the_grammar_refuses(self):
        self.file("config/properties.toml", f"[{VM}]\n\"4.8\" = 'a=1;a=2'\n")
        self.is_left_alone("properties.toml:2", "defined twice")

    def test_a_file_that_others_may_write(self):
        self.must("-s", f"{VM}=a=1")
        self.store.chmod(0o664)
        self.is_left_alone()

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file away")
    def test_a_file_of_another_user(self):
        self.must("-s", f"{VM}=a=1")
        os.chown(self.store, 12345, 12345)
        self.is_left_alone()

    def test_something_else_than_a_file(self):
        os.mkfifo(self.store)
        self.fails(self.ec("-g", VM), str(self.store))
        self.fails(self.ec("-s", f"{VM}=a=1"), str(self.store))

    def test_a_broken_configuration_of_the_engine(self):
        self.configure("timeout = 1 2\n")
        self.fails(self.ec("-a"), "vdsm-hook.toml:1")
        self.assertIn(VM, self.must("-l"))

    def test_the_directory_is_made_or_it_is_said_why_not(self):
        self.must("-s", f"{VM}=a=1", f"--config-dir={self.dir}/new")
        self.assertEqual(self.must("-g", VM, "--cver=4.8", f"--config-dir={self.dir}/new"), "a=1\n")
        self.must("-s", f"{VM}=a=1", f"--config-dir={self.dir}/home/.config/new")
        self.assertEqual((self.dir / "home/.config").stat().st_mode & 0o7777, 0o700)
        (self.dir / "file").touch()
        self.fails(self.ec("-s", f"{VM}=a=1", f"--config-dir={self.dir}/file/such"), f"{self.dir}/file/such")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_directory_that_may_not_be_written(self):
        self.config.chmod(0o555)
        self.fails(self.ec("-s", f"{VM}=a=1"), str(self.store))

    def test_a_full_disk_leaves_the_old_file(self):
        self.must("-s", f"{VM}=a=1")
        before = self.store.read_bytes()

        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, len(before) + 100))
        self.fails(self.ec("-s", f"{VM}={self.long_value()}", preexec_fn=limited), str(self.store), "File too large")
        self.assertEqual(self.store.read_bytes(), before)
        self.assertEqual(sorted(path.name for path in self.config.iterdir()), ["properties.toml", "properties.toml.lock"])
        self.must("-s", f"{VM}={self.long_value()}")

    def test_concurrent_merges_lose_nothing(self):
        def merges(worker):
            return [self.ec("-m", f"{VM}=w{worker}_{i}=^{i}$") for i in range(60)]
        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            for done in (one for all_of in workers.map(merges, range(8)) for one in all_of):
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        items = self.must("-g", VM, "--cver=4.8").strip().split(";")
        self.assertEqual(sorted(items), sorted(f"w{worker}_{i}=^{i}$" for worker in range(8) for i in range(60)))

    def test_a_kill_at_any_moment_leaves_a_file_that_reads(self):
        start = time.monotonic()
        self.must("-s", f"{VM}={self.long_value()}")
        usual = time.monotonic() - start
        allowed, killed = {self.long_value()}, 0
        for i in range(60):
            value = self.long_value(41 + i)
            process = subprocess.Popen([PROGRAM, "-s", f"{VM}={value}"], env=self.env)
            time.sleep(random.uniform(0, usual * 1.2))
            process.kill()
            killed += process.wait(DEADLINE_S) == -signal.SIGKILL
            now = self.must("-g", VM, "--cver=4.8").strip()
            self.assertIn(now, allowed | {value})
            allowed = {now}
        self.assertGreater(killed, 0)
        self.must("-s", f"{VM}=a=1")  # nobody holds the lock


if __name__ == "__main__":
    unittest.main()
