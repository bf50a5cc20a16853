"""Scripts of libvirt's own convention, run by libvirtd and by `vdsm-hook libvirt-call`: they cannot tell the difference."""

from virtcase import VirtHostTest, domain_xml, main
from virthost import BUILD, INIT, eventually

UUID = "aaaaaaaa-0000-0000-0000-000000000001"
SCRIPTS = INIT.parents[1] / "data" / "libvirt_hooks"
BRIDGED = "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>"

# Ends as the VM's name says.
MISBEHAVE = """#!/bin/sh
case $1 in
  *signal*) kill -9 $$ ;;
  *silent*) exit 3 ;;
  *lines*) printf 'one\\ntwo\\n' >&2; exit 255 ;;
  *) echo "forbidden startup" >&2; exit 1 ;;
esac
"""


class ScriptsTest(VirtHostTest):
    def libvirt_call(self, host, *words, document=""):
        """The command on the private host, with what libvirtd has in its environment."""
        return host.run_inside([BUILD / "bin/vdsm-hook", "libvirt-call", *words], input=document, env={"HOME": "/root"})

    def create(self, host, name="vm", **options):
        return host.virsh("create", host.file("vm.xml", domain_xml(name, UUID, **options)), check=False)

    def install(self, host, place, script):
        host.hook(place, (SCRIPTS / script).read_text().replace("${TMPDIR:-/tmp}", str(host.dir)))

    def test_the_error_is_the_same(self):
        host = self.host()
        host.hook("qemu", MISBEHAVE)
        host.start()
        for name in ["vm", "signal", "silent", "lines", "web 01", "it's $(x);y", "a~b{c}%+,:@", "a=b", "x#y", "back\\slash", "st*r", "\u00fcml\u00e4ut",
                     '"quoted"', "a!b?", "a|b&c<d>"]:
            with self.subTest(name=name):
                refused = self.create(host, name)
                self.assertEqual(refused.returncode, 1)
                done = self.libvirt_call(host, "qemu", name, "prepare", "begin", "-", document=domain_xml(name, UUID))
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertEqual(done.stderr.rstrip().removeprefix("vdsm-hook: "), refused.stderr.rstrip().split("\n", 1)[1].removeprefix("error: "))

    def test_a_text_without_an_interpreter_starts_under_neither(self):
        host = self.host()
        host.hook("qemu", "echo it ran >&2\nexit 1\n")
        host.start()
        for refused in [self.create(host), self.libvirt_call(host, "qemu", "vm", "prepare", "begin", "-")]:
            self.assertEqual(refused.returncode, 1)
            self.assertIn("/etc/libvirt/hooks/qemu vm prepare begin -) ", refused.stderr)
            self.assertNotIn("it ran", refused.stderr)

    def test_arguments_document_and_environment_are_the_same(self):
        host = self.host()
        for script in ["qemu", "qemu.d/20-b", "qemu.d/10-a", "daemon"]:
            host.hook(script, host.recorder())
        host.start()
        domain = host.file("vm.xml", domain_xml("web 01", UUID))
        host.virsh("create", domain)
        host.virsh("save", "web 01", host.dir / "saved")
        host.virsh("restore", host.dir / "saved")
        host.virsh("destroy", "web 01")
        host.reload()
        eventually(lambda: host.operations("daemon")[-1:] == ["reload begin SIGHUP"], "the daemon's script is called")
        by_libvirtd = host.calls()
        self.assertEqual(len(by_libvirtd), 2 + 3 * (3 + 2 + 4 + 2))
        for call in by_libvirtd:
            script = call.argv[0].removeprefix("/etc/libvirt/hooks/")
            if script not in ("qemu", "daemon"):
                continue  # they come with it
            host.forget_calls()
            done = self.libvirt_call(host, script, *call.argv[1:], document=call.stdin)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            again = host.calls()
            self.assertEqual([made.argv[0] for made in again],
                             [f"/etc/libvirt/hooks/{name}" for name in (["daemon"] if script == "daemon" else ["qemu", "qemu.d/10-a", "qemu.d/20-b"])])
            for made in again:
                self.assertEqual((made.argv[1:], made.stdin, made.env), (call.argv[1:], call.stdin, call.env))

    def test_scripts_as_people_have_them_act_the_same(self):
        host = self.host()
        self.install(host, "qemu", "dispatcher")
        self.install(host, "qemu.d/gpu/prepare/begin/10-unbind", "unbind_gpu")
        self.install(host, "qemu.d/20-forward-ports", "forward_ports")
        host.start()
        rules = host.dir / "rules"

        def told(done):
            return done.returncode, done.stderr.rstrip().rpartition("Hook script execution failed: ")[2]

        for name in ["gpu", "db-forbidden"]:
            refused = told(self.create(host, name))
            self.assertEqual(refused[0], 1)
            self.assertEqual(refused, told(self.libvirt_call(host, "qemu", name, "prepare", "begin", "-", document=domain_xml(name, UUID))))

        self.assertEqual(self.create(host, "web-01").returncode, 0)
        by_libvirtd = rules.read_text()
        host.virsh("destroy", "web-01")
        self.assertFalse(rules.exists())
        self.libvirt_call(host, "qemu", "web-01", "started", "begin", "-", document=domain_xml("web-01", UUID))
        self.assertEqual(rules.read_text(), by_libvirtd)
        self.libvirt_call(host, "qemu", "web-01", "stopped", "end", "-", document=domain_xml("web-01", UUID))
        self.assertFalse(rules.exists())

    def test_a_filter_changes_the_same_document(self):
        host = self.host()
        host.hook("qemu", host.recorder())
        self.install(host, "qemu.d/10-rename-bridge", "rename_bridge")
        host.hook("qemu.d/20-record", host.recorder())
        host.start()
        for bridge in ["br0", "br-prod"]:
            host.run_inside(["ip", "link", "add", bridge, "type", "bridge"], check=True)
        self.assertEqual(self.create(host, nic=BRIDGED).returncode, 0)
        host.virsh("save", "vm", host.dir / "saved")
        host.forget_calls()
        host.virsh("restore", host.dir / "saved")
        self.assertIn("<source bridge='br-prod'/>", host.virsh("dumpxml", "vm").stdout)
        before, after = (call for call in host.calls() if call.argv[2] == "restore")
        self.assertNotEqual(before.stdin, after.stdin)
        for operation in ["restore", "migrate"]:
            done = self.libvirt_call(host, "qemu", "vm", operation, "begin", "-", document=before.stdin)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, after.stdin, ""))


if __name__ == "__main__":
    main()
