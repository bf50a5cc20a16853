"""Reads the hook.toml of every hook, refuses what is wrong with it, and writes what the build needs of it.

    read_hooks.py --source vdsm_hooks --stage BUILD/libexec/vdsm/hooks --output hooks.cmake
                  [--hook NAME]... [--required] [--event NAME]...

For every event and every further file of a hook it writes one call of vdsm_hook_add_event() or vdsm_hook_add_file() into
--output, and the event's sidecar below --stage. Without --hook and --required all hooks are taken, else those named, the
required ones, and what these require; without --event any event will do. All faults are named, each as FILE:LINE: what
is wrong; then the exit code is 1 and nothing is written. README.md beside this file describes the form.
"""

import argparse
import difflib
import os
import re
import sys
import tomllib
from pathlib import Path

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
INSTALLED_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
MAX_SUMMARY = 80
# Packages that are made besides, whatever packages.toml says.
OTHER_PACKAGES = {"vdsm-hook", "vdsm-hook-debuginfo", "vdsm-hook-debugsource"}
# Below what a hook installs nothing: it is the engine's, the administrator's, or has another name here.
TAKEN = [("libexec/vdsm/hooks", "write hooks/"), ("etc/vdsm/hooks", "these are the administrator's"),
         *((f"{root}/vdsm-hook", "this is the engine's") for root in ("libexec", "etc", "share", "var/lib")),
         *((place, "this is the engine's") for place in ("bin/vdsm-hook", "bin/engine-config", "sbin/vdsm-hookd"))]
PROPERTY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|min|h)?")
SECONDS = {"ms": 0.001, None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}
WEEK = 7 * 24 * 3600

HOOK_KEYS = ["name", "summary", "required", "timeout", "on_failure", "needs_libvirt", "privileges", "requires", "packages",
             "vm_properties", "device_properties", "events", "files"]
EVENT_KEYS = ["installed", "source", "when"]
FILE_KEYS = ["source", "path", "mode", "config"]
PACKAGE_SYSTEMS = ["rpm", "deb"]
# What a path in [[files]] may begin with, as CMake knows it.
ROOTS = {"hooks": "VDSM_HOOK_HOOKSDIR", "libexec": "CMAKE_INSTALL_LIBEXECDIR", "bin": "CMAKE_INSTALL_BINDIR",
         "sbin": "CMAKE_INSTALL_SBINDIR", "etc": "CMAKE_INSTALL_SYSCONFDIR", "share": "CMAKE_INSTALL_DATADIR", "lib": None,
         "var": "CMAKE_INSTALL_LOCALSTATEDIR"}
WHEN_KEYS = ["property", "any_property", "device_property", "vm"]
DEVICE_KINDS = ["disk", "interface", "video", "graphics", "sound", "controller", "balloon", "channel", "redir", "redirdev",
                "console", "rng", "smartcard", "watchdog", "hostdev", "memory", "tpm", "mdev"]
ON_FAILURE = ["veto", "warn", "ignore"]
PRIVILEGES = ["root"]


def did_you_mean(word, candidates):
    nearest = difflib.get_close_matches(word, candidates, n=1, cutoff=0.5)
    if nearest:
        return f" (did you mean {nearest[0]}?)"
    return f" (there are: {', '.join(sorted(candidates))})" if 0 < len(candidates) <= 12 else ""


def line_of(text, path):
    """The line where the key or table of PATH (its names from the top; a table of an array as NAME#N) stands, else that
    of what holds it, else 1."""
    while path:
        header, arrays = [], 0
        for number, line in enumerate(text.splitlines(), 1):
            if match := re.match(r"\s*\[\[([^\[\]]+)\]\]", line):
                header = [f"{match[1].strip()}#{arrays}"]
                arrays += 1
                if header == path:
                    return number
            elif match := re.match(r"\s*\[([^\[\]]+)\]", line):
                header = [part.strip(" \t\"'") for part in match[1].split(".")]
                if header == path:
                    return number
            elif header == path[:-1] and re.match(rf"""\s*["']?{re.escape(path[-1])}["']?\s*[=.]""", line):
                return number
        path = path[:-1]
    return 1


