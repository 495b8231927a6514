"""What Google's Terraform provider takes, read from its TypeScript bindings: python -m tests.terraform.provider_schema

The bindings are @cdktf/provider-google of the npm registry, 32 MB; of them is kept what terraform/ uses, in provider_schema.json.
They tell names, types and what is required; not which values are right, nor what excludes what.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.terraform.hcl import resources

PACKAGE = "@cdktf/provider-google@16.12.1"
TARGET = Path(__file__).with_name("provider_schema.json")
Schema = dict[str, Any]

_INTERFACE = re.compile(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CLASS = re.compile(r"^export declare class (\w+) extends cdktf\.\w+ \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_PROPERTY = re.compile(r"    /\*\*(.*?)\*/\s+readonly (\w+)(\??): (\{[^}]*\}|[^;{]+);", re.DOTALL)
_GETTER = re.compile(r"^    get (\w+)\(\): (\{[^}]*\}[^;]*|[^;{]+);", re.MULTILINE)
_SCALARS = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "string[]": ["list", "string"],
    "number[]": ["list", "number"],
    "cdktf.StringMap": ["map", "string"],
    "cdktf.IResolvable": "bool",
}


def read(types: str) -> Schema:
    """The schema in one resource's index.d.ts."""
    interfaces = dict(_INTERFACE.findall(types))
    classes = dict(_CLASS.findall(types))
    (top,) = [
        name for name in interfaces if f"interface {name} extends cdktf" in types or name == "GoogleProviderConfig"
    ]
    return _body(top, top.removesuffix("Config"), interfaces, classes)


def _body(interface: str, type_class: str, interfaces: dict[str, str], classes: dict[str, str]) -> Schema:
    made: Schema = {"attributes": {}, "blocks": {}}
    for comment, camel, optional, shape in _PROPERTY.findall(interfaces.get(interface, "")):
        name = _name(comment, camel)
        kind = shape.replace(" | cdktf.IResolvable", "").strip()
        inner = kind.removesuffix("[]")
        if inner in interfaces:
            made["blocks"][name] = {
                "required": not optional,
                "many": kind.endswith("[]"),
                **_body(inner, f"{inner}OutputReference", interfaces, classes),
            }
        else:
            made["attributes"][name] = {"type": _type(kind), "required": not optional}
    made["computed"] = _computed(classes.get(type_class, ""), made, classes)
    return made


def _computed(of: str, made: Schema, classes: dict[str, str]) -> dict[str, Any]:
    """What only the provider tells: a getter that nothing can be given to."""
    found: dict[str, Any] = {}
    for camel, shape in _GETTER.findall(of):
        name = _snake(camel)
        known = name in made["attributes"] or name in made["blocks"]
        if not known and not camel.endswith("Input") and camel not in ("internalValue", "fqn"):
            kind = shape.replace(" | cdktf.IResolvable", "").strip()
            found[name] = _SCALARS.get(kind) or _objects(kind, classes)
    return found


def _objects(kind: str, classes: dict[str, str]) -> Any:
    """The type of a list of objects that only the provider makes; of those that no class tells the name alone."""
    if kind.startswith("{"):
        return ["map", "string"]
    one = classes.get(f"{kind.removesuffix('List')}OutputReference")
    if one is None or not kind.endswith("List"):
        return "object"
    inner = _computed(one, {"attributes": {}, "blocks": {}}, classes)
    return ["list", ["object", {name: type_ for name, type_ in inner.items() if type_ != "object"}]]


def _type(kind: str) -> Any:
    if kind.startswith("{"):
        return ["map", "string"]
    if kind not in _SCALARS:
        raise ValueError(f"the bindings have a type that this script does not know: {kind}")
    return _SCALARS[kind]


def _name(comment: str, camel: str) -> str:
    """As the provider spells it, which the link to its documentation tells."""
    linked = re.search(r"\{@link \S+#(\w+) ", comment)
    return linked.group(1) if linked else _snake(camel)


def _snake(camel: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), camel)


def used() -> dict[str, list[str]]:
    """The types that terraform/ uses."""
    return {
        kind: sorted({one.type for one in resources(kind) if one.type.startswith("google_")})
        for kind in ("resource", "data")
    }


def extract(library: Path) -> Schema:
    """The schema of what is used, from the package's lib folder.  Raises FileNotFoundError for a type that it lacks."""
    readme = (library.parent / "README.md").read_text(encoding="utf-8")
    version = re.search(r"hashicorp/google provider version (\S+)", readme)
    if version is None:
        raise ValueError(f"{PACKAGE} does not say which version of the provider it is for")
    made: Schema = {"origin": f"npm {PACKAGE}", "provider": f"hashicorp/google {version.group(1)}"}
    made["configuration"] = read((library / "provider" / "index.d.ts").read_text(encoding="utf-8"))
    for kind, types in used().items():
        made[kind] = {}
        for one in types:
            folder = ("data-" if kind == "data" else "") + one.replace("_", "-")
            path = library / (folder if kind == "data" else folder.removeprefix("google-")) / "index.d.ts"
            made[kind][one] = read(path.read_text(encoding="utf-8"))
    return made


def main() -> int:
    """Fetch the package, or take its unpacked folder as the only word; write the schema.  Exit status 0 or 2."""
    if len(sys.argv) > 2:
        sys.stderr.write("usage: python -m tests.terraform.provider_schema [UNPACKED PACKAGE]\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        package = Path(sys.argv[1]) if len(sys.argv) == 2 else _fetch(Path(folder))
        TARGET.write_text(json.dumps(extract(package / "lib"), indent=1) + "\n", encoding="utf-8")
    return 0


def _fetch(folder: Path) -> Path:
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


if __name__ == "__main__":
    sys.exit(main())
