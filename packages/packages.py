#!/usr/bin/env python3
"""Says to the package systems what there is to package: from packages.toml, the hooks' hook.toml and the hook points.

    packages.py spec --version V        prints rpm/vdsm-hook.spec.in with its @...@ filled in

It takes --source DIR, where it is not to describe the tree that this file is in. A fault is named, exit 1.
"""

import argparse
import os
import re
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "hookpoints"), str(TOP / "vdsm_hooks")]
import generate  # noqa: E402
import read_hooks  # noqa: E402

PROJECT = "vdsm-hook developers"
MAIL = "developers@vdsm-hook.example"


# Directories that files of hooks lie in and that belong to the system, or to the engine.
SHARED = {"etc/cron.d", "etc/libvirt", "etc/libvirt/nwfilter", "etc/logrotate.d", "etc/modprobe.d", "etc/modules-load.d", "etc/sudoers.d",
          "etc/sysctl.d", "etc/systemd", "etc/systemd/system", "etc/udev", "etc/udev/rules.d", "etc/vdsm", "lib/modprobe.d",
          "lib/modules-load.d", "lib/sysctl.d", "lib/systemd", "lib/systemd/system", "lib/systemd/system-preset", "lib/systemd/user",
          "lib/sysusers.d", "lib/tmpfiles.d", "lib/udev", "lib/udev/rules.d", "libexec/vdsm", "share/doc", "share/man", "var/cache",
          "var/lib", "var/log", "var/spool"}


class Package:
    """One of packages.toml, or that of a hook."""

    def __init__(self, component, data):
        self.component = component
        self.name = data["package"]
        self.deb = data.get("deb", self.name)
        self.summary = data["summary"]
        self.description = " ".join(data["description"].split())
        self.requires = data.get("requires", [])
        self.is_compiled = data.get("arch", True)

    def needs(self, system):
        return self.requires.get(system, []) if isinstance(self.requires, dict) else self.requires

    def folded(self):
        return textwrap.fill(self.description, 76, break_on_hyphens=False)


def first_paragraph(readme):
    """Of README.md: what its package is described with. Headings, lists of badges, comments, tables and code are none."""
    text = re.sub(r"(?ms)^(```|~~~).*?^\1|<!--.*?-->", "", readme.read_text(encoding="utf-8-sig"))
    text = re.sub(r"(?m)^.*\n(=+|-+)[ \t]*$", "", text)
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.strip("\n").split("\n") if line.strip() and not re.match(r"#|!\[|\[!\[|\||\t| {4}", line)]
        if lines:
            return re.sub(r"[`*]", "", "\n".join(lines))
    return ""


class HookPackage(Package):
    def __init__(self, hook):
        data = hook.data
        about = first_paragraph(hook.folder / "README.md")
        super().__init__(f"hook-{data['name']}", {
            "package": hook.package(), "summary": data["summary"], "requires": data.get("packages", []),
            "description": ("" if about.strip(" .\n") == data["summary"].strip(" .") else about) +
                           f" It runs at {', '.join(hook.events)}.",
            "arch": any(event["source"].endswith(".cpp") for event in hook.events.values())})
        self.hook = hook
        self.upstream_name = f"vdsm-hook-{data['name']}"
        self.required_packages = [read_hooks.package_of(name) for name in hook.requires]
        self.is_script = any(not event["source"].endswith(".cpp") for event in hook.events.values())

    def directories(self):
        """Those that its files need and that no other package has, from the highest on."""
        found = {str(parent) for file in self.hook.files for parent in Path(file["path"]).parents if len(parent.parts) > 1}
        return sorted(path for path in found if path not in SHARED and not path.startswith("hooks/") and not path.startswith("share/man/"))


def read(source):
    """(packages of packages.toml by component, those of the hooks)."""
    with open(source / "packages/packages.toml", "rb") as file:
        packages = {component: Package(component, data) for component, data in tomllib.load(file).items()}
    hooks, faults = read_hooks.read(source / "vdsm_hooks", [], False, [])
    if faults:
        sys.exit("\n".join(faults))
    return packages, [HookPackage(hook) for hook in hooks]


