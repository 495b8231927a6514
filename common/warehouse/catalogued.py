"""The catalogue of queries: one file of `queries/` each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def catalogued(name: str) -> str:
    """A query of the catalogue, `queries/<name>.sql`."""
    return files("common.warehouse").joinpath("queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")
