"""From what is installed where to the text of hook.toml."""

import json
import posixpath
from dataclasses import dataclass, field

import read_hooks

# What of the absolute paths of vdsm's build (makefile_am.py) is which root of hook.toml; the first that fits counts.
ROOTS = [("/usr/libexec/vdsm/hooks/", "hooks"), ("/usr/libexec/", "libexec"), ("/usr/bin/", "bin"), ("/usr/sbin/", "sbin"),
         ("/etc/", "etc"), ("/usr/share/", "share"), ("/usr/lib/", "lib"), ("/lib/", "lib"), ("/var/", "var")]
NO_GROUP_WRITES = 0o755
# A document of each kind.
EXAMPLES = {"none": "", "json": "{}", "domxml": "<domain type='kvm'><name>web-01</name><devices/></domain>",
            "device_xml": "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>"}


@dataclass
class Description:
    name: str
    summary: str
    vm_properties: dict = field(default_factory=dict)
    device_properties: dict = field(default_factory=dict)  # kind -> name -> pattern
    events: dict = field(default_factory=dict)  # event -> (installed, source)
    files: list = field(default_factory=list)  # (source, path, mode)

    def text(self):
        lines = [f"name = {read_hooks.toml(self.name)}", f"summary = {read_hooks.toml(self.summary)}"]
        of_devices = [(f"device_properties.{kind}", names) for kind, names in self.device_properties.items()]
        for table, properties in [("vm_properties", self.vm_properties), *of_devices]:
            if properties:
                lines += ["", f"[{table}]", *(f"{name} = {read_hooks.toml(pattern)}" for name, pattern in properties.items())]
        for event, (installed, source) in self.events.items():
            lines += ["", *stanza(event, installed, source)]
        for source, path, mode in self.files:
            lines += ["", "[[files]]", f"source = {read_hooks.toml(source)}", f"path = {read_hooks.toml(path)}"]
            lines += [f'mode = "{mode:04o}"'] if mode != 0o644 else []
            lines += ["config = true"] if path.startswith("etc/") else []
        return "\n".join(lines) + "\n"


    def cases(self, payloads):
        """The least that can be said of a hook of which nobody said what it does."""
        cases = [{"id": f"{event}, no property", "event": event, "env": {}, "payload_kind": payloads[event], "payload": EXAMPLES[payloads[event]],
                  "expect": {"rc": 0}} for event in self.events]
        return json.dumps({"hook": self.name, "cases": cases}, indent=1) + "\n"


def stanza(event, installed, source):
    return [f"[events.{event}]", f"installed = {read_hooks.toml(installed)}", f"source = {read_hooks.toml(source)}"]


def place_of(path):
    """The path as hook.toml has it; None below no known root."""
    return next((f"{root}/{path.removeprefix(start)}" for start, root in ROOTS if path.startswith(start)), None)


class Placing:
    """Puts every step where it belongs in DESCRIPTION. What has no place is a finding."""

    def __init__(self, description, contents, events, findings):
        self.description, self.contents, self.events, self.findings = description, contents, events, findings
        self.names = {}  # file of the folder -> its plain name beside hook.toml

    def place(self, path, step):
        source = self.plain_name(step)
        place = place_of(path)
        if source is None:
            return
        if place is None:
            self.refuse(step, f"{path} is below no directory that a hook may install to: {step.source} is not installed")
        elif not all(read_hooks.INSTALLED_NAME.fullmatch(part) for part in place.split("/")):
            self.refuse(step, f"{path} has a part that is no plain file name: {step.source} is not installed")
        elif place.removeprefix("hooks/") in self.events:
            self.refuse(step, f"{path} is the directory of an event, not a file: {step.source} is not installed")
        elif place.startswith("hooks/") and place.count("/") == 2 and step.mode & 0o111:
            self.place_event(place, source, step)
        else:
            self.place_file(place, source, step)

    def place_event(self, place, source, step):
        _, event, installed = place.split("/")
        why = None
        if event not in self.events:
            why = (f"there is no hook point {event}{read_hooks.did_you_mean(event, self.events)}; "
                   f"add it to hookpoints/hookpoints.toml, or to hookpoints.d of the site")
        elif event in self.description.events:
            why = (f"{self.description.events[event][0]} is at {event} already, and a hook has one file for each event: "
                   "make this a hook of its own")
        elif not read_hooks.FILE_NAME.fullmatch(installed) or installed.endswith(".toml"):
            why = f"{installed} is no name for a hook"
        elif not self.contents[step.source].startswith(b"#!"):
            why = f"{step.source} does not begin with #! and its interpreter: add that"
        if why is not None:
            self.refuse(step, f"{event}/{installed} is left out: {why}, with {', '.join(stanza(event, installed, source))}")
            return
        if step.mode != 0o755:
            self.refuse(step, f"{event}/{installed} has mode {step.mode:04o} there; here 0755")
        self.description.events[event] = (installed, source)

    def place_file(self, place, source, step):
        mode = step.mode & NO_GROUP_WRITES | 0o400
        if mode != step.mode:
            self.refuse(step, f"{place} has mode {step.mode:04o} there; here {mode:04o}: its owner alone may write, and no file is set-uid")
        is_at_an_event = place.startswith("hooks/") and place.count("/") == 2
        if is_at_an_event and self.contents[step.source].startswith(b"#!") and not place.endswith(".py"):
            self.refuse(step, f"{place} is a script that is installed without a right to execute it: it is no hook that runs")
        if place.startswith("etc/sudoers.d/"):
            self.refuse(step, f"{place}: hooks run as the engine's own user, root as a rule, not as vdsm: take the rule out if nobody "
                              "else needs it")
        self.description.files.append((source, place, mode))

    def plain_name(self, step):
        """Files of folders below are put beside hook.toml."""
        name = posixpath.basename(step.source)
        if not read_hooks.FILE_NAME.fullmatch(name):
            self.refuse(step, f"{step.source}: the name of a source has letters, digits, _, . and - only: it is not installed")
            return None
        if name == "hook.toml":
            self.refuse(step, f"{step.source}: hook.toml is the description's own name: it is not installed")
            return None
        is_taken = any(other != step.source and taken == name for other, taken in self.names.items())
        if is_taken or name != step.source and any(file == name or file.startswith(name + "/") for file in self.contents):
            self.refuse(step, f"{step.source}: another file is called {name} beside hook.toml: it is not installed")
            return None
        self.names[step.source] = name
        return name

    def refuse(self, step, what):
        self.findings.add("Makefile.am" if step.line else step.source, step.line, what)
