"""vdsm-hook import DIR: makes the folder of a hook of ours from one of vdsm's tree."""

import argparse
import os
import posixpath
import re
import select
import shlex
import signal
import sys
import tomllib
import warnings
from pathlib import Path

import look
import read_hooks
import usage
from describe import Description, Placing
from folder import Draft, Findings, Folder, Refused, printable
from makefile_am import Makefile, NotFollowed
from recipe import Installation, Step, parents_of

DONE, LOOK, WRONG_USE, FAILURE = range(4)

INSTALLS = ["install-exec-local", "install-data-local", "install-exec-hook", "install-data-hook"]
UNINSTALLS = ["uninstall-local", "uninstall-hook"]
MAX_MAKEFILE_BYTES = 64 * 1024


def misuse(why):
    return Refused(f"{why}\nvdsm-hook import --help says how it is used")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise misuse(message)


def known_events(into):
    """The hook points of the tree that INTO belongs to, else those of this program, with their payloads."""
    table = into.absolute().parent / "hookpoints/hookpoints.toml"
    if not table.is_file():
        table = Path(__file__).with_name("hookpoints.toml")
    try:
        return {event: point["payload"] for event, point in tomllib.loads(table.read_text(encoding="utf-8")).items()}
    except (ValueError, KeyError) as error:
        raise Refused(f"{table}: {error}") from error


def steps_of(folder, findings):
    """What Makefile.am installs: path -> Step."""
    of_makefile = findings.of("Makefile.am")
    if len(folder.makefile) > MAX_MAKEFILE_BYTES:
        raise Refused(f"Makefile.am is larger than {MAX_MAKEFILE_BYTES >> 10} KiB")
    makefile = Makefile(folder.makefile, of_makefile)
    installation = Installation(folder.modes, of_makefile)
    for listed in makefile.lists():
        installation.add_listed(listed)
    followed = follow_rules(makefile, INSTALLS, installation.follow, of_makefile)
    followed |= follow_rules(makefile, UNINSTALLS, installation.check_removal, of_makefile)
    for target, rule in makefile.rules.items():
        if target not in followed and rule.recipe:
            of_makefile.add(rule.line, f"the rule {target} is not followed, and nothing of it is run")
    with_files = {directory for path in installation.steps for directory in parents_of(path)}
    for directory, number in installation.directories.items():
        is_of_an_event = directory.startswith("/usr/libexec/vdsm/hooks")
        if not is_of_an_event and directory not in with_files:
            of_makefile.add(number, f"{directory} stays without a file: a hook installs files only")
    return installation.steps


def follow_rules(makefile, targets, follow, findings):
    """Hands each line of the rules for TARGETS, and of those that they need, to FOLLOW. Gives the targets."""
    followed = set()
    waiting = [(target, False) for target in reversed(targets)]
    while waiting:
        target, are_prerequisites_done = waiting.pop()
        rule = makefile.rules.get(target)
        if rule is None or (target in followed and not are_prerequisites_done):
            continue
        if not are_prerequisites_done:
            followed.add(target)
            waiting += [(target, True), *((prerequisite, False) for prerequisite in reversed(rule.prerequisites))]
            continue
        for number, text in rule.recipe:
            try:
                follow(number, makefile.expand(text))
            except NotFollowed as why:
                findings.add(number, f"{why}; this line is left out: {text}")
    return followed


def guessed_steps(folder, events, name, findings):
    """Without a Makefile.am: scripts that have the name of an event."""
    steps = {}
    findings.add("Makefile.am", 0, "there is none: what is installed where is guessed from the names of the files")
    for file in folder.contents:
        event = re.sub(r"\.(py|sh)$", "", file)
        if event in events:
            steps[f"/usr/libexec/vdsm/hooks/{event}/50_{name}"] = Step(file, 0o755, 0)
            findings.add(file, 0, f"guessed: installed as {event}/50_{name}")
    return steps


def describe(name, folder, events, findings):
    """The Description, and how each file is called beside hook.toml."""
    steps = guessed_steps(folder, events, name, findings) if folder.makefile is None else steps_of(folder, findings)
    readme = look.readme_in(folder.contents)
    if readme is None:
        findings.add("README", 0, "there is none: README.md is a first line; say what the hook does and what its properties are")
        folder.contents["README.md"] = f"# {name}\n\nA hook that came from vdsm's tree without a README.\n".encode()
        folder.modes["README.md"] = 0o644
        readme = "README.md"
    elif readme != "README.md":
        folder.contents["README.md"], folder.modes["README.md"] = folder.contents.pop(readme), folder.modes.pop(readme)
    content = folder.contents["README.md"]
    description = Description(name, look.summary_of(content, name), *look.properties_of(content, findings.of(readme)))
    placing = Placing(description, folder.contents, events, findings)
    for path, step in steps.items():
        placing.place(path, Step(("README.md" if step.source == readme else step.source), step.mode, step.line))
    looked_at = 0
    for file, text in folder.contents.items():
        if len(text) > look.MAX_PARSED_BYTES or looked_at + len(text) <= look.MAX_LOOKED_AT_BYTES:
            looked_at += look.look_at(file, text, findings.of(file))
            if file != "README.md" and len(text) <= look.MAX_PARSED_BYTES:
                look_for_properties(file, text, description, findings)
        elif look.is_script(file, text):
            findings.add(file, 0, f"there are more than {look.MAX_LOOKED_AT_BYTES >> 20} MiB of scripts: what is in it was not looked at")
        is_hook = re.sub(r"\.(py|sh)$", "", posixpath.basename(file)) in events
        if is_hook and not any(step.source == file for step in steps.values()):
            findings.add(file, 0, "has the name of a hook point, and nothing installs it")
    return description, placing.names


