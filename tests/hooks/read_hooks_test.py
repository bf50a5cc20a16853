#!/usr/bin/env python3
"""What vdsm_hooks/read_hooks.py refuses, and what it makes of a good description."""

import os
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

READER = Path(__file__).resolve().parents[2] / "vdsm_hooks" / "read_hooks.py"

GOOD = """\
name = "good"
summary = "Does good"
timeout = "30s"
on_failure = "warn"
needs_libvirt = true
privileges = ["root"]
packages = ["ethtool"]

[vm_properties]
goodness = "^(true|false)$"

[device_properties.interface]
nicely = '^[a-z\\d"]+$'

[events.before_vm_start]
installed = "50_good"
source = "vm.cpp"
when = { property = { goodness = "true" }, vm = ["web-*"] }

[events.before_nic_hotplug]
installed = "50_good"
source = "nic.py"

[events.before_nic_hotplug.when]
any_property = ["goodness", "nicely"]
device_property = { nicely = 'a\\d"' }

[[files]]
source = "utils.py"
path = "hooks/before_nic_hotplug/good_utils.py"

[[files]]
source = "rule"
path = "etc/sudoers.d/50_good"
mode = "0440"
config = true
"""

# (what is wrong, text of GOOD, what stands there instead, line, part of the message)
REFUSED = [
    ("a_key_that_is_unknown", 'timeout = "30s"', 'timeuot = "30s"', 3, "did you mean timeout?"),
    ("a_key_of_an_event_that_is_unknown", 'source = "vm.cpp"', 'sources = "vm.cpp"', 17, "did you mean source?"),
    ("a_condition_that_is_unknown", "{ property =", "{ proprety =", 18, "did you mean property?"),
    ("a_kind_of_device_that_is_unknown", "device_properties.interface", "device_properties.interfaces", 12,
     "did you mean interface?"),
    ("no_name", 'name = "good"\n', "", 1, "name is missing"),
    ("no_summary", 'summary = "Does good"\n', "", 1, "summary is missing"),
    ("no_source", 'source = "vm.cpp"\n', "", 15, "source is missing"),
    ("no_installed_name", 'installed = "50_good"\nsource = "nic.py"', 'source = "nic.py"', 20, "installed is missing"),
    ("a_name_that_is_not_the_folders", 'name = "good"', 'name = "better"', 1, "the folder is good"),
    ("a_summary_of_two_lines", '"Does good"', '"Does\\ngood"', 2, "one line"),
    ("a_duration_that_is_none", '"30s"', '"30 s"', 3, "no duration"),
    ("a_duration_of_nothing", '"30s"', '"0"', 3, "no duration"),
    ("a_duration_above_a_week", '"30s"', '"169h"', 3, "no duration"),
    ("a_failure_policy_that_is_none", '"warn"', '"wran"', 4, "did you mean warn?"),
    ("a_truth_in_quotes", "needs_libvirt = true", 'needs_libvirt = "true"', 5, "true or false"),
    ("a_privilege_that_is_none", '["root"]', '["rot"]', 6, "did you mean root?"),
    ("packages_that_are_no_list", '["ethtool"]', '"ethtool"', 7, "list of package names"),
    ("a_property_name_with_a_dash", "goodness = \"^", "good-ness = \"^", 10, "no property name"),
    ("a_pattern_that_is_none", '"^(true|false)$"', '"^(true|false$"', 10, "pattern of goodness is wrong"),
    ("a_condition_with_a_foreign_property", "{ goodness = ", "{ godness = ", 18, "did you mean goodness?"),
    ("an_event_that_is_no_hook_point", "[events.before_vm_start]", "[events.before_vm_strat]", 15,
     "did you mean before_vm_start?"),
    ("an_event_with_a_slash", "[events.before_vm_start]", '[events."a/b"]', 15, "one plain name"),
    ("an_installed_name_with_a_slash", 'installed = "50_good"\nsource = "vm.cpp"',
     'installed = "../50_good"\nsource = "vm.cpp"', 16, "not one plain file name"),
    ("an_installed_name_of_a_hidden_file", 'installed = "50_good"\nsource = "vm.cpp"',
     'installed = ".50_good"\nsource = "vm.cpp"', 16, "not one plain file name"),
    ("an_installed_name_of_a_sidecar", 'installed = "50_good"\nsource = "vm.cpp"',
     'installed = "50_good.toml"\nsource = "vm.cpp"', 16, "sidecar"),
    ("a_source_elsewhere", '"vm.cpp"', '"../vm.cpp"', 17, "not one plain file name"),
    ("a_source_that_is_not_there", '"vm.cpp"', '"mv.cpp"', 17, "there is no mv.cpp"),
    ("a_source_that_is_no_script", '"vm.cpp"', '"data"', 17, "data is no .cpp, so it must be a script"),
    ("a_source_that_is_a_link", '"vm.cpp"', '"link.py"', 17, "link.py is a link"),
    ("a_truth_that_is_none", 'timeout = "30s"', "required = 1", 3, "required must be true or false"),
    ("packages_of_a_system_that_is_none", '["ethtool"]', "{ dep = [] }", 7, "did you mean deb?"),
    ("packages_that_are_no_list_for_a_system", '["ethtool"]', '{ deb = "a" }', 7, "deb must be a list of package names"),
    ("a_package_that_is_none", '["ethtool"]', '["a\\nProvides: b"]', 7, "not the name of a package"),
    ("a_hook_required_that_is_none", 'timeout = "30s"', 'requires = ["goood"]', 3, "did you mean good?"),
    ("a_hook_that_requires_itself", 'timeout = "30s"', 'requires = ["good"]', 3, "good -> good"),
    ("an_unknown_key_of_a_file", 'mode = "0440"', 'moed = "0440"', 35, "did you mean mode?"),
    ("a_file_without_a_path", 'path = "etc/sudoers.d/50_good"\n', "", 32, "path is missing"),
    ("a_file_from_elsewhere", '"rule"', '"/etc/shadow"', 33, "not one plain file name"),
    ("a_file_that_is_not_there", '"rule"', '"rules"', 33, "there is no rules"),
    ("a_file_that_leaves_its_root", '"etc/sudoers.d/50_good"', '"etc/../x"', 34, "a part that is no plain name"),
    ("a_file_at_an_absolute_path", '"etc/sudoers.d/50_good"', '"/etc/x"', 34, "must begin with one of hooks/"),
    ("a_root_without_a_file", '"etc/sudoers.d/50_good"', '"etc"', 34, "must begin with one of"),
    ("a_mode_that_others_can_write", '"0440"', '"0664"', 35, "writable by the owner alone"),
    ("a_hook_among_the_files", 'path = "hooks/before_nic_hotplug/good_utils.py"', 'path = "hooks/before_nic_hotplug/x"\nmode = "0755"', 31,
     "give it a table [events.before_nic_hotplug]"),
    ("a_summary_that_is_too_long", '"Does good"', '"' + "x" * 81 + '"', 2, "longer than 80 characters"),
    ("a_package_that_debian_cannot_have", '["ethtool"]', '["Foo_Bar"]', 7, "no package of Debian is called 'Foo_Bar'"),
    ("a_pattern_that_is_too_much", '"^(true|false)$"', '"a{99999999999}"', 10, "pattern of goodness is wrong"),
    ("settings_outside_etc", 'path = "hooks/before_nic_hotplug/good_utils.py"', 'path = "share/good/x"\nconfig = true', 31, "lies in etc/"),
    ("the_engines_program", '"etc/sudoers.d/50_good"', '"bin/vdsm-hook"', 34, "this is the engine's"),
    ("the_engines_directory", '"etc/sudoers.d/50_good"', '"libexec/vdsm-hook/run-helper"', 34, "this is the engine's"),
    ("a_hook_by_another_way", '"etc/sudoers.d/50_good"', '"libexec/vdsm/hooks/before_vm_start/60_x"', 34, "write hooks/"),
    ("a_hook_of_the_administrators", '"etc/sudoers.d/50_good"', '"etc/vdsm/hooks/before_vm_start/60_x"', 34, "the administrator's"),
    ("a_file_instead_of_an_events_directory", 'path = "hooks/before_nic_hotplug/good_utils.py"', 'path = "hooks/before_nic_hotplug"', 30,
     "one of the two is a file"),
    ("the_packages_documentation", '"etc/sudoers.d/50_good"', '"share/doc/vdsm-hook-good/README.md"', 34, "installs share/doc/vdsm-hook-good/README.md as well"),
    ("a_file_installed_twice", '"etc/sudoers.d/50_good"', '"hooks/before_vm_start/50_good.toml"', 34, "installs hooks/before_vm_start/50_good.toml as well"),
    ("text_that_is_no_toml", 'on_failure = "warn"', "on_failure = warn", 4, "Invalid value"),
]


