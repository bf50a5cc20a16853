#!/usr/bin/env python3
"""Says to CPack what Debian packages there are, and adds what Debian wants in each of them.

    deb.py make --version V --build DIR --into DIR [--hook NAME]...    has cpack make them
    deb.py finish ... --stage DIR    what cpack, while it makes them, lets it do with the components that it installed

The packages are those of packages.toml and of the hooks named. A component that needs maintainer scripts or other control
files has them in a folder here; conffiles, shlibs and the rest come from what is installed.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "packages"))
import packages as project  # noqa: E402

# Its module is for Fedora's policy: Debian's has other types, and Debian hosts run AppArmor.
LEFT_OUT = ["selinux"]
REVISION = "1"  # Debian's
OVERRIDES = "lintian-overrides"


def read(options):
    """(packages that are made, those of them that are of hooks)."""
    own, hooks = project.read(project.TOP)
    made = [package for package in hooks if package.hook.data["name"] in options.hook]
    return [package for component, package in own.items() if component not in LEFT_OUT] + made, made


def version_of(options):
    return f"{options.version}-{REVISION}"


# ----------------------------------------------------------------------------------------------- cpack

def depends(package, hooks, version):
    if isinstance(package, project.HookPackage):
        needs = [f"vdsm-hook (>= {version})"] + [f"{name} (= {version})" for name in package.required_packages]
        needs += [f"vdsm-hook-sdk (>= {version})"] if package.is_script else []
    elif package.component == "hooks":
        needs = [f"{hook.deb} (= {version})" for hook in hooks]
    elif package.component == "main":
        needs = []
    else:
        needs = [f"vdsm-hook (= {version})"]
    return ", ".join(needs + package.needs("deb"))


def cmake_set(name, value):
    """As a bracket argument: nothing in VALUE means anything to CMake."""
    fence = "=" * next(n for n in range(1, 9) if f"]{'=' * n}]" not in value)
    return f"set({name} [{fence}[{value}]{fence}])"


def configuration(options):
    """Of cpack."""
    made, hooks = read(options)
    version = version_of(options)
    values = {
        "CPACK_GENERATOR": "DEB", "CPACK_PACKAGE_NAME": "vdsm-hook", "CPACK_PACKAGE_FILE_NAME": "vdsm-hook",
        "CPACK_PACKAGE_DESCRIPTION": "of each package below",
        "CPACK_PACKAGE_VERSION": options.version, "CPACK_DEBIAN_PACKAGE_RELEASE": REVISION,
        "CPACK_PACKAGE_CONTACT": f"{project.PROJECT} <{project.MAIL}>", "CPACK_TOPLEVEL_TAG": "stage",
        "CPACK_PACKAGE_DIRECTORY": str(options.into), "CPACK_PACKAGING_INSTALL_PREFIX": "/usr",
        "CPACK_CMAKE_GENERATOR": "Ninja", "CPACK_INSTALL_CMAKE_PROJECTS": f"{options.build};vdsm-hook;ALL;/",
        "CPACK_COMPONENTS_ALL": ";".join(package.component for package in made), "CPACK_COMPONENTS_GROUPING": "IGNORE",
        "CPACK_DEB_COMPONENT_INSTALL": "ON", "CPACK_DEBIAN_FILE_NAME": "DEB-DEFAULT", "CPACK_DEBIAN_COMPRESSION_TYPE": "xz",
        "CPACK_DEBIAN_PACKAGE_SHLIBDEPS": "ON", "CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION": "ON",
        "CPACK_DEBIAN_PACKAGE_SECTION": "admin", "CPACK_DEBIAN_DEVEL_PACKAGE_SECTION": "libdevel",
        # Both own /usr/libexec/vdsm/hooks and run what is in it: a host has one of them.
        "CPACK_DEBIAN_MAIN_PACKAGE_CONFLICTS": "vdsm",
        "CPACK_PRE_BUILD_SCRIPTS": str(HERE / "finish.cmake"),
        "VDSM_HOOK_FINISH": ";".join([sys.executable, str(HERE / "deb.py"), "finish", *sys.argv[2:]]),
        "ENV{SOURCE_DATE_EPOCH}": str(project.source_date(project.TOP)),
    }
    for package in made:
        prefix = f"CPACK_DEBIAN_{package.component.upper()}"
        values |= {f"{prefix}_PACKAGE_NAME": package.deb, f"{prefix}_DESCRIPTION": f"{package.summary}\n{package.folded()}",
                   f"{prefix}_PACKAGE_DEPENDS": depends(package, hooks, version)}
        if not package.is_compiled:
            values[f"{prefix}_PACKAGE_ARCHITECTURE"] = "all"
    return "\n".join(cmake_set(name, value) for name, value in values.items())


# ---------------------------------------------------------------------------------------------- finish

def pack(path, content):
    """As gzip -9n does."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(content)


