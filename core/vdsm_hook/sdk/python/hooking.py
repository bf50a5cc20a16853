"""For hooks written in Python: the document, the properties, host commands and the way out.

A hook is started with the custom properties in its environment and the document in a file of its own:

    #!/usr/bin/python3
    import os
    import hooking

    if not hooking.tobool(os.environ.get("quiet_console")):
        raise SystemExit(0)
    document = hooking.read_domxml()
    for console in document.getElementsByTagName("console"):
        console.parentNode.removeChild(console)
    hooking.write_domxml(document)

A hook that ends by an exception has failed (exit code 1), and the traceback is what the person gets to read.
Importing this module loads no XML, JSON or subprocess: many hooks look at one property and leave.
"""

import os
import sys
import time

EXIT_FAIL = 1  # this hook failed; the hooks after it still run
EXIT_STOP = 2  # this hook failed; no further hook of the event runs

_DRAIN_SECONDS = 0.2  # how long a command's output is waited for once the command itself has exited
_STOP_SECONDS = 1.0  # between TERM and KILL for a command that took too long


# The document -------------------------------------------------------------------------------------


def read_domxml():
    """The event's domain or device XML as an xml.dom.minidom.Document.

    RuntimeError: this event hands no XML over. ValueError: the file is empty or not well-formed.
    """
    path, data = _read_payload("_hook_domxml", "XML")
    from xml.dom import minidom
    from xml.parsers.expat import ExpatError

    try:
        return minidom.parseString(data)
    except ExpatError as error:
        raise ValueError(f"{path}: not well-formed XML: {error}") from error


def write_domxml(document):
    """Makes DOCUMENT (a minidom Document, or the Element to be its root) what the next reader gets, as UTF-8.

    What was not changed stays the same text, in libvirt's manner or oVirt's, whichever the file was in.
    (minidom's own toxml() turns newlines and tabs in attributes into blanks for every later reader.)
    ValueError: no XML parser would take it, or not for this document; the file is then as it was.
    """
    path = _payload_path("_hook_domxml", "XML")
    from xml.parsers import expat

    text = _xml_text(document, *_manner(path))
    data = text.encode("utf-8", "surrogatepass")  # a stray surrogate is the parser's to name
    try:
        expat.ParserCreate("UTF-8", " ").Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"the document would not be well-formed XML: {error}") from error
    _replace_file(path, data, 0o600)


def read_json():
    """The event's JSON document.

    RuntimeError: this event hands no JSON over. ValueError: the file is empty or not JSON.
    """
    path, data = _read_payload("_hook_json", "JSON")
    import json

    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error


def write_json(document):
    """Makes DOCUMENT what the next reader gets, as ASCII JSON. ValueError, TypeError: no JSON has it."""
    path = _payload_path("_hook_json", "JSON")
    import json

    _replace_file(path, json.dumps(document, allow_nan=False).encode("ascii"), 0o600)


def _payload_path(variable, kind):
    path = os.environ.get(variable)
    if not path:
        raise RuntimeError(f"{variable} is not set: this event hands no {kind} document over")
    return path


def _read_payload(variable, kind):
    path = _payload_path(variable, kind)
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        raise ValueError(f"{path} is empty: there is no {kind} document to read")
    return path, data


def _replace_file(path, data, mode):
    """PATH holds either what it held or all of DATA, whatever happens on the way."""
    new = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.write(data)
        os.replace(new, path)
    except BaseException:
        try:
            os.unlink(new)
        except OSError:
            pass
        raise


