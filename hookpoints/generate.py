#!/usr/bin/env python3
"""Checks the table of hook points and writes what the build makes from it.

  generate.py TABLE [--cpp FILE] [--names FILE]

--cpp is a C++ file to include, --names the plain list of events, one a line; "-" is the standard output.
Nothing is written when the table is wrong: each fault is named with its file, line and hook point, exit 1.
"""

import argparse
import difflib
import json
import re
import sys
import tomllib

PAYLOADS = {
    "none": "PayloadKind::none",
    "domxml": "PayloadKind::domain_xml",
    "device_xml": "PayloadKind::device_xml",
    "json": "PayloadKind::json",
}
# In the order of the members of HookPointRules.
RULES = {"payload": str, "result_used": bool, "vetoes": bool, "vm_properties": bool, "device_properties": bool,
         "from_elsewhere": bool}
DEFAULTS = {"from_elsewhere": False}  # of rules that need not be there
TEXTS = {"parameters": False, "fires": True, "follows": True}  # name -> must be there
MAX_NAME = 64


class Faults:
    """Collects every fault of one file, so that one run shows all of them."""

    def __init__(self, file, source):
        self.file = file
        self.lines = source.splitlines()
        self.found = []

    def line_of(self, table):
        header = re.compile(r"\s*\[\s*" + re.escape(table) + r"\s*\]")
        return next((n for n, line in enumerate(self.lines, 1) if header.match(line)), 1)

    def add(self, table, why):
        self.found.append(f"{self.file}:{self.line_of(table)}: [{table}]: {why}")


def unknown_key(key, known):
    near = difflib.get_close_matches(key, known, 1)
    return f"unknown key {key!r}" + (f" (did you mean {near[0]}?)" if near else "")


def check_rule(key, value):
    """Why VALUE cannot be KEY's; None when it can."""
    if key == "payload" and (not isinstance(value, str) or value not in PAYLOADS):
        return f"payload must be one of {', '.join(PAYLOADS)}, not {value!r}"
    if RULES[key] is bool and not isinstance(value, bool):
        return f"{key} must be true or false, not {value!r}"
    return None


def check_text(key, value):
    if not isinstance(value, str) or not value or value != value.strip():
        return f"{key} must be a text without blanks around it, not {value!r}"
    if not value.isascii() or not value.isprintable():
        return f"{key} must be one line of printable ASCII"
    return None


def check_parameters(value):
    """Why VALUE cannot be `parameters`: a text for people, or the list of them, which hooks get by these names."""
    if not isinstance(value, list):
        return check_text("parameters", value)
    for row in value:
        if not isinstance(row, dict) or set(row) != {"name", "about"}:
            return f"parameters are a text or a list of {{ name, about }}, not {row!r}"
        if not isinstance(row["name"], str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", row["name"]):
            return f"a parameter's name must be that of a variable, not {row['name']!r}"
        if why := check_text("about", row["about"]):
            return why
    return None


def with_parameters(point):
    """POINT with its parameters as a text for people and as a list, whichever of them the table has."""
    given = point.get("parameters", "")
    listed = given if isinstance(given, list) else []
    text = ", ".join(f"{row['name']} ({row['about']})" for row in listed) if listed else given
    return {**point, "parameters": text, "parameter_list": listed}


def check_columns(name, point, faults):
    if point.get("result_used") is True and point.get("payload") == "none":
        faults.add(name, "result_used without a payload")
    vdsm = point.get("vdsm")
    if vdsm is None:
        return
    table = f"{name}.vdsm"
    if not isinstance(vdsm, dict) or not vdsm:
        faults.add(name, "vdsm must be a table with at least one key")
        return
    for key, value in vdsm.items():
        if key not in RULES:
            faults.add(table, unknown_key(key, RULES))
        elif why := check_rule(key, value):
            faults.add(table, why)
        elif key in point and value == point[key]:
            faults.add(table, f"{key} is the same as ours: leave it out")
    both = {**point, **vdsm}
    if both.get("result_used") is True and both.get("payload") == "none" and point.get("payload") != "none":
        faults.add(table, "result_used without a payload")


def check_point(name, point, faults):
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name) or len(name) > MAX_NAME:
        faults.add(name, "not the name of an event")
    if not isinstance(point, dict):
        faults.add(name, "must be a table")
        return
    known = [*RULES, *TEXTS, "vdsm"]
    for key, value in point.items():
        if key not in known:
            faults.add(name, unknown_key(key, known))
        elif key in RULES and (why := check_rule(key, value)):
            faults.add(name, why)
        elif key in TEXTS and (why := check_parameters(value) if key == "parameters" else check_text(key, value)):
            faults.add(name, why)
    for key in [*(rule for rule in RULES if rule not in DEFAULTS), *(text for text, required in TEXTS.items() if required)]:
        if key not in point:
            faults.add(name, f"{key} is missing")
    check_columns(name, point, faults)


def read_table(file):
    """The checked table; SystemExit(1) with every fault on stderr otherwise."""
    try:
        with open(file, "rb") as stream:
            source = stream.read().decode()
        table = tomllib.loads(source)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"{file}: {error}")
    faults = Faults(file, source)
    if not table:
        sys.exit(f"{file}: no hook points")
    for name, point in table.items():
        check_point(name, point, faults)
    if faults.found:
        sys.exit("\n".join(faults.found))
    return {name: with_parameters(point) for name, point in table.items()}


def cpp_rules(rules):
    words = [PAYLOADS[rules["payload"]]] + [json.dumps(rules[key]) for key in list(RULES)[1:]]
    return "{" + ", ".join(words) + "}"


def parameters_of(name):
    """What the list of parameters of the hook point NAME is called in C++."""
    return "kParametersOf_" + re.sub(r"[^A-Za-z0-9]", "_", name)


def cpp(table):
    out = ["// Made from the table of hook points; changes here are lost.\n"]
    for name, point in table.items():
        if point["parameter_list"]:
            rows = ", ".join(f"{{{json.dumps(row['name'])}, {json.dumps(row['about'])}}}" for row in point["parameter_list"])
            out.append(f"inline constexpr HookPointParameter {parameters_of(name)}[] = {{{rows}}};\n")
    out.append(f"inline constexpr std::array<HookPoint, {len(table)}> kBuiltinHookPoints{{{{\n")
    for name, point in table.items():
        ours = {key: point.get(key, DEFAULTS.get(key)) for key in RULES}
        vdsm = {**ours, **DEFAULTS, **point.get("vdsm", {})}  # upstream withholds nothing
        # A JSON string of printable ASCII is a C++ string literal as it stands.
        texts = [json.dumps(point.get(key, "")) for key in TEXTS]
        out.append(f"    {{{json.dumps(name)}, {cpp_rules(ours)}, {cpp_rules(vdsm)},\n")
        parameters = parameters_of(name) if point["parameter_list"] else "{}"
        out.append("     " + ",\n     ".join(texts) + f', "", {parameters}}},\n')
    out.append("}};\n")
    return "".join(out)


def write(file, content):
    if file == "-":
        sys.stdout.write(content)
        return
    try:
        with open(file, "w", encoding="ascii") as stream:
            stream.write(content)
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE")
    parser.add_argument("--cpp", metavar="FILE")
    parser.add_argument("--names", metavar="FILE")
    options = parser.parse_args()
    table = read_table(options.table)
    if options.cpp:
        write(options.cpp, cpp(table))
    if options.names:
        write(options.names, "".join(f"{name}\n" for name in table))


if __name__ == "__main__":
    main()
