"""The build tree for another user: the one that is tested may be below a directory which that user cannot enter, as a clone in /root is."""

import os
import shutil
import tempfile
from pathlib import Path

PARTS = ["bin", "libexec/vdsm-hook", "libexec/vdsm/hooks", "share/vdsm-hook"]


def reachable_build(add_cleanup):
    """A copy of what is run of it, with bin/ and the rest where they are there. ADD_CLEANUP: of the test or, for its class, of that."""
    copy = Path(tempfile.mkdtemp(prefix="vdsm-hook-build.", dir="/tmp"))
    add_cleanup(shutil.rmtree, copy)
    copy.chmod(0o755)
    for part in PARTS:
        shutil.copytree(Path(os.environ["VDSM_HOOK_BUILD"]) / part, copy / part)
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return copy
