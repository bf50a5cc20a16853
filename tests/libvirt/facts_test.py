"""What libvirtd does at hook scripts, overrides, migration and filters, as far as the product relies on it."""

import re

from virtcase import VirtHostTest, domain_xml, filtered_nic, main
from virthost import PATH, eventually

UUID = "aaaaaaaa-0000-0000-0000-000000000001"
START = ["prepare begin -", "start begin -", "started begin -"]


class RecordedTest(VirtHostTest):
    def recorded(self, *lines, name="host", scripts=("qemu",)):
        host = self.host(name)
        for script in scripts:
            host.hook(script, host.recorder(*lines))
        return host

    def new_operations(self, host, *words):
        host.forget_calls()
        host.virsh(*words)
        return host.operations()


class HookScripts(RecordedTest):
    def test_calls_of_a_guests_life(self):
        host = self.recorded().start()
        host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID)))
        self.assertEqual(host.calls(), [])
        image = host.dir / "vm.save"
        for words, expected in [
                (["start", "vm"], START),
                (["suspend", "vm"], []),
                (["resume", "vm"], []),
                (["save", "vm", image], ["stopped end -", "release end -"]),
                (["restore", image], ["restore begin -", *START]),
                (["managedsave", "vm"], ["stopped end -", "release end -"]),
                (["start", "vm"], ["restore begin -", *START]),
                (["destroy", "vm"], ["stopped end -", "release end -"]),
                (["create", host.file("vm.xml", domain_xml("vm", UUID))], START)]:
            with self.subTest(words=words):
                self.assertEqual(self.new_operations(host, *words), expected)

    def test_what_a_script_gets(self):
        host = self.recorded(scripts=["qemu.d/20-b", "qemu.d/10-a", "qemu", "daemon"]).start()
        (daemon,) = host.calls()
        self.assertEqual((daemon.argv, daemon.stdin), (["/etc/libvirt/hooks/daemon", "-", "start", "-", "start"], ""))
        host.forget_calls()
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        calls = host.calls()
        self.assertEqual([call.argv for call in calls],
                         [[f"/etc/libvirt/hooks/{script}", "vm", *operation.split()]
                          for operation in START for script in ("qemu", "qemu.d/10-a", "qemu.d/20-b")])
        for call in calls:
            self.assertRegex(call.stdin, f"(?s)^<domain type='qemu' id='1'.*<uuid>{UUID}</uuid>.*</domain>\n$")
            self.assertEqual(call.env, {"LC_ALL": "C", "PATH": PATH, "HOME": "/root"})

    def test_a_refused_prepare_is_told_in_these_words(self):
        host = self.recorded('[ "$2" != prepare ] || { echo "forbidden startup" >&2; exit 1; }').start()
        host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID)))
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "error: Failed to start domain 'vm'\nerror: Hook script execution failed: internal error: "
                         f"Child process (LC_ALL=C PATH={PATH} HOME=/root /etc/libvirt/hooks/qemu vm prepare begin -) "
                         "unexpected exit status 1: forbidden startup\n\n")
        self.assertEqual(host.operations(), ["prepare begin -", "stopped end -", "release end -"])
        self.assertEqual(host.virsh("domstate", "vm", "--reason").stdout.strip(), "shut off (failed)")

    def test_scripts_are_looked_up_at_sighup(self):
        host = self.host().start()
        host.hook("qemu", host.recorder())
        domain = host.file("vm.xml", domain_xml("vm", UUID))

        def calls_of_a_start():
            made = self.new_operations(host, "create", domain)
            host.virsh("destroy", "vm")
            return made
        self.assertEqual(calls_of_a_start(), [])
        host.reload()
        eventually(lambda: calls_of_a_start() == START, "the script is called")

    def test_daemon_calls_and_reconnect(self):
        host = self.recorded(scripts=["qemu", "daemon"]).start()
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        host.forget_calls()
        host.reload()
        eventually(host.calls, "the call of the reload")
        self.assertEqual(host.operations("daemon"), ["reload begin SIGHUP"])
        host.forget_calls()
        host.stop_daemon()
        self.assertEqual(host.operations("daemon"), ["shutdown - shutdown"])
        host.forget_calls()
        host.start_daemon()
        eventually(lambda: host.operations(), "the call of the guest")
        self.assertEqual(host.operations("daemon"), ["start - start"])
        self.assertEqual(host.operations(), ["reconnect begin -"])

    def test_a_script_that_asks_about_guests_waits_for_itself(self):
        ask = 'for words in "{}"; do timeout {} virsh -c qemu:///system $words >/dev/null 2>&1; echo "$words: $?"; done'
        answered = ["uri", "nodeinfo", "nodedev-list", "nodedev-dumpxml computer", "net-list --all", "nwfilter-list", "domstate other"]
        hanging = ["list", "list --all", "domstate vm", "domuuid vm"]
        host = self.host()
        host.hook("qemu", "\n".join(["#!/bin/sh", '[ "$1 $2" = "vm prepare" ] || exit 0', f"exec >{host.dir}/asked",
                                     ask.format('" "'.join(answered), 20), ask.format('" "'.join(hanging), 0.5), ""]))
        host.start()
        host.virsh("create", host.file("other.xml", domain_xml("other", UUID[:-1] + "2")), "--paused")
        host.virsh("create", host.file("vm.xml", domain_xml("vm", UUID)))
        self.assertEqual((host.dir / "asked").read_text().splitlines(),
                         [f"{words}: 0" for words in answered] + [f"{words}: 124" for words in hanging])
        self.assertEqual(host.virsh("list", "--name").stdout.split(), ["other", "vm"])


