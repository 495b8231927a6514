"""Terraform's files as plain data: blocks, attributes and the texts of expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[2] / "terraform"
Body = dict[str, Any]
_COMMENTS = frozenset({"__comments__", "__inline_comments__"})
META = frozenset({"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection"})


@dataclass(frozen=True)
class Block:
    """One resource, data source or module call."""

    folder: Path
    kind: str
    type: str
    name: str
    body: Body

    @property
    def address(self) -> str:
        """As Terraform names it, with the folder of a module before it."""
        parts = [self.folder.name if self.folder != ROOT else "", self.kind, self.type, self.name]
        return ".".join(part for part in parts if part)


def folders() -> list[Path]:
    """The root and every module."""
    return sorted({path.parent for path in ROOT.rglob("*.tf")})


def read(folder: Path) -> list[Body]:
    """The files of one folder."""
    return [_parsed(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.tf"))]


def read_variables(path: Path) -> Body:
    """name -> value in a .tfvars file."""
    return _parsed(path.read_text(encoding="utf-8"))


def text(folder: Path) -> str:
    """All of a folder's configuration, without comments."""
    whole = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tf")))
    return re.sub(r"(?m)(^|\s)#.*$", "", whole)


def named(folder: Path, kind: str) -> dict[str, Body]:
    """name -> body of the variables, outputs or modules of a folder."""
    return {name: body for one in read(folder) for item in one.get(kind, []) for name, body in item.items()}


def local_values(folder: Path) -> Body:
    """name -> value of the locals of a folder; expressions as text."""
    found: Body = {}
    for one in read(folder):
        for item in one.get("locals", []):
            found |= item
    return found


def resources(kind: str = "resource") -> Iterator[Block]:
    """Every resource, or with `data` every data source, of the root and the modules."""
    for folder in folders():
        for one in read(folder):
            for item in one.get(kind, []):
                for type_, names in item.items():
                    for name, body in names.items():
                        yield Block(folder, kind, type_, name, body)


def blocks(body: Body) -> Iterator[tuple[str, Body]]:
    """(name, body) of the blocks in a body; a dynamic block counts as what it makes."""
    for name, value in body.items():
        if name == "dynamic":
            for made in value:
                for label, inner in made.items():
                    for content in inner["content"]:
                        yield label, content
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict) and one.get("__is_block__"):
                    yield name, one


def attributes(body: Body) -> dict[str, Any]:
    """name -> value of what is no block."""
    inner = {name for name, _ in blocks(body)} | {"dynamic", "__is_block__"}
    return {name: value for name, value in body.items() if name not in inner}


@cache
def _parsed(text: str) -> Body:
    found: Body = _plain(hcl2.loads(text))
    return found


def _plain(value: Any) -> Any:
    """Without the quotes that the parser leaves, and without comments."""
    if isinstance(value, dict):
        return {_unquoted(key): _plain(item) for key, item in value.items() if key not in _COMMENTS}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _unquoted(value)


def _unquoted(value: Any) -> Any:
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace('\\"', '"')
    return value
