#!/usr/bin/env python3
"""Checks the table of lifecycles against the table of hook points and writes what the build makes from it.

  generate_lifecycles.py HOOKPOINTS LIFECYCLES [--names FILE] [--cpp FILE]

--names is a C++ file that declares each row by its name, --cpp one that defines them all; "-" is the standard output. Nothing is
written when a table is wrong: each fault is named with its file, line and table, exit 1.
"""

import argparse
import json
import re
import sys
import tomllib

from generate import check_text, read_table, unknown_key, write

GUESTS = ["qemu", "lxc", "libxl", "bhyve"]
EVENT_LISTS = ["before", "result_unused", "after", "failed", "undo"]
STATES = ["on", "running", "paused", "off", "attached", "detached"]
# Key -> its type and whether it must be there.
PHASE = {"does": (str, False), "state_after": (str, False), "reason": (str, False), "devices": (list, False), "before": (list, True),
         "result_unused": (list, False), "after": (list, True), "failed": (list, False),
         "is_watched": (bool, False), "failed_after_veto": (bool, False), "undo": (list, False)}
COMMAND = {"summary": (str, True), "phases": (list, True), "also_phases": (list, False), "note": (str, False)}
BRIDGE = {"drivers": (list, True), "call": (str, True), "seen": (str, False), "events": (list, True), "parameters": (list, False),
          "then": (str, False), "needs_memory": (bool, False), "is_filter": (bool, False), "never_fails": (bool, False)}


class Faults:
    """Collects every fault of one file, each with the line of the key or the table that it is about."""

    def __init__(self, file, source):
        self.file = file
        self.lines = source.splitlines()
        self.found = []

    def line_of(self, header, key, nth):
        """The line of KEY in the NTH table of this HEADER; of the header where it has no such key."""
        starts = [n for n, line in enumerate(self.lines) if line.replace(" ", "").startswith(header)]
        if len(starts) < nth:
            return 1
        start = starts[nth - 1]
        for n, line in enumerate(self.lines[start + 1:], start + 2):
            if line.startswith("["):
                break
            if re.match(rf"\s*{re.escape(key)}\s*=", line):
                return n
        return start + 1

    def add(self, where, why, key="", nth=1):
        header = where.split(" ")[0]
        self.found.append(f"{self.file}:{self.line_of(header, key, nth)}: {where}: {why}")


class Table:
    """One table of the file: what is wrong with it goes to FAULTS."""

    def __init__(self, faults, where, values, nth=1):
        self.faults, self.where, self.values, self.nth = faults, where, values, nth

    def wrong(self, key, why):
        self.faults.add(self.where, why, key, self.nth)

    def check_keys(self, known):
        for key, value in self.values.items():
            if key not in known:
                self.wrong(key, unknown_key(key, known))
            elif not isinstance(value, known[key][0]):
                self.wrong(key, f"{key} must be a {known[key][0].__name__}, not {value!r}")
            elif known[key][0] is list and not all(isinstance(word, str) for word in value):
                self.wrong(key, f"{key} must be a list of texts")
            elif key in ("does", "reason", "summary", "note") and (why := check_text(key, value)):
                self.wrong(key, why)
        for key, (_, is_required) in known.items():
            if is_required and key not in self.values:
                self.wrong(key, f"{key} is missing")

    def check_names(self, keys, known, what):
        for key in keys:
            for name in self.values.get(key, []):
                if name not in known:
                    self.wrong(key, f"{key}: there is no {what} {name}")


def find_faults(table, events, faults):
    for key in table:
        if key not in ("phase", "command", "bridge"):
            line = next((n for n, line in enumerate(faults.lines, 1) if re.match(rf"\s*\[+\s*{re.escape(key)}\b", line)), 1)
            faults.found.append(f"{faults.file}:{line}: " + unknown_key(key, ["phase", "command", "bridge"]))
    phases = table.get("phase", {})
    for name, values in phases.items():
        phase = Table(faults, f"[phase.{name}]", values)
        phase.check_keys(PHASE)
        phase.check_names(EVENT_LISTS, events, "hook point")
        phase.check_names(["result_unused"], values.get("before", []), "hook point before it called")
        if values.get("state_after", "on") not in STATES:
            phase.wrong("state_after", f"state_after must be one of {', '.join(STATES)}, not {values['state_after']!r}")
        if "reason" in values and values.get("state_after") != "off":
            phase.wrong("reason", "reason is of a phase that ends the VM: its state_after must be off")
    for name, values in table.get("command", {}).items():
        command = Table(faults, f"[command.{name}]", values)
        command.check_keys(COMMAND)
        command.check_names(["phases", "also_phases"], phases, "phase")
    rows = table.get("bridge", [])
    left = [row.get("then") for row in rows]
    for n, values in enumerate(rows, 1):
        row = Table(faults, f"[[bridge]] {n}", values, n)
        row.check_keys(BRIDGE)
        row.check_names(["events"], events, "hook point")
        row.check_names(["drivers"], ["guest", "daemon"], "driver")
        if values.get("seen") and values["seen"] not in left:
            row.wrong("seen", f"seen: {values['seen']} is what no call leaves behind")
        if len(str(values.get("call", "")).split()) != 2:
            row.wrong("call", "call must be an operation and a sub-operation")
        for parameter in values.get("parameters", []):
            if not re.fullmatch("[A-Z_]+=.+", str(parameter)):
                row.wrong("parameters", f"parameters: {parameter} is not NAME=VALUE")


