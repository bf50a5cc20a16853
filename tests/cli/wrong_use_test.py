#!/usr/bin/env python3
"""What the command refuses: exit code 2, nothing on stdout, nothing started, and a text that says what to do instead."""

import unittest

from command import BRIDGE, COMMANDS, DOMAIN, DONE, NIC, PROFILE, PROPS, SOURCE, SUBCOMMANDS, VETOED, VM, WRONG_USE, CommandTest

# Arguments of `run before_vm_start`, and what the error must name.
BAD_COMBINATIONS = [
    ([], "--domxml FILE"),
    (["--domxml", "vm.xml", "--json", "vm.xml"], "--domxml"),
    (["--domxml", "vm.xml", "--device-xml", "vm.xml"], "--domxml"),
    (["--json", "vm.xml", "--device-xml", "vm.xml"], "--device-xml"),
    (["--domxml", "vm.xml", "--domain", "vm.xml"], "--domxml"),
    (["--domxml", "vm.xml", "--domxml", "vm.xml"], "--domxml is given more than once"),
    (["--json", "vm.xml"], "--domxml FILE, not with --json"),
    (["--device-xml", "vm.xml"], "--domxml FILE, not with --device-xml"),
    (["--domxml", ""], "--domxml: the value is empty"),
    (["--domxml", "none.xml"], "none.xml: No such file"),
    (["--domxml", "hooks"], "hooks is a directory"),
    (["--domxml", "vm.xml", "--report", "-"], "--output"),
    (["--domxml", "vm.xml", "--output", ""], "--output: the value is empty"),
    (["--domxml", "vm.xml", "--report", ""], "--report: the value is empty"),
    (["--domxml", "vm.xml", "--hooks-dir", ""], "--hooks-dir: the value is empty"),
    (["--domxml", "vm.xml", "-q", "-v"], "--quiet"),
    (["--domxml", "vm.xml", "--on-error", "vetoo"], "did you mean veto?"),
    (["--domxml", "vm.xml", "--compat", "ovirt"], "--compat"),
    (["--domxml", "vm.xml", "--timeout", "0"], "--timeout '0'"),
    (["--domxml", "vm.xml", "--timeout", "10 s"], "--timeout '10 s'"),
    (["--domxml", "vm.xml", "--timeout", "-1s"], "--timeout"),
    (["--domxml", "vm.xml", "--timeout", "8h30"], "10min"),
    (["--domxml", "vm.xml", "--timeout", "200h"], "a week"),
    (["--domxml", "vm.xml", "--vm-id", "web-1"], "is no UUID"),
    (["--domxml", "vm.xml", "--vm-id", "../../etc"], "is no UUID"),
    (["--domxml", "vm.xml", "-p", "colour"], "'colour' is not NAME=VALUE"),
    (["--domxml", "vm.xml", "-p", "=red"], "'=red' is not NAME=VALUE"),
    (["--domxml", "vm.xml", "-p"], "NAME=VALUE"),
    (["--domxml", "vm.xml", "--skip", "50_hok"], "did you mean 50_hook?"),
    (["--domxml", "vm.xml", "--skip", "50_off"], "there is no hook 50_off"),
    (["--domxml", "vm.xml", "--outptu", "new.xml"], "did you mean --output?"),
    (["--domxml", "vm.xml", "surplus"], "'surplus'"),
]

BAD_EVENTS = ["../x", "/x", "", "x" * 300, ".", "..", ".hidden", "a/b", "a b", "a\nb", "before_vm_start/", "é", "x" * 65]

RESERVED = ["PATH", "LD_PRELOAD", "LC_ALL", "PYTHONPATH", "vmId", "_hook_domxml", "VDSM_HOOK_EVENT", "http_proxy",
            "HTTP_PROXY", "BASH_ENV", "IFS", "HOME", "LANG", "LISTEN_FDS", "GIT_DIR"]

BAD_VALUES = {
    "newline": b"a\nb",
    "tab": b"a\tb",
    "escape": b"\x1b[31m",
    "delete": b"\x7f",
    "bad UTF-8": b"\xff\xfe",
    "a surrogate": b"\xed\xa0\x80",
    "cut UTF-8": b"\xc3",
}


# Commands of VMs whose example is about one that runs; and those that libvirt's test driver cannot do, in its words.
NEED_A_RUNNING_VM = {f"vm {name}" for name in ("destroy", "shutdown", "reboot", "suspend", "resume", "save", "managedsave", "migrate", "attach-device",
                                               "detach-device", "update-device", "set-vcpus", "set-memory", "set-password")}
NOT_ON_TEST_DRIVER = {"vm migrate": "migration is not supported", "vm set-password": "the domain has no graphical console",
                      **{f"vm {name}-device": "not supported by the connection driver" for name in ("attach", "detach", "update")}}


class WrongUseTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.hook("50_hook", f"#!/bin/sh\ntouch {self.dir}/started\n")
        self.hook("50_off", mode=0o644)

    def refused(self, done, *parts):
        super().refused(done, *parts)
        self.assertFalse((self.dir / "started").exists())

    def test_each_bad_combination_is_refused(self):
        for words, part in BAD_COMBINATIONS:
            with self.subTest(words=words):
                self.refused(self.run_event(*words, document=()), part)
                if not {"--report", "--output", "-q", "--outptu"} & set(words):
                    self.refused(self.command("plan", "before_vm_start", *words), part)

    def test_only_one_document_can_come_from_stdin(self):
        self.refused(self.run_event("--domain", "-", event="before_device_create", document=("--device-xml", "-"), stdin=NIC),
                     "standard input")

    def test_an_event_that_carries_nothing_takes_no_document(self):
        self.refused(self.run_event(event="before_vdsm_start"), "before_vdsm_start carries no document", "--domain")

    def test_no_event_and_an_unknown_event_are_refused(self):
        self.refused(self.command("run"), "EVENT")
        self.refused(self.run_event(event="before_vm_strat"), "did you mean before_vm_start?")

    def test_a_name_that_is_no_plain_file_name_is_refused_even_ad_hoc(self):
        self.hook("50_hook", f"#!/bin/sh\ntouch {self.dir}/started\n", hooks=".", event="x")
        for event in BAD_EVENTS:
            with self.subTest(event=event):
                self.refused(self.run_event(event=event))
                self.refused(self.run_event("--adhoc", event=event))
                self.refused(self.command("plan", event, "--adhoc"))

    def test_reserved_names_are_refused_wherever_they_are_given(self):
        for name in RESERVED:
            for option in ["--property", "--device-property", "--param"]:
                with self.subTest(name=name, option=option):
                    self.refused(self.run_event(option, f"{name}=x"), f"'{name}'", "reserved")

    def test_names_that_are_no_identifiers_are_refused(self):
        for name in ["1a", "a-b", "a b", "größe", "a.b", "$a"]:
            with self.subTest(name=name):
                self.refused(self.run_event("-p", f"{name}=x"), "a name ")

    def test_values_that_are_no_text_are_refused(self):
        for what, value in BAD_VALUES.items():
            for option in ["--property", "--device-property", "--param"]:
                with self.subTest(what, option=option):
                    self.refused(self.run_event(option, b"v=" + value), "'v': the value ")

    def test_a_value_is_taken_up_to_what_exec_takes(self):
        longest = "v=" + "x" * (131072 - 3)
        self.hook("50_hook", '#!/bin/sh\necho ${#v}\n')
        self.assertEqual(self.report_of("-p", longest)["hooks"][0]["stdout"], f"{131072 - 3}\n")
        # A longer one never reaches us: exec itself refuses it. In the document it can come.
        with self.assertRaises(OSError):
            self.run_event("-p", longest + "x")
        self.file("vm.xml", DOMAIN.replace(">red<", f">{'x' * 200_000}<"))
        self.check(self.run_event(), VETOED, "", ["colour", "200000 bytes"])

    def test_a_reserved_name_in_the_document_vetoes_or_is_left_out(self):
        document = DOMAIN.replace("ovirt-vm:colour", "ovirt-vm:LD_PRELOAD")
        self.check(self.run_event(document=("--domxml", "-"), stdin=document), VETOED, "", ["LD_PRELOAD", "reserved"])
        self.assertFalse((self.dir / "started").exists())
        self.hook("50_show", "#!/bin/sh\nenv >&2\n", event="after_vm_start")
        done = self.run_event("-v", event="after_vm_start", document=("--domxml", "-"), stdin=document)
        self.check(done, DONE, document, ["LD_PRELOAD", "left out"])

    def test_a_document_that_is_not_sound_is_refused(self):
        for document in ["", " ", "text", "<domain>", "<domain/><domain/>", "<a:domain/>", "<domain>&x;</domain>",
                         "<!DOCTYPE domain []><domain/>", b"<domain>\xff</domain>", "{}"]:
            with self.subTest(document=document):
                self.refused(self.run_event(document=("--domxml", "-"), stdin=document))