class Overrides(VirtHostTest):
    def test_a_start_of_changed_xml_leaves_the_definition_as_it_was(self):
        host = self.host().start()
        host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID)))
        stored = host.path("/etc/libvirt/qemu/vm.xml")
        before, inactive = stored.read_bytes(), host.virsh("dumpxml", "--inactive", "vm").stdout
        host.virsh("create", host.file("changed.xml", inactive.replace("</uuid>", "</uuid>\n  <title>changed</title>")))
        self.assertIn("<title>changed</title>", host.virsh("dumpxml", "vm").stdout)
        self.assertEqual(host.virsh("dumpxml", "--inactive", "vm").stdout, inactive)
        host.restart()
        self.assertIn("<title>changed</title>", host.virsh("dumpxml", "vm").stdout)
        host.virsh("destroy", "vm")
        self.assertEqual(host.virsh("dumpxml", "vm").stdout, inactive)
        self.assertEqual(stored.read_bytes(), before)


class Migration(RecordedTest):
    def move(self, source, target, **options):
        return source.virsh("migrate", "vm", "--live", "--p2p", "--desturi", target.uri,
                            "--migrateuri", f"unix://{source.dir}/migration", **options)

    def test_the_destinations_script_changes_the_guest_that_arrives(self):
        source = self.recorded(name="source").start()
        target = self.host("target")
        target.hook("qemu", target.recorder('[ "$2" != migrate ] || sed "s|</uuid>|</uuid><title>moved</title>|" "$call/stdin"'))
        target.start()
        source.virsh("create", source.file("vm.xml", domain_xml("vm", UUID)))
        source.forget_calls()
        self.move(source, target)
        self.assertEqual(source.virsh("list", "--all", "--name").stdout.strip(), "")
        self.assertEqual(target.virsh("domstate", "vm").stdout.strip(), "running")
        self.assertIn("<title>moved</title>", target.virsh("dumpxml", "vm").stdout)
        self.assertEqual(target.operations(), ["migrate begin -", *START])
        self.assertEqual(source.operations(), ["stopped end -", "release end -"])

    def test_a_refused_migration_leaves_the_guest_where_it_is(self):
        source = self.recorded(name="source").start()
        target = self.recorded('[ "$2" != migrate ] || { echo "forbidden migrate" >&2; exit 1; }', name="target").start()
        source.virsh("create", source.file("vm.xml", domain_xml("vm", UUID)))
        source.forget_calls()
        done = self.move(source, target, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/etc/libvirt/hooks/qemu vm migrate begin -) unexpected exit status 1: forbidden migrate", done.stderr)
        self.assertEqual(source.virsh("domstate", "vm").stdout.strip(), "running")
        self.assertEqual(target.virsh("list", "--all", "--name").stdout.strip(), "")
        self.assertEqual(source.calls(), [])


class Filters(VirtHostTest):
    def test_a_nics_filter_is_there_while_the_guest_runs(self):
        host = self.host().start()
        # libvirt's own filters are in a package that need not be installed.
        host.virsh("nwfilter-define", host.file("filter.xml", """<filter name='no-mac-spoofing' chain='mac'>
  <rule action='drop' direction='out' priority='500'><mac match='no' srcmacaddr='$MAC'/></rule>
</filter>"""))
        nic = filtered_nic("vmtap0", "no-mac-spoofing")
        host.virsh("define", host.file("vm.xml", domain_xml("vm", UUID, nic)))
        host.virsh("start", "vm")
        self.assertRegex(host.ebtables(), r"Bridge chain: I-vmtap0-mac, .*\n-s ! 52:54:0?0:0?0:0?0:0?2 -j DROP")
        host.virsh("destroy", "vm")
        self.assertNotIn("vmtap0", host.ebtables())

        # An override without the filter is a NIC without rules.
        unfiltered = re.sub("<filterref.*?/>", "", domain_xml("vm", UUID, nic))
        host.virsh("create", host.file("vm.xml", unfiltered))
        self.assertNotIn("vmtap0", host.ebtables())
        self.assertIn("vmtap0", host.run_inside(["ip", "-brief", "link"]).stdout)
        self.assertIn("<filterref", host.virsh("dumpxml", "--inactive", "vm").stdout)


if __name__ == "__main__":
    main()