def changelog(options, package):
    entries = project.entries(project.TOP, options.version, "  * ")
    when = formatdate(project.source_date(project.TOP))
    return (f"{package.deb} ({version_of(options)}) unstable; urgency=medium\n\n{entries}\n\n"
            f" -- {project.PROJECT} <{project.MAIL}>  {when}\n")


def add_documents(options, package, stage):
    folder = stage / "usr/share/doc" / package.deb
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "copyright").write_bytes((HERE / "copyright").read_bytes())
    pack(folder / "changelog.Debian.gz", changelog(options, package).encode())
    if (overrides := HERE / package.component / OVERRIDES).exists():
        place = stage / "usr/share/lintian/overrides" / package.deb
        place.parent.mkdir(parents=True)
        place.write_bytes(overrides.read_bytes())
    for page in stage.glob("usr/share/man/man*/*.[0-9]"):
        pack(page.with_name(page.name + ".gz"), page.read_bytes())
        page.unlink()


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def is_library(path):
    return ".so." in path.name and is_elf(path)


def strip(path):
    kinds = ["--strip-unneeded"] if is_library(path) else ["--remove-section=.comment"]
    subprocess.run(["strip", *kinds, path], check=True)


def shlibs(options, libraries):
    """What programs that are linked with LIBRARIES depend on: the minor version that they were built with."""
    major, minor = map(int, options.version.split(".")[:2])
    for library in libraries:
        said = subprocess.run(["objdump", "-p", library], capture_output=True, text=True, check=True).stdout
        name, number = re.search(r"SONAME +(\S+)\.so\.(\S+)", said).groups()
        yield f"{name} {number} vdsm-hook (>= {options.version}), vdsm-hook (<< {major}.{minor + 1}~)\n"


def add_control(options, package, stage, files):
    """Into the folder where finish.cmake finds it."""
    folder = options.into / "control" / package.component
    folder.mkdir(parents=True)
    for own in (HERE / package.component).glob("*"):
        if own.name != OVERRIDES:
            shutil.copy(own, folder)
    installed = [f"/{path.relative_to(stage)}" for path in files]
    texts = {"conffiles": "".join(f"{path}\n" for path in installed if path.startswith("/etc/")),
             "shlibs": "".join(shlibs(options, filter(is_library, files)))}
    for name, text in texts.items():
        if text:
            (folder / name).write_text(text, encoding="utf-8")


def finish(options):
    os.umask(0o022)
    for package in read(options)[0]:
        stage = options.stage / package.component
        add_documents(options, package, stage)
        files = sorted(path for path in stage.rglob("*") if path.is_file() and not path.is_symlink())
        for path in filter(is_elf, files):
            strip(path)
        add_control(options, package, stage, files)


def make(options):
    """What is in --into goes first: an earlier build may have had other hooks."""
    if options.into.is_dir() and any(options.into.iterdir()) and not (options.into / "cpack.cmake").is_file():
        sys.exit(f"{options.into}: there are files in it that were not made here: give another directory")
    shutil.rmtree(options.into, ignore_errors=True)
    os.umask(0o022)
    options.into.mkdir(parents=True)
    (options.into / "cpack.cmake").write_text(configuration(options), encoding="utf-8")
    code = subprocess.run(["cpack", "--config", options.into / "cpack.cmake"], check=False).returncode
    if code == 0:  # else what was installed for the packages may say why
        shutil.rmtree(options.into / "_CPack_Packages")
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "finish"])
    parser.add_argument("--version", required=True, metavar="V", help="the project's version")
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="the build tree; all in it was built")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="where the packages go, alone")
    parser.add_argument("--hook", action="append", default=[], metavar="NAME", help="a hook that was built (repeatable)")
    parser.add_argument("--stage", type=Path, metavar="DIR", help="for finish: holds a directory a component")
    options = parser.parse_args()
    return make(options) if options.what == "make" else finish(options)


if __name__ == "__main__":
    sys.exit(main())