def read_lifecycles(file, events):
    """The checked table; SystemExit(1) with every fault on stderr otherwise."""
    try:
        with open(file, "rb") as stream:
            source = stream.read().decode()
        table = tomllib.loads(source)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"{file}: {error}")
    faults = Faults(file, source)
    find_faults(table, events, faults)
    if faults.found:
        sys.exit("\n".join(faults.found))
    return table


def constant(name):
    """The C++ name of the row NAME: kPlugNic of plug_nic."""
    return "k" + "".join(word.capitalize() for word in re.split("[_-]", name))


class Lists:
    """The lists of one type of element as C++ arrays, each once."""

    def __init__(self, element="std::string_view", prefix="kWords", written=json.dumps):
        self.element, self.prefix, self.written = element, prefix, written
        self.names = {}

    def span(self, words):
        return self.names.setdefault(tuple(words), f"{self.prefix}{len(self.names)}") if words else "{}"

    def cpp(self):
        return "".join(f"constexpr {self.element} {name}[] = {{{', '.join(map(self.written, words))}}};\n" for words, name in self.names.items())


MADE = "// Made from the table of lifecycles; changes here are lost.\n"


def names(table):
    seen = dict.fromkeys(word for row in table["bridge"] if (word := row.get("then")))
    groups = [("phases", [f"extern const Phase {constant(name)};" for name in table["phase"]]),
              ("vm_commands", [f"extern const VmCommandFacts {constant(name)};" for name in table["command"]]),
              ("seen", [f"inline constexpr std::string_view {constant(word)} = {json.dumps(word)};" for word in seen])]
    return MADE + "".join(f"namespace {group} {{\n" + "\n".join(lines) + f"\n}}  // namespace {group}\n" for group, lines in groups)


def optional(row, key):
    return json.dumps(row[key]) if key in row else "std::nullopt"


def row_of(fields):
    return "{" + ", ".join(f".{field} = {value}" for field, value in fields.items()) + "}"


def cpp(table):
    lists = Lists()
    out = []
    for name, phase in table["phase"].items():
        fields = {"name": json.dumps(name), "does": json.dumps(phase.get("does", "")),
                  "state_after": f"Phase::State::{phase.get('state_after', 'untold')}", "reason": json.dumps(phase.get("reason", "")),
                  **{key: lists.span(phase.get(key, [])) for key in ("devices", *EVENT_LISTS)},
                  **{key: json.dumps(phase.get(key, False)) for key in ("is_watched", "failed_after_veto")}}
        out.append(f"constexpr Phase phases::{constant(name)}{row_of(fields)};\n")
    phases = Lists("const Phase*", "kPhaseList", lambda name: f"&phases::{constant(name)}")
    commands = []
    for name, command in table["command"].items():
        fields = {"name": json.dumps(name), "summary": json.dumps(command["summary"]), "note": json.dumps(command.get("note", "")),
                  "phases": phases.span(command["phases"]), "also_phases": phases.span(command.get("also_phases", []))}
        commands.append(f"constexpr VmCommandFacts vm_commands::{constant(name)}{row_of(fields)};\n")
    rows = []
    for row in table["bridge"]:
        drivers = [driver for word in row["drivers"] for driver in (GUESTS if word == "guest" else [word])]
        operation, sub_operation = row["call"].split()
        fields = {"drivers": lists.span(drivers), "operation": json.dumps(operation), "sub_operation": json.dumps(sub_operation),
                  "seen": optional(row, "seen"), "events": lists.span(row["events"]), "parameters": lists.span(row.get("parameters", [])),
                  "then": optional(row, "then"), **{key: json.dumps(row.get(key, False)) for key in ("needs_memory", "is_filter", "never_fails")}}
        rows.append(f"    {row_of(fields)},\n")
    all_phases = ", ".join(f"&phases::{constant(name)}" for name in table["phase"])
    all_commands = ", ".join(f"&vm_commands::{constant(name)}" for name in table["command"])
    return (MADE + lists.cpp() + "".join(out) + phases.cpp() + "".join(commands) +
            f"constexpr const Phase* kPhases[] = {{{all_phases}}};\n"
            f"constexpr const VmCommandFacts* kVmCommands[] = {{{all_commands}}};\n"
            f"constexpr BridgeRow kBridgeRows[] = {{\n{''.join(rows)}}};\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hookpoints", metavar="HOOKPOINTS")
    parser.add_argument("lifecycles", metavar="LIFECYCLES")
    parser.add_argument("--names", metavar="FILE")
    parser.add_argument("--cpp", metavar="FILE")
    options = parser.parse_args()
    points = read_table(options.hookpoints)
    table = read_lifecycles(options.lifecycles, points)
    if options.names:
        write(options.names, names(table))
    if options.cpp:
        write(options.cpp, cpp(table))


if __name__ == "__main__":
    main()
