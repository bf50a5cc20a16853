"""Who may include whom, and what the sources never do. Every rule is also shown a file that breaks it."""

import json
import pathlib
import re
import sys
import tempfile
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Which of our folders a folder may use besides itself.
MAY_USE = {room: set(row["uses"]) for room, row in json.loads((ROOT / "core/rooms.json").read_text()).items()} | {"vdsm_hooks": {"sdk"}}

# Which folders, or files, may see an outside library's headers; all others go through them.
MAY_SEE = {
    "expat.h": {"xml"},
    "toml++/": {"toml"},
    "tinyxml2": {"sdk", "vdsm_hooks"},
    "dtl/": {"payload"},
    "re2/": {"engine", "properties"},
    "boost/json": {"payload", "engine", "libvirt_hooks", "libvirt", "cli", "cli/props", "cli/check", "cli/vm"},
    "boost/process": {"process"},
    "boost/asio": {"process", "libvirt"},
    "libvirt/": {"libvirt"},
    "CLI/": {"core/vdsm_hook/cli/arguments.cpp"},
}

# What no C++ of ours calls: it would change the whole process, or hand words to a shell.
NEVER_CALLED = re.compile(r"(?<![\w.>])(system|popen|chdir|fchdir|chroot|setenv|putenv|unsetenv|clearenv|umask)\s*\(")
# What the library leaves to the command: printing and ending.
NEVER_IN_LIBRARY = re.compile(r"\bstd::(cout|cerr|clog)\b|(?<![\w.>])(printf|puts|putchar|perror|exit|abort|syslog)\s*\(")
# Where files are opened, looked at, made, renamed, linked and removed by path or beside an open directory. All others call it: it follows
# no link that somebody laid, says what it could not do and why, and leaves nothing when it is killed.
ROOM = {f"core/vdsm_hook/base/{name}" for name in ("open_path.cpp", "directory.cpp", "replace.cpp", "removal.cpp", "watched_file.cpp", "file_stamp.hpp")}
ROOM_EXCEPTIONS = {
    "core/vdsm_hook/process/start.cpp": "the child that becomes a hook, in its parent's memory: raw system calls only, on what it is about to run",
    "core/vdsm_hook/sdk/document.hpp": "a header for hooks, which link nothing of ours; its one file is in the private directory that the engine made",
}
BY_PATH = ("open|open64|openat|openat2|creat|fopen|freopen|opendir|fdopendir|scandir|nftw|stat|lstat|fstatat|statx|access|eaccess|faccessat|rename|renameat|"
           "renameat2|link|linkat|symlink|symlinkat|unlink|unlinkat|rmdir|mkdir|mkdirat|mkdtemp|mkstemp|mkostemp|mkfifo|mknod|realpath|"
           "canonicalize_file_name|readlink|readlinkat|chmod|fchmodat|chown|lchown|fchownat|utimensat|truncate|getxattr|lgetxattr|setxattr")
# Global functions as ours call them, with :: in front; without it only where no declaration of another function can stand.
OUTSIDE_THE_ROOM = re.compile(rf"(?<![\w>\])])::\s*(?:{BY_PATH})\s*\(|\bstd::(?:rename|fopen|freopen)\s*\("
                              rf"|(?:[(=,;{{}}!&|?]|\breturn)\s*(?:{BY_PATH})\s*\((?=[^)])|\bSYS_(?:{BY_PATH})\b"
                              r"|\b(?:filesystem|fs)::(?!path\b|absolute\b)\w+|\bstd::[io]?fstream\b")
SHELLS_OUT = re.compile(r"\bsh -c\b|\bshell\s*=\s*True\b|\bos\.(system|popen)\b")

# A help text may show an event: in a command line of an example, or behind "such as". In core/vdsm_hook/cli only.
HELP_EXAMPLE = re.compile(r"^(?:.*\\n)?(?:  )?vdsm-hook [a-z]+(?: [^\\]*)? $|.*\bsuch as $", re.DOTALL)

CPP = {".cpp", ".hpp"}
TOKEN = re.compile(r'(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<raw>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)")|(?P<string>"(?:\\.|[^"\\\n])*")'
                   r"|(?P<char>'(?:\\.|[^'\\\n])+')", re.DOTALL)


def room_of(inside):
    """The room of a file of this path below core/vdsm_hook: the deepest one that is in the table, else the first folder."""
    folders = inside.split("/")[:-1]
    if not folders:
        return "sdk"  # vdsm_hook/hooking.hpp, by which hooks know it
    names = ["/".join(folders[:count]) for count in range(len(folders), 0, -1)]
    return next((name for name in names if name in MAY_USE), folders[0])


