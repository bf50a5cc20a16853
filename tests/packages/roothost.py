"""What roots that packages are installed into have in common, whatever the package system."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["VDSM_HOOK_BUILD"])
DEADLINE_S = 300
SKIPPED = 77  # exit status of a file whose tests are all skipped, as CTest is told
SYSTEM_PROGRAMS = ("sh", "cat", "rm")  # what maintainer scripts, and hooks of the tests, call
ENTER = """\
mkdir -p "$1/proc" "$1/dev" && mount --bind /proc "$1/proc" && mount --bind /dev "$1/dev" && root=$1 && shift && exec chroot "$root" "$@"
"""


def why_not_here(programs):
    """Why this machine cannot make and install packages with these PROGRAMS, or None."""
    if os.geteuid() != 0:
        return "packages are installed by root"
    missing = [name for name in programs if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else None


def skip(why, is_for_here=True):
    """Ends the program; where VDSM_HOOK_REQUIRE_VIRT=1 forbids it, and the tests are for this system, as a failure."""
    print(f"skipped: {why}")
    sys.exit(1 if is_for_here and os.environ.get("VDSM_HOOK_REQUIRE_VIRT") == "1" else SKIPPED)


def call(*words, **options):
    """(exit code, output)."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=DEADLINE_S, check=False, **options)
    return done.returncode, done.stdout


def must(*words, **options):
    code, out = call(*words, **options)
    if code != 0:
        raise AssertionError(f"{' '.join(map(str, words))} gave {code}:\n{out}")
    return out


def run_in(root, *words):
    """(exit code, output) of a command in ROOT, which sees this machine's processes and devices."""
    return call("unshare", "--mount", "--", "sh", "-c", ENTER, "sh", root, *words)


def libraries_of(programs):
    """Where the shared libraries and the loader of PROGRAMS are."""
    return {path for program in programs for path in re.findall(r"(/\S+) \(0x", call("ldd", program)[1])}
