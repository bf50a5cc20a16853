#!/usr/bin/env python3
"""vdsm-hook check: a finding for everything that is wrong, and none for what is meant."""

import os
import subprocess
import unittest

from command import DEADLINE_S, DONE, ENGINE_FAILURE, PROGRAM, VETOED, SOURCE, WRONG_USE, CommandTest, reachable_build


class CheckTest(CommandTest):
    def findings(self, *words):
        """[(path below the test's directory, problem, hint)]"""
        code = self.command("check", *words).returncode
        found = self.json_of("check", *words, code=code)["findings"]
        self.assertEqual(code, VETOED if found else DONE)
        return [(os.path.relpath(f["path"], self.dir), f["problem"], f["hint"]) for f in found]

    def finds(self, path, *parts, words=()):
        """PATH is the only finding; its problem has PARTS, and there is a hint of one sentence."""
        found = self.findings(*words)
        self.assertEqual([f[0] for f in found], [path], found)
        for part in parts:
            self.assertIn(part, found[0][1])
        self.assertRegex(found[0][2], r"^[A-Z].*\.$")

    def setUp(self):
        super().setUp()
        self.hook("50_good", "#!/bin/sh\n")
        self.hook("50_good.toml", 'summary = "fine"\n')

    def test_nothing_is_wrong_with_what_is_right(self):
        self.hook("helper.py", "", mode=0o644)
        self.directory("hooks/before_vm_start/__pycache__")
        self.directory("hooks/after_vm_start")
        self.hook("50_program", "\x7fELF")
        self.check(self.command("check"), DONE, "nothing is wrong: looked at 2 hooks of 1 event\n", "")
        self.assertEqual(self.findings(), [])

    def test_masked_and_overridden_hooks_are_meant(self):
        self.hook("60_masked")
        self.hook("70_nulled")
        self.hook("50_good", "#!/bin/sh\n# mine\n", hooks="admin")
        self.hook("60_masked", "", hooks="admin")
        os.symlink("/dev/null", self.dir / "admin/before_vm_start/70_nulled")
        self.assertEqual(self.findings("--hooks-dir", self.dir / "admin"), [])

    def test_each_file_that_does_not_run_is_a_finding(self):
        event = "hooks/before_vm_start"
        os.mkfifo(self.dir / event / "50_fifo")
        os.symlink("nowhere", self.dir / event / "50_lost")
        self.hook("50_off", mode=0o644)
        self.hook("50_old.rpmsave")
        self.directory(f"{event}/50_directory")
        found = {path.rsplit("/", 1)[1]: problem for path, problem, _ in self.findings()}
        self.assertEqual({name: problem.split(":")[0] for name, problem in found.items()},
                         {"50_directory": "sub-directory", "50_fifo": "not a regular file", "50_lost": "not a regular file",
                          "50_off": "not executable", "50_old.rpmsave": "leftover name"})

    def test_untrusted_files_and_directories_are_findings_of_their_own(self):
        self.hook("60_bad", mode=0o775)
        self.finds("hooks/before_vm_start/60_bad", "untrusted", "its group", "chmod go-w")
        self.hook("60_bad", mode=0o4755)
        self.finds("hooks/before_vm_start/60_bad", "untrusted", "set-uid")
        os.unlink(self.dir / "hooks/before_vm_start/60_bad")
        self.directory("hooks/before_vm_start", 0o777)
        self.finds("hooks/before_vm_start", "untrusted", "everybody")

    def test_an_untrusted_hooks_dir_is_one_finding(self):
        self.hook("50_good", event="after_vm_start")
        self.hooks.chmod(0o777)
        self.finds("hooks", "untrusted", "everybody")
        self.hooks.chmod(0o755)
        self.hook("50_good", hooks="above/hooks")
        above = self.directory("above", 0o777)
        self.finds("above/hooks", "untrusted", str(above), words=("--hooks-dir", above / "hooks"))

    def in_user_namespace(self, *options):
        """What `list` says in a new user namespace: (exit code, standard error); and who it is there."""
        if subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no user namespace can be made here")
        words = [PROGRAM, "list", "before_vm_start", "--hooks-dir", self.hooks, "--config-dir", self.dir / "none", "--runtime-dir", self.runtime]
        done = subprocess.run(["unshare", *options, *words], capture_output=True, text=True, check=False, timeout=DEADLINE_S, env=self.env)
        return done.returncode, done.stderr

    def test_in_a_user_namespace_without_a_mapping_nobodys_hooks_are_trusted(self):
        code, said = self.in_user_namespace("--user")
        self.assertEqual(code, DONE, said)
        self.assertIn("whom this user namespace does not know", said)
        self.assertIn("is not run: untrusted", said)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to give a file away")
    def test_in_a_user_namespace_a_user_without_a_mapping_is_not_trusted(self):
        self.assertEqual(self.in_user_namespace("--user", "--map-root-user"), (DONE, ""))
        os.chown(self.hooks / "before_vm_start/50_good", 1234, -1)
        code, said = self.in_user_namespace("--user", "--map-root-user")
        self.assertEqual(code, DONE, said)
        self.assertIn("50_good belongs to somebody whom this user namespace does not know", said)
        self.configure("trusted_uids = [65534]\n")  # the id that it is shown under
        self.assertIn("before_vm_start/50_good", self.command("list").stderr)

    def test_an_untrusted_sidecar_is_a_finding(self):
        self.hook("50_good.toml", "", mode=0o666)
        self.finds("hooks/before_vm_start/50_good.toml", "untrusted", "everybody")

    def test_a_fault_in_a_sidecar_is_named_with_file_and_line(self):
        sidecar = f"{self.hooks}/before_vm_start/50_good.toml"
        for content, line, part in [('summary = "x"\ntimout = "1s"\n', 2, "did you mean timeout?"), ('timeout = "soon"\n', 1, "timeout"),
                                    ('on_failure = "vetto"\n', 1, "did you mean veto?"), ("= \n", 1, "not TOML"),
                                    ('[when]\nproperty = { a = "(" }\n', 2, "pattern"),
                                    ('[when.before_vm_strat]\n', 1, "did you mean before_vm_start?")]:
            with self.subTest(content=content):
                self.hook("50_good.toml", content)
                self.finds("hooks/before_vm_start/50_good.toml", f"{sidecar}:{line}:", part)
                self.assertIn(f"\n{sidecar}:{line}:", "\n" + self.command("check").stdout)

    def test_all_faults_of_all_sidecars_are_found_at_once(self):
        for event in ["before_vm_start", "after_vm_start"]:
            for name in ["50_a", "50_b"]:
                self.hook(name, event=event)
                self.hook(f"{name}.toml", "x = 1\n", event=event)
        self.assertEqual(len(self.findings()), 4)

    def test_a_sidecar_that_is_no_file_does_not_stop_the_check(self):
        os.unlink(self.dir / "hooks/before_vm_start/50_good.toml")
        os.mkfifo(self.dir / "hooks/before_vm_start/50_good.toml")
        self.finds("hooks/before_vm_start/50_good.toml", "not a regular file")

    def test_a_sidecar_without_a_hook_is_a_finding(self):
        self.hook("50_goood.toml", "")
        self.finds("hooks/before_vm_start/50_goood.toml", "no 50_goood here", "did you mean 50_good?")

    def test_of_many_sidecars_without_a_hook_each_is_found_and_a_few_are_guessed_at(self):
        self.hook("50_hook")
        for number in range(300):
            self.hook(f"50_hook{number:03}.toml", "", mode=0o644)
        said = self.command("check").stdout
        self.assertEqual((said.count("a sidecar without a hook"), said.count("did you mean")), (300, 10))

    def test_of_many_devices_with_names_that_nobody_defines_each_is_found_and_a_few_are_guessed_at(self):
        self.file("config/properties.toml", "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={colour=.*}}'\n")
        macs = [f"52:54:00:00:00:{number:02x}" for number in range(30)]
        metadata = "".join(f"<ovirt-vm:device mac_address='{mac}'><ovirt-vm:custom><ovirt-vm:color>red</ovirt-vm:color></ovirt-vm:custom></ovirt-vm:device>"
                           for mac in macs)
        nics = "".join(f"<interface type='network'><mac address='{mac}'/></interface>" for mac in macs)
        self.file("vm.xml", f"<domain><name>a</name><metadata><ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>{metadata}</ovirt-vm:vm></metadata>"
                            f"<devices>{nics}</devices></domain>")
        said = self.command("check", "--domxml", "vm.xml").stdout
        self.assertEqual((said.count("there is no such property"), said.count("did you mean")), (30, 10))

    def test_a_sidecar_may_stand_in_a_stronger_layer_but_not_in_a_weaker_one(self):
        self.hook("50_good.toml", "", hooks="admin")
        self.assertEqual(self.findings("--hooks-dir", self.dir / "admin"), [])
        self.hook("60_mine.toml", "")
        self.hook("60_mine", hooks="admin")
        self.finds("hooks/before_vm_start/60_mine.toml", "no effect", "admin/before_vm_start/60_mine", words=("--hooks-dir", self.dir / "admin"))

    def test_a_hook_that_would_not_start_is_a_finding(self):
        plain = self.file("interpreter", "", mode=0o644)
        for first_line, part in [("#!/no/such/shell", "/no/such/shell"), (f"#!{plain}", "not executable"),
                                 ("#!/bin/sh\r", "carriage return"), ("#!", "names no interpreter"), ("#! /no/such -e", "/no/such "),
                                 ("#!/usr/bin/env no-such-program", "no-such-program"),
                                 ("#!/usr/bin/env -S A=1 no-such-program -x", "no-such-program")]:
            with self.subTest(first_line=first_line):
                self.hook("60_bad", first_line + "\nexit 0\n")
                self.finds("hooks/before_vm_start/60_bad", "would not start", part)
        for first_line in ["#!/bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S sh -e", "echo plain"]:
            with self.subTest(first_line=first_line):
                self.hook("60_bad", first_line + "\n")
                self.assertEqual(self.findings(), [])

    def test_env_looks_in_the_path_that_hooks_get(self):
        self.file("bin/my-shell", "#!/bin/sh\n", mode=0o755)
        self.hook("60_mine", "#!/usr/bin/env my-shell\n")
        self.finds("hooks/before_vm_start/60_mine", "my-shell")
        self.configure(f'[environment]\nPATH = "/bin:{self.dir}/bin"\n')
        self.assertEqual(self.findings(), [])

    def test_an_interpreter_that_others_can_write_is_a_finding(self):
        shell = self.file("bin/my-shell", "#!/bin/sh\n", mode=0o755)
        self.configure(f'[environment]\nPATH = "/bin:{self.dir}/early:{self.dir}/bin"\n')
        early = self.directory("early")
        for first_line in [f"#!{shell}", "#!/usr/bin/env my-shell"]:
            self.hook("60_mine", first_line + "\n")
            self.assertEqual(self.findings(), [])
            for place in [shell, shell.parent]:
                with self.subTest(first_line=first_line, place=place):
                    place.chmod(0o775)
                    self.finds("hooks/before_vm_start/60_mine", "what runs it is untrusted", str(place), "its group")
                    self.assertEqual(self.findings("--compat", "vdsm"), [])
                    place.chmod(0o755)
        early.chmod(0o777)
        self.finds("hooks/before_vm_start/60_mine", "what runs it is untrusted", str(early))

    def test_what_a_directory_that_others_can_write_may_mask_is_a_finding(self):
        self.hook("50_good", "", hooks="admin")
        self.directory("admin/before_vm_start", 0o775)
        found = self.findings("--hooks-dir", self.dir / "admin")
        self.assertEqual([(path, problem.split(":")[0]) for path, problem, _ in found],
                         [("hooks/before_vm_start/50_good", "in doubt"), ("admin/before_vm_start", "untrusted")])

    def test_a_directory_that_is_no_hook_point_is_a_finding_with_the_nearest_name(self):
        self.hook("50_a", event="before_vm_strat")
        self.finds("hooks/before_vm_strat", "did you mean before_vm_start?")
        self.assertEqual(self.findings("--adhoc"), [])
        self.hook("50_off", event="before_vm_strat", mode=0o644)
        self.finds("hooks/before_vm_strat/50_off", "not executable", words=("--adhoc",))

    def test_a_file_that_is_in_no_event_directory_is_a_finding(self):
        self.file("hooks/50_a", "#!/bin/sh\n", mode=0o755)
        self.finds("hooks/50_a", "event's directory")

    def test_a_file_in_place_of_an_event_directory_is_one_finding(self):
        self.file("hooks/after_vm_start", "")
        self.finds("hooks/after_vm_start", "Not a directory")

    def test_a_given_hooks_dir_must_exist(self):
        self.finds("none", "does not exist", words=("--hooks-dir", self.dir / "none"))
        self.file("file")
        self.finds("file", "Not a directory", words=("--hooks-dir", self.dir / "file"))
        # One of the environment or the configuration may come into being later.
        words = ("check", "--config-dir", self.config, "--runtime-dir", self.runtime)
        self.check(self.call(*words, env={"VDSM_HOOK_HOOKS_DIR": "/none"}), DONE)

    def test_compat_knows_neither_trust_nor_leftovers(self):
        self.hook("60_bad", mode=0o777)
        self.hook("50_good.rpmsave")
        self.hooks.chmod(0o777)
        self.assertEqual(self.findings("--compat", "vdsm"), [])
        self.hook("70_off", mode=0o644)
        self.finds("hooks/before_vm_start/70_off", "not executable", words=("--compat", "vdsm"))

    def test_a_sites_text_of_parameters_permits_no_name_and_is_named(self):
        self.file("config/hookpoints.d/site.toml", '[before_backup]\npayload = "none"\nparameters = "LD_PRELOAD (a library)"\n')
        done = self.command("check")
        self.assertEqual(done.returncode, VETOED)
        self.assertIn("config/hookpoints.d/site.toml: parameters of [before_backup] is shown to people and lets no reserved name through", done.stdout)
        self.hook("10_a", event="before_backup")
        self.assertIn("LD_PRELOAD", self.command("run", "before_backup", "--param", "LD_PRELOAD=/x").stderr)
        self.assertEqual(self.command("run", "before_backup", "--param", "LD_PRELOAD=/x").returncode, WRONG_USE)

    def test_a_site_hook_point_is_checked_too(self):
        self.hook("50_off", event="before_backup", mode=0o644)
        self.finds("hooks/before_backup", "no hook point")
        self.file("config/hookpoints.d/site.toml", '[before_backup]\npayload = "none"\n')
        self.finds("hooks/before_backup/50_off", "not executable")

    def test_a_bad_configuration_is_an_engine_failure(self):
        self.configure("x = 1\n")
        self.check(self.command("check"), ENGINE_FAILURE, "", "vdsm-hook.toml:1:")

    def test_the_text_has_the_path_the_problem_and_what_to_do(self):
        off = self.hook("50_off", mode=0o644)
        self.check(self.command("check"), VETOED,
                   f"{off}: not executable: chmod +x makes it a hook\n"
                   "    Make it executable if it is a hook, else take it out of the directory.\n"
                   "1 finding: looked at 1 hook of 1 event\n", "")

    def test_definitions_and_properties_of_domains_are_looked_at(self):
        self.hook("50_a", "#!/bin/sh\necho $used\n")
        self.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'used=^(a|b)$;unused=.*;never=a^b'\n"
                  "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={SecurityGroups=.*;speed=^[0-9]+$}}'\n")
        self.file("vm.xml", (SOURCE / "tests/data/web-01.xml").read_text().replace(">shop</ovirt-vm:owner>", ">shop</ovirt-vm:owner>"
                  "<ovirt-vm:used>c</ovirt-vm:used>").replace("</ovirt-vm:custom>\n      </ovirt-vm:device>", "</ovirt-vm:custom>"
                  "<ovirt-vm:vnic_profile>red</ovirt-vm:vnic_profile></ovirt-vm:device><ovirt-vm:device alias='none'/>"))
        store = f"{self.config}/properties.toml"
        found = [(f["path"], f["problem"]) for f in self.json_of("check", "--domxml", "vm.xml", code=VETOED)["findings"]]
        self.assertEqual(found, [
            (store, "property unused, declared by UserDefinedVMProperties: no installed hook reads it"),
            (store, "property never, declared by UserDefinedVMProperties: no value can match its pattern a^b"),
            (store, "property never, declared by UserDefinedVMProperties: no installed hook reads it"),
            (store, "property speed of interface devices, declared by CustomDeviceProperties: no installed hook reads it"),
            ("vm.xml", "the VM web-01: owner=shop: there is no such property"),
            ("vm.xml", "the VM web-01: used=c: not one of: a, b (pattern ^(a|b)$, declared by UserDefinedVMProperties)"),
            ("vm.xml", "interface 52:54:00:6b:3c:58: duplex=full: there is no such property"),
            ("vm.xml", "interface 52:54:00:6b:3c:58: there is no vNIC profile 'red'"),
            ("vm.xml", "line 14: this metadata is about no device of the domain")])

    def test_a_store_or_domain_that_cannot_be_read_is_a_finding(self):
        self.file("config/properties.toml", "[UserDefinedVMProperties]\n'4.8' = 'a=['\n")
        self.file("vm.xml", "<domain>")
        found = self.json_of("check", "--domxml", "vm.xml", "--domxml", "no.xml", code=VETOED)["findings"]
        self.assertEqual([f["path"] for f in found], [f"{self.config}/properties.toml", "vm.xml", "no.xml"])
        self.assertIn("properties.toml:2:", found[0]["problem"])

    def test_a_store_that_cannot_be_read_is_one_finding_and_not_one_for_each_thing_that_may_be_in_it(self):
        self.file("config/properties.toml", "[profiles")
        self.file("vm.xml", (SOURCE / "tests/data/web-01.xml").read_text().replace(">shop</ovirt-vm:owner>", ">shop</ovirt-vm:owner>"
                  "<ovirt-vm:sap_agent>maybe</ovirt-vm:sap_agent><ovirt-vm:PATH>x</ovirt-vm:PATH>")
                  .replace("</ovirt-vm:custom>\n      </ovirt-vm:device>",
                           "</ovirt-vm:custom><ovirt-vm:vnic_profile>red</ovirt-vm:vnic_profile></ovirt-vm:device>"))
        found = [f["problem"] for f in self.json_of("check", "--domxml", "vm.xml", code=VETOED)["findings"]]
        self.assertEqual(len(found), 3, found)
        self.assertIn("properties.toml:1:", found[0])
        self.assertIn("the VM web-01: sap_agent=maybe: not one of", found[1])
        self.assertIn("the VM web-01: PATH=x: the name is reserved", found[2])

    def test_vnic_profiles_are_judged_as_interfaces(self):
        store = self.file("config/properties.toml", "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=^[0-9]+$}}'\n"
                          "[profiles.fast.properties]\nspeed = 'abc'\ncolour = 'red'\n[profiles.good.properties]\nspeed = '10'\n")
        self.hook("50_a", "#!/bin/sh\necho $speed\n", event="before_device_create")
        found = self.json_of("check", code=VETOED)["findings"]
        self.assertEqual([(f["path"], f["problem"]) for f in found], [
            (str(store), "vNIC profile 'fast': speed=abc: does not match the pattern ^[0-9]+$ (declared by CustomDeviceProperties)"),
            (str(store), "vNIC profile 'fast': colour=red: there is no such property")])
        self.assertIn("vdsm-hook props profile edit", found[0]["hint"])

    def test_patterns_of_networks_are_looked_at(self):
        store = self.file("config/properties.toml", "[UserDefinedNetworkCustomProperties]\n'4.8' = 'qos=a^b;good=.*'\n")
        self.assertEqual([(f["path"], f["problem"]) for f in self.json_of("check", code=VETOED)["findings"]],
                         [(str(store), "property qos of networks, declared by UserDefinedNetworkCustomProperties: no value can match its pattern a^b")])

    def test_an_impossible_pattern_is_found_where_it_is_declared(self):
        self.hook("50_a")
        beside = self.file("hooks/before_vm_start/50_a.toml", "[vm_properties]\nnever = 'a^b'\n")
        words = ("--hooks-dir", self.hooks, "--hooks-dir", self.directory("site"))
        found = self.json_of("check", *words, code=VETOED)["findings"]
        self.assertEqual([f["path"] for f in found], [str(beside)])
        self.assertIn("property never, declared by ", found[0]["problem"])
        # The sidecar of a stronger hooks directory is what counts.
        self.file("hooks/before_vm_start/50_a.toml")
        above = self.file("site/before_vm_start/50_a.toml", "[device_properties.disk]\nnever = 'a^b'\n")
        found = self.json_of("check", *words, code=VETOED)["findings"]
        self.assertEqual([f["path"] for f in found], [str(above)])
        # The administrator's of the same name replaces it.
        store = self.file("config/properties.toml", "[CustomDeviceProperties]\n'4.8' = '{type=disk;prop={never=c^d}}'\n")
        found = self.json_of("check", *words, code=VETOED)["findings"]
        self.assertEqual([(f["path"], f["problem"][-3:]) for f in found], [(str(store), "c^d")])

    def test_a_domain_that_is_a_pipe_is_not_waited_for(self):
        os.mkfifo(self.dir / "pipe")
        found = self.json_of("check", "--domxml", "pipe", code=VETOED)["findings"]
        self.assertEqual([(f["path"], f["problem"]) for f in found], [("pipe", "pipe is not a regular file")])


if __name__ == "__main__":
    unittest.main()
