"""What tests of `vdsm-hook vm` on a real libvirtd share: hooks that keep what they were called with, and the command inside the host."""

import atexit
import json
import re
import shlex
import tomllib
from pathlib import Path

from virtcase import VirtHostTest, reachable_build

SOURCE = Path(__file__).resolve().parents[2]
BUILD = reachable_build(atexit.register)  # hooks in a checkout that a group may write to are not trusted
PROGRAM = BUILD / "bin" / "vdsm-hook"
LIFECYCLES = tomllib.loads((SOURCE / "hookpoints" / "lifecycles.toml").read_text())
EVENTS = list(tomllib.loads((SOURCE / "hookpoints" / "hookpoints.toml").read_text()))

# A build that is not for /usr has its own.
PLACES = {"VDSM_HOOK_HOOKS_DIR": f"{BUILD}/libexec/vdsm/hooks:/etc/vdsm/hooks", "VDSM_HOOK_CONFIG_DIR": "/etc/vdsm-hook"}
NIC = "52:54:00:00:00:01"
PROPERTIES = ('<ovirt-vm:vm xmlns:ovirt-vm="http://ovirt.org/vm/1.0"><ovirt-vm:custom><ovirt-vm:colour>red</ovirt-vm:colour></ovirt-vm:custom>'
              f'<ovirt-vm:device mac_address="{NIC}"><ovirt-vm:custom><ovirt-vm:speed>1000</ovirt-vm:speed></ovirt-vm:custom></ovirt-vm:device>'
              "</ovirt-vm:vm>")

# Hooks get no others of a domain XML.
DEFINITIONS = "[UserDefinedVMProperties]\n'4.8' = 'colour=.*'\n[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={speed=.*}}'\n"

# Keeps its event, document and properties; then does what the test wants.
HOOK = """#!/bin/sh
n=$(ls {log} | wc -l)
document=${{_hook_domxml:-$_hook_json}}
cp "$document" "{log}/$(printf %04d "$n").$VDSM_HOOK_EVENT.document"
"""


def phase(name, *lists):
    """Events of a phase of lifecycles.toml: of its lists before and after, or of LISTS."""
    return [event for key in lists or ("before", "after") for event in LIFECYCLES["phase"][name].get(key, [])]


class VmTest(VirtHostTest):
    def hooked_host(self, name="host", **options):
        """Not started yet. Every hook point has a hook that keeps what it was called with."""
        host = self.host(name, **options)
        (host.dir / "events").mkdir()
        host.path("/etc/vdsm-hook/properties.toml").write_text(DEFINITIONS)
        for event in EVENTS:
            self.event_hook(host, event, "10_keep")
        return host

    def event_hook(self, host, event, name, *lines, keeps=True):
        """A hook in shell; KEEPS what it was called with, for events()."""
        path = host.path(f"/etc/vdsm/hooks/{event}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        environment = f'tr "\\0" "\\n" </proc/$$/environ >"{host.dir}/events/$(printf %04d "$n").$VDSM_HOOK_EVENT"\n'
        path.write_text((HOOK.format(log=host.dir / "events") + environment if keeps else "#!/bin/sh\n") + "".join(f"{line}\n" for line in lines))
        path.chmod(0o755)
        return path

    def kept(self, host):
        """[(event, environment, document)] in order."""
        result = []
        for path in sorted(path for path in (host.dir / "events").iterdir() if path.suffix != ".document"):
            document = path.with_name(path.name + ".document")
            env = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
            result.append((path.name.split(".", 1)[1], env, document.read_text()))
        return result

    def events(self, host):
        """The events that fired since the last call."""
        names = [event for event, _, _ in self.kept(host)]
        for path in (host.dir / "events").iterdir():
            path.unlink()
        return names

    def vm(self, host, command, *words, code=0, **options):
        done = host.run_inside([PROGRAM, "vm", *shlex.split(command), *words], env=PLACES, **options)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}{done.stderr}{host.log_tail()}")
        return done

    def report(self, host, command, *words, code=0):
        self.vm(host, command, *words, "--report", host.dir / "report.json", code=code)
        return json.loads((host.dir / "report.json").read_text())

    def define(self, host, xml):
        host.virsh("define", host.file("define.xml", xml))

    def state(self, host, name):
        return host.virsh("domstate", name).stdout.strip()

    def live_xml(self, host, name):
        return host.virsh("dumpxml", "--security-info", name).stdout

    def definition(self, host, name):
        return host.virsh("dumpxml", "--security-info", "--inactive", name).stdout


def title_of(xml):
    found = re.search("<title>(.*)</title>", xml)
    return found and found.group(1)