# A parser turns a raw carriage return into a newline, and in attributes newlines and tabs into blanks.
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_QUOTED = {**_TEXT, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
_APOS = {'"': "&quot;", "'": "&apos;"}
# Quotation mark, escapes in texts, in attributes. libvirt itself escapes both marks everywhere; what libxml2
# prints (oVirt's documents, and in libvirt's the inside of <metadata>) only where it must.
_LIBVIRT = ("'", str.maketrans({**_TEXT, **_APOS}), str.maketrans({**_QUOTED, **_APOS}))
_LIBXML2 = ('"', str.maketrans(_TEXT), str.maketrans(_QUOTED))
_NEVER_IN_NAMES = frozenset("<>/=\"'&?! \t\r\n")


def _manner(path):
    """How the document at PATH is printed, and how it ends."""
    try:
        with open(path, "rb") as file:
            old = file.read()
    except FileNotFoundError:
        old = b""
    end = "\n" if old.endswith(b"\n") else ""
    if old.startswith(b"<?xml"):
        old = old.partition(b"?>")[2]
    metadata = old.find(b"<metadata")
    old = old if metadata < 0 else old[:metadata]
    return _LIBXML2 if old.count(b'="') > old.count(b"='") else _LIBVIRT, end


def _xml_text(document, manner, end):
    """Refuses what could pass for other markup; the parser judges the rest. Not recursive: trees are deep."""
    kind = getattr(document, "nodeType", None)
    if kind == 9:  # Document
        nodes = list(document.childNodes)
    elif kind == 1:  # Element
        nodes = [document]
    else:
        raise TypeError(f"write_domxml takes a minidom Document or Element, not {type(document).__name__}")

    parts = []
    if kind == 9 and document.version:
        standalone = {None: "", False: ' standalone="no"'}.get(document.standalone, ' standalone="yes"')
        parts.append(f'<?xml version="1.0" encoding="UTF-8"{standalone}?>\n')
    todo = [(end, manner)]
    for node in reversed(nodes):
        todo += [(node, manner), ("\n", manner)]
    todo.pop()
    while todo:
        node, manner = todo.pop()
        quote, in_text, in_attributes = manner
        if isinstance(node, str):
            parts.append(node)
        elif node.nodeType == 1:
            parts.append("<" + _name(node.tagName))
            attributes = node.attributes.items()
            if manner is _LIBVIRT:  # minidom, like libxml2, has the namespaces first
                attributes.sort(key=lambda attribute: attribute[0].startswith("xmlns"))
            for name, value in attributes:
                parts.append(f" {_name(name)}={quote}{_string(value, name).translate(in_attributes)}{quote}")
            if node.childNodes:
                parts.append(">")
                todo.append((f"</{node.tagName}>", manner))
                inside = _LIBXML2 if node.tagName == "metadata" else manner
                todo.extend((child, inside) for child in reversed(node.childNodes))
            else:
                parts.append("/>")
        elif node.nodeType == 3:  # Text
            parts.append(_string(node.data, "a text").translate(in_text))
        else:
            parts.append(_other_markup(node))
    return "".join(parts)


def _name(name):
    if not name or not _NEVER_IN_NAMES.isdisjoint(name):
        raise ValueError(f"{name!r} is no XML name")
    return name


def _string(value, what):
    if not isinstance(value, str):
        raise TypeError(f"{what} is {value!r}: values in XML are strings")
    return value


def _other_markup(node):
    if node.nodeType == 4:  # CDATASection: what would end it is split over two
        return f"<![CDATA[{node.data.replace(']]>', ']]]]><![CDATA[>')}]]>"
    if node.nodeType == 7:  # ProcessingInstruction
        if "?>" in node.data:
            raise ValueError("a processing instruction holds '?>'")
        return f"<?{_name(node.target)} {node.data}?>"
    if node.nodeType == 8:  # Comment
        if "--" in node.data:
            raise ValueError("a comment holds '--'")
        return f"<!--{node.data}-->"
    return node.toxml()  # DocumentType


# Properties and words -----------------------------------------------------------------------------


def tobool(value):
    """Whether a property says yes: `true` in any case, or an integer other than 0. `yes` and `on` do not."""
    if isinstance(value, str) and value.lower() == "true":
        return True
    try:
        return int(value) != 0
    except (TypeError, ValueError, OverflowError):
        return False


def log(text):
    """One line for the person (standard error). That it cannot be written is no reason for a hook to fail."""
    if sys.stderr is None:  # closed before we started; print() would take the output instead
        return
    try:
        print(str(text).rstrip("\n"), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def exit_hook(text, return_code=EXIT_STOP):
    """Ends the hook, saying why. EXIT_STOP keeps the hooks after it from running, EXIT_FAIL does not."""
    log(text)
    sys.exit(return_code)


# Host commands ------------------------------------------------------------------------------------


def execCmd(argv, sudo=False, raw=False, cwd=None, env=None, data=None, timeout=None):
    """Runs the program ARGV (a list; there is no shell) and returns (exit code or -signal, output, errors).

    sudo: through `sudo -n` unless root already.
    raw: output and errors as bytes, else as lists of lines (bytes).
    data: its standard input (bytes, or a str for UTF-8); without it the input is empty.
    cwd, env: as for subprocess.
    timeout: seconds after which it is stopped with all of its process group.
    Output ends with the command: nobody waits for a daemon that it leaves behind.

    OSError: it could not be started.
    subprocess.TimeoutExpired: it was stopped; its `output` and `stderr` are what there was until then.
    """
    if isinstance(argv, (str, bytes)):
        raise TypeError("execCmd takes a list of arguments, not one string: no shell takes it apart")
    import subprocess

    argv = list(argv)
    if sudo and os.geteuid() != 0:
        argv = ["sudo", "-n"] + argv
    if env is not None and "VDSM_HOOK_MARK" in os.environ:  # by this the engine knows later what a hook left running
        env = {**env, "VDSM_HOOK_MARK": os.environ["VDSM_HOOK_MARK"]}
    stdin = _input_file(data)
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            start_new_session=timeout is not None,
        )
    finally:
        if stdin is not None:
            os.close(stdin)
    out, err = _wait_for(child, timeout)
    return (child.returncode, out, err) if raw else (child.returncode, out.splitlines(), err.splitlines())


def _input_file(data):
    """Not a pipe: a command that never reads it cannot block us."""
    if data is None:
        return None
    with open(os.memfd_create("stdin"), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.seek(0)
        return os.dup(file.fileno())


def _wait_for(child, timeout):
    pidfd = os.pidfd_open(child.pid)
    try:
        with child.stdout, child.stderr:
            return _drain(child, pidfd, timeout)
    except BaseException:
        if timeout is not None:
            _stop(child, pidfd)
        raise
    finally:
        os.close(pidfd)


def _drain(child, pidfd, timeout):
    import selectors
    from subprocess import TimeoutExpired

    out, err = [], []
    deadline = None if timeout is None else time.monotonic() + timeout
    has_exited = False
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, out)
        selector.register(child.stderr, selectors.EVENT_READ, err)
        selector.register(pidfd, selectors.EVENT_READ)
        while selector.get_map():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                if has_exited:
                    break
                raise TimeoutExpired(child.args, timeout, b"".join(out), b"".join(err))
            for key, _ in selector.select(left):
                if key.fd == pidfd:
                    has_exited = True
                    deadline = time.monotonic() + _DRAIN_SECONDS
                    selector.unregister(pidfd)
                    continue
                chunk = os.read(key.fd, 65536)
                if chunk:
                    key.data.append(chunk)
                else:
                    selector.unregister(key.fileobj)
    child.wait()
    return b"".join(out), b"".join(err)


def _stop(child, pidfd):
    """The child is reaped last: as long as it is not, its number can be nobody else's."""
    import select
    import signal
    import subprocess

    end = select.poll()
    end.register(pidfd, select.POLLIN)
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, signum)
        except (ProcessLookupError, PermissionError):  # gone; or another user's, as under sudo
            pass
        end.poll(int(_STOP_SECONDS * 1000))
    try:
        child.wait(0)
    except subprocess.TimeoutExpired:
        pass


