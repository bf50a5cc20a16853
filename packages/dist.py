#!/usr/bin/env python3
"""Writes the release tarball: what git tracks, or what a tarball held, and the spec; the same bytes every time.

    dist.py --version V --output FILE.tar.gz [--source DIR]
"""

import argparse
import gzip
import io
import os
import stat
import sys
import tarfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import packages  # noqa: E402

SPEC = "vdsm-hook.spec"  # where rpmbuild -ta looks for it


def files_of(source):
    """The files, from SOURCE on. What was built beside them is none of them."""
    if (source / ".git").exists():
        return sorted(name for name in packages.git(source, "ls-files", "-z").split("\0") if name and os.path.lexists(source / name))
    if not (source / "MANIFEST").is_file():
        sys.exit(f"{source}: neither a git checkout nor what a release tarball held: there is no list of the files that belong to it")
    with open(source / "MANIFEST", encoding="utf-8") as manifest:
        return sorted(line.rstrip("\n") for line in manifest)


def check_hooks(source, names):
    """The spec has a package for every folder of a hook: its files must be packed."""
    for folder in sorted(path.parent for path in source.glob("vdsm_hooks/[!.]*/hook.toml")):
        for path in sorted(folder.iterdir()):
            if (name := str(path.relative_to(source))) not in names and path.is_file():
                sys.exit(f"{source}/{name} does not belong to the project yet: git add it, or name it in MANIFEST")


def add(archive, name, content, mode, when):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), mode, when
    archive.addfile(entry, io.BytesIO(content))


def write(source, version, output):
    top, when, names = f"vdsm-hook-{version}", packages.source_date(source), files_of(source)
    check_hooks(source, set(names))
    spec = packages.spec(source, version).encode()
    draft = output.with_name(output.name + ".new")
    with open(draft, "wb") as file, gzip.GzipFile("", "wb", 9, file, when) as packed, \
            tarfile.open(mode="w", fileobj=packed, format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            path = source / name
            if path.is_symlink():
                entry = tarfile.TarInfo(f"{top}/{name}")
                entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, os.readlink(path), when
                archive.addfile(entry)
            else:
                add(archive, f"{top}/{name}", path.read_bytes(), 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644, when)
        add(archive, f"{top}/MANIFEST", "".join(f"{name}\n" for name in names).encode(), 0o644, when)
        add(archive, f"{top}/{SPEC}", spec, 0o644, when)
    os.replace(draft, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", required=True, metavar="V", help="the project's version")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--source", type=Path, default=packages.TOP, metavar="DIR", help="the tree that is packed")
    options = parser.parse_args()
    write(options.source, options.version, options.output)


if __name__ == "__main__":
    main()
