#!/usr/bin/env python3
"""What hooks of a start can do besides the domain XML: launch flags, disks; and what must not leave it: passwords."""

import json
from xml.sax.saxutils import escape

from virtcase import main
from vmfaultcase import BUILD, CREATED, STARTED, UNDO, UUID, VmFaultTest

FLAGS = f"/run/vdsm/{UUID}/launchflags"
SECRET = "s3cr&t"
VNC = "<graphics type='vnc' port='-1' autoport='yes' passwd='{}'/>"
DISK = "<disk type='file' device='{device}'><driver name='qemu' type='raw'/>{source}<target dev='{target}' bus='ide'/>{more}</disk>"


class LaunchFlagsTest(VmFaultTest):
    def test_a_hook_has_the_vm_started_paused_and_the_flags_are_gone_afterwards(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "20_paused", f"cat {FLAGS} >>{self.log}", f"echo 1 >{FLAGS}")
        self.hook(host, "after_device_create", "20_flags", f"cat {FLAGS} >>{self.log}")
        self.vm(host, "start", "t1")
        self.assertEqual(self.logged(), CREATED + ["0"] + [STARTED[0], STARTED[1], "1", STARTED[2], "1"])
        self.assertEqual(self.state(host), "paused")
        self.assert_nothing_is_left(host)
        host.virsh("destroy", "t1")
        host.path("/etc/vdsm/hooks/before_vm_start/20_paused").unlink()
        self.vm(host, "start", "t1", "--paused")
        self.assertEqual(self.logged(), CREATED + [STARTED[0], STARTED[1], "1", STARTED[2], "1"])

    def test_flags_that_libvirt_has_not_fail_the_hook_that_set_them(self):
        host = self.vm_host()
        self.hook(host, "before_vm_start", "30_after", f"cat {FLAGS} >>{self.log}")
        for left, why in {"echo 4096 >F": "have 4096, which libvirt does not know", "echo paused >F": "are 'paused', which is no decimal number",
                          "echo 3 >F": "have 2 (autodestroy)", "echo -1 >F": "are '-1'", "echo 1 2 >F": "are '1 2'", ": >F": "are ''",
                          "rm F": "are in no file any more", "rm F; mkfifo F": "are in no file any more",
                          f"rm F; ln -s {host.dir}/files/victim F": "are in no file any more",
                          "head -c 100000 /dev/zero >F": "are ''", "echo 99999999999999999999 >F": "which is no decimal number"}.items():
            with self.subTest(left):
                self.hook(host, "before_vm_start", "20_bad", left.replace("F", FLAGS))
                victim = host.file("victim", "untouched")
                lines = self.refused(host, "start", "t1")
                self.assertIn("20_bad: ", lines[0])
                self.assertIn(why, lines[0])
                self.assertIn("they are 0 as before", lines[0])
                self.assertEqual(self.logged(), CREATED + ["0"] + UNDO)
                self.assertEqual((self.state(host), victim.read_text()), ("shut off", "untouched"))
                self.assert_nothing_is_left(host)

    def test_a_directory_that_was_moved_is_where_the_sdk_looks(self):
        host = self.vm_host()
        host.path("/etc/vdsm-hook/vdsm-hook.toml").write_text('launchflags_dir = "/run/vdsm-hook/flags"\n')
        path = host.path("/etc/vdsm/hooks/before_vm_start/20_sdk")
        path.write_text("#!/usr/bin/python3\nimport hooking, os\nvm = os.environ['vmId']\n"
                        f"open('{self.log}', 'a').write(f'{{hooking.load_vm_launch_flags_from_file(vm)}}\\n')\n"
                        "hooking.dump_vm_launch_flags_to_file(vm, 1)\n")
        path.chmod(0o755)
        self.vm(host, "start", "t1")
        self.assertEqual(self.logged(), CREATED + ["0"] + STARTED)
        self.assertEqual(self.state(host), "paused")
        self.assertEqual(list(host.path("/run/vdsm-hook/flags").iterdir()), [])
        self.assert_nothing_is_left(host)

    def test_a_directory_that_others_can_write_is_refused(self):
        host = self.vm_host()
        host.path("/run/vdsm").chmod(0o777)
        lines = self.refused(host, "start", "t1", code=3)
        self.assertEqual(lines, ["vdsm-hook: /run/vdsm must be a directory of this user that nobody else can write to"])
        self.assertEqual((self.logged(), self.state(host)), ([], "shut off"))
        host.path("/run/vdsm").chmod(0o755)
        host.path(f"/run/vdsm/{UUID}").symlink_to("/tmp")
        self.refused(host, "start", "t1", code=3)
        self.assertEqual((self.logged(), self.state(host)), ([], "shut off"))