def git(source, *words):
    """What git says of SOURCE, whoever owns it."""
    try:
        return subprocess.run(["git", "-c", f"safe.directory={source}", "-C", source, *words], stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{source}: git says what belongs to the project, and it failed: {error}")


def source_date(source):
    """When what is packaged was made, in seconds: SOURCE_DATE_EPOCH, else the last commit, else what a tarball says."""
    if text := os.environ.get("SOURCE_DATE_EPOCH"):
        if not re.fullmatch(r"[0-9]{1,10}", text):
            sys.exit(f"SOURCE_DATE_EPOCH is no number of seconds: {text!r}")
        return int(text)
    if (source / ".git").exists():
        return int(git(source, "log", "-1", "--format=%ct"))
    return int((source / "NEWS").stat().st_mtime)


def news_of(source, version):
    """The entries of VERSION, with which NEWS must begin, a line each."""
    text = (source / "NEWS").read_text(encoding="utf-8")
    if not (match := re.match(rf"vdsm-hook {re.escape(version)}\n\n((?:[* ] .*\n)+)", text)):
        sys.exit(f"{source}/NEWS:1: the version is {version}, but NEWS does not begin with it")
    return [" ".join(entry.split()) for entry in re.split(r"^\* ", match[1], flags=re.M) if entry]


def entries(source, version, mark):
    return "\n".join(textwrap.fill(entry, 78, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False)
                     for entry in news_of(source, version))


# ------------------------------------------------------------------------------------------------- rpm

def percent(text):
    return text.replace("%", "%%")


RPM_ROOTS = {"hooks": "%{_libexecdir}/vdsm/hooks", "libexec": "%{_libexecdir}", "bin": "%{_bindir}", "sbin": "%{_sbindir}",
             "etc": "%{_sysconfdir}", "share": "%{_datadir}", "lib": "%{_prefix}/lib", "var": "%{_localstatedir}"}


def rpm_path(path):
    root, rest = path.split("/", 1)
    return f"{RPM_ROOTS[root]}/{rest}"


def rpm_files(package):
    """The %files of a hook. Directories of its own are named by %dir: what is not would be left behind."""
    lines = [f"%doc %{{_datadir}}/doc/{package.name}"]
    for event, data in package.hook.events.items():
        place = f"%{{_libexecdir}}/vdsm/hooks/{event}/{data['installed']}"
        lines += [place, f"{place}.toml"]
    for directory in package.directories():
        lines.append(f"%dir {rpm_path(directory)}")
    for file in package.hook.files:
        path = rpm_path(file["path"])
        lines.append(f"%config(noreplace) {path}" if file.get("config") else path)
    return lines


def rpm_hook(package):
    requires = [f"vdsm-hook%{{?_isa}} >= %{{epoch}}:%{{version}}-%{{release}}" if package.is_compiled else
                "vdsm-hook >= %{epoch}:%{version}-%{release}"]
    requires += [f"{name} = %{{epoch}}:%{{version}}-%{{release}}" for name in package.required_packages] + package.needs("rpm")
    if package.is_script:
        requires.append("vdsm-hook-sdk >= %{epoch}:%{version}-%{release}")
    lines = [f"%package -n {package.name}", f"Summary: {percent(package.summary)}"]
    lines += [] if package.is_compiled else ["BuildArch: noarch"]
    lines += [f"Requires: {name}" for name in requires]
    lines += [f"Provides: vdsm-hook({event}) = %{{epoch}}:%{{version}}-%{{release}}" for event in package.hook.events]
    if package.upstream_name != package.name:
        lines += [f"Provides: {package.upstream_name} = %{{epoch}}:%{{version}}-%{{release}}",
                  f"Obsoletes: {package.upstream_name} < %{{epoch}}:%{{version}}-%{{release}}"]
    lines += ["", f"%description -n {package.name}", percent(package.folded()), "", f"%files -n {package.name}", *rpm_files(package)]
    return only_if_made(package, "\n".join(lines))


def condition_of(package):
    """A macro's name, which has no dash nor dot."""
    return "made_" + re.sub(r"[^a-z0-9]", lambda other: f"_{ord(other[0]):x}_", package.name.removeprefix("vdsm-hook-"))


def only_if_made(package, text):
    return f"%if %{{{condition_of(package)}}}\n{text}\n%endif"


def rpm_conditions(hooks):
    """Which hooks' packages are made: of what is installed already, those that are there."""
    there = [f"%global {condition_of(package)} %(test -d '%{{vdsm_hook_root}}%{{_datadir}}/doc/{package.name}' && echo 1 || echo 0)"
             for package in hooks]
    built = [f"%global {condition_of(package)} {1 if package.hook.data.get('required') else '%{with hooks}'}" for package in hooks]
    return "\n".join(["%if %{defined vdsm_hook_root}", *there, "%else", *built, "%endif"])


def rpm_all(hooks):
    return "\n".join(only_if_made(package, f"Requires: {package.name} = %{{epoch}}:%{{version}}-%{{release}}") for package in hooks)


def rpm_conflicts(source):
    lines = (source / "rpm/upstream_hooks.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(f"Conflicts: vdsm-hook-{name} < 1:0" for name in lines if name and not name.startswith("#"))


def spec(source, version):
    packages, hooks = read(source)
    events = generate.read_table(source / "hookpoints/hookpoints.toml")
    values = {"VERSION": version, "HOOKS": "\n\n".join(map(rpm_hook, hooks)), "ALL_REQUIRES": rpm_all(hooks), "HOOK_CONDITIONS": rpm_conditions(hooks),
              "UPSTREAM_CONFLICTS": rpm_conflicts(source),
              "HOOK_POINT_DIRECTORIES": "\n".join(f"%dir %{{{root}}}/vdsm/hooks/{event}" for event in events
                                                  for root in ("_libexecdir", "_sysconfdir")),
              "CHANGELOG": f"* {time.strftime('%a %b %d %Y', time.gmtime(source_date(source)))} {PROJECT} <{MAIL}> - 1:{version}-1\n"
                           + percent(entries(source, version, "- "))}
    for component, package in packages.items():
        key = component.upper().replace("-", "_")
        values[f"{key}_SUMMARY"] = percent(package.summary)
        values[f"{key}_DESCRIPTION"] = percent(package.folded())
        values[f"{key}_REQUIRES"] = "\n".join(f"Requires: {name}" for name in package.needs("rpm"))
    template = (source / "rpm/vdsm-hook.spec.in").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["spec"])
    parser.add_argument("--version", required=True, metavar="V", help="the project's version")
    parser.add_argument("--source", type=Path, default=TOP, metavar="DIR", help="the tree that is described")
    options = parser.parse_args()
    sys.stdout.write(spec(options.source, options.version))


if __name__ == "__main__":
    main()