class CommandLineTest(CommandTest):
    def test_no_subcommand_and_an_unknown_one_are_refused(self):
        self.check(self.call(), WRONG_USE, "", "vdsm-hook --help")
        self.check(self.call("rnu"), WRONG_USE, "", ["'rnu'", "did you mean run?"])
        self.check(self.call("--verbose"), WRONG_USE, "", "--verbose")
        self.check(self.call(""), WRONG_USE, "")

    def test_help_of_every_subcommand_has_usage_options_and_an_example(self):
        for subcommand in COMMANDS:
            with self.subTest(subcommand=subcommand):
                done = self.call(*subcommand.split(), "--help")
                self.check(done, DONE, stderr="")
                self.assertEqual(done.stderr, "")
                self.assertTrue(done.stdout.startswith(f"Usage: vdsm-hook {subcommand} "))
                self.assertIn(f"Example:\n  vdsm-hook {subcommand} ", done.stdout)
                self.assertIn("-h, --help ", done.stdout)
                self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120)
                self.assertEqual(self.call(*subcommand.split(), "-h").stdout, done.stdout)
                self.assertEqual(self.call("help", *subcommand.split()).stdout, done.stdout)

    def test_an_option_that_is_not_there_points_at_the_help_of_the_action(self):
        for subcommand in COMMANDS:
            with self.subTest(subcommand=subcommand):
                self.refused(self.call(*subcommand.split(), "--nonsense"), f"\nvdsm-hook {subcommand} --help says how it is used\n")

    def test_help_lists_the_subcommands(self):
        done = self.call("--help")
        self.check(done, DONE)
        for subcommand in SUBCOMMANDS:
            self.assertIn(f"\n  {subcommand} ", done.stdout)
        self.assertEqual(self.call("help").stdout, done.stdout)

    def test_help_lists_the_actions(self):
        for words, actions in [(("props",), PROPS), (("props", "profile"), PROFILE), (("libvirt-bridge",), BRIDGE), (("vm",), VM)]:
            done = self.call(*words, "--help")
            self.check(done, DONE)
            for action in actions:
                self.assertIn(f"\n  {action} ", done.stdout)
            self.refused(self.call(*words), "no action was given", "--help")
            self.refused(self.call(*words, actions[0] + "x"), f"did you mean {actions[0]}?")

    def test_version_is_printed(self):
        done = self.call("--version")
        self.check(done, DONE)
        self.assertRegex(done.stdout, r"^vdsm-hook \d+\.\d+\.\d+\n$")

    def test_the_example_of_each_subcommand_is_understood(self):
        for subcommand in COMMANDS:
            with self.subTest(subcommand=subcommand):
                # What the examples are about: a VM with a vNIC, and properties that somebody defines.
                (self.dir / "vm.xml").write_text((SOURCE / "tests/data/web-01.xml").read_text())
                self.prepare_vm(subcommand)
                if subcommand == "import":
                    self.prepare_import()
                fast = "" if subcommand == "props profile create" else "[profiles.fast.properties]\nduplex = 'full'\n"
                self.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'macspoof=.*'\n[CustomDeviceProperties]\n"
                          "'4.8' = '{type=interface;prop={speed=.*;duplex=.*}}'\n" + fast)
                if subcommand == "props profile detach":
                    self.check(self.command("props profile attach", "fast", "--domxml", "vm.xml", "--device", "interface:1"), DONE)
                if subcommand == "check":
                    (self.config / "properties.toml").unlink()  # no hook would read what is in it
                help_text = self.call(*subcommand.split(), "--help").stdout
                example, _, document = help_text.split("Example:\n  ")[1].split("\n")[0].replace("'", "").partition(" < ")
                example = example.split()[1:]
                example = [word if not word.endswith("/etc/vdsm/hooks") else str(self.hooks) for word in example]
                places = self.places() if "--hooks-dir" in help_text else []
                if "--libvirt-hooks-dir" in help_text:
                    places = ["--libvirt-hooks-dir", self.hooks, *(self.places()[2:] if "--runtime-dir" in help_text else [])]
                if subcommand == "libvirt-bridge status":
                    self.check(self.call("libvirt-bridge", "install", *places), DONE)
                stdin = (SOURCE / document).read_text() if document else None
                done = self.call(*example, *places, stdin=stdin)
                if subcommand in NOT_ON_TEST_DRIVER:
                    self.check(done, VETOED, "", NOT_ON_TEST_DRIVER[subcommand])
                else:
                    self.check(done, DONE)

    def prepare_import(self):
        """The folder that the example imports, and where to."""
        self.directory("vdsm_hooks")
        self.file("vdsm/vdsm_hooks/macspoof/README", "Lets a VM send with any MAC address\n")
        self.file("vdsm/vdsm_hooks/macspoof/hook.sh", "#!/bin/sh\n")
        self.file("vdsm/vdsm_hooks/macspoof/Makefile.am",
                  "install-data-local:\n\t$(INSTALL_SCRIPT) hook.sh $(DESTDIR)$(vdsmhooksdir)/before_vm_start/50_macspoof\n")

    def prepare_vm(self, subcommand):
        """web-01 on libvirt's test driver, in the state that the example of SUBCOMMAND is for, and the files that it names."""
        node = (SOURCE / "tests/data/test_node.xml").read_text()
        if subcommand in NEED_A_RUNNING_VM:
            node = node.replace("runstate>5", f"runstate>{3 if subcommand == 'vm resume' else 1}")
        node = node.replace("<vcpu>2<", "<vcpu current='2'>4<")
        domain = "<domain type='test'" + node.split("<domain type='test'")[1].split("<test:runstate")[0] + "</domain>"
        if subcommand.startswith("vm "):
            self.file("vm.xml", domain)
            self.file("nic.xml", NIC)
            self.file("secret", "abc", 0o600)
        if subcommand == "vm restore":
            self.env["LIBVIRT_DEFAULT_URI"] = f"test://{self.file('node.xml', node.replace('runstate>5', 'runstate>1'))}"
            self.check(self.command("vm save", "web-01", "web-01.save"), DONE)
        self.env["LIBVIRT_DEFAULT_URI"] = f"test://{self.file('node.xml', node)}"


if __name__ == "__main__":
    unittest.main()
