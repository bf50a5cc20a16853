"""What is in the files of the folder: the README's summary and properties, and what a human must look at in the scripts.
Files are read as text and, where Python, parsed; nothing is run or imported."""

import ast
import re

import read_hooks

READMES = ["README.md", "README", "README.txt", "README.rst"]
MAX_SUMMARY = 70  # what package systems show in one line
MAX_README_BYTES = 256 * 1024
MAX_PROPERTIES = 1000
MAX_PARSED_BYTES = 1024 * 1024
MAX_LOOKED_AT_BYTES = 4 * 1024 * 1024  # of all scripts
MAX_LINE = 1000  # of which properties are looked for

# (what a line has, what to say). The first line that has it is named, of a module of vdsm's every one.
IN_SCRIPTS = [
    (re.compile(r"\bsudo\b|\bEXT_SUDO\b", re.IGNORECASE), "sudo: hooks run as the engine's own user, root as a rule, and need none"),
    (re.compile(r"\bsleep\s*\(|^\s*sleep\s|\bwhile\s+(True|1|:)"),
     "it may wait: a hook is stopped after its timeout in hook.toml, else after 10 minutes"),
]
OF_VDSM = re.compile(r"\s*(?:from\s+(vdsm(?:\.\w+)*)\s+import\b|import\s+(vdsm(?:\.\w+)*)\b)")
# What a script reads from its environment: Python's ways, and a word of the shell's. Capitals are parameters and the system's.
READS = {True: re.compile(r"""\b(?:environ(?:\.get)?\s*[\[(]|getenv\s*\()\s*["'](\w+)["']|["'](\w+)["']\s+(?:not\s+)?in\s+(?:os\.)?environ\b"""),
         False: re.compile(r"\$\{?([A-Za-z_]\w*)")}
SETS = re.compile(r"(?:^|[\s;(])([A-Za-z_]\w*)(?:=|\s+in\s)|\bread((?:\s+-?\w+)+)")
NO_PROPERTY = re.compile(r"vmId|_hook_\w*|[A-Z0-9_]+")
OLD_PYTHON = re.compile(r"#!\s*(\S*/)?(env\s+(-\S+\s+)*)?python(2(\.\d+)?)?(\s.*)?")
PYTHON = re.compile(r"#!.*\bpython")

# UserDefinedVMProperties=... in the README: the rest of the word, or up to the quote that is open there.
DEFINITION = re.compile(r"""(["']?)\b(UserDefinedVMProperties|CustomDeviceProperties)\s*=\s*(["']?)""")
IN_DOUBLE_QUOTES, IN_QUOTES, WORD = re.compile(r'((?:\\.|[^"\\])*)"'), re.compile("([^']*)'"), re.compile(r"\S*")
DEVICE_BLOCK = re.compile(r"\{\s*type\s*=\s*(\w+)\s*;\s*prop\s*=\s*\{")
AFTER_BLOCK = re.compile(r"\s*\}\s*(;\s*|$)")
# What Python's patterns have and RE2's have not.
NOT_RE2 = re.compile(r"\(\?(?:<?[=!]|P=|\()|\\[1-9]")


def text_of(content):
    return content.decode("utf-8", "replace")


def summary_of(readme, name):
    """The first line of words in README, as one line that is short enough."""
    for line in text_of(readme[:MAX_README_BYTES]).splitlines():
        line = " ".join("".join(c if c.isprintable() else " " for c in line).strip("#=*-~ \t").split())
        if re.search(r"\w", line):
            return line if len(line) <= MAX_SUMMARY else line[:MAX_SUMMARY].rsplit(" ", 1)[0]
    return name


def is_script(name, content):
    return name.endswith(".py") or content.startswith(b"#!")


def properties_read(name, content):
    """(name, line) of each custom property that the script seems to read, in the order of the lines."""
    text = text_of(content)
    first = text.partition("\n")[0]
    is_python = name.endswith(".py") or PYTHON.match(first) is not None
    if not is_python and not first.startswith("#!"):
        return
    lines = [line for line in text.splitlines() if len(line) <= MAX_LINE]
    own = set() if is_python else {word for line in lines for match in SETS.finditer(line) for word in (match[1] or match[2]).split()}
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE or line.lstrip().startswith("#"):
            continue
        for match in READS[is_python].finditer(line):
            found = match[1] or match[2] if is_python else match[1]
            if found not in own and read_hooks.PROPERTY_NAME.fullmatch(found) and not NO_PROPERTY.fullmatch(found):
                own.add(found)
                yield found, number


def look_at(name, content, findings):
    """Names what a human must look at in the file. How many bytes were looked at."""
    if not is_script(name, content):
        return 0
    if len(content) > MAX_PARSED_BYTES:
        findings.add(0, f"larger than {MAX_PARSED_BYTES >> 10} KiB: what is in it, and whether it is Python 3, was not looked at")
        return 0
    text = text_of(content)
    first = text.partition("\n")[0]
    is_python = name.endswith(".py") or PYTHON.match(first) is not None
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
    if is_python:
        try:
            ast.parse(content)
        except SyntaxError as error:
            findings.add(error.lineno or 0, f"is no Python 3: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            findings.add(0, f"is no Python 3: {error}")
    return len(content)


def properties_of(readme, findings):
    """The custom properties that README tells engine-config to define: of VMs, and of devices by kind. Each is a finding."""
    of_vms, of_devices, count = {}, {}, 0
    if len(readme) > MAX_README_BYTES:
        findings.add(0, f"larger than {MAX_README_BYTES >> 10} KiB: no custom properties were looked for in it")
        return {}, {}
    for number, line in enumerate(text_of(readme).splitlines(), 1):
        at = 0
        while match := DEFINITION.search(line, at):
            text, at = value_at(line, match)
            try:
                if text is None:
                    raise ValueError("its end is not in this line")
                if match[2] == "UserDefinedVMProperties":
                    found = [(of_vms, name, pattern) for name, pattern in pairs_of(text)]
                else:
                    found = [(of_devices.setdefault(kind, {}), name, pattern)
                             for kind, block in blocks_of(text) for name, pattern in pairs_of(block)]
                count += len(found)
                if count > MAX_PROPERTIES:
                    raise ValueError(f"there are more than {MAX_PROPERTIES} properties")
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
    """What is assigned, and where it ends. None without the closing quote: to the end of the line. In double quotes as the shell reads it."""
    quote = match[3] or match[1]
    value = (IN_DOUBLE_QUOTES if quote == '"' else IN_QUOTES if quote else WORD).match(line, match.end())
    if value is None:
        return None, len(line)
    if not quote:
        return value[0].rstrip("`"), value.end()
    return re.sub(r'\\([$`"\\])', r"\1", value[1]) if quote == '"' else value[1], value.end()


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
        closing = AFTER_BLOCK.match(text, at)
        if depth or closing is None:
            raise ValueError(f"not understood: {text[match.start():]}")
        yield match[1], text[match.end():at - 1]
        at = closing.end()


def readme_in(contents):
    return next((name for name in READMES if name in contents), None)
