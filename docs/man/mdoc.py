"""Texts as mdoc(7): sentences, items, literal lines; and Markdown, as far as the project's documents use it."""

import re
import textwrap

LITERAL = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"})
# A `code`, **strong** or *stressed* span, or a [link](target).
SPAN = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)]+)\)")
MACRO = re.compile(r"[A-Z][a-z].?|[A-Z][a-z]?|\W")  # what could be taken for a macro, or for punctuation


class Fault(Exception):
    """Why a page cannot be made."""


def at_start(line):
    return f"\\&{line}" if line.startswith((".", "'")) else line


def sentences(text):
    """TEXT, already escaped, as lines of mdoc, which wants each sentence on a line of its own, and no long ones."""
    lines = []
    for sentence in re.split(r"(?<=[.?!])\s+(?=(?:\\f[BI])?[A-Z])", " ".join(text.split())):
        lines += textwrap.wrap(sentence, 79, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{at_start(line)}\n" for line in lines)


def plain(text):
    return text.replace("\\", "\\e")


def literal(lines):
    """LINES as they are."""
    text = "".join(f"{at_start(line.replace(chr(92), chr(92) + 'e').replace('-', chr(92) + '-'))}\n" for line in lines)
    return f".Bd -literal -offset indent\n{text}.Ed\n"


def word(text):
    """TEXT as one argument of a macro, never taken for a macro or for punctuation."""
    text = text.translate(LITERAL)
    return f"\\&{text}" if MACRO.fullmatch(text) else text


def argument_words(text):
    """An option's or a usage's words, "-p, --property NAME=VALUE ...", as macros."""
    out = []
    for part in text.split():
        comma = "," if part.endswith(",") else ""
        part = part.removesuffix(",")
        if part == "[OPTION]...":
            out += ["Oo", "Ar", "OPTION", "Oc", "Ns", "..."]
        elif part == "...":
            out.append("...")
        elif part.startswith("[") and part.endswith("]"):
            out += ["Oo", "Ar", word(part[1:-1]), "Oc"]
        elif part.startswith("-"):
            out += ["Fl", word(part[1:])]
        else:
            out += ["Cm" if part.islower() else "Ar", word(part)]
        out += [comma] if comma else []
    return " ".join(out)


def tag_list(items, width="Ds"):
    """Items of a macro line and the sentences behind it, which may be none."""
    return "".join([f".Bl -tag -width {width}\n", *(f".It {tag}\n{text}" for tag, text in items), ".El\n"])


# ---- Markdown

def inline(text):
    """A paragraph, item or cell of Markdown as escaped text. Throws Fault for what it does not know."""
    out, at = "", 0
    for span in SPAN.finditer(text):
        out += prose(text[at:span.start()])
        code, strong, stressed, link, target = span.groups()
        if code is not None:
            out += f"\\fB{code.translate(LITERAL)}\\fR"
        elif link is not None:
            out += inline(link) + ("" if target.startswith("#") else f" ({prose(target)})")
        else:
            out += f"\\fI{inline(strong or stressed)}\\fR".replace("\\fR\\fR", "\\fR")
        at = span.end()
    return out + prose(text[at:])


def prose(text):
    if bad := re.search(r"[`*<\[\]]|[^\x20-\x7e]|(?<!\w)_\w", text):
        raise Fault(f"{bad[0]!r} in {text.strip()[:60]!r} is no Markdown that the page can hold")
    return plain(text)


def cells_of(row):
    if not re.fullmatch(r"\|.*\|", row):
        raise Fault(f"{row[:60]!r} is no row of a table")
    spans = re.split(r"(`[^`]*`)", row[1:-1])
    return [cell.strip().replace("\0", "|") for cell in "".join(s.replace("|", "\0") if s.startswith("`") else s for s in spans).split("|")]


def table(rows):
    if len(rows) < 3 or not re.fullmatch(r"(\|-+)+\|", rows[1]):
        raise Fault(f"{rows[0][:60]!r} is no table: its second line must be |---|")
    head, *body = [cells_of(row) for row in [rows[0], *rows[2:]]]
    items = [(f"\\fI{inline(head[0])}\\fR", sentences(f"\\fI{'; '.join(map(inline, head[1:]))}\\fR"))]
    for cells in body:
        if len(cells) != len(head):
            raise Fault(f"{cells[0]!r}: a row of {len(cells)} cells in a table of {len(head)}")
        named = [f"{inline(name)}: {inline(cell)}" for name, cell in zip(head[1:], cells[1:])]
        text = inline(cells[1]) if len(head) == 2 else "; ".join(named)
        items.append((tag(inline(cells[0])), sentences(text)))
    return tag_list(items)


def tag(text):
    """Escaped TEXT as the line of an item, where a word could be taken for a macro."""
    return " ".join(f"\\&{part}" if MACRO.fullmatch(part) else part.replace('"', "\\(dq") for part in text.split(" "))


def blocks_of(lines):
    """(kind, lines) of each block of a Markdown document."""
    at = 0
    while at < len(lines):
        line, start = lines[at], at
        at += 1
        if not line.strip():
            continue
        if line.startswith("```"):
            while at < len(lines) and lines[at] != "```":
                at += 1
            if at == len(lines):
                raise Fault(f"line {start + 1}: {line} has no end")
            yield "code", lines[start + 1:at]
            at += 1
        elif line.startswith("    "):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            yield "code", [code[4:] for code in "\n".join(lines[start:at]).rstrip().split("\n")]
        elif heading := re.fullmatch(r"(#{1,3}) (.+)", line):
            yield f"h{len(heading[1])}", [heading[2]]
        else:
            kind = "table" if line.startswith("|") else "list" if line.startswith("- ") else "text"
            while at < len(lines) and lines[at].strip() and not lines[at].startswith(("```", "#")):
                at += 1
            if kind == "text" and re.match(r"[#>+]|\d+[.)] |[-=*_]{3}", line):
                raise Fault(f"line {start + 1}: {line[:60]!r} is no Markdown that the page can hold")
            yield kind, lines[start:at]


def markdown(text):
    """The document TEXT: its ## headings are sections, its ### those below them; its # is left to the page's name."""
    out, follows_heading = [], True
    for kind, lines in blocks_of(text.splitlines()):
        if kind in ("h2", "h3"):
            title = plain(lines[0].replace("`", "")).replace("-", "\\-")
            out.append(f".Sh {tag(title.upper())}\n" if kind == "h2" else f".Ss {tag(title)}\n")
        elif kind == "code":
            out.append(literal(lines))
        elif kind == "table":
            out.append(table(lines))
        elif kind == "list":
            items = re.split(r"(?m)^- ", "\n".join(lines))[1:]
            out += [".Bl -bullet -width Ds\n", *(f".It\n{sentences(inline(' '.join(item.split())))}" for item in items), ".El\n"]
        elif kind == "text":
            out.append(("" if follows_heading else ".Pp\n") + sentences(inline(" ".join(lines))))
        follows_heading = kind in ("h1", "h2", "h3")
    return "".join(out)


def section(text, title):
    """What stands below the heading "## TITLE" of the Markdown TEXT."""
    found = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text)
    if found is None:
        raise Fault(f"there is no section {title}")
    return found[1]
