"""Style sheet, scripts and icon: read once, served under an address that changes with their content, so that browsers may store them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

import flask

PREFIX = "/-/assets"
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
NAMES = ("app.css", "app.js", "htmx.min.js", "icon.svg")
_YEAR = "public, max-age=31536000, immutable"


@cache
def contents() -> dict[str, bytes]:
    """Name -> content of every file that is served."""
    folder = files("web").joinpath("assets")
    return {name: folder.joinpath(name).read_bytes() for name in NAMES}


@cache
def version() -> str:
    """The same as long as every file is the same."""
    joined = b"\0".join(contents()[name] for name in NAMES)
    return hashlib.sha256(joined).hexdigest()[:16]


def address(name: str) -> str:
    """Where a file is served.  Raises KeyError for a name that does not exist."""
    if name not in contents():
        raise KeyError(name)
    return f"{PREFIX}/{version()}/{name}"


def answer(asked_version: str, name: str) -> flask.Response | None:
    """A file; None where there is no such file, or not in this version."""
    if asked_version != version() or name not in contents():
        return None
    made = flask.Response(contents()[name], mimetype=_TYPES[name.rpartition(".")[2]])
    made.headers["Cache-Control"] = _YEAR
    return made
