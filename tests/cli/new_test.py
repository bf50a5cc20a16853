#!/usr/bin/env python3
"""vdsm-hook new: the folder of a new hook, and that what it holds works."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import unittest

from command import BUILD, DOMAIN, DONE, ENGINE_FAILURE, NIC, SOURCE, CommandTest, mode_of

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
                    self.assertNotRegex((folder / file).read_text(), "@[A-Z_]+@")
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
                steps = self.readme_steps(name)
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

    def readme_steps(self, name):
        """The commands below "Try it", as words."""
        readme = (self.dir / name / "README.md").read_text()
        return [line.split() for line in readme.split("## Try it")[1].splitlines() if line.startswith("    ")][:3]

    def test_at_every_hook_point_it_runs_as_its_readme_says(self):
        documents = {"domxml": DOMAIN, "device_xml": NIC, "json": "{}", "none": None}
        tree, stage = self.directory("tree"), self.dir / "stage"
        points = self.json_of("points")["points"]
        for number, point in enumerate(points):
            done = self.new(f"h{number}", "--into", tree, event=point["name"])
            self.check(done, DONE)
        self.check(subprocess.run([sys.executable, SOURCE / "vdsm_hooks/read_hooks.py", "--source", tree, "--stage", stage,
                                   "--output", self.dir / "hooks.cmake"], capture_output=True, text=True, check=False), DONE, "", "")
        for number, point in enumerate(points):
            with self.subTest(event=point["name"]):
                folder = tree / f"h{number}"
                words = self.readme_steps(folder)[2][1:]
                program = self.dir / f"stage/{point['name']}/50_h{number}"
                shutil.copy(folder / f"h{number}.sh", program)
                words[words.index("try")] = str(stage)
                document = documents[point["payload"]]
                if document is not None:
                    self.assertEqual(words.pop(), "FILE")
                    words.append("-")
                done = self.call(words[0], "--config-dir", self.config, "--runtime-dir", self.runtime, "--report", "report",
                                 *words[1:], stdin=document)
                self.check(done, DONE, document or "", f"50_h{number}: ran ")
                self.assertIn("here something would be done", (self.dir / "report").read_text())
        self.check(self.vectors(tree, stage), DONE)

    def vectors(self, tree, stage, *words):
        return subprocess.run([sys.executable, SOURCE / "tests/hooks/vectors_test.py", "--source", tree, "--hooks-dir", stage,
                               "--sdk-dir", BUILD / "share/vdsm-hook", *words], capture_output=True, text=True, check=False)

    def test_a_case_that_its_event_cannot_bring_about_fails(self):
        for event, word, others, why in [
                ("after_get_stats", '"env": {}', '"env": {"a": "true"}', "after_get_stats does not deliver these properties"),
                ("before_vm_start", '"domxml"', '"device_xml"', "not what before_vm_start hands over")]:
            tree, stage = self.directory(f"tree_{event}"), self.directory(f"stage_{event}/{event}").parent
            self.check(self.new("a", "--into", tree, event=event), DONE)
            shutil.copy(tree / "a/a.sh", stage / event / "50_a")
            test = "Vectors.test_every_case_gives_what_it_should"
            self.check(self.vectors(tree, stage, test), DONE)
            with (tree / "a/hook.toml").open("a") as description:
                description.write("[vm_properties]\na = '.*'\n" if event == "after_get_stats" else "")
            cases = tree / "a/cases.json"
            cases.write_text(cases.read_text().replace(word, others))
            self.check(self.vectors(tree, stage, test), 1, "", why)

    def test_where_no_properties_are_delivered_each_language_works_without(self):
        for lang, ending in SOURCES.items():
            name = f"host_{lang}"
            self.check(self.new(name, lang=lang, event="after_get_stats"), DONE)
            for file in os.listdir(self.dir / name):
                self.assertNotRegex((self.dir / name / file).read_text(), f"@[A-Z_]+@|-p {name}|vmId|_propert|when =|import os")
            source = self.dir / name / f"{name}.{ending}"
            if lang == "cpp" and not shutil.which("c++"):
                continue
            check = {"sh": ["sh", "-n"], "python": [sys.executable, "-m", "py_compile"],
                     "cpp": ["c++", "-std=c++20", "-fsyntax-only", "-I", SOURCE / "core"]}[lang] + [source]
            self.check(subprocess.run(check, capture_output=True, text=True, check=False), DONE, "", "")

    def test_its_readme_installs_it_where_this_build_reads_hooks(self):
        self.check(self.new("a"), DONE)
        text = (self.dir / "a/README.md").read_text()
        read = self.call("check", "--help").stdout.split("check --hooks-dir ")[1].split()[0]
        self.assertIn(f"{read}/before_vm_start/50_a\n", text)
        hooks = re.search(r"(?m)^CMAKE_INSTALL_SYSCONFDIR:PATH=(.*)$", (BUILD / "CMakeCache.txt").read_text())[1]
        self.assertTrue(read.endswith(f"{hooks}/vdsm/hooks"), (read, hooks))

    def test_adhoc_allows_an_event_of_ones_own(self):
        self.refused(self.new("a", event="mine"), "there is no hook point 'mine'")
        self.refused(self.new("a", "--adhoc", event="../mine"))
        self.check(self.new("a", "--adhoc", event="mine"), DONE)
        readme = (self.dir / "a/README.md").read_text()
        self.assertIn("vdsm-hook run mine --hooks-dir try -p a=true --diff -v --adhoc\n", readme)
        self.assertIn("vdsm-hook/hookpoints.d`", readme.split("## Install it")[1])
        self.assertIn("`hookpoints/hookpoints.toml`", readme)

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler is installed")
    def test_the_new_program_compiles(self):
        self.check(self.new("compiled", lang="cpp"), DONE)
        subprocess.run(["c++", "-std=c++20", "-fsyntax-only", "-I", SOURCE / "core", "compiled/compiled.cpp"], cwd=self.dir, check=True)

    def test_into_says_where(self):
        self.directory("there")
        self.check(self.new("a", "--into", "there"), DONE)
        self.assertTrue((self.dir / "there/a/hook.toml").is_file())
        self.refused(self.new("a", "--into", "nowhere"), "nowhere is no directory")
        self.refused(self.new("a", "--into", "vm.xml"), "vm.xml is no directory")

    def test_bad_names_are_refused(self):
        for name in ["", "1a", "-a", "_x", "a.b", "a/b", "../a", ".", "..", "a b", "a\nb", "größe", "a" * 300, "HOME", "PATH", "LD_x",
                     "vmId"]:
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
