"""Vendors of software by subscription, as shipped: category and usual cycles; prices are the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from common.domain.nearest import folded
from common.records.own_services import reference_rows


@dataclass(frozen=True)
class Vendor:
    """A vendor.  cycles: the usual ones; aliases: other names that people write."""

    name: str
    category: str
    cycles: tuple[str, ...]
    aliases: tuple[str, ...] = ()


@cache
def vendors() -> tuple[Vendor, ...]:
    """All vendors, by name."""
    table = tomllib.loads(files("common.reference").joinpath("saas_vendors.toml").read_text(encoding="utf-8"))
    return tuple(
        Vendor(one["name"], one["category"], tuple(one["cycles"]), tuple(one.get("aliases", ())))
        for one in table["vendors"]
    )


@cache
def categories() -> Mapping[str, str]:
    """Category -> its title."""
    return {row["category"]: row["title"] for row in reference_rows("saas_categories")}


def vendor_named(name: str) -> Vendor | None:
    """The vendor of a name or an alias, however it is written; None where it is not in the catalogue."""
    wanted = folded(name)
    return next((one for one in vendors() if wanted in map(folded, (one.name, *one.aliases))), None)