class PasswordTest(VmFaultTest):
    def everything(self, host):
        """Whatever the command left anywhere."""
        texts = []
        for top in ("/run/vdsm-hook", "/run/vdsm", "/var/lib/vdsm-hook"):
            texts += [path.read_text(errors="replace") for path in host.path(top).rglob("*") if path.is_file()]
        return "\n".join(texts + host.journal_lines())

    def assert_secret(self, *texts):
        for text in texts:
            for secret in (SECRET, escape(SECRET), "n3wer"):
                self.assertNotIn(secret, text)

    def vnc_host(self):
        host = self.vm_host()
        self.define(host, extra_devices=VNC.format(escape(SECRET)))
        self.assertIn(f"passwd='{escape(SECRET)}'", self.definition(host)[0])
        return host

    def test_passwords_reach_hooks_and_qemu_and_nobody_else(self):
        host = self.vnc_host()
        self.hook(host, "before_vm_start", "20_tell", 'cat "$_hook_domxml" >&2; cat "$_hook_domxml"', f"printf %s '{SECRET}' >&2",
                  f"grep -c 's3cr&amp;t' \"$_hook_domxml\" >>{self.log}")
        self.hook(host, "before_vm_start", "30_note", 'sed -i "s|</name>|</name><title>x</title>|" "$_hook_domxml"')
        report = host.dir / "report.json"
        wait = self.waiting_hook(host, "before_vm_start", "50_wait")
        start = self.running(host, "start", "t1", "--diff", "-v", "--report", str(report), "-p", "root_password=n3wer")
        wait.reach()
        self.assert_secret(self.record_file(host).read_text())
        wait.go_on()
        out, err = start.communicate(timeout=60)
        self.assertEqual(start.returncode, 0, err)
        self.assertIn("passwd='***'", report.read_text())
        self.assert_secret(out, err, report.read_text(), self.everything(host))
        self.assertEqual(self.logged(), CREATED + ["1"] + STARTED)
        self.assertIn("s3cr&amp;t", host.virsh("dumpxml", "--security-info", "t1").stdout)

        with self.subTest("also while hooks after the start run"):
            host.virsh("destroy", "t1")
            wait.remove()
            wait = self.waiting_hook(host, "after_vm_start", "51_wait")
            start = self.running(host, "start", "t1")
            wait.reach()
            self.assert_secret(self.record_file(host).read_text())

    def test_a_password_that_a_hook_sets_is_one_too_also_when_the_hook_fails(self):
        host = self.vnc_host()
        for end in ("exit 0", "echo n3wer >&2; exit 1"):
            with self.subTest(end):
                self.hook(host, "before_vm_start", "20_change", """sed -i "s|passwd='[^']*'|passwd='n3wer'|" "$_hook_domxml\"""", end)
                report = host.dir / "report.json"
                done = host.run_inside([BUILD / "bin/vdsm-hook", "vm", "start", "t1", "--diff", "-v", "--report", report],
                                       env={"VDSM_HOOK_HOOKS_DIR": "/etc/vdsm/hooks"})
                self.assertEqual(done.returncode, 0 if end == "exit 0" else 1, done.stderr)
                self.assert_secret(done.stdout, done.stderr, report.read_text(), self.everything(host))
                if done.returncode == 0:
                    self.assertIn("passwd='n3wer'", host.virsh("dumpxml", "--security-info", "t1").stdout)
                    host.virsh("destroy", "t1")

    def test_a_dry_run_prints_what_would_start_without_them_and_starts_nothing(self):
        host = self.vnc_host()
        self.hook(host, "before_vm_start", "20_title", 'sed -i "s|</name>|</name><title>changed</title>|" "$_hook_domxml"')
        done = self.vm(host, "start", "t1", "--dry-run")
        self.assertIn("passwd='***'", done.stdout)
        self.assertIn("<title>changed</title>", done.stdout)
        self.assert_secret(done.stdout, done.stderr, self.everything(host))
        self.assertEqual((self.state(host), self.logged()), ("shut off", CREATED + UNDO))
        self.assert_nothing_is_left(host)

    def test_what_libvirt_says_of_xml_that_is_not_checked_has_none(self):
        host = self.vnc_host()
        self.hook(host, "before_vm_start", "20_break", 'sed -i "s|autoport=.yes.|autoport=|" "$_hook_domxml"')
        lines = self.refused(host, "start", "t1", "--compat", "vdsm", "--report", host.dir / "report.json")
        self.assertIn("vdsm-hook: error: Failed to start domain 't1'", lines)
        self.assert_secret("\n".join(lines), (host.dir / "report.json").read_text())


