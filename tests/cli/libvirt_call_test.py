#!/usr/bin/env python3
"""Scripts of libvirt's own convention, tried without a VM."""

import os
import shutil
import signal
import subprocess
import time
import unittest

from command import DEADLINE_S, DOMAIN, DONE, ENGINE_FAILURE, PROGRAM, SOURCE, VETOED, CommandTest, reachable_build

DATA = SOURCE / "tests" / "data"
WEB = (DATA / "web-01.xml").read_text()
# A VM with a card of the host.
PASSTHROUGH = WEB.replace("</devices>", """  <hostdev mode='subsystem' type='pci' managed='no'>
      <source>
        <address domain='0x0000' bus='0x0b' slot='0x00' function='0x1'/>
      </source>
    </hostdev>
  </devices>""")


class LibvirtTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.libvirt = self.directory("libvirt")
        self.env["TMPDIR"] = str(self.dir)
        self.env["HOME"] = "/root"

    def script(self, name, content="#!/bin/sh\n", mode=0o755):
        return self.file(f"libvirt/{name}", content, mode)

    def installed(self, name, source):
        return self.script(name, (DATA / "libvirt_hooks" / source).read_text())

    def places(self):
        return ["--libvirt-hooks-dir", self.libvirt, "--config-dir", self.config, "--runtime-dir", self.runtime]

    def libvirt_call(self, *words, stdin=DOMAIN, **options):
        return self.command("libvirt-call", *words, stdin=stdin, **options)


