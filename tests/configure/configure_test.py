#!/usr/bin/env python3
"""What configure makes of its options, under each shell that is here, and what it refuses."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
CONFIGURE = SOURCE / "configure-compat" / "configure"
SHELLS = list({os.path.realpath(path): [path, *options] for name, *options in (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"])
               if (path := shutil.which(name))}.values())
HOOKS = {"always": True, "log_console": False, "faqemu": False}
VERSION = re.search(r"project\(vdsm-hook VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]

# What the distributions' macros pass.
FEDORA = """--build=x86_64-redhat-linux --host=x86_64-redhat-linux --program-prefix= --disable-dependency-tracking --prefix=/usr
  --exec-prefix=/usr --bindir=/usr/bin --sbindir=/usr/sbin --sysconfdir=/etc --datadir=/usr/share --includedir=/usr/include
  --libdir=/usr/lib64 --libexecdir=/usr/libexec --localstatedir=/var --runstatedir=/run --sharedstatedir=/var/lib
  --mandir=/usr/share/man --infodir=/usr/share/info --disable-static""".split()
DEBIAN = ["--build=x86_64-linux-gnu", "--prefix=/usr", "--includedir=${prefix}/include", "--mandir=${prefix}/share/man",
          "--infodir=${prefix}/share/info", "--sysconfdir=/etc", "--localstatedir=/var", "--disable-option-checking",
          "--disable-silent-rules", "--libdir=${prefix}/lib/x86_64-linux-gnu", "--runstatedir=/run",
          "--disable-maintainer-mode", "--disable-dependency-tracking"]

# (name, arguments, words that are in the command, words that are not)
ONLY, NONE_CHOSEN = "-DVDSM_HOOK_OPTIONAL_HOOKS=OFF", "-DVDSM_HOOK_HOOKS="
ACCEPTED = [
    ("nothing", [], ["-DCMAKE_INSTALL_PREFIX=/usr/local", "-DCMAKE_INSTALL_SYSCONFDIR=/usr/local/etc",
                     "-DCMAKE_BUILD_TYPE=Release", "-DVDSM_HOOK_TESTS=OFF"], [ONLY, "env"]),
    ("prefix_usr", ["--prefix=/usr/"], ["-DCMAKE_INSTALL_PREFIX=/usr", "-DCMAKE_INSTALL_SYSCONFDIR=/etc",
                                        "-DCMAKE_INSTALL_LOCALSTATEDIR=/var"], []),
    ("prefix_opt", ["--prefix", "/opt/x"], ["-DCMAKE_INSTALL_PREFIX=/opt/x", "-DCMAKE_INSTALL_SYSCONFDIR=/opt/x/etc"], []),
    ("the_last_one_wins", ["--prefix=/a", "--sysconfdir=/b", "--prefix", "/c", "--sysconfdir", "/d"],
     ["-DCMAKE_INSTALL_PREFIX=/c", "-DCMAKE_INSTALL_SYSCONFDIR=/d"], []),
    ("blanks_and_quotes", ["--prefix=/o 'p' $x `y` *"], ["-DCMAKE_INSTALL_PREFIX=/o 'p' $x `y` *",
                                                        "-DCMAKE_INSTALL_SYSCONFDIR=/o 'p' $x `y` */etc"], []),
    ("exec_prefix", ["--exec-prefix=/e", "--bindir=/b"], ["-DCMAKE_INSTALL_BINDIR=/b", "-DCMAKE_INSTALL_SBINDIR=/e/sbin",
                                                          "-DCMAKE_INSTALL_LIBEXECDIR=/e/libexec", "-DCMAKE_INSTALL_LIBDIR=/e/lib"], []),
    ("what_make_would_fill_in", ["--libdir=${exec_prefix}/l", "--mandir=$(datarootdir)/m", "--datarootdir=${prefix}/s",
                                 "--exec-prefix=${prefix}/e", "--prefix=/p"],
     ["-DCMAKE_INSTALL_LIBDIR=e/l", "-DCMAKE_INSTALL_MANDIR=s/m", "-DCMAKE_INSTALL_DATAROOTDIR=s"], []),
    ("fedora", FEDORA, ["-DCMAKE_INSTALL_LIBDIR=lib64", "-DCMAKE_INSTALL_SYSCONFDIR=/etc", "-DCMAKE_INSTALL_RUNSTATEDIR=/run",
                        "-DCMAKE_INSTALL_SHAREDSTATEDIR=/var/lib"], []),
    ("debian", DEBIAN, ["-DCMAKE_INSTALL_LIBDIR=lib/x86_64-linux-gnu", "-DCMAKE_INSTALL_MANDIR=share/man"], []),
    ("what_is_unknown_but_not_checked", ["--with-this", "--disable-that", "--disable-option-checking"], [], [ONLY]),
    ("vdsm", ["--with-qemu-user=qemu", "--with-qemu-group=qemu", "--enable-hooks", "--enable-vhostmd"], [], [ONLY]),
    ("no_hooks", ["--disable-hooks"], [ONLY, NONE_CHOSEN], []),
    ("enable_hooks_no", ["--enable-hooks=no"], [ONLY, NONE_CHOSEN], []),
    ("one_hook_more", ["--enable-log-console", "--disable-hooks"], [ONLY, "-DVDSM_HOOK_HOOKS=log_console"], []),
    ("one_hook_less", ["--disable-log_console"], [ONLY, "-DVDSM_HOOK_HOOKS=faqemu"], []),
    ("two_hooks", ["--disable-hooks", "--enable-faqemu", "--enable-log_console=yes", "--enable-always"], [], [ONLY]),
    ("a_hook_off_and_on", ["--disable-faqemu", "--enable-faqemu"], [], [ONLY]),
    ("flags", ["CXXFLAGS=-O0 -g", "LDFLAGS=-Wl,-z,now"], ["CXXFLAGS=-O0 -g", "LDFLAGS=-Wl,-z,now", "-DCMAKE_BUILD_TYPE=None"], []),
    ("preprocessor_flags", ["CPPFLAGS=-DA", "CXXFLAGS=-O1"], ["CXXFLAGS=-DA -O1"], []),
    ("a_variable_of_whoever", ["FOO=it's;x", "PKG_CONFIG_PATH=/p"], ["FOO=it's;x", "PKG_CONFIG_PATH=/p"], []),
    ("a_generator", ["CMAKE_GENERATOR=Unix Makefiles"], ["Unix Makefiles"], ["Ninja"]),
    ("another_machine", ["--build=a", "--host=b", "CMAKE_TOOLCHAIN_FILE=/t"], ["CMAKE_TOOLCHAIN_FILE=/t"], []),
]

# (name, arguments, what the message must say)
REFUSED = [
    ("an_option", ["--prefx=/usr"], "did you mean --prefix?"),
    ("a_hook", ["--enable-log-consle"], "did you mean --enable-log_console?"),
    ("a_hook_to_leave_out", ["--disable-fakemu"], "did you mean --disable-faqemu?"),
    ("with", ["--with-qemu-usr=a"], "did you mean --with-qemu-user?"),
    ("help_with_a_value", ["--help=foo"], "there is no option --help=foo (did you mean --help?)"),
    ("far_from_all", ["--zzzzzzzz"], "no option --zzzzzzzz; --help lists them"),
    ("a_letter", ["-z"], "no option -z"),
    ("a_word", ["prefix"], "'prefix'"),
    ("no_name_of_a_variable", ["1A=b"], "'1A'"),
    ("no_value", ["--prefix"], "--prefix needs a value"),
    ("no_user", ["--with-qemu-user="], "--with-qemu-user needs a value"),
    ("a_relative_directory", ["--libdir=lib"], "--libdir wants an absolute directory: 'lib'"),
    ("an_empty_directory", ["--sysconfdir="], "--sysconfdir wants an absolute directory"),
    ("a_prefix_that_points_at_itself", ["--prefix=${prefix}"], "--prefix"),
    ("a_quote_that_cmake_does_not_take", ["--prefix=/a\"b"], "/a\"b"),
    ("a_semicolon_that_cmake_does_not_take", ["--mandir=/a;b"], "/a;b"),
    ("a_line_feed", ["--mandir=/a\nbindir=/x"], "--mandir has a tab, a line feed"),
    ("other_names_of_programs", ["--program-prefix=x-"], "names stay"),
    ("transformed_names", ["--program-transform-name=s/a/b/"], "names stay"),
    ("a_place_that_stays", ["--runstatedir=/opt/run"], "runtime_dir"),
    ("no_shared_library", ["--disable-shared"], "shared library only"),
    ("another_machine", ["--build=a", "--host=b"], "CMAKE_TOOLCHAIN_FILE"),
    ("a_hook_that_is_always_built", ["--disable-always"], "always built"),
    ("no_answer", ["--enable-static=maybe"], "--enable-static may be yes or no"),
    ("neither_yes_nor_no", ["--enable-faqemu=maybe"], "yes or no"),
    ("a_source_that_is_not_there", ["--srcdir=/no/such"], "/no/such"),
]


class ConfigureTest(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="vdsm-hook-configure-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.source = self.dir / "so urce's"
        self.build = self.dir / "bu ild's"
        self.build.mkdir()
        for name, required in HOOKS.items():
            folder = self.source / "vdsm_hooks" / name
            folder.mkdir(parents=True)
            (folder / "hook.toml").write_text(f'summary = "Is {name}"\n' + ("required = true\n" if required else ""))
        shutil.copy(SOURCE / "CMakeLists.txt", self.source)
        shutil.copy(SOURCE / "configure", self.source)
        shutil.copytree(SOURCE / "configure-compat", self.source / "configure-compat")

    def configure(self, *words, shell=("sh",), **variables):
        environment = {"PATH": os.environ["PATH"], **variables}
        return subprocess.run([*shell, self.source / "configure-compat/configure", *words], cwd=self.build, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def command(self, *words, **options):
        """The words of the command that configure would run, as a shell reads them back."""
        done = self.configure("-n", *words, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return shlex.split(done.stdout[done.stdout.rindex("configure: ") + len("configure: "):])

    def fake_cmake(self, script):
        """A PATH with a cmake of ours before all others."""
        place = self.dir / "bin"
        place.mkdir()
        (place / "cmake").write_text("#!/bin/sh\n" + script)
        (place / "cmake").chmod(0o755)
        return f"{place}:{os.environ['PATH']}"

    def test_options_become_words_of_the_command(self):
        for shell in SHELLS:
            for name, words, present, absent in ACCEPTED:
                with self.subTest(name, shell=shell):
                    command = self.command(*words, shell=shell)
                    self.assertIn("cmake", command[:command.index("--fresh")])
                    self.assertEqual([word for word in present if word not in command], [], command)
                    self.assertEqual([word for word in absent if word in command], [], command)
        self.assertEqual(list(self.build.iterdir()), [])

    def test_what_is_wrong_is_named(self):
        for count, (name, words, message) in enumerate(REFUSED):
            with self.subTest(name):
                done = self.configure("-n", *words, shell=SHELLS[count % len(SHELLS)])
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stderr.count("configure: "), 1, done.stderr)

    def test_a_hook_that_another_requires_is_not_left_out(self):
        for folder, requires in (("faqemu", '["log_console"]'), ("always", '[\n  "faqemu",  # it\n]')):
            with open(self.source / f"vdsm_hooks/{folder}/hook.toml", "a") as description:
                description.write(f"requires = {requires}\n[events.x]\n")
        for shell in SHELLS:
            for words, why in ((["--disable-log-console"], "--disable-log_console: faqemu requires it: --disable-faqemu as well"),
                               (["--disable-hooks", "--disable-log_console"], "--disable-log_console: faqemu requires it"),
                               (["--disable-faqemu"], "--disable-faqemu: always requires it, which is always built")):
                done = self.configure("-n", *words, shell=shell)
                self.assertEqual((done.returncode, done.stdout), (1, ""), words)
                self.assertIn(why, done.stderr)
            self.assertIn(NONE_CHOSEN, self.command("--disable-hooks", shell=shell))  # what is required comes without being named
        (self.source / "vdsm_hooks/always/hook.toml").write_text("required = true\n")
        self.assertIn(NONE_CHOSEN, self.command("--disable-faqemu", "--disable-log_console"))

    def test_configure_works_through_a_link(self):
        for name in ("configure", "configure-compat/configure"):
            link = self.dir / "my configure"
            link.symlink_to(self.source / name)
            for shell in [[], *SHELLS]:
                done = subprocess.run([*shell, link, "-n"], cwd=self.build, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(str(self.source), shlex.split(done.stdout.replace("configure: ", "")))
            link.unlink()

    def test_the_environment_counts_and_the_command_line_more(self):
        command = self.command("CXXFLAGS=-O1", CXXFLAGS="-O3", CXX="c++ -m64", CPPFLAGS="-DB")
        self.assertIn("CXX=c++ -m64", command)
        self.assertEqual([word for word in command if word.startswith("CXXFLAGS=")][-1], "CXXFLAGS=-DB -O1")

    def test_what_has_no_effect_is_said(self):
        done = self.configure("-n", "--cache-file=/c", "--disable-static", "--htmldir=/h")
        self.assertIn("without an effect here: --cache-file=/c --disable-static --htmldir=/h\n", done.stdout)
        done = self.configure("-n", "-q", "--with-qemu-user=joe", "--enable-vhostmd", "--disable-option-checking", "--enable-x")
        self.assertEqual(done.stdout, "")
        for what in ("--with-qemu-user=joe", "--enable-vhostmd", "--enable-x"):
            self.assertIn(what, done.stderr)

    def test_help_and_version(self):
        for word in ("--help", "-h", "--help=recursive"):
            self.assertIn("--prefix=DIR", self.configure(word).stdout)
        short = self.configure("--help=short").stdout
        self.assertNotIn("--prefix=DIR", short)
        self.assertRegex(short, r"log_console +Is log_console\n")
        self.assertEqual(self.configure("--version").stdout, f"vdsm-hook configure {VERSION}\n")

    def test_help_names_every_option(self):
        told = self.configure("--help").stdout
        text = (SOURCE / "configure-compat/configure").read_text()
        names = " ".join(re.findall(r"(?:cmake_dirs|other_dirs|with_value)=['\"]([^'\"]*)", text)).split()
        self.assertGreater(len(names), 25)
        self.assertEqual([name for name in names if name[0] != "$" and f"--{name}" not in told], [])

    def test_every_directory_of_cmake_is_named_to_it(self):
        for name in ("bindir", "docdir", "oldincludedir", "localedir"):
            self.assertIn(f"-DCMAKE_INSTALL_{name.upper()}=/x", self.command(f"--{name}=/x"))

    def test_srcdir_is_the_source(self):
        other = self.dir / "other"
        shutil.copytree(self.source, other)
        for words in (["--srcdir=../other"], ["--srcdir", str(other)]):
            command = self.command(*words)
            self.assertEqual(command[command.index("-S") + 1], str(other))

    def test_ninja_does_not_build_where_a_quote_is_in_the_path(self):
        self.assertIn("Unix Makefiles", self.command())
        self.source, self.build = self.source.rename(self.dir / "a b"), self.build.rename(self.dir / "c d")
        ninja = self.dir / "bin/ninja"
        path = self.fake_cmake("exit 127\n")
        ninja.symlink_to("cmake")
        self.assertIn("Ninja", self.command(PATH=path))

    def test_without_cmake(self):
        done = self.configure(PATH=self.fake_cmake("exit 127\n"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no cmake", done.stderr)

    def test_with_an_old_cmake(self):
        for version in ("3.9.6", "2.8.12", "3.24.4"):
            with self.subTest(version):
                done = self.configure(PATH=self.fake_cmake(f"echo cmake version {version}\n"))
                shutil.rmtree(self.dir / "bin")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, rf"cmake is version {version}; install version [0-9.]+ or newer")

    def test_when_cmake_fails(self):
        (self.build / "Makefile").write_text((SOURCE / "configure-compat/Makefile.in").read_text())
        done = self.configure(PATH=self.fake_cmake('[ "$1" != --version ] || { echo cmake version 3.100.1; exit; }\nexit 7\n'))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cmake failed", done.stderr)
        self.assertFalse((self.build / "Makefile").exists(), "make would go on with what an earlier configure left")

    def test_the_command_that_is_said_is_the_one_that_is_run(self):
        path = self.fake_cmake('[ "$1" != --version ] || { echo cmake version 4.0; exit; }\n'
                               'printf "%s\\0" "$CXXFLAGS" "$A" "$@" >ran\n')
        words = ["--prefix=/it's a", "CXXFLAGS=-DX=\"a b\"", "A='\\", "--disable-hooks"]
        done = self.configure(*words, PATH=path)
        self.assertEqual(done.returncode, 0, done.stderr)
        ran = (self.build / "ran").read_text().split("\0")[:-1]
        said = self.command(*words, PATH=path)
        self.assertEqual(ran, ['-DX="a b"', "'\\", *said[said.index("cmake") + 1:]])

    def test_a_makefile_of_somebody_else_stays(self):
        (self.build / "Makefile").write_text("all:\n")
        done = self.configure()
        self.assertEqual(done.returncode, 1)
        self.assertIn("Makefile of somebody else's", done.stderr)
        self.assertEqual((self.build / "Makefile").read_text(), "all:\n")

    def test_a_directory_that_cmake_does_not_take(self):
        self.build = self.dir / "a#b"
        self.build.mkdir()
        done = self.configure()
        self.assertEqual(done.returncode, 1)
        self.assertIn("a#b", done.stderr)


if __name__ == "__main__":
    unittest.main()
