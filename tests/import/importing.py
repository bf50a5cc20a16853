"""What the tests of the importer share: folders in the form of vdsm's tree, written for the project, and a way to import them."""

import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "cli"))
from command import BUILD, DELIVER_UNDEFINED, SOURCE, CommandTest  # noqa: E402, F401 (for the tests)

SCRIPT = "#!/usr/bin/python3\nimport hooking\n"
CASES = "\nIts cases.json says that without properties the hook changes nothing: add what it does with them.\n"
# What most folders begin with: one event.
ONE_EVENT = """\
EXTRA_DIST = before_vm_start.py

install-data-local:
	$(MKDIR_P) $(DESTDIR)$(vdsmhooksdir)/before_vm_start
	$(INSTALL_SCRIPT) $(srcdir)/before_vm_start.py $(DESTDIR)$(vdsmhooksdir)/before_vm_start/50_lamp

uninstall-local:
	$(RM) $(DESTDIR)$(vdsmhooksdir)/before_vm_start/50_lamp
"""
LAMP = {"Makefile.am": ONE_EVENT, "README": "lamp: lights a lamp\n\nFor each VM.\n", "before_vm_start.py": SCRIPT}


class ImportTest(CommandTest):
    """The folder that is imported is self.dir/vdsm/NAME, the new one self.dir/tree/NAME."""

    def setUp(self):
        super().setUp()
        self.tree = self.directory("tree")

    def afresh(self):
        """As before the first import."""
        for name in ("vdsm", "tree"):
            shutil.rmtree(self.dir / name, ignore_errors=True)
        self.directory("tree")

    def folder(self, files, name="lamp"):
        """FILES: name -> content, or (content, mode). None: no such file."""
        for file, content in files.items():
            if content is not None:
                text, mode = content if isinstance(content, tuple) else (content, 0o644)
                self.file(f"vdsm/{name}/{file}", text, mode)
        return self.dir / "vdsm" / name

    def import_folder(self, files, name="lamp", **options):
        self.folder(files, name)
        return self.call("import", f"vdsm/{name}", "--into", "tree", **options)

    def description(self, name="lamp"):
        return (self.tree / name / "hook.toml").read_text()

    def findings(self, done):
        """What a human must look at, without the folder in front."""
        text = done.stdout.removesuffix(CASES).partition("\nA human must look at:\n")[2].partition("\n\nHooks get only ")[0]
        return [line.removeprefix("vdsm/lamp/") for line in text.splitlines()]
