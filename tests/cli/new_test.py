#!/usr/bin/env python3
"""vdsm-hook new: the folder of a new hook, and that what it holds works."""

import os
import shutil
import subprocess
import sys
import tomllib
import unittest

from command import DOMAIN, DONE, ENGINE_FAILURE, NIC, SOURCE, CommandTest, mode_of

SOURCES = {"sh": "sh", "python": "py", "cpp": "cpp"}


class NewTest(CommandTest):
    def entries(self):
        return sorted(name for name in os.listdir(self.dir) if name not in ["config", "hooks", "runtime", "vm.xml"])

    def new(self, name, *words, event="before_vm_start", lang="sh", **options):
        return self.command("new", name, "--event", event, "--lang", lang, *words, **options)

    def test_the_folder_has_description_source_and_readme(self):
        for lang, ending in SOURCES.items():
            with self.subTest(lang=lang):
                done = self.new(f"my_{lang}", lang=lang)
                self.check(done, DONE, stderr="")
                folder = self.dir / f"my_{lang}"
                files = [f"my_{lang}.{ending}", "README.md", "cases.json", "hook.toml"]
                self.assertEqual(sorted(os.listdir(folder)), sorted(files))
                for file in files:
                    self.assertNotRegex((folder / file).read_text(), "@[A-Z]+@")
                    self.assertIn(f"my_{lang}/{file}", done.stdout)
                self.assertIn(f"my_{lang}/README.md has the commands", done.stdout)

    def test_scripts_can_be_executed_and_nobody_else_may_write_whatever_the_umask(self):
        for umask in [0o022, 0o002, 0o077, 0]:
            os.umask(umask)
            for lang, ending in SOURCES.items():
                name = f"m{umask}_{lang}"
                self.check(self.new(name, lang=lang), DONE)
                folder = self.dir / name
                self.assertEqual(mode_of(folder), 0o755)
                self.assertEqual(mode_of(folder / "hook.toml"), 0o644)
                self.assertEqual(mode_of(folder / f"{name}.{ending}"), 0o644 if lang == "cpp" else 0o755)

    def test_the_description_is_one_that_the_build_takes(self):
        for name in ["mine", "with-dash"]:
            self.check(self.new(name, "--into", self.directory("hooks_of_mine"), event="before_nic_hotplug"), DONE)
        description = tomllib.loads((self.dir / "hooks_of_mine/with-dash/hook.toml").read_text())
        self.assertEqual((description["name"], list(description["events"]), list(description["vm_properties"])),
                         ("with-dash", ["before_nic_hotplug"], ["with_dash"]))
        read = subprocess.run([sys.executable, SOURCE / "vdsm_hooks/read_hooks.py", "--source", self.dir / "hooks_of_mine",
                               "--stage", self.dir / "stage", "--output", self.dir / "hooks.cmake"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((read.returncode, read.stderr), (0, ""))

    def test_the_new_script_runs_as_its_readme_says(self):
        for lang in ["sh", "python"]:
            for event, document, content in [("before_vm_start", "--domxml", DOMAIN), ("before_nic_hotplug", "--device-xml", NIC)]:
                name = f"{lang}-{event}"
                self.check(self.new(name, event=event, lang=lang), DONE)
                readme = (self.dir / name / "README.md").read_text()
                steps = [line.strip().split() for line in readme.split("## Try it")[1].splitlines() if line.startswith("    ")][:3]
                self.assertEqual([step[0] for step in steps], ["install", "install", "vdsm-hook"])
                for step in steps[:2]:
                    subprocess.run(step, cwd=self.dir / name, check=True)
                words = steps[2][1:]
                self.assertEqual(words[-2:], [document, "FILE"])
                words[words.index("try")] = str(self.dir / name / "try")
                places = ("--config-dir", self.config, "--runtime-dir", self.runtime)
                done = self.call(words[0], *places, *words[1:-1], "-", stdin=content)
                self.check(done, DONE, content, f"50_{name}: ran ")
                self.check(self.call("check", *places, "--hooks-dir", self.dir / name / "try"), DONE)

    def test_adhoc_allows_an_event_of_ones_own(self):
        self.refused(self.new("a", event="mine"), "there is no hook point 'mine'")
        self.refused(self.new("a", "--adhoc", event="../mine"))
        self.check(self.new("a", "--adhoc", event="mine"), DONE)
        self.assertIn("vdsm-hook run mine --hooks-dir try -p a=true --diff -v --adhoc\n", (self.dir / "a/README.md").read_text())

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler is installed")
    def test_the_new_program_compiles(self):
        self.check(self.new("compiled", lang="cpp"), DONE)
        include = self.directory("include/vdsm_hook")
        os.symlink(SOURCE / "core/sdk/cpp/hooking.hpp", include / "hooking.hpp")
        os.symlink(SOURCE / "core/sdk/cpp", include / "sdk")
        subprocess.run(["c++", "-std=c++20", "-fsyntax-only", "-I", include.parent, "compiled/compiled.cpp"], cwd=self.dir, check=True)

    def test_into_says_where(self):
        self.directory("there")
        self.check(self.new("a", "--into", "there"), DONE)
        self.assertTrue((self.dir / "there/a/hook.toml").is_file())
        self.refused(self.new("a", "--into", "nowhere"), "nowhere is no directory")
        self.refused(self.new("a", "--into", "vm.xml"), "vm.xml is no directory")

    def test_bad_names_are_refused(self):
        for name in ["", "1a", "-a", "a.b", "a/b", "../a", ".", "..", "a b", "a\nb", "größe", "a" * 300, "HOME", "PATH", "LD_x", "vmId"]:
            with self.subTest(name=name):
                self.refused(self.command("new", "--event", "before_vm_start", "--lang", "sh", "--", name))
                self.assertEqual(self.entries(), [])

    def test_what_is_missing_or_unknown_is_refused(self):
        self.refused(self.new("a", event="before_vm_strat"), "did you mean before_vm_start?")
        self.refused(self.new("a", lang="pyton"), "did you mean python?")
        self.refused(self.command("new", "a", "--lang", "sh"), "--event")
        self.refused(self.command("new", "a", "--event", "before_vm_start"), "--lang")
        self.refused(self.command("new", "--event", "before_vm_start", "--lang", "sh"), "NAME")
        self.assertEqual(self.entries(), [])

    def test_what_exists_is_left_alone(self):
        self.file("a/precious", "text")
        self.refused(self.new("a"), "a exists already")
        self.assertEqual(os.listdir(self.dir / "a"), ["precious"])
        os.symlink("nowhere", self.dir / "b")
        self.refused(self.new("b"), "b exists already")

    def test_an_sdk_that_is_not_complete_leaves_nothing(self):
        self.directory("sdk/new")
        self.check(self.new("a", env={"VDSM_HOOK_SDK_DIR": str(self.dir / "sdk")}), ENGINE_FAILURE, "", "sdk/new/hook.toml.in")
        self.assertEqual(self.entries(), ["sdk"])

    def test_a_failure_halfway_leaves_nothing(self):
        # Files may have one byte: the folder is made, the first file is not.
        import resource
        import signal

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))

        self.check(self.new("a", preexec_fn=limit), ENGINE_FAILURE, "", "File too large")
        self.assertEqual(self.entries(), [])

    def test_a_directory_that_cannot_be_written_is_an_engine_failure(self):
        self.check(self.new("a", "--into", "/proc"), ENGINE_FAILURE, "", "/proc")


if __name__ == "__main__":
    unittest.main()