class Hook:
    """One hook.toml. `faults` is a list of (line, what); the rest is sound only when that is empty."""

    def __init__(self, path):
        self.path = path
        self.folder = path.parent
        self.faults = []
        self.text = ""
        self.data, self.events, self.files, self.requires = {}, {}, [], []
        try:
            self.text = path.read_text(encoding="utf-8")
            self.data = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            line = re.search(r"at line (\d+)", str(error))
            self.faults.append((int(line[1]) if line else self.text.count("\n") + 1, str(error)))
            return
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append((1, str(error)))
            return
        self.check()

    def refuse(self, table, key, what):
        path = [part for part in [*table.split("."), key] if part]
        self.faults.append((line_of(self.text, path), what))

    def check_keys(self, table, data, known):
        for key in data:
            if key not in known:
                self.refuse(table, key, f"unknown key {key}{did_you_mean(key, known)}")

    def take(self, table, data, key, kind, what, required=False):
        """data[key] when it is of KIND; a list means a list of strings."""
        if key not in data:
            if required:
                self.refuse(table, None, f"{key} is missing")
            return None
        value = data[key]
        good = isinstance(value, kind) and (kind is not list or all(isinstance(v, str) and v for v in value))
        if not good:
            self.refuse(table, key, f"{key} must be {what}")
            return None
        return value

    def one_of(self, table, key, value, known):
        if value is not None and value not in known:
            self.refuse(table, key, f"{key} is none: {value}{did_you_mean(value, known)}")

    def check(self):
        data = self.data
        self.check_keys("", data, HOOK_KEYS)
        name = self.take("", data, "name", str, "text", required=True)
        if name is not None and name != self.folder.name:
            self.refuse("", "name", f"name is {name}, the folder is {self.folder.name}")
        elif name is not None and not PACKAGE_NAME.fullmatch(name):
            self.refuse("", "name", f"name is none for a package (letters, digits, _, -, ., +; a letter or digit first): {name!r}")
        if not (self.folder / "README.md").is_file():
            self.refuse("", None, "there is no README.md beside this file: it is the package's documentation and description")
        summary = self.take("", data, "summary", str, "text", required=True)
        if summary is not None and (not summary.strip() or not summary.isprintable()):
            self.refuse("", "summary", "summary must be one line of text")
        elif summary is not None and len(summary) > MAX_SUMMARY:
            self.refuse("", "summary", f"summary is longer than {MAX_SUMMARY} characters")
        timeout = self.take("", data, "timeout", str, 'a duration as "30s"')
        if timeout is not None:
            match = DURATION.fullmatch(timeout)
            if not match or not 0 < int(match[1]) * SECONDS[match[2]] <= WEEK:
                self.refuse("", "timeout", f'timeout is no duration from "1ms" to a week: {timeout}')
        self.one_of("", "on_failure", self.take("", data, "on_failure", str, "text"), ON_FAILURE)
        self.take("", data, "required", bool, "true or false")
        self.take("", data, "needs_libvirt", bool, "true or false")
        for privilege in self.take("", data, "privileges", list, "a list of texts") or []:
            self.one_of("", "privileges", privilege, PRIVILEGES)
        self.requires = self.take("", data, "requires", list, "a list of hooks") or []
        self.check_packages()

        self.vm_names = self.check_properties("vm_properties", data.get("vm_properties", {}))
        self.device_names = []
        kinds = self.take("", data, "device_properties", dict, "a table") or {}
        self.check_keys("device_properties", kinds, DEVICE_KINDS)
        for kind in kinds:
            self.device_names += self.check_properties(f"device_properties.{kind}", kinds[kind])

        self.events = self.take("", data, "events", dict, "a table", required=True) or {}
        if "events" in data and not self.events:
            self.refuse("", "events", "no event")
        for event in self.events:
            self.check_event(event)
        self.files = data.get("files", [])
        if not isinstance(self.files, list) or not all(isinstance(file, dict) for file in self.files):
            self.refuse("", "files", "files must be tables [[files]]")
            self.files = []
        for number, file in enumerate(self.files):
            self.check_file(f"files#{number}", file)

    def check_packages(self):
        packages = self.data.get("packages", [])
        if isinstance(packages, dict):
            self.check_keys("packages", packages, PACKAGE_SYSTEMS)
            lists = [("packages", key) for key in packages]
        else:
            packages = self.data
            lists = [("", "packages")]
        for table, key in lists:
            for name in self.take(table, packages, key, list, "a list of package names") or []:
                if not PACKAGE_NAME.fullmatch(name):
                    self.refuse(table, key, f"not the name of a package: {name!r}")
                elif key != "rpm" and not DEBIAN_NAME.fullmatch(name):
                    self.refuse(table, key, f"no package of Debian is called {name!r}: say packages = {{ rpm = [...], deb = [...] }}")

    def packages_for(self, system):
        packages = self.data.get("packages", [])
        return packages.get(system, []) if isinstance(packages, dict) else packages

    def check_properties(self, table, properties):
        if not isinstance(properties, dict):
            self.refuse("", table, f"{table} must be a table")
            return []
        for name, pattern in properties.items():
            if not PROPERTY_NAME.fullmatch(name):
                self.refuse(table, name, f"{name} is no property name (letters, digits, _; no digit first)")
            self.check_pattern(table, name, pattern)
        return list(properties)

    def check_pattern(self, table, key, pattern):
        if not isinstance(pattern, str):
            self.refuse(table, key, f"the pattern of {key} must be text")
            return
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            self.refuse(table, key, f"the pattern of {key} is wrong: {error}")

    def check_event(self, event):
        table = f"events.{event}"
        data = self.events[event]
        if not isinstance(data, dict):
            self.refuse("events", event, f"{table} must be a table")
            return
        self.check_keys(table, data, EVENT_KEYS)
        for key in ["installed", "source"]:
            name = self.take(table, data, key, str, "text", required=True)
            if name is not None and not FILE_NAME.fullmatch(name):
                self.refuse(table, key, f"{key} is not one plain file name: {name!r}")
            elif name is not None and key == "installed" and name.endswith(".toml"):
                self.refuse(table, key, f"{name} would be taken for a sidecar, which is never run")
            elif name is not None and key == "source" and self.check_source(table, name) and not name.endswith(".cpp"):
                with open(self.folder / name, "rb") as source:
                    if source.read(2) != b"#!":
                        self.refuse(table, key, f"{name} is no .cpp, so it must be a script: begin with #! and its interpreter")
        when = self.take(table, data, "when", dict, "a table") or {}
        self.check_keys(f"{table}.when", when, WHEN_KEYS)
        for key, names in [("property", self.vm_names), ("device_property", self.device_names)]:
            for name, pattern in (self.take(f"{table}.when", when, key, dict, "a table") or {}).items():
                self.check_defined(table, name, names)
                self.check_pattern(table, "when", pattern)
        for name in self.take(f"{table}.when", when, "any_property", list, "a list of texts") or []:
            self.check_defined(table, name, self.vm_names + self.device_names)
        self.take(f"{table}.when", when, "vm", list, "a list of texts")

    def check_source(self, table, name):
        """Whether it is a file in the hook's folder itself."""
        path = self.folder / name
        if not path.is_file() or path.is_symlink():
            self.refuse(table, "source", f"{name} is a link: put the file itself here" if path.is_symlink() else
                        f"there is no {name} beside this file")
            return False
        return True

    def check_file(self, table, file):
        self.check_keys(table, file, FILE_KEYS)
        source = self.take(table, file, "source", str, "text", required=True)
        if source is not None and not FILE_NAME.fullmatch(source):
            self.refuse(table, "source", f"source is not one plain file name: {source!r}")
        elif source is not None:
            self.check_source(table, source)
        path = self.take(table, file, "path", str, "text", required=True)
        parts = (path or "").split("/")
        if path is not None and (parts[0] not in ROOTS or len(parts) < 2):
            self.refuse(table, "path", f"path must begin with one of {', '.join(f'{root}/' for root in ROOTS)}: {path!r}")
        elif path is not None and not all(INSTALLED_NAME.fullmatch(part) for part in parts):
            self.refuse(table, "path", f"path has a part that is no plain name: {path!r}")
        elif path is not None:
            for place, why in TAKEN:
                if path == place or path.startswith(f"{place}/"):
                    self.refuse(table, "path", f"nothing is installed to {path}: {why}")
        mode = self.take(table, file, "mode", str, "text")
        if mode is not None and not re.fullmatch(r"0[4-7][0145][0145]", mode):
            self.refuse(table, "mode", f'mode must be as "0644", and writable by the owner alone: {mode!r}')
        elif mode is not None and int(mode, 8) & 0o111 and parts[0] == "hooks" and len(parts) == 3:
            self.refuse(table, "mode", f"an executable file there is a hook: give it a table [events.{parts[1]}]")
        if self.take(table, file, "config", bool, "true or false") and parts[0] != "etc":
            self.refuse(table, "config", "what administrators change lies in etc/")

    def installs(self):
        """(table, key, what is installed, from its root on), the sidecars and the package's documentation as well."""
        yield "", "name", f"share/doc/{self.package()}/README.md"
        for event, data in self.events.items():
            if isinstance(data, dict) and isinstance(data.get("installed"), str):
                yield f"events.{event}", "installed", f"hooks/{event}/{data['installed']}"
                yield f"events.{event}", "installed", f"hooks/{event}/{data['installed']}.toml"
        for number, file in enumerate(self.files):
            if isinstance(file.get("path"), str):
                yield f"files#{number}", "path", file["path"]

    def package(self):
        return package_of(self.folder.name)

    def check_defined(self, table, name, names):
        if name not in names:
            self.refuse(table, "when", f"this hook defines no property {name}{did_you_mean(name, names)}")

    def sidecar(self, event):
        lines = [f"# Made from hook.toml of {self.data['name']}."]
        for key in ["name", "summary", "timeout", "on_failure", "needs_libvirt", "privileges"]:
            if key in self.data:
                lines.append(f"{key} = {toml(self.data[key])}")
        if properties := self.data.get("vm_properties"):
            lines += ["", "[vm_properties]"] + [f"{key} = {toml(value)}" for key, value in properties.items()]
        for kind, properties in self.data.get("device_properties", {}).items():
            lines += ["", f"[device_properties.{kind}]"] + [f"{key} = {toml(value)}" for key, value in properties.items()]
        if when := self.events[event].get("when"):
            lines += ["", "[when]"] + [f"{key} = {toml(value)}" for key, value in when.items()]
        return "\n".join(lines) + "\n"


