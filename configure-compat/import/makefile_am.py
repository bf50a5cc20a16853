"""Reads a Makefile.am: its variables, its rules, its automake lists. Nothing is ever executed.

What it cannot follow becomes a finding with its line, and is left out: functions of make, shell assignments, included
files, variables that nobody sets. Conditions of the build are taken as true and named.
"""

import re
from dataclasses import dataclass, field

MAX_EXPANDED = 64 * 1024  # of one text
MAX_ALL_EXPANDED = 1024 * 1024
MAX_NAME = 200  # of a variable that is a list of automake's
MAX_PREREQUISITES = 10_000

# Where vdsm's build puts things. Also the place where ours does, so that a path tells its root (describe.py).
DIRECTORIES = {
    "prefix": "/usr", "exec_prefix": "/usr", "bindir": "/usr/bin", "sbindir": "/usr/sbin", "libexecdir": "/usr/libexec",
    "sysconfdir": "/etc", "localstatedir": "/var", "sharedstatedir": "/var/lib", "datarootdir": "/usr/share",
    "datadir": "/usr/share", "docdir": "/usr/share/doc/vdsm", "mandir": "/usr/share/man", "pkgdatadir": "/usr/share/vdsm",
    "pkglibexecdir": "/usr/libexec/vdsm", "vdsmexecdir": "/usr/libexec/vdsm", "vdsmhooksdir": "/usr/libexec/vdsm/hooks",
    "vdsmdir": "/usr/share/vdsm", "vdsmconfdir": "/etc/vdsm", "vdsmlibdir": "/var/lib/vdsm", "vdsmlogdir": "/var/log/vdsm",
    "systemdunitdir": "/usr/lib/systemd/system", "systemdsystemunitdir": "/usr/lib/systemd/system",
    "udevrulesdir": "/usr/lib/udev/rules.d", "udevlibdir": "/usr/lib/udev", "sudoersdir": "/etc/sudoers.d",
}
# Marks in expanded text. A Makefile.am may write them itself, and means the same.
DESTDIR, SRCDIR, ELSEWHERE = "@DESTDIR@", "@srcdir@", "@top_srcdir@"
BUILTIN = {
    **DIRECTORIES, "DESTDIR": DESTDIR, "srcdir": SRCDIR, "builddir": SRCDIR, "abs_srcdir": SRCDIR, "abs_builddir": SRCDIR,
    "top_srcdir": ELSEWHERE, "top_builddir": ELSEWHERE, "abs_top_srcdir": ELSEWHERE, "abs_top_builddir": ELSEWHERE,
    "INSTALL": "install", "INSTALL_SCRIPT": "install -m 0755", "INSTALL_PROGRAM": "install -m 0755",
    "INSTALL_DATA": "install -m 0644", "MKDIR_P": "mkdir -p", "mkdir_p": "mkdir -p", "mkinstalldirs": "mkdir -p",
    "LN_S": "ln -s", "RM": "rm -f", "NULL": "",
}

ASSIGNMENT = re.compile(r"\s*(?:(?:export|override)\s+)*([\w.@%-]+)\s*(\+=|\?=|!=|:{0,3}=)\s*(.*)", re.DOTALL)
CONDITION = re.compile(r"\s*(if|ifdef|ifndef|ifeq|ifneq|else|endif)\b\s*(.*)", re.DOTALL)
REFERENCE = re.compile(r"\$(?:\$|\(((?:[^()$]|\$\([^()]*\))*)\)|\{((?:[^{}$]|\$\{[^{}]*\})*)\}|(.)|$)|@([A-Za-z_]\w*)@", re.DOTALL)
PRIMARY = re.compile(r"((?:dist_|nodist_|nobase_|notrans_)*)([A-Za-z0-9]\w*)_"
                     r"(SCRIPTS|DATA|PYTHON|HEADERS|PROGRAMS|LIBRARIES|LTLIBRARIES|MANS|TEXINFOS|JAVA|LISP)")
PRIMARY_MODES = {"SCRIPTS": 0o755, "DATA": 0o644, "PYTHON": 0o644, "HEADERS": 0o644}
NOT_INSTALLED = {"noinst", "check", "EXTRA"}


class NotFollowed(Exception):
    """Why a piece of text is not followed."""


@dataclass
class Rule:
    line: int
    prerequisites: list = field(default_factory=list)
    recipe: list = field(default_factory=list)  # (line, text)


@dataclass
class Listed:
    """What an automake list such as dist_vdsmhooks_DATA installs."""
    line: int
    files: list
    directory: str
    mode: int
    keeps_folders: bool


