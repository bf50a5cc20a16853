"""What the commands of a recipe would install where, without a shell.

A line is taken whole or not at all: what is no plain `install`, `cp`, `ln -s`, `mkdir`, `chmod` or `rm` of named files makes
its line a finding.
"""

import getopt
import os.path
import posixpath
import re
from dataclasses import dataclass

from makefile_am import DESTDIR, ELSEWHERE, SRCDIR, NotFollowed

SHELL_WORDS = {"if", "then", "else", "elif", "fi", "for", "do", "done", "while", "until", "case", "esac", "!", "test", "["}
MAX_INSTALLED = 1000  # files, and directories
SILENT = {"true", ":", "echo"}


@dataclass
class Step:
    """One file that is installed: a file of the folder, an absolute path, a mode."""
    source: str
    mode: int
    line: int


def commands_of(text):
    """The simple commands in TEXT, each a list of words. Throws NotFollowed for anything else a shell would do."""
    commands, words, word, quote, at = [], [], None, "", 0
    while at < len(text):
        c = text[at]
        at += 1
        if quote == "'" and c != "'":
            word += c
        elif c == "`" or c == "$":
            raise NotFollowed("backquotes run a command" if c == "`" else "a variable or command of the shell ($) is unknown here")
        elif c == quote:
            quote = ""
        elif c == "\\":
            if at < len(text):
                word = (word or "") + text[at]
            at += 1
        elif quote:
            word += c
        elif c in "'\"":
            quote, word = c, word or ""
        elif c in " \t\n;":
            if word is not None:
                words.append(word)
            word = None
            if c in ";\n":
                commands.append(words)
                words = []
        elif text.startswith("&&", at - 1):
            commands.append(words + ([] if word is None else [word]))
            words, word = [], None
            at += 1
        elif c in "|&<>()":
            raise NotFollowed(f"'{c}' of the shell is not followed")
        elif c in "*?[{" and not (c == "[" and word is None):
            raise NotFollowed(f"which files '{c}' stands for is unknown here")
        elif c == "#" and word is None:
            break
        else:
            word = (word or "") + c
    if quote:
        raise NotFollowed(f"the quote {quote} is not closed")
    return [words for words in [*commands, words + ([] if word is None else [word])] if words]


