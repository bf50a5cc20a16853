"""What manual pages say from the tables of hook points and of lifecycles."""

from mdoc import plain, sentences, tag_list

SCOPES = {"json": "for each disk", "device_xml": "for each device with properties"}
PAYLOADS = {"domxml": "the domain XML", "device_xml": "the XML of one device", "json": "a JSON document", "none": "none"}
WIDTH = '"Custom properties" -compact'


# ---- the hook points

def rules_of(point):
    """What POINT hands over and what comes of it: (title, text)."""
    properties = [whose for key, whose in (("vm_properties", "of the VM"), ("device_properties", "of the device")) if point[key]]
    withheld = "; those in the document that nobody defines here are withheld" if point.get("from_elsewhere") else ""
    return [("Payload", PAYLOADS[point["payload"]]),
            ("Result used", "yes, the caller goes on with what the hooks left" if point["result_used"] else "no"),
            ("Veto", "yes, a failed hook stops what was about to happen" if point["vetoes"] else "no, a failure is only reported"),
            ("Custom properties", (" and ".join(properties) or "none") + withheld)]


def hook_points(points):
    out = []
    for name, point in points.items():
        rows = [("Order", point["follows"]), *rules_of(point)]
        if point["parameters"]:
            rows.append(("Parameters", point["parameters"]))
        if "vdsm" in point:
            # What upstream has otherwise; its column does not withhold properties.
            ours = dict(rules_of({**point, "from_elsewhere": False}))
            theirs = rules_of({**point, **point["vdsm"], "from_elsewhere": False})
            rows.append(("With --compat vdsm", "; ".join(f"{title.lower()}: {text}" for title, text in theirs if ours[title] != text)))
        items = [(title.replace("-", "\\-"), sentences(plain(text))) for title, text in rows]
        out.append(f".Ss {name}\n{sentences(plain(point['fires']))}.Pp\n{tag_list(items, WIDTH)}")
    return "".join(out)


# ---- what a command of `vdsm-hook vm` fires

def event_item(event, points, scope=None):
    point = points[event]
    scope = scope or SCOPES.get(point["payload"], "")
    facts = [scope] if scope else []
    facts += [text for rule, text in (("result_used", "its changes are used"), ("vetoes", "may veto")) if point[rule]]
    return f".It\n.Cm {event} :\n{'; '.join(facts)}\n" if facts else f".It\n.Cm {event}\n"


def phase_items(phase, points):
    """Items of a list: hook points, and what libvirt does between them."""
    scope = "for the device" if phase.get("devices") else None
    items = [event_item(event, points, scope) for event in phase["before"]]
    if phase.get("does"):
        items.append(f".It\nlibvirt {phase['does']}\n")
    return "".join(items + [event_item(event, points, scope) for event in phase["after"]])


def failures(phase):
    text = ""
    names = lambda key: " ,\n.Cm ".join(phase[key])
    if phase.get("failed"):
        when = "libvirt refuses or a hook vetoes" if phase.get("failed_after_veto") else "libvirt refuses"
        text += f".Pp\nWhen {when}:\n.Cm {names('failed')} .\n"
    if phase.get("undo"):
        text += (".Pp\nWhen libvirt refuses or a hook vetoes, and a hook had run by then, these take\nback what hooks did, with\n"
                 ".Ev VDSM_HOOK_REASON Ns =failed ,\nfor devices only where their hooks had run, the last one first:\n"
                 f".Cm {names('undo')} .\n")
    return text


def lifecycle(name, table, points):
    """What fires around the command NAME, and the note on it."""
    command = table["command"][name]
    phases = [table["phase"][phase] for phase in command["phases"]]
    text = "" if phases else "No hook points fire.\n"
    if any(phase.get("devices") for phase in phases):
        for n, phase in enumerate(phases):
            pp = ".Pp\n" if n else ""
            text += f"{pp}Hook points of a device of type {' or '.join(phase['devices'])}, in their order:\n"
            text += f".Bl -enum -compact -offset indent\n{phase_items(phase, points)}.El\n{failures(phase)}"
        text += ".Pp\nDevices of other types have no hook points.\n"
    elif phases:
        text += "Hook points, in their order:\n.Bl -enum -compact -offset indent\n"
        text += "".join(phase_items(phase, points) for phase in phases) + ".El\n" + "".join(map(failures, phases))
    return text + (".Pp\n" + sentences(plain(command["note"])) if "note" in command else "")