def folder_of(path, root):
    inside = path.relative_to(root)
    return room_of(str(inside.relative_to("core/vdsm_hook"))) if inside.is_relative_to("core/vdsm_hook") else inside.parts[0]


def files(root):
    """Every file of ours that is built, installed or run, with its folder; not the texts for people."""
    for top in ("core/vdsm_hook", "hookpoints", "vdsm_hooks", "configure-compat/import"):
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and path.suffix not in (".md", ".pyc"):
                yield path, folder_of(path, root)


def sources(root):
    for path, folder in files(root):
        if path.suffix in CPP or path.name.endswith(".cpp.in"):
            yield path, folder


def without_comments(text):
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()) if m.group("comment") else m.group(), text)


def code_only(text):
    """TEXT without comments and what strings say; lines stay where they are."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def table_of_rooms(rooms):
    """The rows of ARCHITECTURE.md: of what a room may use, what it does not also reach through another."""
    rows = []
    for room, row in rooms.items():
        reached = set().union(*(rooms[used]["uses"] for used in row["uses"]))
        uses = ", ".join(f"`{used}`" for used in row["uses"] if used not in reached)
        rows.append(f"| `{room}` | {row['about']} | {uses} |".replace("|  |", "| |"))
    return rows


def wrong_includes(root):
    for path, folder in sources(root):
        for match in re.finditer(r'^\s*#\s*include\s*([<"])([^>"]+)', without_comments(path.read_text()), re.MULTILINE):
            name, where = match.group(2), f"{path.relative_to(root)}:{line_of(path.read_text(), match.start(2))}"
            if name.startswith("vdsm_hook/"):
                used = room_of(name.removeprefix("vdsm_hook/"))
                if used != folder and used not in MAY_USE[folder]:
                    yield f"{where}: {folder} includes {name}, which is {used}'s"
            elif match.group(1) == '"' and not (path.parent / name).is_file() and not name.endswith(".inc"):
                yield f"{where}: {name} is no file beside it; ours are <vdsm_hook/ROOM/FILE.hpp>"
            for library, seers in MAY_SEE.items():
                if name.startswith(library) and not {folder, str(path.relative_to(root))} & seers:
                    yield f"{where}: {folder} includes {name}, which only {', '.join(sorted(seers))} may see"


def wrong_targets(root):
    folders = {folder for _, folder in sources(root)}
    for folder in sorted(folders - {"vdsm_hooks"}):
        top = root / "core/vdsm_hook" / folder
        texts = [path.read_text() for path in top.rglob("CMakeLists.txt") if room_of(str(path.relative_to(root / "core/vdsm_hook"))) == folder]
        text = "\n".join(re.sub(r"#[^\n]*", "", text) for text in texts)
        if not re.search(rf"(vdsm_hook_room\({folder}|vdsm_hook_uses\(\w+ {folder}|add_library\(vdsm_hook_{folder})[\s)]", text):
            yield f"{top.relative_to(root)} has no target of its own, vdsm_hook_{folder}"
        for used in re.findall(r"\bvdsm_hook_(\w+)", text):
            used = used.replace("cli_", "cli/")
            if used in MAY_USE and used != folder and used not in MAY_USE[folder]:
                yield f"{top.relative_to(root)} links {used}"


def unknown_folders(root):
    for folder in sorted({folder for _, folder in sources(root)} - MAY_USE.keys()):
        yield f"{folder} is in no table: say in core/rooms.json what it may use"


def wrong_calls(root):
    for path, folder in files(root):
        text = path.read_text()
        where = path.relative_to(root)
        if path.suffix in CPP:
            code = code_only(text)
            for match in NEVER_CALLED.finditer(code):
                yield f"{where}:{line_of(code, match.start())}: calls {match.group(1)}()"
            for match in NEVER_IN_LIBRARY.finditer(code) if folder.split("/")[0] not in ("cli", "hookd", "sdk", "vdsm_hooks") else ():
                yield f"{where}:{line_of(code, match.start())}: {match.group().strip(' (')}, which is the command's to do"
            for match in TOKEN.finditer(text):
                if match.group("string") == '"-c"' or match.group("string") and SHELLS_OUT.search(match.group()):
                    yield f"{where}:{line_of(text, match.start())}: hands words to a shell"
        else:
            for match in SHELLS_OUT.finditer(re.sub(r"(?m)(^|\s)#[^\n]*", r"\1", text) if path.suffix != ".json" else text):
                yield f"{where}: {match.group()}"


def outside_the_room(root):
    for path, _ in sources(root):
        where, code = path.relative_to(root), code_only(path.read_text())
        if str(where) in ROOM or str(where) in ROOM_EXCEPTIONS:
            continue
        for match in OUTSIDE_THE_ROOM.finditer(code):
            yield f"{where}:{line_of(code, match.end())}: {match.group().strip()}: what opens or changes by path stands in core/vdsm_hook/base"


def event_literals(root, events):
    names = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, events)) + r")(?!\w)")
    for path, folder in files(root):
        where, text = path.relative_to(root), path.read_text()
        if where.parts[0] != "core":
            continue  # the table itself, and hook.toml, which is where hooks say their events
        if path.suffix in CPP or path.name.endswith(".cpp.in"):
            text = without_comments(text)
        elif path.suffix != ".json":
            text = re.sub(r"(?m)(^|\s)#[^\n]*", r"\1", text)
        for match in names.finditer(text):
            if folder.split("/")[0] == "cli" and path.suffix == ".cpp" and HELP_EXAMPLE.match(text[text.rfind('"', 0, match.start()) + 1:match.start()]):
                continue
            yield f"{where}:{line_of(text, match.start())}: {match.group()} is spelled out; the table names the events"


def events_of(root):
    return list(tomllib.loads((root / "hookpoints/hookpoints.toml").read_text()))


class OurSources(unittest.TestCase):
    def check(self, faults):
        self.assertEqual([], list(faults))

    def test_every_folder_is_looked_at(self):
        counts = {}
        for _, folder in sources(ROOT):
            counts[folder] = counts.get(folder, 0) + 1
        self.assertEqual(MAY_USE.keys(), counts.keys())
        self.assertGreater(sum(counts.values()), 60)
        self.assertGreaterEqual(len(events_of(ROOT)), 58)
        includes = sum(len(re.findall(r"(?m)^#include .vdsm_hook/", path.read_text())) for path, _ in sources(ROOT))
        self.assertGreater(includes, 100)

    def test_every_folder_is_in_the_tables(self):
        self.check(unknown_folders(ROOT))

    def test_folders_include_only_what_they_may(self):
        self.check(wrong_includes(ROOT))

    def test_every_folder_has_its_own_target_that_links_only_what_it_may(self):
        self.check(wrong_targets(ROOT))

    def test_nothing_changes_the_process_or_hands_words_to_a_shell(self):
        self.check(wrong_calls(ROOT))

    def test_files_are_opened_and_changed_in_one_room(self):
        self.check(outside_the_room(ROOT))

    def test_the_room_and_its_exceptions_are_there_and_needed(self):
        for name in ROOM | ROOM_EXCEPTIONS.keys():
            self.assertRegex(code_only((ROOT / name).read_text()), OUTSIDE_THE_ROOM, name)

    def test_event_names_stand_in_the_table_only(self):
        self.check(event_literals(ROOT, events_of(ROOT)))

    def test_the_table_in_the_architecture_is_that_of_the_build(self):
        lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
        begin = lines.index("| room | what a line of code there is about | uses |") + 2
        rows = table_of_rooms(json.loads((ROOT / "core/rooms.json").read_text()))
        self.assertEqual(lines[begin:begin + len(rows) + 1], [*rows, ""])

    def test_no_folder_may_reach_itself_through_others(self):
        def reach(folder, seen):
            for used in MAY_USE[folder] - seen:
                seen.add(used)
                reach(used, seen)
            return seen
        for folder in MAY_USE:
            self.assertNotIn(folder, reach(folder, set()))


class BrokenSources(unittest.TestCase):
    """Each rule notices what it forbids, and nothing beside it."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def expect(self, rule, rows):
        for path, text, words in rows:
            with self.subTest(path=path, text=text):
                self.put(path, text)
                faults = list(rule(self.root))
                (self.root / path).unlink()
                self.assertEqual(len(faults), 1 if words else 0, faults)
                if words:
                    self.assertIn(words, faults[0])

    def test_includes(self):
        self.expect(wrong_includes, [
            ("core/vdsm_hook/base/a.cpp", '#include "vdsm_hook/base/b.hpp"\n#include <string>\n', None),
            ("core/vdsm_hook/base/a.cpp", '\n#include "vdsm_hook/toml/table.hpp"\n', "core/vdsm_hook/base/a.cpp:2: base includes vdsm_hook/toml"),
            ("core/vdsm_hook/xml/a.hpp", "#  include <vdsm_hook/toml/table.hpp>", "toml"),
            ("core/vdsm_hook/discovery/a.cpp", '#include "vdsm_hook/payload/diff.hpp"', "payload"),
            ("core/vdsm_hook/payload/a.cpp", '#include "vdsm_hook/xml/reader.hpp"', None),
            ("core/vdsm_hook/process/a.cpp", '#include "vdsm_hook/xml/reader.hpp"', "xml"),
            ("core/vdsm_hook/hookpoints/a.cpp", '#include "vdsm_hook/engine/engine.hpp"', "engine"),
            ("core/vdsm_hook/engine/a.cpp", '#include "vdsm_hook/cli/command.hpp"', "cli"),
            ("core/vdsm_hook/engine/a.cpp", '#include "vdsm_hook/hooking.hpp"', "sdk"),
            ("core/vdsm_hook/sdk/a.hpp", "#include <vdsm_hook/sdk/xml.hpp>", None),
            ("core/vdsm_hook/sdk/a.hpp", "#include <vdsm_hook/xml/reader.hpp>", "xml"),
            ("core/vdsm_hook/sdk/new/a.cpp.in", "#include <vdsm_hook/engine/engine.hpp>", "engine"),
            ("vdsm_hooks/x/a.cpp", "#include <vdsm_hook/hooking.hpp>", None),
            ("vdsm_hooks/x/a.cpp", "#include <vdsm_hook/base/text.hpp>", "base"),
            ("core/vdsm_hook/base/a.cpp", '// #include "vdsm_hook/toml/table.hpp"\n/*\n#include "vdsm_hook/toml/table.hpp"\n*/', None),
            ("core/vdsm_hook/base/a.cpp", '#include "../toml/table.hpp"', "no file beside it"),
            ("core/vdsm_hook/cli/a.cpp", "#include <tinyxml2.h>", "tinyxml2"),
            ("core/vdsm_hook/cli/a.cpp", "#include <boost/process/v2.hpp>", "boost/process"),
            ("core/vdsm_hook/cli/a.cpp", "#include <boost/process.hpp>", "boost/process"),
            ("core/vdsm_hook/engine/a.cpp", "#include <expat.h>", "expat"),
            ("core/vdsm_hook/cli/arguments.cpp", "#include <CLI/CLI.hpp>", None),
            ("core/vdsm_hook/cli/run.cpp", "#include <CLI/CLI.hpp>", "CLI/CLI.hpp"),
        ])

    def test_targets(self):
        self.put("core/vdsm_hook/xml/a.cpp", "")
        self.expect(wrong_targets, [
            ("core/vdsm_hook/xml/CMakeLists.txt", "vdsm_hook_room(xml LINK vdsm_hook_base)", None),
            ("core/vdsm_hook/xml/CMakeLists.txt", "# vdsm_hook_room(xml SOURCES a.cpp)", "no target"),
            ("core/vdsm_hook/xml/CMakeLists.txt", "vdsm_hook_room(xml SOURCES a.cpp LINK vdsm_hook_engine)", "links engine"),
            ("core/vdsm_hook/xml/README", "", "no target"),
        ])

    def test_unknown_folders(self):
        self.expect(unknown_folders, [("core/vdsm_hook/new/a.cpp", "", "new is in no table"), ("core/vdsm_hook/base/a.cpp", "", None)])

    def test_calls(self):
        self.expect(wrong_calls, [
            ("core/vdsm_hook/base/a.cpp", 'int x = ::system("ls");', "a.cpp:1: calls system()"),
            ("core/vdsm_hook/process/a.cpp", '\nchdir("/");', "a.cpp:2: calls chdir()"),
            ("core/vdsm_hook/engine/a.cpp", 'std::setenv("a", "b", 1);', "setenv"),
            ("core/vdsm_hook/cli/a.cpp", "::umask(022);", "umask"),
            ("vdsm_hooks/x/a.cpp", 'popen("ls", "r");', "popen"),
            ("core/vdsm_hook/process/a.cpp", "::syscall(SYS_chdir, 0); // chdir(x)\nboost::system::error_code e; file_system(1);", None),
            ("core/vdsm_hook/base/a.cpp", 'const char* text = "chdir(x) and system(y)"; auto c = \'"\'; auto d = "umask(";', None),
            ("core/vdsm_hook/process/a.cpp", '{"/bin/sh", "-c", x}', "shell"),
            ("core/vdsm_hook/process/a.cpp", 'run("sh -c ls");', "shell"),
            ("core/vdsm_hook/engine/a.cpp", 'std::cerr << "x";', "std::cerr"),
            ("core/vdsm_hook/engine/a.cpp", "::exit(1);", "exit"),
            ("core/vdsm_hook/process/a.cpp", "::_exit(1);", None),
            ("core/vdsm_hook/cli/a.cpp", 'std::printf("x");', None),
            ("core/vdsm_hook/sdk/python/a.py", "subprocess.run(x, shell=True)", "shell=True"),
            ("core/vdsm_hook/sdk/shell/a.sh", 'sh -c "$x"', "sh -c"),
            ("core/vdsm_hook/sdk/shell/a.sh", '# not sh -c "$x"', None),
        ])

    def test_calls_by_path(self):
        self.expect(outside_the_room, [
            ("core/vdsm_hook/cli/a.cpp", "UniqueFd fd(::open(name.c_str(), O_RDONLY));", "a.cpp:1: ::open("),
            ("core/vdsm_hook/cli/a.cpp", "\nif (::stat(a, &st) != 0) return;", "a.cpp:2: ::stat("),
            ("core/vdsm_hook/engine/a.cpp", "int fd = open(name, O_RDONLY);", "open("),
            ("core/vdsm_hook/engine/a.cpp", "return access(name, F_OK);", "access("),
            ("core/vdsm_hook/engine/a.cpp", "std::rename(a, b);", "rename"),
            ("core/vdsm_hook/engine/a.cpp", "::unlinkat(fd, name, 0);", "unlinkat"),
            ("core/vdsm_hook/engine/a.cpp", "::syscall(SYS_renameat2, 0);", "SYS_renameat2"),
            ("core/vdsm_hook/engine/a.cpp", "boost::filesystem::remove_all(path);", "remove_all"),
            ("core/vdsm_hook/cli/a.cpp", "fs::exists(path);", "exists"),
            ("core/vdsm_hook/hookpoints/a.cpp", "std::ifstream file(name);", "ifstream"),
            ("vdsm_hooks/x/a.cpp", "::mkdir(name, 0755);", "mkdir"),
            ("core/vdsm_hook/cli/a.cpp", "Directory::open(name); open_path(name, O_RDONLY); directory.rename(a, b); host->open(x);", None),
            ("core/vdsm_hook/cli/a.cpp", "std::unique_ptr<X> open(const std::string& uri);\nvoid open();\nvoid X::open() {}\nstruct stat st{};", None),
            ("core/vdsm_hook/cli/a.cpp", "fs::path p = boost::filesystem::absolute(x); ::fstat(fd, &st); // ::open(x)", None),
            ("core/vdsm_hook/base/open_path.cpp", "::openat(fd, name, 0);", None),
            ("core/vdsm_hook/base/paths.cpp", "::access(name, F_OK);", "access"),
            ("core/vdsm_hook/sdk/document.hpp", "::open(name, 0);", None),
        ])

    def test_event_names(self):
        self.expect(lambda root: event_literals(root, ["before_x", "after_y"]), [
            ("core/vdsm_hook/base/a.cpp", 'run("before_x");', "a.cpp:1: before_x"),
            ("core/vdsm_hook/base/a.cpp", "// as at before_x\nrun(\"not_before_x\", \"before_x2\"); /* after_y */", None),
            ("core/vdsm_hook/base/a.cpp", "int before_x = 1;", "before_x"),
            ("core/vdsm_hook/base/a.cpp", 'help("Example:\\n  vdsm-hook run before_x --domxml a");', "before_x"),
            ("core/vdsm_hook/cli/a.cpp", 'help("Example:\\n  vdsm-hook run before_x --domxml a");', None),
            ("core/vdsm_hook/cli/a.cpp", 'help("  vdsm-hook new name --event before_x --lang sh\\n");', None),
            ("core/vdsm_hook/cli/a.cpp", 'example("vdsm-hook run before_x --domxml a");', None),
            ("core/vdsm_hook/cli/a.cpp", 'help("the hook point, such as before_x");', None),
            ("core/vdsm_hook/cli/a.cpp", 'if (event == "before_x") return;', "before_x"),
            ("core/vdsm_hook/cli/a.cpp", 'help("Example:\\n  vdsm-hook run\\nand before_x");', "before_x"),
            ("core/vdsm_hook/cli/completion/vdsm-hook", "words='before_x'  # and after_y", "before_x"),
            ("core/vdsm_hook/cli/schemas/a.json", '{"enum": ["before_x"]}', "before_x"),
            ("core/vdsm_hook/sdk/python/a.py", "event = 'before_x'\n# after_y", "before_x"),
            ("core/vdsm_hook/engine/CMakeLists.txt", "set(x after_y)", "after_y"),
            ("vdsm_hooks/x/hook.toml", "[events.before_x]", None),
        ])


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
