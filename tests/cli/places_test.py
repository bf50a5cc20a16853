#!/usr/bin/env python3
"""Where hooks, configuration and run-time files are: options, environment variables, the configuration file."""

import os
import unittest

from command import DELIVER_UNDEFINED, DOMAIN, DONE, ENGINE_FAILURE, SHOW, VETOED, CommandTest, mode_of


def saying(word):
    return f"#!/bin/sh\necho {word}\n"


class LayersTest(CommandTest):
    def test_of_two_hooks_dirs_the_later_wins_and_both_make_one_list(self):
        for hooks in ["vendor", "admin"]:
            self.hook("50_both", saying(hooks), hooks=hooks)
        self.hook("60_vendor", saying("only"), hooks="vendor")
        self.hook("40_admin", saying("first"), hooks="admin")
        report = self.report_of("--hooks-dir", "vendor", "--hooks-dir", "admin")
        self.assertEqual([h["stdout"] for h in report["hooks"]], ["first\n", "admin\n", "only\n"])
        self.assertEqual([(i["path"], i["reason"].split(":")[0]) for i in report["ignored"]],
                         [(str(self.dir / "vendor/before_vm_start/50_both"), "overridden")])
        report = self.report_of("--hooks-dir", "admin", "--hooks-dir", "vendor")
        self.assertEqual([h["stdout"] for h in report["hooks"]], ["first\n", "vendor\n", "only\n"])

    def test_a_hooks_dir_that_does_not_exist_is_no_error(self):
        done = self.call("run", "before_vm_start", "--domxml", "vm.xml", "--hooks-dir", "none", "--runtime-dir", self.runtime)
        self.check(done, DONE, DOMAIN)

    def test_hooks_run_in_the_byte_order_of_their_names(self):
        for name in ["9_c", "50_a", "50_B", "10_a", "50_é", "50_Z"]:
            self.hook(name)
        names = [h["name"] for h in self.report_of(env={"LC_ALL": "en_US.UTF-8"})["hooks"]]
        self.assertEqual(names, sorted(names, key=str.encode))
        self.assertEqual(names[0], "10_a")


class StrengthTest(CommandTest):
    """The option is stronger than the environment, the environment than the configuration file."""

    def test_hooks_dirs(self):
        for hooks in ["by-option", "by-environment", "also-by-environment", "by-configuration"]:
            self.hook("50_say", saying(hooks), hooks=hooks)
        self.configure(f'hooks_dirs = ["{self.dir}/by-configuration"]\n')
        environment = {"VDSM_HOOK_HOOKS_DIR": f"{self.dir}/also-by-environment:{self.dir}/by-environment"}
        words = ("run", "before_vm_start", "--domxml", "vm.xml", "--config-dir", self.config, "--runtime-dir", self.runtime,
                 "--report", "-", "--output", "/dev/null")
        for more, env, said in [((), {}, "by-configuration"), ((), environment, "by-environment"),
                                (("--hooks-dir", "by-option"), environment, "by-option")]:
            self.assertIn(f'"stdout":"{said}\\n"', self.call(*words, *more, env=env).stdout)

    def test_the_runtime_dir(self):
        self.hook("50_where", '#!/bin/sh\ndirname "$(dirname "$_hook_domxml")"\n')
        places = {name: self.dir / name for name in ["by-option", "by-environment", "by-configuration"]}
        self.configure(f'runtime_dir = "{places["by-configuration"]}"\n')
        environment = {"VDSM_HOOK_RUNTIME_DIR": str(places["by-environment"])}
        words = ("run", "before_vm_start", "--domxml", "vm.xml", "--config-dir", self.config, "--hooks-dir", self.hooks,
                 "--report", "-", "--output", "/dev/null")
        for more, env, name in [((), {}, "by-configuration"), ((), environment, "by-environment"),
                                (("--runtime-dir", "by-option"), environment, "by-option")]:
            self.assertIn(f'"stdout":"{places[name]}\\n"', self.call(*words, *more, env=env).stdout)
            self.assertEqual(os.listdir(places[name]), [])

    def test_the_config_dir(self):
        for name in ["by-option", "by-environment"]:
            self.file(f"{name}/hookpoints.d/a.toml", f'[at_{name.replace("-", "_")}]\npayload = "none"\n')
        environment = {"VDSM_HOOK_CONFIG_DIR": str(self.dir / "by-environment")}
        self.check(self.call("points", "at_by_environment", env=environment), DONE)
        self.check(self.call("points", "at_by_option", "--config-dir", "by-option", env=environment), DONE)

    def test_the_sdk_dir(self):
        self.hook("50_show", SHOW)
        report = self.report_of(env={"VDSM_HOOK_SDK_DIR": "/sdk"})
        self.assertIn("PYTHONPATH=/sdk/python\n", report["hooks"][0]["stderr"])
        self.assertIn("VDSM_HOOK_SDK_SHELL=/sdk/shell\n", report["hooks"][0]["stderr"])


