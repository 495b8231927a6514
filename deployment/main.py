"""The root of the functions' source archive: functions-framework looks up its target here, whichever function it is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    """The function of that name, from its own folder; no other function is imported."""
    if name.startswith("_") or find_spec(f"functions.{name}") is None:
        raise AttributeError(f"there is no function {name}")
    return getattr(import_module(f"functions.{name}.main"), name)
