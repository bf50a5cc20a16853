"""What is in the files of the folder: the README's summary and properties, and what a human must look at in the scripts.
Files are read as text and, where Python, parsed; nothing is run or imported."""

import ast
import re

import read_hooks

READMES = ["README.md", "README", "README.txt", "README.rst"]
MAX_SUMMARY = 70  # what package systems show in one line
MAX_PARSED_BYTES = 1024 * 1024

# (what a line has, what to say). The first line that has it is named, of a module of vdsm's every one.
IN_SCRIPTS = [
    (re.compile(r"\bsudo\b|\bEXT_SUDO\b", re.IGNORECASE), "sudo: hooks run as the engine's own user, root as a rule, and need none"),
    (re.compile(r"\bsleep\s*\(|^\s*sleep\s|\bwhile\s+(True|1|:)"),
     "it may wait: a hook is stopped after its timeout in hook.toml, else after 10 minutes"),
]
OF_VDSM = re.compile(r"\s*(?:from\s+(vdsm(?:\.\w+)*)\s+import\b|import\s+(vdsm(?:\.\w+)*)\b)")
OLD_PYTHON = re.compile(r"#!\s*(\S*/)?(env\s+(-\S+\s+)*)?python(2(\.\d+)?)?(\s.*)?")
PYTHON = re.compile(r"#!.*\bpython")

# UserDefinedVMProperties=... in the README: the rest of the word, or up to the quote that is open there.
DEFINITION = re.compile(r"""(["']?)\b(UserDefinedVMProperties|CustomDeviceProperties)\s*=\s*(["']?)""")
DEVICE_BLOCK = re.compile(r"\{\s*type\s*=\s*(\w+)\s*;\s*prop\s*=\s*\{")
# What Python's patterns have and RE2's have not.
NOT_RE2 = re.compile(r"\(\?(?:<?[=!]|P=|\()|\\[1-9]")


def text_of(content):
    return content.decode("utf-8", "replace")


def summary_of(readme, name):
    """The first line of words in README, as one line that is short enough."""
    for line in text_of(readme).splitlines():
        line = " ".join("".join(c if c.isprintable() else " " for c in line).strip("#=*-~ \t").split())
        if re.search(r"\w", line):
            return line if len(line) <= MAX_SUMMARY else line[:MAX_SUMMARY].rsplit(" ", 1)[0]
    return name


def look_at(name, content, findings):
    """Names what a human must look at in the file."""
    text = text_of(content)
    first = text.partition("\n")[0]
    is_python = name.endswith(".py") or PYTHON.match(first) is not None
    if not is_python and not first.startswith("#!"):
        return
    if OLD_PYTHON.fullmatch(first.rstrip("\r")):
        findings.add(1, f"{first.strip()} is Python 2 or not there at all: make it python3, and see that it runs")
    if first.endswith("\r"):
        findings.add(1, "its lines end in CR LF: it cannot be started")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if match := OF_VDSM.match(line):
            findings.add(number, f"{match[1] or match[2]} is a module of vdsm's, which is not here; of vdsm's there is only hooking")
    for pattern, what in IN_SCRIPTS:
        for number, line in enumerate(lines, 1):
            if number > 1 and not line.lstrip().startswith("#") and pattern.search(line):
                findings.add(number, what)
                break
    if is_python and len(content) > MAX_PARSED_BYTES:
        findings.add(0, f"larger than {MAX_PARSED_BYTES >> 10} KiB: whether it is Python 3 was not looked at")
    elif is_python:
        try:
            ast.parse(content)
        except SyntaxError as error:
            findings.add(error.lineno or 0, f"is no Python 3: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            findings.add(0, f"is no Python 3: {error}")


def properties_of(readme, findings):
    """The custom properties that README tells engine-config to define: of VMs, and of devices by kind. Each is a finding."""
    of_vms, of_devices = {}, {}
    for number, line in enumerate(text_of(readme).splitlines(), 1):
        for match in DEFINITION.finditer(line):
            text = value_at(line, match)
            try:
                if text is None:
                    raise ValueError("its end is not in this line")
                if match[2] == "UserDefinedVMProperties":
                    found = [(of_vms, name, pattern) for name, pattern in pairs_of(text)]
                else:
                    found = [(of_devices.setdefault(kind, {}), name, pattern)
                             for kind, block in blocks_of(text) for name, pattern in pairs_of(block)]
                for known, name, pattern in found:
                    if known.get(name, pattern) != pattern:
                        raise ValueError(f"{name} is defined in two ways")
            except ValueError as why:
                findings.add(number, f"{match[2]}: {why}; put what is right into hook.toml")
                continue
            for known, name, pattern in found:
                if name not in known:
                    known[name] = pattern
                    findings.add(number, f"the custom property {name} has the pattern {pattern}: taken from here, check it")
    return of_vms, {kind: names for kind, names in of_devices.items() if names}


def value_at(line, match):
    """What is assigned; None without the closing quote. In double quotes as the shell reads it."""
    quote = match[3] or match[1]
    rest = line[match.end():]
    if not quote:
        return re.match(r"\S*", rest)[0].rstrip("`")
    end = re.match(r"""((?:\\.|[^"\\])*)\"""" if quote == '"' else "([^']*)'", rest)
    if end is None:
        return None
    return re.sub(r'\\([$`"\\])', r"\1", end[1]) if quote == '"' else end[1]


def pairs_of(text):
    """NAME=PATTERN;NAME=PATTERN. Throws ValueError. A ';' that no NAME= follows belongs to the pattern."""
    found = []
    for part in re.split(r";(?=\s*[A-Za-z_]\w*\s*=)", text.rstrip("; ")):
        name, is_there, pattern = part.strip().partition("=")
        if not is_there or not read_hooks.PROPERTY_NAME.fullmatch(name) or not pattern:
            raise ValueError(f"not understood: {part}")
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"the pattern of {name} is wrong: {error}") from error
        if NOT_RE2.search(pattern):
            raise ValueError(f"the pattern of {name} looks around or back, which the engine's patterns (RE2) cannot: {pattern}")
        found.append((name, pattern))
    return found


def blocks_of(text):
    """(kind, properties) of {type=KIND;prop={...}}, several with ';' between them. Throws ValueError."""
    at = 0
    while at < len(text):
        match = DEVICE_BLOCK.match(text, at)
        if match is None or match[1] not in read_hooks.DEVICE_KINDS:
            raise ValueError(f"not understood: {text[at:]}")
        at, depth = match.end(), 1
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        closing = re.match(r"\s*\}\s*(;\s*|$)", text[at:])
        if depth or closing is None:
            raise ValueError(f"not understood: {text[match.start():]}")
        yield match[1], text[match.end():at - 1]
        at += closing.end()


def readme_in(contents):
    return next((name for name in READMES if name in contents), None)