def package_of(name):
    """vdsm-hook-NAME in the characters and case that both package systems take."""
    return "vdsm-hook-" + name.lower().replace("_", "-")


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(v)}" for key, v in value.items()) + " }"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def cycle_from(name, hooks, way=()):
    """The names on a way of requirements that comes back to NAME; empty if there is none."""
    for other in hooks[name].requires if name in hooks else []:
        if other == (way or (name,))[0]:
            return [*way, name, other]
        if other not in way and (found := cycle_from(other, hooks, (*way, name))):
            return found
    return []


def select(hooks, wanted, is_required_only):
    """The names of HOOKS that are taken, with what they require."""
    names = [name for name, hook in hooks.items()
             if name in wanted or (hook.data.get("required") is True if is_required_only else not wanted)]
    for name in names:
        names += [other for other in hooks[name].requires if other in hooks and other not in names]
    return names


def packages_beside(source):
    """Names of packages that no hook may have."""
    names = set(OTHER_PACKAGES)
    if (table := source.parent / "packages/packages.toml").is_file():
        for package in tomllib.loads(table.read_text(encoding="utf-8")).values():
            names |= {package["package"], package.get("deb", package["package"])}
    return names


def read(source, wanted, is_required_only, known_events):
    """The hooks of SOURCE that are taken and their faults, as lines. A folder that a dot hides is nobody's yet."""
    every = {path.parent.name: Hook(path) for path in sorted(source.glob("[!.]*/hook.toml"))}
    faults = [f"{source}: there is no hook {name}{did_you_mean(name, list(every))}" for name in wanted if name not in every]
    taken_names = select(every, wanted, is_required_only)
    hooks = [hook for name, hook in every.items() if name in taken_names]
    taken, packages, reserved = {}, {}, packages_beside(source)
    for hook in hooks:
        for event in hook.events:
            if not FILE_NAME.fullmatch(event):
                hook.refuse(f"events.{event}", None, f"an event is one plain name: {event!r}")
            elif known_events and event not in known_events:
                hook.refuse(f"events.{event}", None,
                            f"there is no hook point {event}{did_you_mean(event, known_events)}")
        for table, key, path in hook.installs():
            if path in taken:
                hook.refuse(table, key, f"{taken[path].path} installs {path} as well")
            elif inside := next((other for other in taken if other.startswith(f"{path}/") or path.startswith(f"{other}/")), None):
                hook.refuse(table, key, f"{taken[inside].path} installs {inside}: one of the two is a file, not a directory")
            elif path.removeprefix("hooks/") in known_events:
                hook.refuse(table, key, f"{path} is the directory of an event")
            taken[path] = hook
        if hook.package() in reserved:
            hook.refuse("", "name", f"{hook.package()} is a package of the engine's: call the hook otherwise")
        if (other := packages.setdefault(package_of(hook.folder.name), hook)) is not hook:
            hook.refuse("", "name", f"{other.path} makes the package {package_of(hook.folder.name)} as well")
        for name in hook.requires:
            if name not in every:
                hook.refuse("", "requires", f"there is no hook {name}{did_you_mean(name, list(every))}")
        if cycle := cycle_from(hook.folder.name, every):
            hook.refuse("", "requires", f"the hooks require each other: {' -> '.join(cycle)}")
        faults += [f"{hook.path}:{line}: {what}" for line, what in hook.faults]
    return hooks, faults