# Launch flags -------------------------------------------------------------------------------------


def load_vm_launch_flags_from_file(vm_id):
    """The libvirt flags the VM is to be started with; 0: none are kept. ValueError: no decimal number."""
    path = _launch_flags_file(vm_id)
    try:
        with open(path, "rb") as file:
            text = file.read(4096).strip()
    except FileNotFoundError:
        return 0
    if not text.isdigit():
        raise ValueError(f"{path}: launch flags are a decimal number, not {text[:40]!r}")
    return int(text)


def dump_vm_launch_flags_to_file(vm_id, flags):
    """Has the VM started with FLAGS (not negative): they are read back after the hooks before its start."""
    path = _launch_flags_file(vm_id)
    flags = int(flags)
    if flags < 0:
        raise ValueError(f"launch flags are not negative: {flags}")
    directory = os.path.dirname(path)
    for level in (os.path.dirname(directory), directory):
        os.makedirs(level, mode=0o755, exist_ok=True)
    _replace_file(path, b"%d" % flags, 0o644)


def _launch_flags_file(vm_id):
    if not isinstance(vm_id, str) or vm_id in ("", ".", "..") or "/" in vm_id or "\0" in vm_id:
        raise ValueError(f"a VM's id is one plain name, not {vm_id!r}")
    base = os.environ.get("VDSM_HOOK_LAUNCHFLAGS_DIR") or "/run/vdsm"
    return os.path.join(base, vm_id, "launchflags")
