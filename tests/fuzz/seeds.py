"""seeds.py VECTORS DIRECTORY: writes what the fuzz targets begin with, DIRECTORY/TARGET/NAME, from the vectors of properties."""

import json
import pathlib
import sys

SPACE = "http://ovirt.org/vm/1.0"
DOMAIN = """<domain type='kvm'>
  <name>a</name>
  <metadata>
    <ovirt-vm:vm xmlns:ovirt-vm='{space}'>
      <ovirt-vm:custom>
        {vm}
      </ovirt-vm:custom>
      <ovirt-vm:device mac_address='52:54:00:00:00:0a'>
        <ovirt-vm:custom>
          {device}
        </ovirt-vm:custom>
      </ovirt-vm:device>
    </ovirt-vm:vm>
  </metadata>
  <devices>
    <interface type='bridge'><mac address='52:54:00:00:00:0A'/></interface>
    <disk><target dev='vda'/></disk>
  </devices>
</domain>
"""


def escaped(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def elements(values):
    return "".join(f"<ovirt-vm:{name}>{escaped(value)}</ovirt-vm:{name}>" for name, value in values.items())


def seeds(vectors):
    for vector in vectors:
        name, given = vector["id"], vector.get("input")
        text = given if isinstance(given, str) else ""
        if isinstance(given, dict):
            text = ";".join(f"{key}={value or ''}" for key, value in given.items())
        definition = vector.get("definition") or vector.get("user_defined") or vector.get("predefined") or ""
        if definition.startswith("{"):
            yield "device_definitions", name, f"{definition}\n{vector.get('device_type', 'disk')}\n{text}"
            yield "property_store", name, f"[CustomDeviceProperties]\n\"4.8\" = {json.dumps(definition)}\n"
        elif vector["op"] == "regex_full_match":
            yield "vm_definitions", name, f"a={vector['regex']}\na={text}"
        else:
            yield "vm_definitions", name, f"{definition}\n{text}"
            yield "property_store", name, f"[UserDefinedVMProperties]\n\"4.7\" = '''\n{definition}'''\n[profiles.{name}.properties]\n"
        if isinstance(vector.get("expected"), dict) and vector["op"] == "string_to_map":
            values = {key: value or "" for key, value in vector["expected"].items() if key.isidentifier()}
            document = DOMAIN.format(space=SPACE, vm=elements(values), device=elements(values))
            for i, line in enumerate(("s\ta\tb", "u\tspeed", "S\tvda\ta\tb", "U\t52:54:00:00:00:0a\tspeed", "P\tinterface:1\tred",
                                      "s\tspeed\t1\nu\tspeed\ns\tduplex\t<&>")):
                yield "domain_editor", f"{name}-{i}", f"{line}\n\n{document}"


def main():
    vectors = json.loads(pathlib.Path(sys.argv[1]).read_text())["vectors"]
    for target, name, text in seeds(vectors):
        directory = pathlib.Path(sys.argv[2]) / target
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text.encode("utf-8", "surrogatepass"))


main()