class LibvirtCallTest(LibvirtTest):
    def test_no_script_is_fine(self):
        self.check(self.libvirt_call("qemu", "web-1", "start", "begin", "-"), DONE, "")
        self.check(self.libvirt_call("-v", "qemu", "web-1", "start", "begin", "-"), DONE, "", "there is no script to run")
        shutil.rmtree(self.libvirt)
        self.check(self.libvirt_call("qemu", "web-1", "start", "begin", "-"), DONE, "")

    def test_scripts_get_arguments_document_and_environment(self):
        self.script("qemu", '#!/bin/sh\nprintf "%s|" "$0" "$@"  >&2\npwd >&2\ncat >&2\ntr "\\0" "\\n" </proc/$$/environ >&2\nexit 1\n')
        done = self.libvirt_call("qemu", "web 01; x", "release", "end", "from snapshot")
        self.check(done, VETOED, "", f"{self.libvirt}/qemu|web 01; x|release|end|from snapshot|/\n" + DOMAIN)
        names = [line.split("=")[0] for line in done.stderr.split("</domain>\n")[1].splitlines()]
        self.assertEqual([name for name in names if name != "PWD"], ["LC_ALL", "PATH", "HOME", "TMPDIR"])
        self.assertEqual(self.leftovers(), [])

    def test_the_error_is_libvirts(self):
        path = self.script("qemu", "#!/bin/sh\necho forbidden startup >&2\nexit 1\n")
        done = self.libvirt_call("qemu", "t1", "prepare", "begin", "-")
        self.check(done, VETOED, "")
        self.assertEqual(done.stderr, f"vdsm-hook: Hook script execution failed: internal error: Child process (LC_ALL=C PATH={self.env['PATH']} "
                                      f"HOME=/root TMPDIR={self.dir} {path} t1 prepare begin -) unexpected exit status 1: forbidden startup\n")

    def test_all_run_after_a_failure(self):
        for name in ["qemu", "qemu.d/9", "qemu.d/10", "qemu.d/B"]:
            self.script(name, f"#!/bin/sh\necho {name} >>{self.dir}/ran\nexit 1\n")
        done = self.libvirt_call("qemu", "web-1", "start", "begin", "-")
        self.check(done, VETOED, "")
        self.assertEqual((self.dir / "ran").read_text().split(), ["qemu", "qemu.d/10", "qemu.d/9", "qemu.d/B"])
        self.assertEqual(done.stderr.count("Hook script execution failed"), 4)

    def test_a_filters_document_goes_to_stdout(self):
        for operation in ["migrate", "restore"]:
            self.check(self.libvirt_call("qemu", "web-1", operation, "begin", "-"), DONE, DOMAIN)
        self.script("qemu", "#!/bin/sh\nsed s/restart/destroy/\n")
        self.script("qemu.d/20", "#!/bin/sh\ncat >&2\n")
        changed = DOMAIN.replace("restart", "destroy")
        done = self.libvirt_call("-v", "qemu", "web-1", "migrate", "begin", "-")
        self.check(done, DONE, changed, ["libvirt/qemu: ran ", ", changed the document\n", "<on_reboot>destroy"])
        self.check(self.libvirt_call("libxl", "web-1", "migrate", "begin", "-"), DONE, DOMAIN)
        self.check(self.libvirt_call("qemu", "web-1", "start", "begin", "-"), DONE, "")
        self.script("qemu.d/30", "#!/bin/sh\nexit 1\n")
        self.check(self.libvirt_call("qemu", "web-1", "migrate", "begin", "-"), VETOED, "", "qemu.d/30")

    def test_a_broken_document_is_not_printed(self):
        self.script("qemu", "#!/bin/sh\nhead -n 3\n")
        self.check(self.libvirt_call("qemu", "web-1", "migrate", "begin", "-"), VETOED, "", ["libvirt/qemu web-1 migrate", "not well-formed"])

    def test_a_filter_refuses_an_input_that_is_not_sound(self):
        self.script("qemu", f"#!/bin/sh\ntouch {self.dir}/started\n")
        for document in ["", "nonsense", "<domain>"]:
            self.refused(self.libvirt_call("qemu", "web-1", "restore", "begin", "-", stdin=document), "the domain XML is")
        self.assertFalse((self.dir / "started").exists())

    def test_the_daemons_scripts_wait_for_no_input(self):
        self.script("daemon", "#!/bin/sh\nwc -c >&2\n")
        read, write = os.pipe()  # never closed by us while it runs
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        for words in [("start", "-", "start"), ("reload", "begin", "SIGHUP"), ("shutdown", "-", "shutdown")]:
            self.check(self.call("libvirt-call", *self.places(), "-v", "daemon", "-", *words), DONE, "", "0\n")
            done = subprocess.run([PROGRAM, "libvirt-call", *self.places(), "daemon", "-", *words], stdin=read, env=self.env,
                                  capture_output=True, timeout=DEADLINE_S, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, b"", b""))

    def test_a_networks_document_may_be_any(self):
        self.script("network", "#!/bin/sh\ncat >&2\n")
        data = "<hookData>\n  <network>\n    <name>default</name>\n  </network>\n</hookData>\n"
        for operation, sub in [("start", "begin"), ("stopped", "end"), ("port-created", "begin"), ("plugged", "begin")]:
            self.check(self.libvirt_call("-v", "network", "default", operation, sub, "-", stdin=data), DONE, "", data)

    def test_calls_that_libvirt_does_not_make_are_refused(self):
        self.script("qemu", f"#!/bin/sh\ntouch {self.dir}/started\n")
        for words, parts in [(("qemi", "a", "start", "begin", "-"), ["did you mean qemu?"]), (("qemu", "a", "strat", "begin", "-"), ["did you mean start?"]),
                             (("qemu", "a", "start", "end", "-"), ["'begin', not 'end'"]), (("qemu", "a", "start", "begin"), ["EXTRA"]),
                             (("qemu", "a", "start", "begin", "-", "x"), ["'x'"]), (("../x", "a", "start", "begin", "-"), ["no driver '../x'"]),
                             (("qemu", "", "start", "begin", "-"), ["OBJECT"]), ((), ["DRIVER"]),
                             (("qemu", "a", "start", "begin", "-", "--timeout", "soon"), ["--timeout 'soon'"]),
                             (("qemu", "a", "start", "begin", "-", "--hooks-dir", "x"), ["--hooks-dir"]),
                             (("qemu", "a", "start", "begin", "-", "--libvirt-hooks-dir", ""), ["the value is empty"])]:
            with self.subTest(words=words):
                self.refused(self.libvirt_call(*words), *parts)
        self.assertFalse((self.dir / "started").exists())

    def test_a_file_that_is_not_run_is_named(self):
        self.script("qemu", mode=0o644)
        self.script("qemu.d/10~")
        self.script("qemu.d/web-1/start/begin")  # another VM's tree is nobody's business here
        done = self.libvirt_call("qemu", "web-1", "start", "begin", "-")
        self.check(done, DONE, "", ["libvirt/qemu does not run: not executable", "qemu.d/10~ does not run: leftover name"])
        self.assertNotIn("web-1", done.stderr)
        self.script("qemu.d/20", mode=0o757)
        self.check(self.libvirt_call("qemu", "web-1", "start", "begin", "-"), VETOED, "", "qemu.d/20 is not run: untrusted")

    def test_a_deadline_ends_a_script_that_does_not(self):
        self.configure('grace = "100ms"\n')
        self.script("qemu", "#!/bin/sh\nsleep 1000\n")
        self.check(self.libvirt_call("qemu", "a", "start", "begin", "-", "--timeout", "200ms"), VETOED, "", "its deadline of 200ms")
        self.configure('grace = "100ms"\ntimeout = "150ms"\n')
        self.check(self.libvirt_call("qemu", "a", "start", "begin", "-"), VETOED, "", "its deadline of 150ms")
        self.assertEqual(self.leftovers(), [])

    def test_a_signal_stops_the_tree_and_ends_the_command_by_it(self):
        os.mkfifo(self.dir / "fifo")
        reader = os.open(self.dir / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.script("qemu", f"#!/bin/sh\nexec 3>{self.dir}/fifo\nsetsid sleep 1000 &\ntouch {self.dir}/ready\nwait\n")
        self.script("qemu.d/20", f"#!/bin/sh\ntouch {self.dir}/started\n")
        with subprocess.Popen([PROGRAM, "libvirt-call", *self.places(), "qemu", "a", "start", "begin", "-"], stdin=subprocess.DEVNULL,
                              env=self.env, stderr=subprocess.PIPE) as process:
            end = time.monotonic() + DEADLINE_S
            while not (self.dir / "ready").exists():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            process.terminate()
            err = process.communicate(timeout=DEADLINE_S)[1]
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertIn(b"cancelled", err)
        self.assertEqual(os.read(reader, 1), b"")  # all who could write have ended
        self.assertFalse((self.dir / "started").exists())
        self.assertEqual(self.leftovers(), [])

    def test_an_engine_that_cannot_work_says_so(self):
        self.script("qemu")
        self.configure("timeout = 5\n")
        self.check(self.libvirt_call("qemu", "a", "start", "begin", "-"), ENGINE_FAILURE, "", "vdsm-hook.toml:1:")

    def test_for_an_ordinary_user_the_directory_is_that_users(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv to become another user")
        program = reachable_build(self.addCleanup) / "bin" / "vdsm-hook"
        for place, where in [({"XDG_CONFIG_HOME": str(self.dir / "xdg")}, "xdg/libvirt/hooks"), ({"HOME": str(self.dir)}, ".config/libvirt/hooks")]:
            self.file(f"{where}/qemu", "#!/bin/sh\necho \"${0%/*}\" >&2\n", 0o755)
            for path in [self.dir, *self.dir.rglob("*")]:
                os.chown(path, 65534, 65534)
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "libvirt-call", "-v", "--runtime-dir",
                                   self.dir / "run", "qemu", "a", "start", "begin", "-"], input=DOMAIN, text=True, capture_output=True,
                                  timeout=DEADLINE_S, check=False, env={**self.env, **place})
            self.check(done, DONE, "", f"{self.dir}/{where}\n")