class Folder:
    """A folder of hooks with the good one in it, and a place to stage."""

    def __init__(self, test):
        directory = tempfile.TemporaryDirectory(prefix="read_hooks_test.")
        test.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.stage = self.top / "stage"
        self.output = self.top / "hooks.cmake"
        self.add("good", GOOD)

    def add(self, name, text):
        folder = self.top / "hooks" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hook.toml").write_text(text, encoding="utf-8")
        for source in ["vm.cpp", "nic.py", "data", "utils.py", "rule", "README.md"]:
            (folder / source).write_text("#!/usr/bin/python3\n" if source == "nic.py" else "")
        if not (folder / "link.py").is_symlink():
            (folder / "link.py").symlink_to("nic.py")

    def read(self, *options, umask=0o022):
        command = [sys.executable, READER, "--source", self.top / "hooks", "--stage", self.stage,
                   "--output", self.output, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, umask=umask, check=False)


class ReadHooks(unittest.TestCase):
    def test_everything_refused_is_named_with_its_line_and_nothing_is_written(self):
        for name, old, new, line, message in REFUSED:
            with self.subTest(name):
                self.assertEqual(GOOD.count(old), 1, "the row's text is not in the good description once")
                folder = Folder(self)
                folder.add("good", GOOD.replace(old, new))
                result = folder.read("--event=before_vm_start", "--event=before_nic_hotplug")
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(f"good/hook.toml:{line}: ", result.stderr)
                self.assertIn(message, result.stderr)
                self.assertFalse(folder.output.exists())
                self.assertFalse(folder.stage.exists())

    def test_all_faults_are_named_at_once(self):
        folder = Folder(self)
        folder.add("good", GOOD.replace("timeout", "timeuot").replace("vm.cpp", "mv.cpp"))
        self.assertEqual(len(folder.read().stderr.splitlines()), 2)

    def test_two_hooks_that_install_the_same_file_are_refused(self):
        folder = Folder(self)
        folder.add("other", GOOD.replace('"good"', '"other"'))
        result = folder.read()
        self.assertEqual(result.returncode, 1)
        self.assertIn("other/hook.toml:16: ", result.stderr)
        self.assertIn("good/hook.toml installs hooks/before_vm_start/50_good as well", result.stderr)

    def test_a_hook_that_is_not_there_is_refused_with_the_nearest(self):
        result = Folder(self).read("--hook=god")
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no hook god (did you mean good?)", result.stderr)

    def test_hooks_that_require_each_other_are_refused_with_the_way(self):
        folder = Folder(self)
        simple = 'name = "{0}"\nsummary = "{0}"\nrequires = ["{1}"]\n[events.e]\ninstalled = "{0}"\nsource = "nic.py"\n'
        for name, other in [("a", "b"), ("b", "c"), ("c", "b")]:
            folder.add(name, simple.format(name, other))
        result = folder.read()
        self.assertEqual(result.returncode, 1)
        self.assertIn("b/hook.toml:3: the hooks require each other: b -> c -> b", result.stderr)
        self.assertNotIn("a/hook.toml", result.stderr)

    def test_two_hooks_of_one_package_name_are_refused(self):
        folder = Folder(self)
        for name in ["a_b", "a-b"]:
            folder.add(name, f'name = "{name}"\nsummary = "x"\n[events.e]\ninstalled = "{name}"\nsource = "nic.py"\n')
        self.assertIn("a-b/hook.toml makes the package vdsm-hook-a-b as well", folder.read().stderr)

    def test_a_hook_that_would_be_a_package_of_the_engines_is_refused(self):
        folder = Folder(self)
        (folder.top / "packages").mkdir()
        (folder.top / "packages/packages.toml").write_text('[devel]\npackage = "vdsm-hook-devel"\ndeb = "vdsm-hook-dev"\n')
        for name in ["devel", "dev", "Dev", "debuginfo"]:
            folder.add(name, f'name = "{name}"\nsummary = "x"\n[events.e]\ninstalled = "{name}"\nsource = "nic.py"\n')
            self.assertIn(f"{name}/hook.toml:1: vdsm-hook-{name.lower()} is a package of the engine's", folder.read(f"--hook={name}").stderr)

    def test_a_folder_that_is_being_made_is_no_hook(self):
        folder = Folder(self)
        folder.add(".vdsm-hook-new.XYZ", "name = ")
        self.assertEqual(folder.read().returncode, 0)

    def test_a_hook_without_a_readme_is_refused(self):
        folder = Folder(self)
        (folder.top / "hooks/good/README.md").unlink()
        self.assertIn("good/hook.toml:1: there is no README.md", folder.read().stderr)

    def test_required_hooks_and_what_a_hook_requires_come_with_those_asked_for(self):
        folder = Folder(self)
        simple = 'name = "{0}"\nsummary = "{0}"\n{1}\n[events.e]\ninstalled = "{0}"\nsource = "nic.py"\n'
        for name, line in [("a", 'requires = ["b"]'), ("b", ""), ("always", "required = true"), ("never", "required = false")]:
            folder.add(name, simple.format(name, line))

        def built(*options):
            self.assertEqual(folder.read(*options).returncode, 0)
            return {line.split("(")[1].split()[0] for line in folder.output.read_text().splitlines()}
        self.assertEqual(built(), {"a", "b", "always", "never", "good"})
        self.assertEqual(built("--required"), {"always"})
        self.assertEqual(built("--hook=a"), {"a", "b"})
        self.assertEqual(built("--hook=a", "--required"), {"a", "b", "always"})

    def test_only_the_hooks_asked_for_are_read(self):
        folder = Folder(self)
        folder.add("broken", "name = ")
        self.assertEqual(folder.read("--hook=good").returncode, 0)
        self.assertEqual(folder.read().returncode, 1)

    def test_any_event_will_do_when_none_is_given(self):
        folder = Folder(self)
        folder.add("good", GOOD.replace("[events.before_vm_start]", "[events.at_full_moon]"))
        self.assertEqual(folder.read().returncode, 0)

    def test_each_event_becomes_a_call_and_a_sidecar_with_what_the_engine_reads(self):
        folder = Folder(self)
        result = folder.read()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(folder.output.read_text().splitlines(), [
            "vdsm_hook_add_hook(good vdsm-hook-good)",
            "vdsm_hook_add_event(good before_vm_start 50_good vm.cpp)",
            "vdsm_hook_add_event(good before_nic_hotplug 50_good nic.py)",
            "vdsm_hook_add_file(good utils.py hooks ${VDSM_HOOK_HOOKSDIR}/before_nic_hotplug/good_utils.py 0644 FALSE "
            "OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)",
            "vdsm_hook_add_file(good rule etc ${CMAKE_INSTALL_SYSCONFDIR}/sudoers.d/50_good 0440 TRUE OWNER_READ GROUP_READ)"])
        common = {"name": "good", "vm_properties": {"goodness": "^(true|false)$"},
                  "device_properties": {"interface": {"nicely": '^[a-z\\d"]+$'}}, "summary": "Does good", "timeout": "30s", "on_failure": "warn", "needs_libvirt": True,
                  "privileges": ["root"]}
        for event, when in [
                ("before_vm_start", {"property": {"goodness": "true"}, "vm": ["web-*"]}),
                ("before_nic_hotplug", {"any_property": ["goodness", "nicely"],
                                        "device_property": {"nicely": 'a\\d"'}})]:
            sidecar = tomllib.loads((folder.stage / event / "50_good.toml").read_text())
            self.assertEqual(sidecar, common | {"when": when})

    def test_sidecars_and_their_directories_are_not_writable_by_others_whatever_the_umask(self):
        folder = Folder(self)
        self.assertEqual(folder.read(umask=0o002).returncode, 0)
        for path in [folder.stage, *folder.stage.rglob("*")]:
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_what_is_no_longer_described_is_no_longer_staged(self):
        folder = Folder(self)
        folder.read()
        program = folder.stage / "before_vm_start" / "50_good"
        program.touch()
        folder.add("good", GOOD.replace('"50_good"\nsource = "vm.cpp"', '"60_good"\nsource = "vm.cpp"'))
        self.assertEqual(folder.read().returncode, 0)
        self.assertEqual(os.listdir(program.parent), ["60_good.toml"])

    def test_a_second_run_leaves_the_files_untouched(self):
        folder = Folder(self)
        folder.read()
        before = {path: path.stat().st_mtime_ns for path in [folder.output, *folder.stage.rglob("*.toml")]}
        folder.read()
        self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)


if __name__ == "__main__":
    unittest.main()