def permissions(mode):
    """MODE in CMake's words."""
    return " ".join(f"{who}_{what}" for who, shift in [("OWNER", 6), ("GROUP", 3), ("WORLD", 0)]
                    for what, bit in [("READ", 4), ("WRITE", 2), ("EXECUTE", 1)] if int(mode, 8) >> shift & bit)


def write(path, content, mode=0o644):
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
    path.chmod(mode)


def make_directory(path, top):
    """PATH and what is above it up to TOP, writable by the owner alone, as the engine wants hook directories."""
    path.mkdir(parents=True, exist_ok=True)
    while path != top.parent:
        path.chmod(0o755)
        path = path.parent


def stage(hooks, directory, output):
    calls, staged = [], set()
    for hook in hooks:
        calls.append(f"vdsm_hook_add_hook({hook.data['name']} {hook.package()})\n")
        for event, data in hook.events.items():
            make_directory(directory / event, directory)
            place = directory / event / data["installed"]
            sidecar = Path(f"{place}.toml")
            write(sidecar, hook.sidecar(event))
            staged |= {str(place), str(sidecar)}
            calls.append(f"vdsm_hook_add_event({hook.data['name']} {event} {data['installed']} {data['source']})\n")
        for file in hook.files:
            root, rest = file["path"].split("/", 1)
            if root == "hooks":
                make_directory((directory / rest).parent, directory)
                staged.add(str(directory / rest))
            base = f"${{{ROOTS[root]}}}" if ROOTS[root] else root
            calls.append(f"vdsm_hook_add_file({hook.data['name']} {file['source']} {root} {base}/{rest} "
                         f"{file.get('mode', '0644')} {str(file.get('config', False)).upper()} {permissions(file.get('mode', '0644'))})\n")
    # What an earlier configuration put there and this one would not must not be run any more.
    manifest = output.with_suffix(".staged")
    if manifest.is_file():
        for path in map(Path, set(manifest.read_text(encoding="utf-8").splitlines()) - staged):
            if path.is_file() or path.is_symlink():
                path.unlink()
    write(manifest, "".join(f"{path}\n" for path in sorted(staged)))
    write(output, "".join(calls))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, metavar="DIR", help="holds one folder a hook")
    parser.add_argument("--stage", type=Path, required=True, metavar="DIR", help="sidecars go to DIR/EVENT")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the calls for CMake")
    parser.add_argument("--hook", action="append", default=[], metavar="NAME", help="only this hook (repeatable)")
    parser.add_argument("--required", action="store_true", help="those that are required, and those of --hook")
    parser.add_argument("--event", action="append", default=[], metavar="NAME", help="a known event (repeatable)")
    options = parser.parse_args()
    hooks, faults = read(options.source, options.hook, options.required, options.event)
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    stage(hooks, Path(os.path.abspath(options.stage)), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