class Installation:
    """What is installed, by absolute path. FILES: the names of the folder's files, with their modes."""

    def __init__(self, files, findings):
        self.files = files
        self.findings = findings
        self.steps = {}
        self.directories = {}

    def follow(self, number, text):
        """Does a recipe's line here. Throws NotFollowed; then nothing of it was done."""
        before = dict(self.steps), dict(self.directories)
        try:
            for words in commands_of(text.lstrip("@-+ \t")):
                self.run(number, words)
        except (NotFollowed, getopt.GetoptError) as why:
            self.steps, self.directories = before
            raise NotFollowed(str(why)) from why

    def check_removal(self, _, text):
        """Throws NotFollowed when a line of an uninstall rule does more than to remove."""
        for words in commands_of(text.lstrip("@-+ \t")):
            if words[0] not in {"rm", "rmdir", *SILENT}:
                raise NotFollowed(f"{words[0]} in a rule that uninstalls; nothing is run")

    def run(self, number, words):
        command, arguments = words[0], words[1:]
        if command in SHELL_WORDS:
            raise NotFollowed(f"'{command}' of the shell is not followed")
        if command in SILENT:
            return
        doer = {"install": self.install, "cp": self.copy, "ln": self.link, "mkdir": self.make_directories, "chmod": self.change_mode,
                "rm": self.remove, "rmdir": self.remove}.get(command)
        if doer is None:
            raise NotFollowed(f"it runs {command}, and nothing is run")
        doer(number, arguments)

    def make_directories(self, number, arguments):
        options, paths = getopt.gnu_getopt(arguments, "pvm:", ["parents", "mode="])
        del options
        for path in paths:
            self.directories.setdefault(self.destination(path), number)
            if len(self.directories) > MAX_INSTALLED:
                raise NotFollowed(f"it makes more than {MAX_INSTALLED} directories")

    def install(self, number, arguments):
        options, words = getopt.gnu_getopt(arguments, "cpvCDdTm:o:g:t:", ["mode=", "owner=", "group=", "target-directory=", "directory"])
        given = dict(options)
        for name in ("-o", "-g", "--owner", "--group"):
            if given.get(name, "root") != "root":
                raise NotFollowed(f"a package installs its files for root, not for {given[name]}")
        if "-d" in given or "--directory" in given:
            return self.make_directories(number, ["--", *words])
        mode = octal(given.get("-m", given.get("--mode", "0755")))
        self.place(number, words, given.get("-t", given.get("--target-directory")), lambda source: mode)
        return None

    def copy(self, number, arguments):
        options, words = getopt.gnu_getopt(arguments, "afpPLvndTt:", ["preserve=", "target-directory="])
        given = dict(options)
        self.place(number, words, given.get("-t", given.get("--target-directory")), lambda source: self.files[source])

    def place(self, number, words, directory, mode_of):
        if directory is None:
            if len(words) < 2:
                raise NotFollowed("it does not say what goes where")
            *words, directory = words
            target = self.destination(directory)
            is_directory = len(words) > 1 or directory.endswith("/") or self.is_directory(target)
        else:
            target, is_directory = self.destination(directory), True
        for word in words:
            source = self.source(word)
            self.add(posixpath.join(target, posixpath.basename(source)) if is_directory else target, Step(source, mode_of(source), number))

    def is_directory(self, path):
        return path in self.directories or any(other.startswith(path + "/") for other in [*self.directories, *self.steps])

    def link(self, number, arguments):
        """A link among what is installed becomes the same file once more; any other one is refused."""
        options, words = getopt.gnu_getopt(arguments, "sfnvTr", ["symbolic", "force"])
        if not {"-s", "--symbolic"} & dict(options).keys() or len(words) != 2:
            raise NotFollowed("only ln -s TARGET LINK is followed")
        link = self.destination(words[1])
        if self.is_directory(link) or words[1].endswith("/"):
            link = posixpath.join(link, posixpath.basename(words[0]))
        target = posixpath.normpath(posixpath.join(posixpath.dirname(link), words[0].removeprefix(DESTDIR)))
        if target not in self.steps:
            raise NotFollowed(f"{words[0]} is no file that this hook installs, and links to others are not made")
        self.add(link, Step(self.steps[target].source, self.steps[target].mode, number))
        self.findings.add(number, f"a link to {target}: installed as a copy of it")

    def change_mode(self, number, arguments):
        del number
        mode, paths = arguments[0] if arguments else "", [self.destination(path) for path in arguments[1:]]
        for path in paths:
            if path not in self.steps:
                raise NotFollowed(f"chmod of {path}, which this hook does not install as a file")
            step = self.steps[path]
            self.steps[path] = Step(step.source, step.mode | 0o111 if mode in ("+x", "a+x") else octal(mode), step.line)

    def remove(self, number, arguments):
        del number
        _, paths = getopt.gnu_getopt(arguments, "frv")
        removed = {self.destination(path) for path in paths}
        self.steps = {other: step for other, step in self.steps.items() if removed.isdisjoint([other, *parents_of(other)])}

    def add(self, path, step):
        if len(self.steps) >= MAX_INSTALLED and path not in self.steps:
            raise NotFollowed(f"it installs more than {MAX_INSTALLED} files")
        before = self.steps.setdefault(path, step)
        if (before.source, before.mode) != (step.source, step.mode):
            self.findings.add(step.line, f"{path} is installed in line {before.line} already: {step.source} is left out")

    def add_listed(self, listed):
        for word in listed.files:
            try:
                source = self.source(word)
                name = source if listed.keeps_folders else posixpath.basename(source)
                self.add(normal(posixpath.join(listed.directory, name)), Step(source, listed.mode, listed.line))
            except NotFollowed as why:
                self.findings.add(listed.line, f"not installed: {why}")

    def source(self, word):
        """The file of the folder that WORD means. Throws NotFollowed."""
        name = os.path.normpath(word.removeprefix(SRCDIR).lstrip("/") if word.startswith(SRCDIR) else word)
        if name.startswith(("/", "../", ELSEWHERE)) or name == ".." or DESTDIR in name:
            raise NotFollowed(f"{word} is not in this folder")
        if name not in self.files:
            if f"{name}.in" in self.files:
                raise NotFollowed(f"{name} is made from {name}.in by vdsm's build: make it by hand and describe it in hook.toml")
            raise NotFollowed(f"there is no {name} in the folder that could be taken")
        return name

    def destination(self, word):
        """The absolute path that WORD means. Throws NotFollowed."""
        if not word.startswith(DESTDIR + "/"):
            raise NotFollowed(f"{word} is not below $(DESTDIR)")
        return normal(word.removeprefix(DESTDIR))


def parents_of(path):
    while path := path.rpartition("/")[0]:
        yield path


def normal(path):
    if ".." in path.split("/"):
        raise NotFollowed(f"{path} leads upwards with ..")
    return "/" + posixpath.normpath(path).lstrip("/")


def octal(text):
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise NotFollowed(f"mode {text} is not followed")
    return int(text, 8)
