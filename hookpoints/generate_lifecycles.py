#!/usr/bin/env python3
"""Checks the table of lifecycles against the table of hook points and writes what the build makes from it.

  generate_lifecycles.py HOOKPOINTS LIFECYCLES [--cpp FILE]

--cpp is a C++ file to include; "-" is the standard output. Nothing is written when a table is wrong: each fault is named, exit 1.
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
PHASE = {"does": (str, False), "state_after": (str, False), "devices": (list, False), "before": (list, True),
         "result_unused": (list, False), "after": (list, True), "failed": (list, False),
         "is_watched": (bool, False), "failed_after_veto": (bool, False), "undo": (list, False)}
COMMAND = {"summary": (str, True), "phases": (list, True), "note": (str, False)}
BRIDGE = {"drivers": (list, True), "call": (str, True), "seen": (str, False), "events": (list, True), "parameters": (list, False),
          "then": (str, False), "needs_memory": (bool, False), "is_filter": (bool, False), "never_fails": (bool, False)}


def check_keys(where, table, known):
    for key, value in table.items():
        if key not in known:
            yield f"{where}: {unknown_key(key, known)}"
        elif not isinstance(value, known[key][0]):
            yield f"{where}: {key} must be a {known[key][0].__name__}, not {value!r}"
        elif known[key][0] is list and not all(isinstance(word, str) for word in value):
            yield f"{where}: {key} must be a list of texts"
        elif key in ("does", "summary", "note") and (why := check_text(key, value)):
            yield f"{where}: {why}"
    for key, (_, is_required) in known.items():
        if is_required and key not in table:
            yield f"{where}: {key} is missing"


def check_names(where, table, keys, known, what):
    for key in keys:
        for name in table.get(key, []):
            if name not in known:
                yield f"{where}: {key}: there is no {what} {name}"


def faults_of(table, events):
    for key in table:
        if key not in ("phase", "command", "bridge"):
            yield unknown_key(key, ["phase", "command", "bridge"])
    phases = table.get("phase", {})
    for name, phase in phases.items():
        where = f"[phase.{name}]"
        yield from check_keys(where, phase, PHASE)
        yield from check_names(where, phase, EVENT_LISTS, events, "hook point")
        yield from check_names(where, phase, ["result_unused"], phase.get("before", []), "hook point before it called")
        if phase.get("state_after", "on") not in STATES:
            yield f"{where}: state_after must be one of {', '.join(STATES)}, not {phase['state_after']!r}"
    for name, command in table.get("command", {}).items():
        where = f"[command.{name}]"
        yield from check_keys(where, command, COMMAND)
        yield from check_names(where, command, ["phases"], phases, "phase")
    for n, row in enumerate(table.get("bridge", []), 1):
        where = f"[[bridge]] {n}"
        yield from check_keys(where, row, BRIDGE)
        yield from check_names(where, row, ["events"], events, "hook point")
        yield from check_names(where, row, ["drivers"], ["guest", "daemon"], "driver")
        if len(str(row.get("call", "")).split()) != 2:
            yield f"{where}: call must be an operation and a sub-operation"
        for parameter in row.get("parameters", []):
            if not re.fullmatch("[A-Z_]+=.+", str(parameter)):
                yield f"{where}: parameters: {parameter} is not NAME=VALUE"


def read_lifecycles(file, events):
    """The checked table; SystemExit(1) with every fault on stderr otherwise."""
    try:
        with open(file, "rb") as stream:
            table = tomllib.load(stream)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"{file}: {error}")
    if faults := list(faults_of(table, events)):
        sys.exit("\n".join(f"{file}: {fault}" for fault in faults))
    return table


class Lists:
    """The lists of words as C++ arrays, each once."""

    def __init__(self):
        self.names = {}

    def span(self, words):
        return self.names.setdefault(tuple(words), f"kWords{len(self.names)}") if words else "{}"

    def cpp(self):
        return "".join(f"constexpr std::string_view {name}[] = {{{', '.join(map(json.dumps, words))}}};\n" for words, name in self.names.items())


def optional(row, key):
    return json.dumps(row[key]) if key in row else "std::nullopt"


def cpp(table):
    lists = Lists()
    rows = []
    for name, phase in table["phase"].items():
        spans = {key: lists.span(phase.get(key, [])) for key in ("devices", *EVENT_LISTS)}
        state = f"Phase::State::{phase.get('state_after', 'untold')}"
        rows.append(f"    {{{json.dumps(name)}, {json.dumps(phase.get('does', ''))}, {state}, {spans['devices']}, {spans['before']}, "
                    f"{spans['result_unused']}, {spans['after']}, "
                    f"{spans['failed']}, {json.dumps(phase.get('is_watched', False))}, {json.dumps(phase.get('failed_after_veto', False))}, "
                    f"{spans['undo']}}},\n")
    out = [f"constexpr std::array<Phase, {len(rows)}> kPhases{{{{\n", *rows, "}};\n"]
    rows = [f"    {{{json.dumps(name)}, {json.dumps(command['summary'])}, {json.dumps(command.get('note', ''))}, {lists.span(command['phases'])}}},\n"
            for name, command in table["command"].items()]
    out += [f"constexpr std::array<VmCommandFacts, {len(rows)}> kVmCommands{{{{\n", *rows, "}};\n"]
    rows = []
    for row in table["bridge"]:
        drivers = [driver for word in row["drivers"] for driver in (GUESTS if word == "guest" else [word])]
        operation, sub_operation = row["call"].split()
        rows.append(f"    {{{lists.span(drivers)}, {json.dumps(operation)}, {json.dumps(sub_operation)}, {optional(row, 'seen')}, "
                    f"{lists.span(row['events'])}, {lists.span(row.get('parameters', []))}, {optional(row, 'then')}, "
                    f"{json.dumps(row.get('needs_memory', False))}, {json.dumps(row.get('is_filter', False))}, {json.dumps(row.get('never_fails', False))}}},\n")
    out += [f"constexpr std::array<BridgeRow, {len(rows)}> kBridgeRows{{{{\n", *rows, "}};\n"]
    return "// Made from the table of lifecycles; changes here are lost.\n" + lists.cpp() + "".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hookpoints", metavar="HOOKPOINTS")
    parser.add_argument("lifecycles", metavar="LIFECYCLES")
    parser.add_argument("--cpp", metavar="FILE")
    options = parser.parse_args()
    points = read_table(options.hookpoints)
    table = read_lifecycles(options.lifecycles, points)
    if options.cpp:
        write(options.cpp, cpp(table))


if __name__ == "__main__":
    main()