class ConfigurationTest(CommandTest):
    def plan(self):
        return self.json_of("plan", "before_vm_start", "--domxml", "vm.xml")

    def test_timeout_is_the_deadline_of_every_hook(self):
        self.hook("50_a")
        self.assertEqual(self.plan()["hooks"][0]["timeout_s"], 600)
        self.configure('timeout = "1500ms"\n')
        self.assertEqual(self.plan()["hooks"][0]["timeout_s"], 1.5)
        self.file("hooks/before_vm_start/50_a.toml", 'timeout = "3s"\n')
        self.assertEqual(self.plan()["hooks"][0]["timeout_s"], 3)

    def test_grace_is_the_time_between_term_and_kill(self):
        self.configure('grace = "100ms"\n')
        self.hook("50_stay", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
        hook = self.report_of("--timeout", "200ms", code=VETOED)["hooks"][0]
        self.assertEqual(hook["result"], "timed_out")
        self.assertTrue(300 <= hook["duration_ms"] < 5000, hook["duration_ms"])

    def test_environment_reaches_hooks_and_properties_win_over_it(self):
        self.configure('[environment]\nPATH = "/bin:/opt/bin"\nhttp_proxy = "http://proxy"\ncolour = "black"\n')
        self.define("colour=.*")
        self.hook("50_show", SHOW)
        lines = self.report_of()["hooks"][0]["stderr"].splitlines()
        for line in ["PATH=/bin:/opt/bin", "http_proxy=http://proxy", "colour=red"]:
            self.assertIn(line, lines)

    def test_max_payload_bytes_bounds_what_is_read(self):
        self.configure("max_payload_bytes = 2000\n")
        self.hook("50_grow", "#!/bin/sh\nprintf '<!--%2000s-->' >>\"$_hook_domxml\"\n")
        self.check(self.run_event(), VETOED, "", ["50_grow", "2000"])
        self.refused(self.run_event(document=("--domxml", "-"), stdin=" " * 2001), "standard input", "2000")
        self.file("big.xml", " " * 2001)
        self.refused(self.run_event(document=("--domxml", "big.xml")), "big.xml", "2000")

    def test_trusted_uids_may_own_hooks(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        os.chown(self.hook("50_a"), 12345, -1)
        self.check(self.run_event(), VETOED, "", ["50_a", "uid 12345"])
        self.configure("trusted_uids = [4, 12345]\n")
        self.check(self.run_event(), DONE, DOMAIN)

    def test_what_is_wrong_in_the_file_is_named_with_file_and_line(self):
        for content, line, part in [("timeout = \"1s\"\ntimout = \"1s\"\n", 2, "did you mean timeout?"),
                                    ("timeout = 5\n", 1, "timeout"), ("timeout = \"soon\"\n", 1, "timeout"),
                                    ("\n\nmax_payload_bytes = 5\n", 3, "1024"), ("trusted_uids = [-1]\n", 1, "-1"),
                                    ('hooks_dirs = ["relative"]\n', 1, "absolute"), ('runtime_dir = "x"\n', 1, "absolute"),
                                    ("[environment]\nVDSM_HOOK_API = \"2\"\n", 2, "VDSM_HOOK_API"),
                                    ("[environment]\nA = 1\n", 2, "A"), ("= \n", 1, "not TOML")]:
            with self.subTest(content=content):
                self.configure(content)
                for subcommand in [("run", "before_vm_start", "--domxml", "vm.xml"), ("check",), ("list",), ("points",)]:
                    done = self.command(*subcommand)
                    self.check(done, ENGINE_FAILURE, "", [f"{self.config}/vdsm-hook.toml:{line}:", part])

    def test_a_configuration_that_others_could_write_is_not_read(self):
        self.configure("").chmod(0o666)
        self.check(self.run_event(), ENGINE_FAILURE, "", ["vdsm-hook.toml", "writable by everybody"])


class SiteHookPointTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.site = self.file("config/hookpoints.d/site.toml",
                              '[before_backup]\npayload = "domxml"\nvetoes = true\nfires = "Before the backup."\n')

    def test_a_site_hook_point_works_as_a_built_in_one(self):
        self.hook("50_a", "#!/bin/sh\nexit 1\n", event="before_backup")
        self.check(self.run_event(event="before_backup"), VETOED, "", "50_a failed at before_backup")
        self.assertEqual([h["event"] for h in self.json_of("list")["hooks"]], ["before_backup"])
        self.check(self.command("check"), DONE)
        point = self.json_of("points")["points"][-1]
        self.assertEqual((point["name"], point["payload"], point["vetoes"], point["result_used"], point["origin"]),
                         ("before_backup", "domxml", True, False, str(self.site)))

    def test_what_is_wrong_with_one_is_named_with_file_and_line(self):
        for content, line in [("[before_vm_start]\npayload = \"none\"\n", 1), ("[x]\npayload = \"xml\"\n", 2), ("[x]\n", 1),
                              ("[x]\npayload = \"none\"\nveto = true\n", 3), ("[before_backup]\npayload = \"none\"\n", 1)]:
            with self.subTest(content=content):
                bad = self.file("config/hookpoints.d/z.toml", content)
                self.check(self.command("points"), ENGINE_FAILURE, "", f"{bad}:{line}:")


class RuntimeDirTest(CommandTest):
    def test_a_runtime_dir_that_cannot_be_made_is_an_engine_failure(self):
        self.hook("50_a")
        self.file("file")
        for self.runtime in ["file", "file/below", "/proc/none"]:
            with self.subTest(runtime=self.runtime):
                self.check(self.run_event(), ENGINE_FAILURE, "", self.runtime)

    def test_without_hooks_the_runtime_dir_is_not_touched(self):
        self.runtime = "/proc/none"
        self.check(self.run_event(), DONE, DOMAIN)

    def test_a_missing_runtime_dir_is_made_and_nobody_else_may_write_it(self):
        self.hook("50_a")
        self.runtime = self.dir / "new"
        self.check(self.run_event(), DONE, DOMAIN)
        self.assertEqual(mode_of(self.runtime) & 0o022, 0)
        self.assertEqual(self.leftovers(), [])


if __name__ == "__main__":
    unittest.main()
