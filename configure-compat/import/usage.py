"""What `vdsm-hook import` takes: as its help text, and as data in the forms in which all commands of vdsm-hook tell it (help.hpp)."""

import json
import textwrap


def argument(*names, about, metavar=None, kind="", is_required=False):
    is_positional = not names[0].startswith("-")
    return {"names": names, "is_positional": is_positional, "is_required": is_required, "is_repeated": False, "metavar": metavar,
            "kind": kind, "choices": [], "about": about, "group": "" if is_positional else "Options"}


USAGE = {
    "name": "vdsm-hook import",
    "summary": "Makes the folder of a hook from one in the form of vdsm's tree: Makefile.am, README, scripts and other files. It finds out "
               "what Makefile.am installs where, writes hook.toml and copies the files as they are. Nothing in DIR is run.",
    "arguments": [
        argument("DIR", metavar="DIR", kind="directory", is_required=True, about="the folder; its name is the hook's"),
        argument("--into", metavar="DIR", kind="directory", about="where the new folder is made, instead of here"),
        argument("-h", "--help", about="print this help"),
    ],
    "notes": [],
    "examples": ["vdsm-hook import vdsm/vdsm_hooks/macspoof --into vdsm_hooks"],
    "exit_codes": "0 done; 1 done, and what a human must look at is listed; 2 wrong use; 3 it could not do its work.",
}


def as_help():
    text = f"Usage: {USAGE['name']} DIR [OPTION]...\n\n{textwrap.fill(USAGE['summary'], 78)}\n\n"
    group = ""
    for one in USAGE["arguments"]:
        if one["group"] != group:
            group = one["group"]
            text += f"\n{group}:\n"
        left = ", ".join(one["names"]) + (f" {one['metavar']}" if one["metavar"] and not one["is_positional"] else "")
        text += f"  {left:10}  {one['about']}\n"
    return text + f"\nExample:\n  {USAGE['examples'][0]}\n\nExit code: {USAGE['exit_codes']}\n"


def as_lines():
    text = ""
    for one in USAGE["arguments"]:
        names = ",".join(one["names"])
        text += f"positional {one['kind']} {names} one\n" if one["is_positional"] else f"option {names} {one['kind']}\n" if one["metavar"] else f"flag {names}\n"
    return text


FORMS = {"-h": as_help, "--help": as_help, "--help=json": lambda: json.dumps(USAGE) + "\n", "--help=lines": as_lines}