class DiskTest(VmFaultTest):
    def disk_host(self):
        host = self.vm_host()
        for name in ("a.raw", "b.raw"):
            (host.dir / "files" / name).write_bytes(bytes(1 << 20))
        self.a, self.b = (host.dir / "files" / name for name in ("a.raw", "b.raw"))
        self.define(host, extra_devices=DISK.format(device="disk", source=f"<source file='{self.a}'/>", target="hda", more="<serial>S1</serial>")
                    + DISK.format(device="cdrom", source="", target="hdb", more="<readonly/>"))
        return host

    def test_a_hook_gets_each_disk_that_has_a_source_and_its_path_is_used(self):
        host = self.disk_host()
        before = self.definition(host)
        self.hook(host, "after_disk_prepare", "20_move", f"cat $_hook_json >>{host.dir}/files/json; echo >>{host.dir}/files/json",
                  '''sed -i 's|/a.raw|/b.raw|; s|"raw"|"qcow2"|; s|"S1"|"S2"|' $_hook_json''')
        qcow = host.run_inside(["qemu-img", "create", "-f", "qcow2", self.b, "1M"])
        self.assertEqual(qcow.returncode, 0, qcow.stderr)
        done = self.vm(host, "start", "t1")
        given = [json.loads(line) for line in (host.dir / "files/json").read_text().splitlines()]
        self.assertEqual(given, [{"type": "disk", "path": str(self.a), "format": "raw", "diskType": "file", "device": "disk", "name": "hda",
                                  "iface": "ide", "serial": "S1"}])
        live = host.virsh("dumpxml", "t1").stdout
        self.assertIn(f"<source file='{self.b}'", live)
        self.assertIn("type='qcow2'", live)
        self.assertNotIn(str(self.a), live)
        self.assertIn("<serial>S1</serial>", live)
        self.assertIn("the domain XML has no place for the changed 'serial': it is not used", done.stderr)
        self.assertEqual(self.definition(host), before)
        self.assertEqual(self.logged(), ["after_disk_prepare"] + CREATED + STARTED)

    def test_json_as_deep_as_the_engine_takes_is_no_error_of_what_reads_it(self):
        host = self.disk_host()
        for depth in (32, 33, 200, 255):
            with self.subTest(depth):
                self.hook(host, "after_disk_prepare", "20_nest", f"""sed -i 's|^{{|{{"x":{"[" * depth}{"]" * depth},|' $_hook_json""")
                done = self.vm(host, "start", "t1")
                self.assertIn("no place for the changed 'x'", done.stderr)
                host.virsh("destroy", "t1")

    def test_a_disk_that_hooks_spoil_starts_nothing(self):
        host = self.disk_host()
        for spoil, code in {"exit 2": 1, "echo '{' >$_hook_json; exit 0": 1, "echo '[]' >$_hook_json": 1,
                            """sed -i 's|"path":"[^"]*"|"path":7|' $_hook_json""": 1, """sed -i 's|/a.raw|/a\\\\u0001|' $_hook_json""": 1,
                      """sed -i 's|/a.raw|/a\\\\uffff|' $_hook_json""": 1}.items():
            with self.subTest(spoil):
                self.hook(host, "after_disk_prepare", "20_spoil", spoil)
                lines = self.refused(host, "start", "t1", code=code)
                self.assertIn("20_spoil", "\n".join(lines))
                self.assertEqual((self.state(host), self.logged()), ("shut off", ["after_disk_prepare", "before_vm_destroy failed", "after_vm_destroy failed"]))
                self.assert_nothing_is_left(host)


if __name__ == "__main__":
    main()
