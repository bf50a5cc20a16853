#!/usr/bin/env python3
"""Makes the manual pages: a page for each PAGE.in, as DIRECTORY/manSECTION/PAGE.

  pages.py --program VDSM_HOOK --libexec DIR --source PROJECT --date DATE --into DIRECTORY [--place USUAL=CONFIGURED]... PAGE.in...

A source holds what nothing else says. Of a command, vdsm-hook-COMMAND.1.in, that is sections which are put behind what it says of itself
(--help=json); a command without a source of its own has no page. Elsewhere these lines are replaced: @options PROGRAM@ and
@exit_codes PROGRAM@ by what that says, @hookpoints@ by the table of hook points, @markdown FILE [HEADING]@ by that document, or
what is below its heading. Directories of ours below each USUAL one are named below the CONFIGURED one.
Nothing is written when a page cannot be made: each fault is named with its page, exit 1.
"""

import argparse
import os
import re
import sys
from functools import cached_property
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "hookpoints"))
import described  # noqa: E402
import mdoc  # noqa: E402
import tables  # noqa: E402
from generate import read_table  # noqa: E402
from generate_lifecycles import read_lifecycles  # noqa: E402
from mdoc import Fault  # noqa: E402

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
EXIT_CODES = "0 done; 1 vetoed or refused; 2 wrong use; 3 the engine could not do its work."


def prose(text):
    return mdoc.sentences(mdoc.plain(text))


def usage_line(one):
    return f".Nm {one.name}\n.{mdoc.argument_words(one.usage)}\n"


def option_list(rows):
    return mdoc.tag_list([(mdoc.argument_words(left), prose(right)) for left, right in rows]) if rows else ""


def exit_list(text):
    """"0 done; 1 vetoed." as a list; a part that begins with no number belongs to the one before it."""
    parts = [part.partition(" ") for part in re.split(r"; (?=\d )", text.removesuffix("."))]
    if not all(code.isdigit() and what for code, _, what in parts):
        raise Fault(f"{text!r} are no exit codes")
    return mdoc.tag_list([(code, prose(what)) for code, _, what in parts])


def notes_of(notes):
    out = ""
    for title, lines in notes:
        out += ".Pp\n" + prose(title) + (mdoc.literal(lines) if lines else "")
    return out


def parts_of(text, macro):
    """What stands below each heading of MACRO in TEXT, by heading."""
    head, *parts = re.split(rf"(?m)^\{macro} (.*)\n", text)
    if head:
        raise Fault(f"{head.splitlines()[0]!r} stands before the first {macro}")
    return dict(zip(parts[::2], parts[1::2]))


def placed(text, places):
    """TEXT with our directories below /etc and others where they were configured to be: (usual, configured) each."""
    for usual, configured in places:
        word = "".join({"\\": r"\e", " ": r"\ "}.get(c, c if c.isascii() else rf"\[u{ord(c):04X}]") for c in configured)
        text = re.sub(rf"(?:(?<![\w/.])|(?<=\\fB)|(?<=\\\(dq)){re.escape(usual)}(?=/vdsm)", lambda _, word=word: word, text)
    return text


