#!/usr/bin/env python3
"""What `vdsm-hook import` makes of folders in the shapes that occur in vdsm's tree: hook.toml and the report, exactly."""

import os
import stat
import sys
import unittest

from importing import CASES, LAMP, ONE_EVENT, SCRIPT, SOURCE, ImportTest

sys.path.append(str(SOURCE / "vdsm_hooks"))
import read_hooks  # noqa: E402

HEAD = 'name = "lamp"\nsummary = "lamp: lights a lamp"\n'
START = '\n[events.before_vm_start]\ninstalled = "50_lamp"\nsource = "before_vm_start.py"\n'


def makefile(*lines, before=""):
    return before + "install-data-local:\n" + "".join(f"\t{line}\n" for line in lines)


def file_entry(source, path, *more):
    return "\n".join(["\n[[files]]", f'source = "{source}"', f'path = "{path}"', *more]) + "\n"


HOOKS = "$(DESTDIR)$(vdsmhooksdir)"

# name -> (files besides those of LAMP, hook.toml, findings)
SHAPES = {
    "one_event": ({}, HEAD + START, []),
    "one_script_for_several_events": (
        {"Makefile.am": makefile(*(f"$(INSTALL_SCRIPT) $(srcdir)/all.py {HOOKS}/{event}/50_lamp"
                                   for event in ("before_vm_start", "before_vm_dehibernate", "after_vm_destroy"))), "all.py": SCRIPT,
         "before_vm_start.py": None},
        HEAD + "".join(f'\n[events.{event}]\ninstalled = "50_lamp"\nsource = "all.py"\n'
                       for event in ("before_vm_start", "before_vm_dehibernate", "after_vm_destroy")), []),
    "one_script_for_several_events_by_links": (
        {"Makefile.am": makefile(f"$(INSTALL_SCRIPT) before_vm_start.py {HOOKS}/before_vm_start/50_lamp",
                                 f"$(MKDIR_P) {HOOKS}/after_vm_destroy",
                                 f"$(LN_S) ../before_vm_start/50_lamp {HOOKS}/after_vm_destroy/50_lamp",
                                 f"ln -sf $(vdsmhooksdir)/before_vm_start/50_lamp {HOOKS}/after_vm_pause/50_lamp")},
        HEAD + START + "".join(f'\n[events.{event}]\ninstalled = "50_lamp"\nsource = "before_vm_start.py"\n'
                               for event in ("after_vm_destroy", "after_vm_pause")),
        [f"Makefile.am:{line}: a link to /usr/libexec/vdsm/hooks/before_vm_start/50_lamp: installed as a copy of it" for line in (4, 5)]),
    "helper_module_and_data_beside": (
        {"Makefile.am": makefile(f"$(MKDIR_P) {HOOKS}/before_vm_start $(DESTDIR)$(sysconfdir)/vdsm $(DESTDIR)/usr/share/vdsm",
                                 f"$(INSTALL_SCRIPT) before_vm_start.py {HOOKS}/before_vm_start/50_lamp",
                                 f"$(INSTALL_DATA) $(srcdir)/lamp_utils.py {HOOKS}/before_vm_start",
                                 "install -m 600 lamp.conf $(DESTDIR)$(sysconfdir)/vdsm/ && "
                                 "chmod 0640 $(DESTDIR)$(sysconfdir)/vdsm/lamp.conf",
                                 "cp -p data/table.txt data/tool $(DESTDIR)$(vdsmdir)"),
         "lamp_utils.py": "import json\n", "lamp.conf": "x=1\n", "data/table.txt": "1\n", "data/tool": ("#!/bin/sh\n", 0o755)},
        HEAD + START + file_entry("lamp_utils.py", "hooks/before_vm_start/lamp_utils.py")
        + file_entry("lamp.conf", "etc/vdsm/lamp.conf", 'mode = "0640"', "config = true")
        + file_entry("table.txt", "share/vdsm/table.txt") + file_entry("tool", "share/vdsm/tool", 'mode = "0755"'), []),
    "variables_and_continuation_lines": (
        {"Makefile.am": "hookdir = $(vdsmhooksdir)/$(event)\nevent = before_$(what)\nwhat ?= vm_$(ACTION:.x=)\n"
                        "ACTION := start.x  # and why\nEMPTY =\nlibexecdir ?= /elsewhere\n\n"
                        "install-data-local: \\\n\tlamp-files\n\nlamp-files:\n"
                        "\t@$(MKDIR_P) \\\n\t\t$(DESTDIR)${hookdir} ; \\\n\t$(INSTALL_SCRIPT) '$(srcdir)/before_vm_start.py' $(EMPTY) \\\n"
                        "\t\t\"$(DESTDIR)@vdsmhooksdir@\"/$(event)/50_lam\\\n\tp  # here\n"},
        HEAD + START, []),
    "automake_lists": (
        {"Makefile.am": "startdir = $(vdsmhooksdir)/before_vm_start\ndist_start_SCRIPTS = 50_lamp\nnodist_start_PYTHON = lamp_utils.py\n"
                        "dist_vdsmhooks_DATA = shared.json\nsudoersdir = $(sysconfdir)/sudoers.d\nnobase_dist_pkgdata_DATA = data/x.txt\n"
                        "dist_libexec_SCRIPTS =\ndist_libexec_SCRIPTS += \\\n\tlampd\nnoinst_DATA = notes\ncheck_SCRIPTS = t.sh\n",
         "50_lamp": SCRIPT, "lamp_utils.py": "", "shared.json": "{}", "data/x.txt": "", "lampd": "#!/bin/sh\n", "before_vm_start.py": None},
        HEAD + '\n[events.before_vm_start]\ninstalled = "50_lamp"\nsource = "50_lamp"\n'
        + file_entry("lamp_utils.py", "hooks/before_vm_start/lamp_utils.py") + file_entry("shared.json", "hooks/shared.json")
        + file_entry("x.txt", "share/vdsm/data/x.txt") + file_entry("lampd", "libexec/lampd", 'mode = "0755"'), []),
    "conditional_install": (
        {"Makefile.am": f"if HOOK_LAMP\nWHEN = before_vm_start\nelse\nWHEN = after_vm_start\nendif\ninstall-data-local:\n"
                        f"\t$(INSTALL_SCRIPT) before_vm_start.py {HOOKS}/$(WHEN)/50_lamp\nif HAVE_MORE\n"
                        f"\t$(INSTALL_DATA) more {HOOKS}/$(WHEN)/more\nendif\n", "more": ""},
        HEAD + START + file_entry("more", "hooks/before_vm_start/more"),
        ["Makefile.am:1: what is inside is built only under the condition HOOK_LAMP: here always, both sides of an else",
         "Makefile.am:4: WHEN is set again under a condition: taken as in line 2",
         "Makefile.am:8: what is inside is built only under the condition HAVE_MORE: here always, both sides of an else"]),
    "sudoers": (
        {"Makefile.am": ONE_EVENT + "\ninstall-data-hook:\n\t$(INSTALL) -m 0440 sudoers $(DESTDIR)$(sysconfdir)/sudoers.d/50_lamp\n",
         "sudoers": "vdsm ALL=NOPASSWD: /sbin/lamp\n"},
        HEAD + START + file_entry("sudoers", "etc/sudoers.d/50_lamp", 'mode = "0440"', "config = true"),
        ["Makefile.am:11: etc/sudoers.d/50_lamp: hooks run as the engine's own user, root as a rule, not as vdsm: take the rule "
         "out if nobody else needs it"]),
    "files_that_the_build_makes": (
        {"Makefile.am": ONE_EVENT + "\nsudoersdir = $(sysconfdir)/sudoers.d\nnodist_sudoers_DATA = sudoers\n\n"
                                    "sudoers: sudoers.in Makefile\n\tsed s/@USER@/vdsm/ <$< >$@\n", "sudoers.in": "@USER@ ALL\n"},
        HEAD + START,
        ["Makefile.am:11: not installed: sudoers is made from sudoers.in by vdsm's build: make it by hand and describe it in hook.toml",
         "Makefile.am:13: the rule sudoers is not followed, and nothing of it is run"]),
    "no_makefile": (
        {"Makefile.am": None, "after_vm_pause.sh": "#!/bin/sh\n", "after_vm_cont": "#!/bin/sh\n"},
        HEAD + '\n[events.after_vm_cont]\ninstalled = "50_lamp"\nsource = "after_vm_cont"\n'
        '\n[events.after_vm_pause]\ninstalled = "50_lamp"\nsource = "after_vm_pause.sh"\n' + START,
        ["Makefile.am: there is none: what is installed where is guessed from the names of the files",
         "after_vm_cont: guessed: installed as after_vm_cont/50_lamp", "after_vm_pause.sh: guessed: installed as after_vm_pause/50_lamp",
         "before_vm_start.py: guessed: installed as before_vm_start/50_lamp"]),
    "no_readme": (
        {"README": None}, HEAD.replace("lamp: lights a lamp", "lamp") + START,
        ["README: there is none: README.md is a first line; say what the hook does and what its properties are"]),
    "custom_properties_in_the_readme": (
        {"README": "= lamp: lights a lamp =\n\n"
                   "  engine-config -s \"UserDefinedVMProperties=lamp=^(on|off)$;lamp_colour=^#[0-9a-f]{6}$\" --cver=4.2\n"
                   "  engine-config -s CustomDeviceProperties='{type=interface;prop={lit=^(a;b)$;dim=[0-9]{1,3}}};"
                   "{type=disk;prop={lit=\\d}}'\n"
                   "or 'UserDefinedVMProperties=lamp=.*'\nor \"UserDefinedVMProperties=path=^\\\\d\\$\"\n"
                   "or UserDefinedVMProperties=bad=(\nor CustomDeviceProperties={type=toaster;prop={x=1}}\n"
                   "or UserDefinedVMProperties='open=1\nor UserDefinedVMProperties=back=(a)\\1\n"},
        HEAD + '\n[vm_properties]\nlamp = "^(on|off)$"\nlamp_colour = "^#[0-9a-f]{6}$"\npath = "^\\\\d$"\n'
        '\n[device_properties.interface]\nlit = "^(a;b)$"\ndim = "[0-9]{1,3}"\n\n[device_properties.disk]\nlit = "\\\\d"\n' + START,
        [f"README:{line}: the custom property {name} has the pattern {pattern}: taken from here, check it" for line, name, pattern in
         [(3, "lamp", "^(on|off)$"), (3, "lamp_colour", "^#[0-9a-f]{6}$"), (4, "lit", "^(a;b)$"), (4, "dim", "[0-9]{1,3}"),
          (4, "lit", "\\d")]]
        + ["README:5: UserDefinedVMProperties: lamp is defined in two ways; put what is right into hook.toml",
           "README:6: the custom property path has the pattern ^\\d$: taken from here, check it",
           "README:7: UserDefinedVMProperties: the pattern of bad is wrong: missing ), unterminated subpattern at position 0; "
           "put what is right into hook.toml",
           "README:8: CustomDeviceProperties: not understood: {type=toaster;prop={x=1}}; put what is right into hook.toml",
           "README:9: UserDefinedVMProperties: its end is not in this line; put what is right into hook.toml",
           "README:10: UserDefinedVMProperties: the pattern of back looks around or back, which the engine's patterns (RE2) cannot: "
           "(a)\\1; put what is right into hook.toml"]),
    "scripts_that_read_properties_nobody_declares": (
        {"README": "= lamp: lights a lamp =\n\n  engine-config -s UserDefinedVMProperties='lamp=^(on|off)$' --cver=4.2\n",
         "before_vm_start.py": "#!/usr/bin/python3\nimport os\nlamp = os.environ['lamp']\nif 'dim' not in os.environ:\n    pass\n"
                               "# os.environ['no']\nos.environ.get('vmId', os.getenv(\"hue\"))\nos.environ['PATH'], os.environ['dim']\n",
         "after_vm_start.sh": "#!/bin/sh\nown=1\nfor x in $list ${own}; do read -r y; echo $x $y $_hook_domxml $HOME; done\n"},
        HEAD + '\n[vm_properties]\nlamp = "^(on|off)$"\n' + START,
        ["README:3: the custom property lamp has the pattern ^(on|off)$: taken from here, check it",
         "after_vm_start.sh: has the name of a hook point, and nothing installs it",
         *(f"{file}:{line}: reads {name} from its environment: if that is a custom property, declare it in hook.toml, or define it on the hosts, "
           f"or it is withheld: vdsm-hook props define '{name}=.*'"
           for file, line, name in [("after_vm_start.sh", 3, "list"), ("before_vm_start.py", 4, "dim"), ("before_vm_start.py", 7, "hue")])]),
    "scripts_that_do_not_run_here": (
        {"Makefile.am": ONE_EVENT + "\ninstall-exec-local:\n\tcp no_x.py " + HOOKS + "/after_vm_start/50_lamp\n",
         "before_vm_start.py": "#!/usr/bin/env python\nimport hooking, os\nfrom vdsm import utils\nimport vdsm.config as c\n"
                               "# sudo and sleep(1)\nos.execvp('sudo', [])\nwhile True:\n    print 'x'\n",
         "no_x.py": SCRIPT, "after_vm_stop.py": SCRIPT, "after_vm_destroy.py": "#!/usr/bin/python3\r\n"},
        HEAD + START + file_entry("no_x.py", "hooks/after_vm_start/50_lamp"),
        ["Makefile.am:11: hooks/after_vm_start/50_lamp is a script that is installed without a right to execute it: it is no hook "
         "that runs",
         "after_vm_destroy.py: has the name of a hook point, and nothing installs it",
         "after_vm_destroy.py:1: its lines end in CR LF: it cannot be started",
         "before_vm_start.py:1: #!/usr/bin/env python is Python 2 or not there at all: make it python3, and see that it runs",
         "before_vm_start.py:3: vdsm is a module of vdsm's, which is not here; of vdsm's there is only hooking",
         "before_vm_start.py:4: vdsm.config is a module of vdsm's, which is not here; of vdsm's there is only hooking",
         "before_vm_start.py:6: sudo: hooks run as the engine's own user, root as a rule, and need none",
         "before_vm_start.py:7: it may wait: a hook is stopped after its timeout in hook.toml, else after 10 minutes",
         "before_vm_start.py:8: is no Python 3: Missing parentheses in call to 'print'. Did you mean print(...)?"]),
    "hooks_that_have_no_place_here": (
        {"Makefile.am": ONE_EVENT + "\ninstall-exec-local:\n" + "".join(f"\t$(INSTALL_SCRIPT) {source} {HOOKS}/{place}\n"
                                                                        for source, place in [
            ("x.py", "before_vm_strat/50_lamp"), ("x.py", "before_vm_start/60_lamp"), ("none", "after_vm_start/50_lamp"),
            ("x.py", "after_vm_cont/50_lamp.toml"), ("x.py", "after_vm_pause")]), "x.py": SCRIPT, "none": "echo\n"},
        HEAD + '\n[events.before_vm_start]\ninstalled = "60_lamp"\nsource = "x.py"\n',
        ['Makefile.am:5: before_vm_start/50_lamp is left out: 60_lamp is at before_vm_start already, and a hook has one file for each '
         'event: make this a hook of its own, with [events.before_vm_start], installed = "50_lamp", source = "before_vm_start.py"',
         'Makefile.am:11: before_vm_strat/50_lamp is left out: there is no hook point before_vm_strat (did you mean before_vm_start?); '
         'add it to hookpoints/hookpoints.toml, or to hookpoints.d of the site, with [events.before_vm_strat], installed = "50_lamp", '
         'source = "x.py"',
         'Makefile.am:13: after_vm_start/50_lamp is left out: none does not begin with #! and its interpreter: add that, with '
         '[events.after_vm_start], installed = "50_lamp", source = "none"',
         'Makefile.am:14: after_vm_cont/50_lamp.toml is left out: 50_lamp.toml is no name for a hook, with [events.after_vm_cont], '
         'installed = "50_lamp.toml", source = "x.py"',
         "Makefile.am:15: /usr/libexec/vdsm/hooks/after_vm_pause is the directory of an event, not a file: x.py is not installed"]),
    "modes_and_names_that_have_no_place_here": (
        {"Makefile.am": makefile(f"install -m 0700 before_vm_start.py {HOOKS}/before_vm_start/50_lamp",
                                 "install -m 0666 a/x $(DESTDIR)/var/lib/x", "$(INSTALL_DATA) b/x $(DESTDIR)/var/lib/y",
                                 "$(INSTALL_DATA) a/hook.toml $(DESTDIR)/var/lib/hook.toml", "$(INSTALL_DATA) 'a b' $(DESTDIR)/var/lib/z",
                                 "$(INSTALL_DATA) a/x '$(DESTDIR)/var/lib/a b'", "$(MKDIR_P) $(DESTDIR)/var/lib/lamp",
                                 "$(INSTALL_DATA) tool $(DESTDIR)$(bindir)/ && chmod +x $(DESTDIR)$(bindir)/tool",
                                 "$(INSTALL_DATA) a/x $(DESTDIR)$(bindir)/tool"),
         "a/x": "", "b/x": "", "a/hook.toml": "", "a b": "", "tool": ""},
        HEAD + START + file_entry("x", "var/lib/x") + file_entry("tool", "bin/tool", 'mode = "0755"'),
        ["Makefile.am:2: before_vm_start/50_lamp has mode 0700 there; here 0755",
         "Makefile.am:3: var/lib/x has mode 0666 there; here 0644: its owner alone may write, and no file is set-uid",
         "Makefile.am:4: b/x: another file is called x beside hook.toml: it is not installed",
         "Makefile.am:5: a/hook.toml: hook.toml is the description's own name: it is not installed",
         "Makefile.am:6: a b: the name of a source has letters, digits, _, . and - only: it is not installed",
         "Makefile.am:7: /var/lib/a b has a part that is no plain file name: a/x is not installed",
         "Makefile.am:8: /var/lib/lamp stays without a file: a hook installs files only",
         "Makefile.am:10: /usr/bin/tool is installed in line 9 already: a/x is left out"]),
}