def look_for_properties(file, text, description, findings):
    declared = {*description.vm_properties, *(name for names in description.device_properties.values() for name in names)}
    for name, number in look.properties_read(file, text):
        if name not in declared:
            findings.add(file, number, f"reads {name} from its environment: if that is a custom property, declare it in hook.toml, or define it on "
                                       f"the hosts, or it is withheld: vdsm-hook props define '{name}=.*'")


def define_commands(description):
    """What lets the properties through where the hook's hook.toml is not installed."""
    for kind, properties in [(None, description.vm_properties), *description.device_properties.items()]:
        for name, pattern in properties.items():
            if ";" not in pattern:  # which ends a definition
                yield "vdsm-hook props define " + (f"--device {kind} " if kind else "") + shlex.quote(f"{name}={pattern}")


def clashes(into, hook):
    """What the other hooks of the tree have as well, with which the build would refuse them all."""
    package, ours = read_hooks.package_of(hook.folder.name), {path for _, _, path in hook.installs()}
    for path in sorted(into.glob("*/hook.toml")):
        other = path.parent.name
        if read_hooks.package_of(other) == package:
            yield f"the hook {other} makes the package {package} as well: rename the folder"
        shared = ours & {path for _, _, path in read_hooks.Hook(path).installs()}
        for path in sorted(shared):
            if path.removesuffix(".toml") == path or path.removesuffix(".toml") not in shared:  # a sidecar goes with its hook
                yield f"the hook {other} installs {path} as well: one of the two must go"


def import_folder(given, into):
    name = Path(os.path.abspath(given)).name
    if not read_hooks.PACKAGE_NAME.fullmatch(name):
        raise Refused(f"'{name}' is no name for a hook (letters, digits, _, -, ., +; a letter or digit first): rename the folder")
    if not into.is_dir():
        raise Refused(f"{into} is no directory")
    if os.path.lexists(into / name):
        raise Refused(f"{into / name} exists already; --into says where the new folder is made")
    findings = Findings(given)
    folder = Folder(given, findings)
    if "hook.toml" in folder.contents:
        raise Refused(f"{given} has a hook.toml already: it needs no import")
    events = known_events(into)
    description, names = describe(name, folder, events, findings)
    if not description.events:
        raise Refused("\n".join([f"nothing in {given} is installed as a hook, so nothing is imported", *findings.lines()]))
    with Draft(into, name) as draft:
        for file, content in folder.contents.items():
            draft.add(names.get(file, file), content, folder.modes[file])
        draft.add("hook.toml", description.text().encode(), 0o644)
        if "cases.json" not in folder.contents:
            draft.add("cases.json", description.cases(events).encode(), 0o644)
        (hook,), faults = read_hooks.read(draft.above, [], False, events)
        faults = [*faults, *clashes(into, hook)]
        if faults:
            raise Refused("\n".join(["the build would refuse the hook, so nothing is imported", *faults, *findings.lines()]))
        draft.publish()
    return report(into / name, description, list(findings.lines()), "cases.json" in folder.contents)


def report(place, description, findings, has_cases):
    lines = [f"{place}: imported"]
    rows = [(f"hooks/{event}/{installed}", 0o755, source) for event, (installed, source) in description.events.items()]
    rows += [(path, mode, source) for source, path, mode in description.files]
    width = max(len(path) for path, _, _ in rows)
    lines += [f"  {path:{width}}  {mode:04o}  {source}" for path, mode, source in rows]
    if commands := list(define_commands(description)):
        lines += ["", "Hooks get only properties that are defined. The hook's package brings these definitions; without it:", *(f"  {line}" for line in commands)]
    if findings:
        lines += ["", "A human must look at:", *findings]
    if not has_cases:
        lines += ["", "Its cases.json says that without properties the hook changes nothing: add what it does with them."]
    say("\n".join(map(printable, lines)) + "\n")
    return LOOK if findings else DONE


def main(arguments):
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback
    warnings.simplefilter("ignore")  # of what stands in the files that are read
    try:
        for word in arguments:
            if word in usage.FORMS:
                say(usage.FORMS[word]())
                return DONE
        parser = Parser(add_help=False, allow_abbrev=False)
        parser.add_argument("directory", metavar="DIR", nargs="?")
        parser.add_argument("--into", metavar="DIR", default=".")
        options, others = parser.parse_known_args(arguments)
        if others:
            raise misuse(f"'{others[0]}' is not expected here" + read_hooks.did_you_mean(others[0], ["--into", "--help"]))
        if not options.directory or not options.into:
            raise misuse("DIR is required" if options.directory is None else "the name of a directory is empty")
        return import_folder(options.directory.rstrip("/") or "/", Path(options.into))
    except Refused as why:
        complain(str(why))
        return WRONG_USE
    except OSError as error:
        complain(f"{error.filename or 'standard output'}: {error.strerror}")
        return FAILURE


def say(text):
    data = text.encode("utf-8", "backslashreplace")
    ready = select.poll()
    ready.register(sys.stdout.fileno(), select.POLLOUT)
    while data:
        ready.poll()  # where it does not wait by itself
        try:
            data = data[os.write(sys.stdout.fileno(), data):]
        except BlockingIOError:
            pass


def complain(text):
    sys.stderr.write("vdsm-hook: " + "\n".join(map(printable, text.split("\n"))) + "\n")
