"""The bridge under a real libvirtd: what virsh does fires events, and vetoes reach the person."""

import atexit
import os

from virtcase import VirtHostTest, domain_xml, main, reachable_build

PROGRAM = reachable_build(atexit.register) / "bin" / "vdsm-hook"  # hooks in a checkout that a group may write to are not trusted
SYSCONFDIR = os.environ["VDSM_HOOK_SYSCONFDIR"]  # where the program looks for configuration and hooks of the administrator
UUID = "aaaaaaaa-0000-0000-0000-000000000001"
MAC = "52:54:00:00:00:01"
METADATA = f"""<o:vm xmlns:o="http://ovirt.org/vm/1.0"><o:custom><o:owner>shop</o:owner></o:custom>
  <o:device mac_address="{MAC}"><o:custom><o:colour>red</o:colour></o:custom></o:device></o:vm>"""
DOMAIN = domain_xml("vm", UUID, metadata=METADATA)

BEFORE_START = ["before_device_create", "before_vm_start"]
AFTER_START = ["after_vm_start", "after_device_create"]
GONE = ["after_vm_destroy", "after_device_destroy"]
ARRIVE = ["before_device_migrate_destination", "before_vm_migrate_destination"]
EVENTS = [*BEFORE_START, *AFTER_START, *GONE, *ARRIVE, "before_vm_dehibernate", "after_vm_dehibernate", "before_vdsm_start", "after_vdsm_stop"]

RETITLE = "#!/bin/sh\nsed -i 's|<memory |<title>by hook</title><memory |' \"$_hook_domxml\"\n"


class BridgeTest(VirtHostTest):
    def bridged(self, name="host", config=""):
        """A host on which libvirt calls the bridge, with a hook at every event that writes down what it got."""
        host = self.host(name)
        host.run([PROGRAM, "libvirt-bridge", "install", "--libvirt-hooks-dir", host.hooks], check=True)
        self.config = host.path("/etc/vdsm-hook/vdsm-hook.toml")
        self.config.write_text(config)
        if name != "target":
            host.path("/etc/vdsm-hook/properties.toml").write_text("[UserDefinedVMProperties]\n'4.8' = 'owner=.*'\n"
                                                                   "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={colour=.*}}'\n")
        host.start()
        if SYSCONFDIR != "/etc":
            host.run_inside(["mkdir", "-p", SYSCONFDIR], check=True)
            for part in ("vdsm", "vdsm-hook"):
                host.run_inside(["ln", "-sfnT", f"/etc/{part}", f"{SYSCONFDIR}/{part}"], check=True)
        for event in EVENTS:
            self.hook(host, event, "10_record", f"""#!/bin/sh
printf '%s|%s|%s|%s\\n' "$VDSM_HOOK_EVENT" "$vmId" "$colour" "$VDSM_HOOK_REASON$FROM_SNAPSHOT" >>"{host.dir}/events"
cp "$_hook_domxml" "{host.dir}/document.$VDSM_HOOK_EVENT"
""")
        return host

    def hook(self, host, event, name, text):
        path = host.path("/etc/vdsm") / "hooks" / event / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def fired(self, host):
        """The events since the last call of this."""
        try:
            lines = (host.dir / "events").read_text().splitlines()
        except FileNotFoundError:
            return []
        (host.dir / "events").unlink()
        self.lines = [line.split("|") for line in lines]
        return [line[0] for line in self.lines]

    def define(self, host, xml=DOMAIN):
        host.virsh("define", host.file("vm.xml", xml))
        self.assertEqual(self.fired(host), [])

    def state(self, host, name="vm"):
        return host.virsh("domstate", name).stdout.strip()