def logical_lines(text):
    """(number of the first line, text) with continuation lines joined: in a recipe as the shell does, else by a blank."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        first, line = at, lines[at]
        is_recipe = line.startswith("\t")
        parts = []
        while (len(line) - len(line.rstrip("\\"))) % 2 == 1 and at + 1 < len(lines):
            at += 1
            parts.append(line[:-1] if is_recipe else line[:-1].rstrip())
            line = lines[at].removeprefix("\t") if is_recipe else lines[at].lstrip()
        at += 1
        yield first + 1, ("" if is_recipe else " ").join([*parts, line])


class Makefile:
    """FINDINGS.add(line, what) is called for what is not followed."""

    def __init__(self, text, findings):
        self.findings = findings
        self.variables = {}  # name -> (line, parts of the value)
        self.values = {}  # what references were found to be
        self.expanded, self.prerequisites = 0, 0  # in all
        self.rules = {}
        self.rule = None  # whose recipe goes on
        self.conditions = []
        self.in_define = False
        for number, line in logical_lines(text.replace("\r\n", "\n")):
            self.read(number, line)

    def read(self, number, line):
        if self.in_define:
            self.in_define = not re.match(r"\s*endef\b", line)
            return
        if line.startswith("\t"):
            if not line.strip():
                return
            if self.rule is None:
                self.findings.add(number, "a command that belongs to no rule is not followed")
            else:
                self.rule.recipe.append((number, line.strip()))
            return
        line = re.sub(r"(?<!\\)#.*", "", line, flags=re.DOTALL).strip()
        if not line:
            return
        if match := CONDITION.fullmatch(line):
            self.read_condition(number, match[1], match[2].strip())
            return
        self.rule = None
        if re.match(r"(-include|s?include)\s", line):
            self.findings.add(number, f"{line}: not followed; what it sets is unknown here")
        elif re.match(r"(override\s+)?define\s", line):
            self.in_define = True
            self.findings.add(number, "define: not followed")
        elif match := ASSIGNMENT.fullmatch(line):
            self.assign(number, *match.groups())
        elif ":" in line:
            self.read_rule(number, line)
        else:
            self.findings.add(number, f"not understood: {line}")

    def read_condition(self, number, word, rest):
        if word == "endif":
            if self.conditions:
                self.conditions.pop()
        elif word == "else":
            if not self.conditions:
                self.findings.add(number, "else without if")
        else:
            self.conditions.append(number)
            said = f"{word} {rest}" if word != "if" else rest
            self.findings.add(number, f"what is inside is built only under the condition {said}: here always, both sides of an else")

    def assign(self, number, name, operator, value):
        self.values.clear()
        if operator == "!=":
            self.findings.add(number, f"{name} != runs a command: nothing is run, so {name} is unknown")
        elif operator == "+=" and name in self.variables:
            self.variables[name][1].append(value)
        elif operator == "?=" and (name in self.variables or name in BUILTIN):
            pass
        elif self.conditions and name in self.variables:
            self.findings.add(number, f"{name} is set again under a condition: taken as in line {self.variables[name][0]}")
        else:
            self.variables[name] = (number, [value])

    def read_rule(self, number, line):
        targets, rest = line.split(":", 1)
        rest, _, command = rest.lstrip(":").partition(";")
        if ASSIGNMENT.fullmatch(rest):
            self.findings.add(number, f"a variable of one target is not followed: {line}")
            return
        try:
            names, prerequisites = self.expand(targets).split(), self.expand(rest).split()
        except NotFollowed as why:
            self.findings.add(number, f"rule not followed: {why}")
            names, prerequisites = [], []
        self.rule = Rule(number)
        for name in names:  # of several targets each has the recipe
            known = self.rules.setdefault(name, self.rule)
            if known is not self.rule or not known.prerequisites:
                self.prerequisites += len(prerequisites)
                if self.prerequisites > MAX_PREREQUISITES:
                    self.findings.add(number, f"more than {MAX_PREREQUISITES} prerequisites: those of this rule are left out")
                    prerequisites = []
                known.prerequisites += prerequisites
            if known is not self.rule and len(names) == 1:
                self.rule = known
        if command.strip():
            self.rule.recipe.append((number, command.strip()))

    def expand(self, text, inside=()):
        """TEXT without references; `$$`, a dollar for the shell, becomes `$`. Throws NotFollowed."""
        length = len(text)

        def value_of(match):
            nonlocal length
            if match[0] == "$$":
                return "$"
            value = self.value(next((part for part in match.groups() if part is not None), ""), inside)
            length += len(value)
            self.expanded += len(value)
            if length > MAX_EXPANDED:
                raise NotFollowed(f"its variables make more than {MAX_EXPANDED // 1024} KiB of text")
            if self.expanded > MAX_ALL_EXPANDED:
                raise NotFollowed(f"variables make more than {MAX_ALL_EXPANDED // 1024} KiB of text in all")
            return value
        return REFERENCE.sub(value_of, text)

    def value(self, name, inside):
        if name not in self.values:  # each once: variables of variables of variables would take for ever
            self.values[name] = self.value_anew(name, inside)
        return self.values[name]

    def value_anew(self, name, inside):
        if name in ("(", "{"):
            raise NotFollowed("functions of make and references nested that deep are not followed, and nothing is run")
        if "$" in name:
            name = self.expand(name, inside)
        replaced = re.fullmatch(r"([^\s:]+):([^\s=]*)=(\S*)", name)
        name = replaced[1] if replaced else name
        if name in inside or len(inside) > 50:
            raise NotFollowed(f"$({name}) is made of itself")
        if name in self.variables:
            text = self.expand(" ".join(self.variables[name][1]), (*inside, name))
        elif name in BUILTIN:
            text = BUILTIN[name]
        elif re.search(r"\s", name):
            raise NotFollowed(f"$({name}) is a function of make, and nothing is run")
        else:
            raise NotFollowed(f"there is no variable $({name}) here")
        if replaced:
            text = " ".join(word.removesuffix(replaced[2]) + replaced[3] if word.endswith(replaced[2]) else word for word in text.split())
        return text

    def lists(self):
        """What the automake lists install; those that are compiled or have no directory are findings."""
        for name, (line, parts) in self.variables.items():
            value = " ".join(parts)
            match = PRIMARY.fullmatch(name) if len(name) <= MAX_NAME else None
            if name == "SUBDIRS" and value.strip(" ."):
                self.findings.add(line, f"SUBDIRS: the Makefile.am of each is not read: {value}")
            if not match or match[2] in NOT_INSTALLED:
                continue
            if match[3] not in PRIMARY_MODES:
                self.findings.add(line, f"{name}: {match[3]} are not followed")
                continue
            try:
                yield Listed(line, self.expand(value).split(), self.value(f"{match[2]}dir", ()), PRIMARY_MODES[match[3]],
                             "nobase_" in match[1])
            except NotFollowed as why:
                self.findings.add(line, f"{name} is not installed: {why}")
