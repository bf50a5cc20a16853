"""What `COMMAND --help` says, taken apart: the pages have options and descriptions from there and nowhere else."""

import re
import subprocess
from dataclasses import dataclass, field

from mdoc import Fault

ROW = re.compile(r"  (\S.*?)(?:  +(\S.*))?")


@dataclass
class Help:
    name: str                    # "vdsm-hook props set"
    usage: str                   # what stands behind the name
    summary: str = ""
    rows: list = field(default_factory=list)      # (option or positional, description)
    commands: list = field(default_factory=list)  # (name, summary) of the commands below it, where it has some
    notes: list = field(default_factory=list)     # (title, lines); one of the two may be empty
    examples: list = field(default_factory=list)  # lines
    exit_codes: str = ""


def read_row(line, whose):
    row = ROW.fullmatch(line)
    if row is None:
        raise Fault(f"{whose} --help: {line!r} is no option")
    return row[1], row[2] or ""


def read_footer(lines, help_):
    text = " ".join(line.strip() for line in lines)
    if text.endswith(" --help says more."):
        return
    if "--help says more. Example:" in lines[0] or lines[0] == "Example:":
        help_.examples = [line.removeprefix("  ") for line in lines[1:]]
    elif text.startswith("Exit code: "):
        help_.exit_codes = text.removeprefix("Exit code: ")
    elif lines[0].endswith(":"):
        help_.notes.append((lines[0], [line.removeprefix("  ") for line in lines[1:]]))
    else:
        help_.notes.append((text, []))


def parse(text, name):
    blocks = [block.splitlines() for block in re.split(r"\n\n+", text.strip("\n"))]
    usage = next((n for n, block in enumerate(blocks[:2]) if block[0].startswith(f"Usage: {name}")), None)
    if usage is None or len(blocks) < 2:
        raise Fault(f"{name} --help has no usage")
    help_ = Help(name, blocks.pop(usage)[0].removeprefix(f"Usage: {name}").strip())
    help_.summary = " ".join(blocks.pop(0)).removeprefix(f"{name}: ")
    in_options = True
    for block in blocks:
        is_titled = not block[0].startswith(" ")
        if in_options and not is_titled:
            rows = [read_row(line, name) for line in block]
            if help_.usage.startswith(("COMMAND", "ACTION")):
                help_.commands = rows
            else:
                help_.rows += rows
        elif in_options and len(block) > 1 and block[1].startswith("  -"):
            help_.rows += [read_row(line, name) for line in block[1:]]
        else:
            in_options = False
            read_footer(block, help_)
    return help_


def read(program, words, environment):
    """The help of PROGRAM with WORDS; throws Fault when it has none."""
    name = " ".join([program.name, *words])
    done = subprocess.run([program, *words, "--help"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise Fault(f"{name} --help ends with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return parse(done.stdout.decode(), name)