class Shapes(ImportTest):
    def test_each_shape_gives_its_description_and_its_report(self):
        for name, (files, description, findings) in SHAPES.items():
            with self.subTest(name):
                self.afresh()
                done = self.import_folder({**LAMP, **files})
                self.check(done, 1 if findings else 0)
                self.assertEqual((self.findings(done), done.stderr), (findings, ""))
                self.assertEqual(self.description(), description)

    def test_the_report_has_the_commands_that_define_what_the_hook_reads(self):
        done = self.import_folder({**LAMP, **SHAPES["custom_properties_in_the_readme"][0]})
        for command in ("vdsm-hook props define 'lamp=^(on|off)$'", "vdsm-hook props define --device interface 'dim=[0-9]{1,3}'"):
            self.assertIn(f"  {command}\n", done.stdout)

    def test_the_report_says_what_is_installed_where(self):
        done = self.import_folder({**LAMP, **SHAPES["helper_module_and_data_beside"][0]})
        self.assertEqual(done.stdout, "tree/lamp: imported\n"
                         "  hooks/before_vm_start/50_lamp        0755  before_vm_start.py\n"
                         "  hooks/before_vm_start/lamp_utils.py  0644  lamp_utils.py\n"
                         "  etc/vdsm/lamp.conf                   0640  lamp.conf\n"
                         "  share/vdsm/table.txt                 0644  table.txt\n"
                         "  share/vdsm/tool                      0755  tool\n" + CASES)
        self.afresh()
        self.assertNotIn("cases.json", self.import_folder({**LAMP, "cases.json": "{}"}).stdout)

    def test_files_are_copied_as_they_are_and_what_belongs_to_the_build_is_not(self):
        odd = b"#!/usr/bin/python3\r\n\xff\x00\n"
        files = {**LAMP, "before_vm_start.py": (odd, 0o775), "docs/notes.txt": "n\n",
                 ".gitignore": "x", "Makefile.in": "x", "a.pyc": "x", "b.py~": "x"}
        self.check(self.import_folder(files, umask=0o077), 1)
        made = {str(path.relative_to(self.tree / "lamp")): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
                for path in (self.tree / "lamp").rglob("*") if path.is_file() and path.name not in ("hook.toml", "cases.json")}
        self.assertEqual(made, {"before_vm_start.py": (odd, 0o755), "README.md": (LAMP["README"].encode(), 0o644),
                                "docs/notes.txt": (b"n\n", 0o644)})
        self.assertEqual(stat.S_IMODE((self.tree / "lamp").stat().st_mode), 0o755)
        self.assertEqual(stat.S_IMODE((self.tree / "lamp/hook.toml").stat().st_mode), 0o644)

    def test_a_long_first_line_is_cut_at_a_word(self):
        self.check(self.import_folder({**LAMP, "README.md": "---\n# " + "lamps " * 20, "README": None}), 0)
        self.assertIn('summary = "lamps lamps lamps lamps lamps lamps lamps lamps lamps lamps lamps"\n', self.description())

    def test_a_hook_point_of_the_tree_is_known(self):
        self.file("hookpoints/hookpoints.toml", '[at_full_moon]\npayload = "none"\n')
        files = {**LAMP, "Makefile.am": ONE_EVENT.replace("before_vm_start/", "at_full_moon/")}
        self.check(self.import_folder(files), 0)
        self.assertIn('[events.at_full_moon]\ninstalled = "50_lamp"\n', self.description())

    def test_what_another_hook_of_the_tree_installs_is_refused(self):
        self.check(self.import_folder(LAMP, "other"), 0)
        self.refused(self.import_folder(LAMP), "nothing is imported", "the hook other installs hooks/before_vm_start/50_lamp as well")
        self.assertEqual(os.listdir(self.tree), ["other"])
        hooks, faults = read_hooks.read(self.tree, [], False, [])
        self.assertEqual((len(hooks), faults), (1, []))

    def test_what_another_hook_installs_as_a_sidecar_is_refused(self):
        self.file("tree/other/hook.toml", 'name = "other"\nsummary = "x"\n[events.before_vm_start]\ninstalled = "60_other"\n'
                  'source = "a.sh"\n[[files]]\nsource = "a.sh"\npath = "hooks/before_vm_start/50_lamp.toml"\n')
        self.refused(self.import_folder(LAMP), "the hook other installs hooks/before_vm_start/50_lamp.toml as well")
        self.assertEqual(os.listdir(self.tree), ["other"])

    def test_another_hook_with_the_same_package_is_refused(self):
        self.check(self.import_folder({**LAMP, "Makefile.am": ONE_EVENT.replace("50_lamp", "60_lamp")}, "my_lamp"), 0)
        self.refused(self.import_folder(LAMP, "My-lamp"), "the hook my_lamp makes the package vdsm-hook-my-lamp as well: rename the folder")
        self.assertEqual(os.listdir(self.tree), ["my_lamp"])


if __name__ == "__main__":
    unittest.main()