class RealScriptsTest(LibvirtTest):
    """Scripts as people have them."""

    def test_a_dispatcher_runs_what_belongs_to_one_vm(self):
        self.installed("qemu", "dispatcher")
        self.installed("qemu.d/web-01/prepare/begin/10-unbind", "unbind_gpu")
        self.directory("sysfs")
        for name in ["web-01", "other"]:
            self.check(self.libvirt_call("qemu", name, "prepare", "begin", "-", stdin=PASSTHROUGH), DONE, "")
        self.assertEqual((self.dir / "sysfs/unbind").read_text(), "0000:0b:00.1\n")
        self.check(self.libvirt_call("qemu", "web-01", "prepare", "begin", "-", stdin=WEB), VETOED, "",
                   ["unexpected exit status 1: unbind_gpu: web-01 has no card to pass through"])

    def test_an_ordinary_script_acts_and_refuses(self):
        self.installed("qemu.d/20-forward-ports", "forward_ports")
        rules = self.dir / "rules"
        self.check(self.libvirt_call("qemu", "web-01", "started", "begin", "-", stdin=WEB), DONE, "")
        self.assertEqual(rules.read_text(), "tcp 8080 -> 192.0.2.10:80\n")
        self.check(self.libvirt_call("qemu", "web-01", "stopped", "end", "-", stdin=WEB), DONE, "")
        self.assertFalse(rules.exists())
        self.check(self.libvirt_call("qemu", "db-forbidden", "prepare", "begin", "-", stdin=WEB), VETOED, "",
                   "unexpected exit status 1: forward_ports: db-forbidden may not start on this host\n")

    def test_a_python_script_edits_the_domain_where_it_arrives(self):
        self.installed("qemu.d/30-rename-bridge", "rename_bridge")
        for operation in ["migrate", "restore"]:
            done = self.libvirt_call("-v", "qemu", "web-01", operation, "begin", "-", stdin=WEB)
            self.check(done, DONE, None, ["changed the document", "rename_bridge: "])
            self.assertIn('bridge="br-prod"', done.stdout)
            self.assertNotIn("br0", done.stdout)
        self.check(self.libvirt_call("qemu", "web-01", "start", "begin", "-", stdin=WEB), DONE, "")
        self.check(self.libvirt_call("qemu", "web-1", "migrate", "begin", "-"), DONE, DOMAIN)  # no bridge: untouched


if __name__ == "__main__":
    unittest.main()
