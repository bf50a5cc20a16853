#!/usr/bin/env python3
"""The completion of bash, sourced in bash and called as bash calls it."""

import re
import shutil
import subprocess
import unittest
from xml.sax.saxutils import escape

from command import BRIDGE, COMMANDS, DEADLINE_S, PROFILE, PROGRAM, PROPS, SOURCE, SUBCOMMANDS, VM, CommandTest

COMPLETION = SOURCE / "core/vdsm_hook/cli" / "completion" / "vdsm-hook"

# As readline cuts a line: at blanks, and '=' is a word of its own.
CALL = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ $(complete -p vdsm-hook) == 'complete -F _vdsm_hook vdsm-hook' ]] || exit 9
_vdsm_hook "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# The user's own variables, as they are before and after the same call.
KEEPS = """
source "$1"
wanted=--mine word=mine line=mine
shown() { declare -p | grep -Ev '^declare -[^ ]+ (_|COMPREPLY|before|after|RANDOM|SRANDOM|SECONDS|EPOCH|PIPESTATUS|BASH_|FUNCNAME|LINENO)'; }
COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
before=$(shown)
_vdsm_hook "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
after=$(shown)
diff <(printf '%s' "$before") <(printf '%s' "$after")
printf '%s\\n' "${COMPREPLY[@]}" | grep -e --mine
"""