class Starts(BridgeTest):
    def test_a_start_and_an_end_fire_their_events_in_order(self):
        host = self.bridged()
        self.define(host)
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START)
        self.assertEqual({line[1] for line in self.lines}, {UUID})
        self.assertEqual([line[2] for line in self.lines], ["red", "", "", "red"])
        for event in ("before_device_create", "after_device_create"):
            self.assertRegex((host.dir / f"document.{event}").read_text(), f"(?s)^<interface.*{MAC}.*</interface>$")
        self.assertIn("<domain type='qemu' id='1'", (host.dir / "document.before_vm_start").read_text())
        self.assertIn("<alias name='net0'/>", (host.dir / "document.after_vm_start").read_text())
        host.virsh("destroy", "vm")
        self.assertEqual(self.fired(host), GONE)
        self.assertEqual(self.lines[0][3], "")  # libvirt gives a reason since 10.5
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START)

    def test_a_veto_refuses_the_start_in_the_hooks_words(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_refuse", "#!/bin/sh\necho 'no licence for this VM' >&2\nexit 2\n")
        self.hook(host, "before_vm_start", "60_later", f"#!/bin/sh\ntouch {host.dir}/later\n")
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: Failed to start domain 'vm'\nerror: Hook script execution failed: ", done.stderr)
        self.assertIn("qemu.d/50-vdsm-hook vm prepare begin -) unexpected exit status 1: vdsm-hook: before_vm_start: error: ", done.stderr)
        self.assertRegex(done.stderr, "50_refuse failed at before_vm_start for the VM vm .* exit code 2 .*\nno licence for this VM\n")
        self.assertFalse((host.dir / "later").exists())
        self.assertEqual(self.state(host), "shut off")
        self.assertEqual(self.fired(host), BEFORE_START + GONE)  # libvirt releases what it never started
        self.assertIn("no licence", "".join(host.journal_lines()))

    def test_changes_are_named_and_do_not_reach_the_guest(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_title", RETITLE)
        host.virsh("start", "vm")
        self.assertNotIn("by hook", host.virsh("dumpxml", "vm").stdout)
        (line,) = [line for line in host.journal_lines() if "50_title" in line]
        self.assertRegex(line, r"^<28>.*vdsm-hook\[\d+\]: qemu vm prepare: before_vm_start: warning: .*50_title changed the document, .*vdsm-hook vm start")
        host.virsh("destroy", "vm")
        self.config.write_text("[bridge]\nstrict = true\n")
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "before_vm_start: error: .*50_title changed the document, .*bridge.strict refuses")
        self.assertEqual(self.state(host), "shut off")

    def test_a_hook_that_asks_libvirt_fails_at_once_and_libvirtd_stays_usable(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_ask", f"""#!/bin/sh
begin=$(date +%s%N)
virsh list >{host.dir}/said 2>&1
echo $? $((($(date +%s%N) - begin) / 1000000)) >{host.dir}/ended
""")
        host.virsh("start", "vm")
        self.assertRegex((host.dir / "said").read_text(), "Failed to connect socket to '.*/libvirt-sock': No such file or directory")
        code, milliseconds = map(int, (host.dir / "ended").read_text().split())
        self.assertEqual(code, 1)
        self.assertLess(milliseconds, 1000)
        self.assertEqual(self.state(host), "running")
        host.run_inside(["test", "-S", "/run/libvirt/libvirt-sock"], check=True)
        host.virsh("destroy", "vm")
        self.hook(host, "before_vm_start", "50_ask", "#!/bin/sh\nexec virsh list\n")
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "(?s)50_ask failed at before_vm_start.*Failed to connect socket to")
        self.assertEqual(self.state(host), "shut off")

    def test_sockets_elsewhere_are_hidden_too(self):
        host = self.host()
        sockets = host.dir / "elsewhere"
        sockets.mkdir()
        configuration = host.path("/etc/libvirt/libvirtd.conf")
        configuration.write_text(configuration.read_text() + f'unix_sock_dir = "{sockets}"\n')
        host.uri = f"qemu+unix:///system?socket={sockets}/libvirt-sock"
        self.host = lambda name: host
        self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_ask",
                  f"#!/bin/sh\ntimeout 20 virsh -c '{host.uri}' list >{host.dir}/said 2>&1\necho $? >>{host.dir}/said\n")
        host.virsh("start", "vm")
        self.assertEqual((host.dir / "said").read_text().splitlines()[1:],
                         [f"error: Failed to connect socket to '{sockets}/libvirt-sock': Connection refused", "1"])

    def test_a_hook_that_needs_libvirt_is_not_started_and_the_journal_says_why(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_ask", f"#!/bin/sh\ntouch {host.dir}/asked\n")
        self.hook(host, "before_vm_start", "50_ask.toml", "needs_libvirt = true\n")
        host.virsh("start", "vm")
        self.assertFalse((host.dir / "asked").exists())
        self.assertRegex("".join(host.journal_lines()), "warning: .*50_ask: not run, because it needs libvirt")

    def test_a_main_script_still_runs_first(self):
        host = self.bridged()
        host.hook("qemu", f"#!/bin/sh\necho \"main $2\" >>{host.dir}/events\n")
        self.define(host)
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), ["main prepare", *BEFORE_START, "main start", "main started", *AFTER_START])

    def test_what_a_hook_says_while_the_start_goes_on_reaches_the_journal(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_say", "#!/bin/sh\necho 'pinned to node 1' >&2\n")
        self.hook(host, "after_vm_start", "50_fail", "#!/bin/sh\necho 'no monitoring' >&2\nexit 1\n")
        host.virsh("start", "vm")
        text = "".join(host.journal_lines())
        self.assertRegex(text, r"<30>.*qemu vm prepare: before_vm_start: .*50_say said: pinned to node 1")
        self.assertRegex(text, r"(?s)<28>.*qemu vm started: after_vm_start: warning: .*50_fail failed.*no monitoring")
        self.assertEqual(self.state(host), "running")


class Daemon(BridgeTest):
    def test_the_daemons_life_fires_events_and_a_running_guest_fires_none(self):
        host = self.bridged()
        self.define(host)
        host.virsh("start", "vm")
        self.fired(host)
        for event in ("before_vm_start", "before_vdsm_start"):
            self.hook(host, event, "50_refuse", "#!/bin/sh\nexit 2\n")
        host.restart()
        self.assertEqual(self.fired(host), ["after_vdsm_stop", "before_vdsm_start"])
        self.assertEqual(self.state(host), "running")
        self.assertRegex("".join(host.journal_lines()), "daemon - start: before_vdsm_start: warning: .*50_refuse failed")
        host.reload()
        host.virsh("destroy", "vm")
        self.assertEqual(self.fired(host), GONE)

    def test_a_broken_configuration_ends_no_running_guest(self):
        host = self.bridged()
        self.define(host)
        host.virsh("start", "vm")
        self.config.write_text("nonsense\n")
        host.restart()
        self.assertEqual(self.state(host), "running")
        self.assertIn("vdsm-hook.toml", "".join(host.journal_lines()))
        host.virsh("destroy", "vm")
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("vdsm-hook.toml:1:", done.stderr)


class Saved(BridgeTest):
    def test_a_restored_guest_is_what_the_hooks_made_of_it(self):
        host = self.bridged()
        self.define(host)
        host.virsh("start", "vm")
        image = host.dir / "vm.save"
        host.virsh("save", "vm", image)
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START + GONE)
        self.hook(host, "before_vm_dehibernate", "50_title", RETITLE)
        host.virsh("restore", image)
        self.assertEqual(self.fired(host), ["before_vm_dehibernate", "after_vm_dehibernate"])
        self.assertEqual([line[3] for line in self.lines], ["False", "False"])
        self.assertEqual(host.virsh("desc", "vm", "--title").stdout.strip(), "by hook")
        host.virsh("managedsave", "vm")
        self.fired(host)
        self.hook(host, "before_vm_dehibernate", "60_refuse", "#!/bin/sh\necho 'not today' >&2\nexit 1\n")
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not today", done.stderr)
        host.virsh("managedsave-remove", "vm")
        self.fired(host)
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START)  # what was refused is no restore any more

    def test_a_start_after_a_restore_that_libvirt_refused_is_a_start(self):
        host = self.bridged()
        self.define(host)
        host.virsh("start", "vm")
        image = host.dir / "vm.save"
        host.virsh("save", "vm", image)
        self.fired(host)
        self.hook(host, "before_vm_dehibernate", "50_wrong", "#!/bin/sh\nsed -i 's|<vcpu[^>]*>1<|<vcpu>0<|' \"$_hook_domxml\"\n")
        self.assertEqual(host.virsh("restore", image, check=False).returncode, 1)
        self.assertEqual(self.fired(host), ["before_vm_dehibernate"])
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START)


class Migration(BridgeTest):
    def setUp(self):
        self.source, self.target = self.bridged("source"), self.bridged("target")
        self.define(self.source)
        self.source.virsh("start", "vm")
        self.fired(self.source)

    def move(self):
        return self.source.virsh("migrate", "vm", "--live", "--p2p", "--desturi", self.target.uri, "--migrateuri",
                                 f"unix://{self.target.dir}/migration.sock", check=False)

    def test_the_destinations_hooks_change_the_guest_that_arrives(self):
        self.hook(self.target, "before_vm_migrate_destination", "50_title", RETITLE)
        done = self.move()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.fired(self.target), ARRIVE)
        self.assertEqual([line[2] for line in self.lines], ["", ""])  # nobody defines it here
        self.assertEqual(self.target.virsh("desc", "vm", "--title").stdout.strip(), "by hook")
        self.assertEqual(self.state(self.target), "running")
        self.assertEqual(self.fired(self.source), GONE)
        self.target.virsh("destroy", "vm")
        self.assertEqual(self.fired(self.target), GONE)

    def test_a_refused_migration_leaves_the_guest_where_it_is(self):
        self.hook(self.target, "before_vm_migrate_destination", "50_refuse", "#!/bin/sh\necho 'no room here' >&2\nexit 1\n")
        done = self.move()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "50_refuse failed at before_vm_migrate_destination .*\nno room here")
        self.assertEqual(self.state(self.source), "running")
        self.assertEqual((self.fired(self.source), self.fired(self.target)), ([], ARRIVE))
        self.assertNotIn("vm", self.target.virsh("list", "--all", "--name").stdout.split())
        self.target.virsh("create", self.target.file("vm.xml", DOMAIN))
        self.assertEqual(self.fired(self.target), BEFORE_START + AFTER_START)


class Trees(BridgeTest):
    NAME = "web 1; $(touch x) 'q'"

    def test_a_vms_own_scripts_run_in_order_with_libvirts_arguments_and_may_ask_about_devices(self):
        host = self.bridged()
        tree = f"qemu.d/{self.NAME}"
        record = f"#!/bin/sh\n{{ basename \"$0\"; printf '%s\\n' \"$@\"; grep -c '<domain ' ; }} >>{host.dir}/tree\n"
        host.hook(f"{tree}/prepare/begin/20-b.sh", record)
        host.hook(f"{tree}/prepare/begin/10-a.sh", f"#!/bin/sh\ncat >/dev/null\ntimeout 10 virsh nodedev-list >{host.dir}/devices\n")
        host.hook(f"{tree}/release/end", record)
        self.define(host, domain_xml(self.NAME, UUID, metadata=METADATA))
        host.virsh("start", self.NAME)
        self.assertEqual((host.dir / "tree").read_text().splitlines(), ["20-b.sh", self.NAME, "prepare", "begin", "-", "1"])
        self.assertIn("computer", (host.dir / "devices").read_text().split())
        host.virsh("destroy", self.NAME)
        self.assertEqual((host.dir / "tree").read_text().splitlines()[6:], ["end", self.NAME, "release", "end", "-", "1"])
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START + GONE)

    def test_its_first_failure_refuses_the_start(self):
        host = self.bridged()
        host.hook("qemu.d/vm/prepare/begin/10-fail", "#!/bin/sh\necho 'the GPU is in use' >&2\nexit 1\n")
        host.hook("qemu.d/vm/prepare/begin/20-later", f"#!/bin/sh\ntouch {host.dir}/later\n")
        self.define(host)
        done = host.virsh("start", "vm", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the GPU is in use", done.stderr)
        self.assertFalse((host.dir / "later").exists())
        self.assertEqual(self.fired(host), BEFORE_START + GONE)

    def test_it_does_not_run_after_a_veto_and_filters_what_the_hooks_left(self):
        host = self.bridged()
        host.hook("qemu.d/vm/prepare/begin", f"#!/bin/sh\ntouch {host.dir}/ran\n")
        host.hook("qemu.d/vm/restore/begin", "#!/bin/sh\nsed 's|by hook|& and tree|'\n")
        self.define(host)
        self.hook(host, "before_vm_start", "50_refuse", "#!/bin/sh\nexit 2\n")
        self.assertEqual(host.virsh("start", "vm", check=False).returncode, 1)
        self.assertFalse((host.dir / "ran").exists())
        (host.path("/etc/vdsm") / "hooks/before_vm_start/50_refuse").unlink()
        self.hook(host, "before_vm_dehibernate", "50_title", RETITLE)
        host.virsh("start", "vm")
        host.virsh("managedsave", "vm")
        host.virsh("start", "vm")
        self.assertEqual(host.virsh("desc", "vm", "--title").stdout.strip(), "by hook and tree")


class Commands(BridgeTest):
    """What `vdsm-hook vm` fires itself is not fired by the bridge as well."""

    def vm(self, host, *words):
        host.run_inside([PROGRAM, "vm", *words], check=True)
        return self.fired(host)

    def test_each_event_of_a_command_fires_once(self):
        host = self.bridged()
        self.define(host)
        self.hook(host, "before_vm_start", "50_title", RETITLE)
        self.assertEqual(self.vm(host, "start", "vm"), BEFORE_START + AFTER_START)
        self.assertEqual(host.virsh("desc", "vm", "--title").stdout.strip(), "by hook")
        image = host.dir / "vm.save"
        self.assertEqual(self.vm(host, "save", "vm", image), GONE)
        fired = self.vm(host, "restore", image)
        self.assertEqual(sorted(set(fired)), sorted(fired))
        self.assertIn("before_vm_dehibernate", fired)
        self.assertEqual(self.vm(host, "destroy", "vm"), GONE)
        host.virsh("start", "vm")
        self.assertEqual(self.fired(host), BEFORE_START + AFTER_START)
        self.assertEqual([line for line in host.journal_lines() if "error" in line], [])

    def test_a_migration_fires_the_destinations_events_there(self):
        source, target = self.bridged("source"), self.bridged("target")
        self.define(source)
        self.vm(source, "start", "vm")
        self.hook(target, "before_vm_migrate_destination", "50_title", RETITLE)
        self.assertEqual(self.vm(source, "migrate", "vm", target.uri, "--live", "--p2p", "--migrateuri", f"unix://{target.dir}/migration.sock"), GONE)
        self.assertEqual(self.fired(target), ARRIVE)
        self.assertEqual(target.virsh("desc", "vm", "--title").stdout.strip(), "by hook")


if __name__ == "__main__":
    main()