class Maker:
    def __init__(self, options):
        self.program = options.program
        self.source = options.source
        self.places = [place.partition("=")[::2] for place in options.place]
        self.environment = {**os.environ, "VDSM_HOOK_LIBEXEC_DIR": str(options.libexec)}

    def described(self, words):
        return described.read(self.program, words, self.environment)

    @cached_property
    def front(self):
        return self.described([])

    @cached_property
    def points(self):
        return read_table(self.source / "hookpoints/hookpoints.toml")

    @cached_property
    def lifecycles(self):
        return read_lifecycles(self.source / "hookpoints/lifecycles.toml", self.points)

    # ---- commands

    def leaves(self, one):
        """The commands below ONE that have options of their own."""
        words = one.name.split()[1:]
        below = [self.described([*words, name]) for name, _ in one.commands]
        return [leaf for each in below for leaf in (self.leaves(each) if each.commands else [each])]

    def several(self, one, texts):
        """The sections of a command with others below it; TEXTS are about some of them, by name."""
        leaves = self.leaves(one)
        common = [row for row in leaves[0].rows if all(row in leaf.rows for leaf in leaves)]
        notes = [note for note in leaves[0].notes if all(note in leaf.notes for leaf in leaves)]
        commands = notes_of(notes).removeprefix(".Pp\n")
        for leaf in leaves:
            words = leaf.name.split()
            fires = notes_of([note for note in leaf.notes if note not in notes])
            if words[1] == "vm":  # its notes say the same in fewer words
                fires = ".Pp\n" + tables.lifecycle(words[2], self.lifecycles, self.points)
            name = leaf.name.removeprefix(f"{one.name} ")
            commands += f".Ss {name}\n{usage_line(leaf)}.Pp\n{prose(leaf.summary)}{fires}"
            commands += f".Pp\n{texts.pop(name)}" if name in texts else ""
            commands += option_list([row for row in leaf.rows if row not in common])
        if texts:
            raise Fault(f"{one.name} has no command {', '.join(texts)}")
        exits = {leaf.exit_codes or EXIT_CODES for leaf in leaves}
        status = exit_list(exits.pop()) if len(exits) == 1 else "".join(
            [exit_list(EXIT_CODES), ".Pp\nMore precisely,\n",
             mdoc.tag_list([(f"Cm {leaf.name}", prose(leaf.exit_codes)) for leaf in leaves if leaf.exit_codes])])
        return {"COMMANDS": commands, "OPTIONS": "Every command takes these.\n" + option_list(common), "EXIT STATUS": status,
                "EXAMPLES": mdoc.literal([line for leaf in leaves for line in leaf.examples])}

    def command(self, words, text):
        one = self.described(words)
        made = {"NAME": f".Nm {one.name.replace(' ', '-')}\n", "SYNOPSIS": usage_line(one),
                "DESCRIPTION": prose(one.summary) + notes_of(one.notes)}
        if not words:
            del made["DESCRIPTION"]  # its name says it
            made["NAME"] += f".Nd {one.summary.removesuffix('.')}\n"
            made["COMMANDS"] = mdoc.tag_list([(f"Xr {one.name}-{name} 1", prose(summary)) for name, summary in one.commands])
        else:
            made["NAME"] += f".Nd {dict(self.front.commands)[words[0]]}\n"
        if one.examples:
            made["EXAMPLES"] = mdoc.literal(one.examples)
        given = parts_of(text, ".Sh")
        if words and one.commands:
            made |= self.several(one, parts_of(given.pop("COMMANDS", ""), ".Ss"))
        elif words:
            made |= {"OPTIONS": option_list(one.rows), "EXIT STATUS": exit_list(one.exit_codes or EXIT_CODES)}
        for title, more in given.items():
            if title not in SECTIONS:
                raise Fault(f"there is no section {title} in a command's page")
            pp = ".Pp\n" if title in made and not more.startswith((".Ss", ".Bl", ".Bd")) else ""
            made[title] = made.get(title, "") + pp + more
        for title in ("ENVIRONMENT", "FILES") if words else ():
            own = made[title] + ".Pp\n" if title in made else ""
            made[title] = f"{own}What holds for all commands is in\n.Xr {self.program.name} 1 .\n"
        return "".join(f".Sh {title}\n{made[title]}" for title in SECTIONS if made.get(title))

    # ---- other pages

    def document(self, file, heading):
        text = (self.source / file).read_text(encoding="utf-8")
        try:
            return mdoc.markdown(mdoc.section(text, heading) if heading else text)
        except Fault as fault:
            raise Fault(f"{file}: {fault}") from None

    def replacement(self, line):
        what, *words = line[1].split()
        if what in ("options", "exit_codes") and words:
            one = described.read(self.program.with_name(words[0]), [], self.environment)
            return option_list(one.rows) if what == "options" else exit_list(one.exit_codes)
        if what == "hookpoints":
            return tables.hook_points(self.points)
        if what == "markdown" and words:
            return self.document(words[0], " ".join(words[1:]))
        raise Fault(f"@{line[1]}@ is none of @options PROGRAM@, @exit_codes PROGRAM@, @hookpoints@ and @markdown FILE [HEADING]@")

    def page(self, name, text):
        command = re.fullmatch(rf"{self.program.name}(?:-(.+))?\.1", name)
        if command is None:
            return re.sub(r"(?m)^@(.+)@$\n", self.replacement, text)
        known = dict(self.front.commands)
        if command[1] and command[1] not in known:
            raise Fault(f"there is no command {command[1]}, of {', '.join(known)}")
        return self.command([command[1]] if command[1] else [], text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, kind in (("program", Path), ("libexec", Path), ("source", Path), ("date", str), ("into", Path)):
        parser.add_argument(f"--{option}", type=kind, required=True)
    parser.add_argument("--place", action="append", default=[], metavar="USUAL=CONFIGURED")
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE.in")
    options = parser.parse_args()
    maker, made, faults = Maker(options), {}, []
    for source in options.pages:
        name = source.name.removesuffix(".in")
        title, section = name.rsplit(".", 1)
        try:
            text = f".Dd {options.date}\n.Dt {title.upper()} {section}\n.Os\n"
            text += placed(maker.page(name, source.read_text(encoding="ascii")), maker.places)
            made[options.into / f"man{section}" / name] = text.encode("ascii")
        except (Fault, OSError, UnicodeError) as error:
            faults.append(f"{source}: {error}")
    if faults:
        sys.exit("\n".join(faults))
    for path, page in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)


if __name__ == "__main__":
    main()