@unittest.skipUnless(shutil.which("bash"), "no bash is installed")
class CompletionTest(CommandTest):
    def complete_lines(self, *words):
        """What bash offers for the last of WORDS."""
        done = subprocess.run(["bash", "--norc", "-c", CALL, "bash", COMPLETION, PROGRAM, *words], cwd=self.dir, env=self.env,
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def complete(self, *words):
        return sorted(" ".join(self.complete_lines(*words)).split())

    def test_subcommands(self):
        self.assertEqual(self.complete(""), sorted([*SUBCOMMANDS, "--help", "--version"]))
        self.assertEqual(self.complete("p"), ["plan", "points", "props"])
        self.assertEqual(self.complete("--v"), ["--version"])

    def test_actions(self):
        self.assertEqual(self.complete("props", ""), sorted(PROPS))
        self.assertEqual(self.complete("props", "de"), ["define", "definitions"])
        self.assertEqual(self.complete("props", "profile", ""), sorted(PROFILE))
        self.assertEqual(self.complete("vm", ""), sorted(VM))
        self.assertEqual(self.complete("vm", "re"), ["reboot", "recover", "restore", "resume"])

    def test_all_options_of_a_subcommand_are_those_of_its_help(self):
        for subcommand in COMMANDS:
            help_text = self.call(*subcommand.split(), "--help").stdout
            options = sorted(re.findall(r"(?<=[ ,] )-{1,2}[a-z][a-z0-9-]*", "\n".join(
                line[:36] for line in help_text.splitlines() if line.startswith("  -"))))
            self.assertGreaterEqual(len(options), 3)
            self.assertEqual(self.complete(*subcommand.split(), "-"), options)
        self.assertEqual(self.complete("run", "before_vm_start", "--o"), ["--on-error", "--output"])

    def test_events_come_from_the_hook_points(self):
        points = [p["name"] for p in self.json_of("points")["points"]]
        for words in [("run",), ("plan",), ("list",), ("points",), ("new", "mine", "--event"), ("run", "-q"),
                      ("run", "--domxml", "vm.xml"), ("run", "--domxml", "=", "vm.xml"), ("run", "-p", "a", "=", "b")]:
            self.assertEqual(self.complete(*words, ""), sorted(points), words)
        self.assertEqual(self.complete("run", "before_vm_sta"), ["before_vm_start"])
        self.assertEqual(self.complete("run", "before_vm_start", "before"), [])
        self.assertEqual(self.complete("new", "before"), [])
        self.assertEqual(self.complete("check", "before"), [])

    def test_hook_points_of_the_site_are_offered_too(self):
        self.file("config/hookpoints.d/a.toml", '[before_backup]\npayload = "none"\n')
        for place in [("--config-dir", "config"), ("--config-dir", "=", "config")]:
            self.assertEqual(self.complete("run", *place, "before_b"), ["before_backup"])

    def test_words_that_an_option_allows(self):
        self.assertEqual(self.complete("plan", "--format", ""), ["json", "text"])
        self.assertEqual(self.complete("plan", "--format", "j"), ["json"])
        self.assertEqual(self.complete("plan", "--format", "="), ["json", "text"])
        self.assertEqual(self.complete("plan", "--format", "=", "t"), ["text"])
        self.assertEqual(self.complete("run", "--on-error", ""), ["veto", "warn"])
        self.assertEqual(self.complete("run", "--compat", ""), ["vdsm"])
        self.assertEqual(self.complete("new", "a", "--lang", ""), ["cpp", "python", "sh"])

    def test_nothing_leaks_out_of_or_into_the_users_shell(self):
        for words in [("",), ("props", ""), ("props", "profile", ""), ("run", ""), ("run", "--format", ""), ("props", "set", ""),
                      ("props", "profile", "edit", ""), ("run", "-"), ("libvirt-call", ""), ("libvirt-call", "daemon", "-", ""),
                      ("libvirt-call", "qemu", "a", "start", "")]:
            with self.subTest(words=words):
                done = subprocess.run(["bash", "--norc", "-c", KEEPS, "bash", COMPLETION, PROGRAM, *words], cwd=self.dir, env=self.env,
                                      capture_output=True, text=True, timeout=DEADLINE_S, check=False)
                self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_files_and_directories(self):
        self.file("with blank.xml", "")
        for option in ["--domxml", "--device-xml", "--json", "--domain", "--output", "--report"]:
            self.assertEqual(self.complete("run", option, "vm"), ["vm.xml"])
            self.assertEqual(self.complete("run", option, "=", "vm"), ["vm.xml"])
        self.assertEqual(" ".join(self.complete("run", "--domxml", "with")), "blank.xml with")  # one word, cut by us
        self.assertEqual(self.complete("run", "--hooks-dir", ""), ["config", "hooks", "runtime"])
        self.assertEqual(self.complete("import", "ho"), ["hooks"])
        self.assertEqual(self.complete("import", "hooks", "--into", "con"), ["config"])
        self.assertEqual(self.complete("new", "a", "--into", "r"), ["runtime"])

    def test_hooks_to_skip_are_those_of_the_event(self):
        self.hook("50_a")
        self.hook("60_b")
        self.hook("50_other", event="after_vm_start")
        words = ("run", "before_vm_start", "--hooks-dir", "hooks", "--skip")
        self.assertEqual(self.complete(*words, ""), ["50_a", "60_b"])
        self.assertEqual(self.complete(*words, "6"), ["60_b"])

    def test_names_of_properties_and_values_of_plain_choices(self):
        self.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'macspoof=^(true|false)$;free=.*'\n"
                  "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={duplex=^(full|half)$}}'\n")
        self.env["LIBVIRT_DEFAULT_URI"] = self.vms()
        places = ["--config-dir", "config", "--hooks-dir", "hooks"]
        for words in [("run", *places, "-p"), ("props", "set", *places), ("props", "set", *places, "free=1")]:
            self.assertEqual(self.complete(*words, "ma"), ["macspoof="])
            self.assertEqual(self.complete(*words, "macspoof", "="), ["false", "true"])
            self.assertEqual(self.complete(*words, "macspoof", "=", "t"), ["true"])
            self.assertEqual(self.complete(*words, "free", "=", ""), [])
        for words in [("run", *places, "--device-property"), ("props", "set", *places, "--device", "interface:1")]:
            self.assertEqual(self.complete(*words, ""), ["SecurityGroups=", "duplex="])
            self.assertEqual(self.complete(*words, "duplex", "=", ""), ["full", "half"])
        for action in ["create", "edit"]:
            words = ("props", "profile", action, *places, "red")
            self.assertEqual(self.complete(*words, ""), ["SecurityGroups=", "duplex="])
            self.assertEqual(self.complete(*words, "duplex=full", "S"), ["SecurityGroups="])
            self.assertEqual(self.complete(*words, "duplex", "=", ""), ["full", "half"])
        self.assertEqual(self.complete("props", "unset", *places, "m"), ["macspoof"])
        self.assertEqual(self.complete("props", "definitions", *places, "d"), ["duplex"])

    def test_names_of_vnic_profiles(self):
        self.file("config/properties.toml", "[profiles.red.properties]\n[profiles.rough.properties]\nspeed = '1'\n")
        for action in ["edit", "delete", "attach"]:
            self.assertEqual(self.complete("props", "profile", action, "--config-dir", "config", "r"), ["red", "rough"])
        self.assertEqual(self.complete("props", "profile", "delete", "--config-dir", "config", "red", "r"), [])

    def test_calls_of_libvirt(self):
        call = ("libvirt-call",)
        self.assertEqual(self.complete(*call, ""), ["bhyve", "daemon", "libxl", "lxc", "network", "qemu"])
        self.assertEqual(self.complete(*call, "-v", "l"), ["libxl", "lxc"])
        self.assertEqual(self.complete(*call, "qemu", "web-01", "st"), ["start", "started", "stopped"])
        self.assertEqual(self.complete(*call, "daemon", "-", ""), ["reload", "shutdown", "start"])
        for words, sub in [(("qemu", "a", "start"), "begin"), (("qemu", "a", "release"), "end"), (("daemon", "-", "start"), "-"),
                           (("network", "a", "port-created"), "begin")]:
            self.assertEqual(self.complete(*call, *words, ""), [sub], words)
        for words in [("qemu", ""), ("none", "a", ""), ("qemu", "a", "none", ""), ("qemu", "a", "start", "begin", "")]:
            self.assertEqual(self.complete(*call, *words), [], words)

    def test_the_bridge_into_libvirt(self):
        self.assertEqual(self.complete("libvirt-bridge", ""), sorted(BRIDGE))
        for action in BRIDGE:
            self.assertEqual(self.complete("libvirt-bridge", action, "lxc", ""), ["bhyve", "daemon", "libxl", "lxc", "qemu"])

    def vms(self, *names, file="node.xml"):
        """A libvirt that has these."""
        domains = "".join(f"<domain type='test'><name>{escape(name)}</name><memory>65536</memory><os><type>hvm</type></os></domain>" for name in names)
        return f"test://{self.file(file, f'<node>{domains}</node>')}"

    def test_names_of_vms(self):
        self.env["LIBVIRT_DEFAULT_URI"] = self.vms("web-01", "web-02", "db")
        for words in [("vm", "start"), ("vm", "attach-device"), ("vm", "migrate", "--live"), ("props", "show"), ("props", "set", "--device", "interface:1")]:
            self.assertEqual(self.complete(*words, "w"), ["web-01", "web-02"], words)
        self.assertEqual(self.complete("vm", "start", ""), ["db", "web-01", "web-02"])
        self.assertEqual(self.complete("vm", "start", "web-01", "w"), [])
        self.assertEqual(self.complete("props", "set", "web-01", "w"), [])
        self.assertEqual(self.complete("props", "set", "--domxml", "vm.xml", "w"), [])

    def test_names_of_vms_are_those_of_the_connection_that_is_given(self):
        self.env["LIBVIRT_DEFAULT_URI"] = self.vms("web-01")
        other = self.vms("other", file="other.xml")
        for option in [("-c", other), ("--connect", other), ("--connect", "=", other)]:
            self.assertEqual(self.complete("vm", "start", *option, ""), ["other"])
            self.assertEqual(self.complete("props", "show", *option, ""), ["other"])

    def test_names_of_vms_become_one_word_and_are_not_run(self):
        self.env["LIBVIRT_DEFAULT_URI"] = self.vms("a b", "a$(touch here)", "a'c")
        self.assertEqual(self.complete_lines("vm", "start", "a"), ["a\\ b", "a\\$\\(touch\\ here\\)", "a\\'c"])
        self.assertEqual(self.complete_lines("vm", "start", "a\\ "), ["a\\ b"])
        self.assertFalse((self.dir / "here").exists())

    def test_names_that_others_chose_become_one_word_and_are_not_run(self):
        hostile = ["50_$(touch here)", "50_`touch here`", "50_a b", "50_a;touch here", "50_${x:=$(touch here)}", "50_*", "50_'", "50_  wide"]
        for name in hostile:
            self.hook(name)
            self.directory(f"dirs/{name}")
        self.file("config/properties.toml", "[profiles.'50_$(touch here)'.properties]\n[profiles.'50_a b'.properties]\n")
        quoted = sorted(["50_\\$\\(touch\\ here\\)", "50_\\`touch\\ here\\`", "50_a\\ b", "50_a\\;touch\\ here",
                         "50_\\$\\{x:=\\$\\(touch\\ here\\)\\}", "50_\\*", "50_\\'", "50_\\ \\ wide"])
        places = ["--config-dir", "config", "--hooks-dir", "hooks"]
        node = self.vms(*hostile)
        for words, offered in [(("run", "before_vm_start", "--hooks-dir", "hooks", "--skip", ""), quoted),
                               (("vm", "start", "-c", node, ""), quoted),
                               (("props", "profile", "edit", *places, ""), ["50_\\$\\(touch\\ here\\)", "50_a\\ b"]),
                               (("import", "dirs/"), sorted(f"dirs/{name}" for name in hostile))]:  # readline quotes files
            with self.subTest(words=words):
                self.assertEqual(sorted(self.complete_lines(*words)), offered)
        self.file("config/hookpoints.d/a.toml", "['$(touch${IFS}here)']\npayload = 'none'\n")
        for words in [("run", *places, ""), ("run", *places, "--device-property", ""), ("props", "unset", *places, ""), ("list", *places, "")]:
            self.complete_lines(*words)
        self.assertEqual(sorted(self.dir.rglob("here")), [])

    def test_where_there_is_no_profile_none_is_offered(self):
        self.assertEqual(self.complete("props", "profile", "edit", "--config-dir", "config", ""), [])

    def test_nothing_is_offered_where_nothing_is_known(self):
        for words in [("nonsense", ""), ("run", "--timeout", ""), ("run", "-p", "a", "=", ""), ("props", "set", "--device", ""),
                      ("run", "--vm-id", "1"), ("check", "")]:
            self.assertEqual(self.complete(*words), [], words)


if __name__ == "__main__":
    unittest.main()
