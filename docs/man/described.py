"""What a command says of itself as data, --help=json: the pages have options and descriptions from there and nowhere else."""

import json
import subprocess
from dataclasses import dataclass, field

from mdoc import Fault


@dataclass
class Description:
    name: str                    # "vdsm-hook props set"
    usage: str                   # what stands behind the name
    summary: str
    rows: list = field(default_factory=list)      # (option or positional, description)
    commands: list = field(default_factory=list)  # (name, summary) of the commands below it, where it has some
    notes: list = field(default_factory=list)     # (title, lines); one of the two may be empty
    examples: list = field(default_factory=list)  # lines
    exit_codes: str = ""


def left_of(argument):
    """An option as --help shows it: "-p, --property NAME=VALUE ..."."""
    if argument["is_positional"]:
        return argument["names"][0]
    words = [", ".join(argument["names"]), argument["metavar"] or "", "..." if argument["is_repeated"] else ""]
    return " ".join(word for word in words if word)


def usage_of(arguments):
    positionals = [one for one in arguments if one["is_positional"]]
    words = [left_of(one) if one["is_required"] else f"[{left_of(one)}]" for one in positionals]
    words += [left_of(one) for one in arguments if one["is_required"] and one not in positionals]
    return " ".join([*words, "[OPTION]..."])


def description_of(data):
    if "commands" in data:
        return Description(data["name"], f"{data['metavar']} [OPTION]...", data["summary"], examples=[data["example"]] if data["example"] else [],
                           commands=[(one["name"], one["summary"]) for one in data["commands"]])
    return Description(data["name"], usage_of(data["arguments"]), data["summary"],
                       rows=[(left_of(one), one["about"]) for one in data["arguments"]],
                       notes=[(" ".join(note["title"].split("\n")), [line.removeprefix("  ") for line in note["lines"].splitlines()]) for note in data["notes"]],
                       examples=[line for example in data["examples"] for line in example.split("\n")],
                       exit_codes=" ".join(data["exit_codes"].split("\n")))


def read(program, words, environment):
    """The description of PROGRAM with WORDS; throws Fault when it has none."""
    command = [program, *words, "--help=json"]
    name = " ".join([program.name, *command[1:]])
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise Fault(f"{name} ends with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    try:
        return description_of(json.loads(done.stdout))
    except (ValueError, KeyError) as error:
        raise Fault(f"{name} prints no description: {error!r}") from error
